"""Workers, as the batch starts them, and what is told of their work."""

import os
import subprocess
import sys
import time

import pytest

from keyframes.app.rounds import Round
from keyframes.app.running import Runner
from keyframes.batch.cluster import ClusterWorkers
from keyframes.batch.processes import LocalWorkers
from keyframes.batch.tasks import Outcome, Task
from keyframes.batch.watching import describe
from keyframes.errors import BatchError, EncoderError
from keyframes.scan.pretrained_network import NetworkFeatures
from keyframes.settings import Settings
from tests.conftest import ROOT

# What is found in the working folder, in place of Python's own modules.
SHADOWING = ("random", "signal", "pickle", "cv2")
# Interrupt the process as soon as it tells a new one what to do: what it tells arrives all the same.
PROGRAM = """
import os, signal, threading
from multiprocessing import popen_spawn_posix
from keyframes.batch.processes import _Worker

if __name__ == "__main__":
    spawn = popen_spawn_posix.util.spawnv_passfds

    def interrupted(*arguments):
        started = spawn(*arguments)
        if any("spawn_main" in os.fsdecode(argument) for argument in arguments[1]):
            os.kill(os.getpid(), signal.SIGINT)
        return started

    popen_spawn_posix.util.spawnv_passfds = interrupted
    # A shell starts what runs in the background with interruptions ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    try:
        _Worker(1)
    except KeyboardInterrupt:
        print("interrupted")
"""


@pytest.fixture
def shadowed(tmp_path, monkeypatch):
    """A working folder with modules of the names of others, which end the process that imports them."""
    for name in SHADOWING:
        (tmp_path / f"{name}.py").write_text("raise SystemExit('from the working folder')", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    # As a user has it; the tests may be started otherwise.
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    return tmp_path


@pytest.mark.skipif(
    sys.version_info < (3, 11),
    reason="before 3.11 the working folder is always on a new process's path",
)
def test_a_worker_imports_nothing_from_the_working_folder(shadowed):
    task = Task("a.mp4", shadowed / "a.mp4", shadowed / "out", "a-keyframes", Settings(k=3))
    with LocalWorkers(1, 1, 1) as workers:
        ((_, outcome),) = workers.run([task], lambda: None)
    assert (outcome.status, outcome.reason) == (
        "failed",
        "cannot be read (No such file or directory); is it still there?",
    )
    assert "PYTHONSAFEPATH" not in os.environ


def test_no_other_process_of_ours_imports_anything_from_there(shadowed):
    round_, runner = Round(1, shadowed / "out"), Runner()
    runner.start(round_, ["batch", "nowhere", "-k", "3"], [], {}, "")
    until = time.monotonic() + 60
    while runner.seen(round_).active and time.monotonic() < until:
        time.sleep(0.05)
    assert runner.seen(round_).notes == ("error: nowhere: no such folder; give the folder that holds the recordings",)
    (shadowed / "a.onnx").write_bytes(b"no network")
    with pytest.raises(EncoderError, match=r"cannot be run as an ONNX network .*\(cv2.error: "):
        NetworkFeatures(shadowed / "a.onnx", (8, 8), (0.0,), (1.0,))


@pytest.mark.skipif(sys.platform == "win32", reason="needs signals")
def test_an_interruption_while_a_worker_starts_leaves_no_complaint(tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, tmp_path / "program.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "interrupted\n", "")


@pytest.mark.parametrize(
    "address", ["head-node", "foo bar", "foo bar:8786", "tcp://head-node", "http://head-node:80", ""]
)
def test_an_address_of_no_scheduler_is_refused_before_anything_connects(address):
    distributed = pytest.importorskip("distributed", reason="needs distributed, of the cluster extra")
    with pytest.MonkeyPatch.context() as patched:
        patched.delattr(distributed, "Client")
        with pytest.raises(BatchError) as raised, ClusterWorkers(address, 1):
            pass
    assert str(raised.value) == (
        f"{address}: is not the address of a dask scheduler; give its host and its port, such as tcp://head-node:8786"
    )


def test_an_outcome_of_one_frame_and_of_many():
    assert describe(Outcome("a.mp4", "done", 1, 0.5)) == "a.mp4: 1 frame, 0.5 s"
    assert describe(Outcome("a.mp4", "skipped", 2)) == "a.mp4: done before, 2 frames"
