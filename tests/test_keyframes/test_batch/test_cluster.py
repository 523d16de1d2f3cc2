"""A batch on a dask cluster: the same bytes as on this machine."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from tests.conftest import ROOT, SCRIPTS
from tests.test_keyframes.conftest import ffmpeg
from tests.test_keyframes.test_batch.conftest import results, scans

distributed = pytest.importorskip("distributed", reason="needs distributed, of the cluster extra")
PAGE = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    # Dask's own threads and sockets, as they end.
    pytest.mark.filterwarnings("ignore"),
]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory, video_file):
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(5):
        ffmpeg(
            "-stream_loop", 4 + number, "-i", video_file("h264_b_frames.mp4"), "-c", "copy", folder / f"{number}.mp4"
        )
    (folder / "empty.mp4").touch()
    return folder


@pytest.fixture(scope="module")
def local(run_installed, recordings, tmp_path_factory):
    """What the workers of this machine make, with a number for each and with a total."""
    folder = tmp_path_factory.mktemp("local")
    for name, options in OPTIONS.items():
        assert run_installed("keyframes", "batch", recordings, *options, "-o", folder / name).returncode == 1
    return folder


OPTIONS = {"k": ("-k", 9), "total": ("--total", 40)}


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def scheduler(tmp_path):
    """A scheduler and two workers, each a process that was started from the shell."""
    address = f"tcp://127.0.0.1:{free_port()}"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    quiet["env"] = {**os.environ, "PATH": f"{SCRIPTS}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    dask = [sys.executable, "-m", "dask"]
    port = address.rpartition(":")[2]
    processes = [
        subprocess.Popen([*dask, "scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"], **quiet)
    ]
    for number in range(2):
        name = f"worker-{number}"
        command = [*dask, "worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--name", name]
        processes.append(subprocess.Popen([*command, "--local-directory", str(tmp_path / name)], **quiet))
    try:
        with distributed.Client(address, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(2, timeout=60)
        yield address, processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


@pytest.mark.parametrize("name", OPTIONS)
def test_a_scheduler_and_two_workers_from_the_shell(name, scheduler, local, recordings, run_installed, tmp_path):
    address, _ = scheduler
    done = run_installed(
        "keyframes", "batch", recordings, *OPTIONS[name], "-o", tmp_path / name, "--scheduler", address
    )
    assert done.returncode == 1, done.stderr
    assert "5 done, 0 skipped, 1 failed" in done.stdout
    assert results(tmp_path / name) == results(local / name)


def test_a_local_cluster(local, recordings, run_installed, tmp_path):
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, local_directory=tmp_path / "dask"
    ) as cluster:
        done = run_installed(
            "keyframes", "batch", recordings, "-k", 9, "-o", tmp_path / "k", "--scheduler", cluster.scheduler_address
        )
    assert done.returncode == 1, done.stderr
    assert results(tmp_path / "k") == results(local / "k")


def test_a_worker_that_is_killed_in_mid_task_costs_nothing_but_time(scheduler, local, recordings, tmp_path):
    address, processes = scheduler
    command = [SCRIPTS / "keyframes", "batch", recordings, "-k", "9", "-o", tmp_path / "k", "--scheduler", address]
    run = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    claims = []
    while not claims and time.monotonic() < deadline:
        claims = [
            path
            for path in (tmp_path / "k" / "batch-state").glob("*.claim")
            if f'"process": {processes[1].pid},' in path.read_text(encoding="utf-8")
        ]
        time.sleep(0.01)
    processes[1].send_signal(signal.SIGKILL)
    assert claims, "no claim of the worker was seen"
    out, err = run.communicate(timeout=300)
    assert run.returncode == 1, err
    assert "5 done, 0 skipped, 1 failed" in out
    assert results(tmp_path / "k") == results(local / "k")
    assert sum(scans(tmp_path / "k").values()) <= 6


def test_a_scheduler_that_is_not_there_is_one_line(recordings, run_installed, tmp_path):
    address = f"tcp://127.0.0.1:{free_port()}"
    done = run_installed("keyframes", "batch", recordings, "-k", 9, "-o", tmp_path / "k", "--scheduler", address)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {address}: no dask scheduler answers at this address")


# What stands in for SLURM's commands: a job runs on this machine. SLURM keeps the script, which
# dask-jobqueue removes as soon as it is handed over.
SBATCH = """#!/bin/sh
cp "$1" "$JOBS.$$.sh"
setsid sh "$JOBS.$$.sh" > "$JOBS.$$.log" 2>&1 &
echo $! >> "$JOBS"
echo Submitted batch job $!
"""
SCANCEL = """#!/bin/sh
for job; do kill -- "-$job" 2> /dev/null; done
exit 0
"""


def test_the_script_for_slurm_runs_as_written(local, recordings, tmp_path):
    """With dask-jobqueue itself, and commands of SLURM's names that run a job on this machine."""
    pytest.importorskip("dask_jobqueue", reason="needs dask-jobqueue, of the dev extra")
    (script,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    (tmp_path / "on_slurm.py").write_text(script, encoding="utf-8")
    (tmp_path / "bin").mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (tmp_path / "bin" / name).write_text(text, encoding="utf-8")
        (tmp_path / "bin" / name).chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tmp_path / 'bin'}:{SCRIPTS}:{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "JOBS": str(tmp_path / "jobs"),
    }
    (line,) = re.findall(r"^python on_slurm\.py .*$", PAGE, re.MULTILINE)
    os.symlink(recordings, tmp_path / "recordings")
    try:
        done = subprocess.run(
            [sys.executable, *line.split()[1:]],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
    finally:
        jobs = (tmp_path / "jobs").read_text(encoding="utf-8").split() if (tmp_path / "jobs").exists() else []
        for job in jobs:
            with suppress(ProcessLookupError):
                os.killpg(int(job), signal.SIGKILL)
    assert done.returncode == 1, done.stderr
    assert "5 done, 0 skipped, 1 failed" in done.stdout
