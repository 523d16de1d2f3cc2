"""Workers of this machine, as the batch starts them."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

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
