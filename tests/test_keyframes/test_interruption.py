"""An extraction interrupted at any moment leaves nothing half made.

`KEYFRAMES_KILLS=20 pytest -m slow tests/test_keyframes/test_interruption.py` runs in full.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conftest import N_KILLS, ROOT, SCRIPTS
from tests.test_keyframes.result_folders import contents


def start(long_video, folder, *options):
    """Start an extraction and return once its first line has run; Python's own start is not ours to protect."""
    process = subprocess.Popen(
        [SCRIPTS / "keyframes", "extract", long_video, "-k", "30", "-o", "a/out", *options],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not catches(process.pid, signal.SIGTERM):
        time.sleep(0.005)
    return process


def catches(pid, number):
    """Whether a process has a handler for a signal."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    (mask,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(int(mask, 16) >> (number - 1) & 1)


pytestmark = [
    pytest.mark.slow,
    pytest.mark.alone,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see when handlers are set"),
]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_interrupted_at_random_moments(number, tmp_path, long_video):
    seed = int.from_bytes(os.urandom(4), "little")
    print(f"seed {seed}")
    moments = random.Random(seed)
    whole = tmp_path / "whole"
    whole.mkdir()
    process = start(long_video, whole)
    begun = time.monotonic()
    process.communicate(timeout=120)
    assert process.returncode == 0
    length_s = time.monotonic() - begun
    for turn in range(N_KILLS):
        folder = tmp_path / f"run{turn}"
        folder.mkdir()
        process = start(long_video, folder)
        time.sleep(moments.uniform(0, 1.05 * length_s))
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
        left = [path.name for path in folder.iterdir()]
        if process.returncode == 0:
            assert left == ["a"]
        else:
            assert process.returncode == 128 + number, err
            assert err.strip() == "interrupted"
        if left:
            # Interrupted after the last rename: the result is complete.
            assert [path.name for path in (folder / "a").iterdir()] == ["out"]
            manifest = json.loads((folder / "a" / "out" / "manifest.json").read_text(encoding="utf-8"))
            assert all((folder / "a" / "out" / entry["file"]).is_file() for entry in manifest["keyframes"])


def test_after_a_kill_the_next_run_ends_well(tmp_path, long_video):
    seed = int.from_bytes(os.urandom(4), "little")
    print(f"seed {seed}")
    moments = random.Random(seed)
    begun = time.monotonic()
    process = start(long_video, tmp_path)
    process.communicate(timeout=120)
    assert process.returncode == 0
    length_s = time.monotonic() - begun
    place = tmp_path / "a" / "out"
    whole = contents(place)
    for _ in range(N_KILLS):
        shutil.rmtree(place)
        process = start(long_video, tmp_path)
        time.sleep(moments.uniform(0, 1.05 * length_s))
        process.kill()
        process.communicate()
        # What carries a final name is whole, whenever the kill came.
        if not place.exists():
            process = start(long_video, tmp_path)
            _, err = process.communicate(timeout=120)
            assert (process.returncode, err) == (0, "")
        assert contents(place) == whole


def test_a_kill_while_an_earlier_result_is_replaced(tmp_path, long_video):
    """The earlier result, the new one, or, in the instant between two renames, none: never a part of one."""
    seed = int.from_bytes(os.urandom(4), "little")
    print(f"seed {seed}")
    moments = random.Random(seed)
    place = tmp_path / "a" / "out"
    results = []
    for options in ((), ("--seed", "1", "--overwrite")):
        begun = time.monotonic()
        process = start(long_video, tmp_path, *options)
        process.communicate(timeout=120)
        assert process.returncode == 0
        length_s = time.monotonic() - begun
        results.append(contents(place))
    for turn in range(N_KILLS):
        process = start(long_video, tmp_path, "--seed", str(turn % 2), "--overwrite")
        time.sleep(moments.uniform(0, 1.05 * length_s))
        process.kill()
        process.communicate()
        assert not place.exists() or contents(place) in results


def test_an_interruption_that_c_code_drops_comes_again():
    """A callback from C, as the compiler has them, has nobody to hand an exception to."""
    program = (
        "import ctypes, signal, time\n"
        "import keyframes.__main__ as entry, keyframes.commands.cli as cli\n"
        "callback = ctypes.CFUNCTYPE(None)(lambda: (signal.raise_signal(signal.SIGTERM), time.sleep(0.1)))\n"
        "def app(arguments):\n"
        "    callback()\n"
        "    print('went on', flush=True)\n"
        "    time.sleep(60)\n"
        "cli.app = app\n"
        "entry.main()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, cwd=ROOT)
    assert (done.returncode, done.stdout.strip(), done.stderr.strip()) == (
        128 + signal.SIGTERM,
        "went on",
        "interrupted",
    )
