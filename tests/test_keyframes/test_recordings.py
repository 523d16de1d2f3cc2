"""Real recordings, where they lie beside the checkout."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import keyframes

LONG = (pytest.mark.slow, pytest.mark.recordings)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "k"),
    [
        ("vfr.mp4", 50),
        pytest.param("openfield.mp4", 50, marks=LONG),
        pytest.param("centered_pair.mp4", 50, marks=LONG),
    ],
)
def test_every_image_is_the_frame_that_a_plain_loop_counts(name, k, tmp_path, shared_data):
    result = keyframes.extract(shared_data / name, k, output=tmp_path / "out")
    assert len(set(result.frame_indices)) == k
    assert result.warnings == ()
    files = dict(zip(result.frame_indices, result.files, strict=True))
    images = set()
    capture = cv2.VideoCapture(str(shared_data / name))
    for index in range(max(files) + 1):
        ok, image = capture.read()
        assert ok
        if index in files:
            np.testing.assert_array_equal(cv2.imread(str(files[index])), image)
            images.add(image.tobytes())
    assert len(images) == k


@pytest.mark.slow
@pytest.mark.recordings
def test_recordings_that_hardly_move(tmp_path, shared_data):
    still = keyframes.extract(shared_data / "still.mp4", 50, output=tmp_path / "still")
    assert len(still.frame_indices) == 50
    black = keyframes.extract(shared_data / "black.mp4", 50, output=tmp_path / "black")
    assert len(black.frame_indices) == 1
    assert "only 1 of the 2000 frames differ" in black.warnings[0]


@pytest.mark.slow
@pytest.mark.recordings
@pytest.mark.alone
def test_a_large_recording_needs_little_memory(tmp_path, shared_data):
    if not Path("/proc/self/status").exists():
        pytest.skip("needs /proc for the peak of this process alone; getrusage counts the one that started it too")
    program = (
        "import sys\n"
        "import keyframes\n"
        "keyframes.extract(sys.argv[1], 50, output=sys.argv[2])\n"
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))\n"
    )
    arguments = [sys.executable, "-c", program, shared_data / "black.mp4", tmp_path / "out"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=True)
    assert 1024 * int(done.stdout) < 400e6
