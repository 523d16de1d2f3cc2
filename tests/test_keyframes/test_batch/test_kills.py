"""A batch that is killed, and killed again, and ends with the bytes of one that was not.

`KEYFRAMES_KILLS=10 pytest -m slow tests/test_keyframes/test_batch/test_kills.py` runs in full.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.conftest import N_KILLS, SCRIPTS
from tests.test_keyframes.conftest import ffmpeg
from tests.test_keyframes.test_batch.conftest import results, scans

pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc to see that a process is gone"),
]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory, video_file, long_file):
    """Eight recordings of several codecs, some seconds of decoding together, one of them cut off."""
    folder = tmp_path_factory.mktemp("recordings")
    for number, name in enumerate(("hevc.mkv", "mpeg4.avi", "mjpeg.mov"), 4):
        shutil.copy(long_file(name), folder / f"{number}{Path(name).suffix}")
    for number in range(4):
        ffmpeg(
            "-stream_loop", 11 + number, "-i", video_file("h264_b_frames.mp4"), "-c", "copy", folder / f"{number}.mp4"
        )
    ffmpeg("-i", folder / "0.mp4", "-c", "copy", "-movflags", "+faststart", folder / "whole.mp4")
    data = (folder / "whole.mp4").read_bytes()
    (folder / "whole.mp4").unlink()
    (folder / "cut.mp4").write_bytes(data[: len(data) // 2])
    return folder


@pytest.fixture(scope="module")
def undisturbed(recordings, tmp_path_factory):
    """The folder of a batch with these options that nobody killed, and the seconds it took."""
    done = {}

    def get(*options):
        if options not in done:
            output, begun = tmp_path_factory.mktemp("undisturbed") / "whole", time.monotonic()
            run = start(recordings, output, *options)
            _, err = run.communicate(timeout=600)
            assert run.returncode == 0, err.decode()
            done[options] = output, time.monotonic() - begun
        return done[options]

    return get


def start(recordings, output, *options):
    command = [SCRIPTS / "keyframes", "batch", recordings, "-o", output, "--jobs", "2", *options]
    return subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )


def kept(output):
    """Recordings whose scan is finished and kept."""
    return {path.name.split("-")[0] for path in output.joinpath("batch-state", "scans").glob("[!.]*.npz")}


def wait_until_gone(group):
    """Wait, not for long, until no process of a group is left."""
    deadline = time.monotonic() + 10
    with suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.02)
        raise AssertionError("a process is left")


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("-k", "12"), id="k"),
        pytest.param(("--total", "60", "--at-least", "2"), id="total"),
        pytest.param(("--total", "60", "--scan", "sparse"), id="sparse"),
    ],
)
@pytest.mark.parametrize("whom", ["parent", "all"])
def test_killed_again_and_again_and_resumed(whom, options, recordings, undisturbed, tmp_path):
    seed = int.from_bytes(os.urandom(4), "little")
    print(f"seed {seed}")
    moments = random.Random(seed)
    whole, length_s = undisturbed(*options)
    output, finished, n_killed = tmp_path / "0", {}, 0
    while n_killed < N_KILLS:
        run = start(recordings, output, *options)
        time.sleep(moments.uniform(0, 0.8 * length_s))
        killed = run.poll() is None
        if whom == "all" and killed:
            os.killpg(run.pid, signal.SIGKILL)
        run.kill()
        run.communicate()
        # Workers whose parent is gone do not go on.
        wait_until_gone(run.pid)
        n_killed += killed
        counts = scans(output) if output.exists() else {}
        for name, count in finished.items():
            assert counts[name] == count
        finished = {name: counts[name] for name in kept(output)}
        if not killed:
            # Ended before the kill came: the other kills meet a batch that begins anew.
            assert run.returncode == 0
            assert results(output) == results(whole)
            output, finished = tmp_path / str(len(list(tmp_path.iterdir()))), {}
    last = start(recordings, output, *options)
    _, err = last.communicate(timeout=600)
    assert last.returncode == 0, err.decode()
    assert {name: scans(output)[name] for name in finished} == finished
    assert results(output) == results(whole)


def test_a_worker_that_is_killed_costs_nothing_but_time(recordings, undisturbed, tmp_path):
    run = start(recordings, tmp_path / "out", "-k", "12")
    deadline, killed = time.monotonic() + 60, set()
    while len(killed) < 2 and run.poll() is None and time.monotonic() < deadline:
        for path in (tmp_path / "out" / "batch-state").glob("*.claim"):
            try:
                worker = json.loads(path.read_text(encoding="utf-8"))["process"]
            except (OSError, ValueError):
                continue
            # A recording is tried twice: the kills meet two of them.
            if path.stem not in killed:
                killed.add(path.stem)
                os.kill(worker, signal.SIGKILL)
        time.sleep(0.01)
    _, err = run.communicate(timeout=600)
    assert run.returncode == 0, err.decode()
    assert len(killed) == 2
    whole, _ = undisturbed("-k", "12")
    assert results(tmp_path / "out") == results(whole)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), ("closed", 143)])
def test_an_interruption_leaves_no_process_and_no_half_result(number, status, recordings, tmp_path, request):
    """Both come from the terminal, to all processes that it started."""
    if number == "closed":
        number = request.getfixturevalue("closed_terminal")
    run = start(recordings, tmp_path / "out", "-k", "12")
    while not list((tmp_path / "out" / "batch-state").glob("*.claim")):
        time.sleep(0.01)
    time.sleep(0.3)
    os.killpg(run.pid, number)
    out, err = run.communicate(timeout=30)
    assert (run.returncode, out) == (status, b"")
    assert b"Traceback" not in err
    assert err.decode().splitlines()[-1] == "interrupted"
    wait_until_gone(run.pid)
    assert not list(tmp_path.rglob("*.partial-*"))
    assert not list((tmp_path / "out" / "batch-state").glob("*.claim"))


def test_two_runs_share_a_folder(recordings, undisturbed, tmp_path):
    runs = [start(recordings, tmp_path / "out", "-k", "12") for _ in range(2)]
    for run in runs:
        _, err = run.communicate(timeout=600)
        assert run.returncode == 0, err.decode()
    assert set(scans(tmp_path / "out").values()) == {1}
    whole, _ = undisturbed("-k", "12")
    assert results(tmp_path / "out") == results(whole)
