"""Animated images, held against Pillow: pixels, number and times."""

import json

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image, ImageSequence

import keyframes
from keyframes import VideoReader
from tests.test_keyframes.conftest import picture

DURATIONS = [40, 80, 120, 40] * 5
N = len(DURATIONS)


def write(path, **options):
    """Write an animation whose images are partly see-through, so that each one needs those before it."""
    images = [Image.fromarray(np.ascontiguousarray(picture(i, 60, 80)[..., ::-1])) for i in range(N)]
    images[0].save(path, save_all=True, append_images=images[1:], duration=DURATIONS, loop=0, **options)
    with Image.open(path) as stored:
        return [np.asarray(image.convert("RGB"))[..., ::-1] for image in ImageSequence.Iterator(stored)]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.gif", {}),
        ("a.png", {}),
        ("a.apng", {"format": "PNG"}),
        ("a.webp", {"lossless": True}),
        ("a.webp", {"quality": 70}),
    ],
)
def test_images_and_times_are_those_of_pillow(tmp_path, name, options):
    path = tmp_path / name
    expected = write(path, **options)
    with VideoReader(path) as video:
        assert video.header.frames_claimed == N
        frames = list(video)
        assert video.damage() == []
    assert [frame.index for frame in frames] == list(range(N))
    for frame, image in zip(frames, expected, strict=True):
        assert_array_equal(frame.image, image)
    starts = np.concatenate([[0], np.cumsum(DURATIONS)[:-1]]) / 1000
    np.testing.assert_allclose([frame.time_s for frame in frames], starts, atol=1e-9)
    result = keyframes.extract(path, 5, output=tmp_path / "out", start_s=0.1, min_gap_s=0.2)
    assert np.diff([keyframe.time_s for keyframe in result.keyframes]).min() >= 0.2 - 1e-6
    for index, file in zip(result.frame_indices, result.files, strict=True):
        assert_array_equal(cv2.imread(str(file)), expected[index])


def test_a_rate_by_hand_takes_the_place_of_the_times_in_the_file(tmp_path):
    write(tmp_path / "a.gif")
    with VideoReader(tmp_path / "a.gif", rate=200) as video:
        assert [frame.time_s for frame in video] == [index / 200 for index in range(N)]


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp"])
def test_one_that_was_cut_off_says_so(tmp_path, name, run_command):
    path = tmp_path / name
    expected = write(path)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 2 // 3])
    done = run_command("keyframes", "info", path, "--json")
    if done.returncode:
        # Nothing is left of a WebP.
        assert name == "a.webp"
        assert done.stderr.startswith(f"error: {path}: ")
        assert done.stderr.count("\n") == 1
        return
    told = json.loads(done.stdout)
    assert told["warnings"]
    assert told["frames_decoded"] < N
    with VideoReader(path) as video:
        for frame in video:
            assert_array_equal(frame.image, expected[frame.index])


def test_a_still_image_is_a_recording_of_one(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), picture(3, 60, 80))
    with VideoReader(tmp_path / "a.png") as video:
        frames = list(video)
    assert len(frames) == 1
    assert_array_equal(frames[0].image, picture(3, 60, 80))
