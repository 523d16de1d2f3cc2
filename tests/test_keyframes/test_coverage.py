"""The default choice: what animals are to it, and that a rest counts once."""

from types import SimpleNamespace

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import keyframes
from keyframes.choice.animals import find_animals
from keyframes.choice.covering import alike_rows, frame_distances, nearest_of_sample
from keyframes.scan.path import path_of
from keyframes.scan.scan import Sample

SHAPE = (48, 64)


def drawn(places, angles, color=False, bent=0.0):
    """Frames with one dark animal each at (x, y), its head to an angle in degrees, on a bright floor."""
    frames = []
    for (x, y), angle in zip(places, angles, strict=True):
        image = np.full((8 * SHAPE[0], 8 * SHAPE[1]), 180, np.uint8)
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        middle = (round(8 * x), round(8 * y))
        cv2.ellipse(image, middle, (48, 20), angle, 0, 360, 40, cv2.FILLED)
        cv2.circle(image, (round(8 * x + 60 * c - 60 * bent * s), round(8 * y + 60 * s + 60 * bent * c)), 12, 40, -1)
        frames.append(cv2.resize(image, SHAPE[::-1], interpolation=cv2.INTER_AREA))
    frames = np.array(frames)
    return np.repeat(frames[..., None], 3, axis=3) if color else frames


@pytest.fixture
def walk(rng):
    """Frames of one animal that goes everywhere, and where it is."""
    places = np.column_stack([rng.uniform(12, 52, 60), rng.uniform(12, 36, 60)])
    return places, rng.uniform(0, 360, 60)


@pytest.mark.parametrize("color", [False, True])
def test_places_are_those_of_the_animal_and_postures_do_not_depend_on_them(walk, color):
    places, angles = walk
    straight, bent = drawn(places, angles, color), drawn(places, angles, color, bent=0.7)
    animals = find_animals(np.concatenate([straight, bent]))
    found = animals.places[:60, 0].astype(float)
    scale = np.polyfit(found[:, 0], places[:, 0], 1)[0]
    # The head draws the middle towards it.
    assert np.abs(scale * found - places - (scale * found - places).mean(axis=0)).max() < 2
    _, posture = animals.distances()
    within = np.median(posture[:60, :60])
    assert np.median(posture[:60, 60:]) > 1.5 * within


def test_animals_are_matched_whoever_is_the_larger(walk):
    places, angles = walk
    left = drawn(np.column_stack([places[:, 0] / 2 + 4, places[:, 1]]), angles)
    right = drawn(np.column_stack([places[:, 0] / 2 + 32, places[:, 1]]), angles[::-1])
    animals = find_animals(np.minimum(left, right))
    assert animals.places.shape == (60, 2, 2)
    swapped = type(animals)(animals.places[:, ::-1], animals.postures[:, ::-1])
    for ours, theirs in zip(animals.distances(), swapped.distances(), strict=True):
        assert_allclose(ours, theirs, atol=2e-3)
        assert_allclose(ours, ours.T, atol=2e-3)
        assert not np.diag(ours).any()


def test_noise_and_drifting_light_are_no_path(rng):
    still = drawn([(20, 20)], [30])[0].astype(float)
    light = 1 + 0.02 * np.sin(np.arange(300) / 40)
    noisy = np.clip(np.rint(still * light[:, None, None] + rng.normal(0, 1, (300, *SHAPE))), 0, 255).astype(np.uint8)
    run = drawn([(20 + i, 20) for i in range(20)], [30] * 20)
    frames = np.concatenate([noisy[:150], run, noisy[150:]]).reshape(320, -1)
    path = path_of([frames[:100], frames[100:101], frames[101:]], 320, SHAPE)
    assert (np.diff(path) >= 0).all()
    assert path[149] < 0.01 * path[-1]
    assert path[-1] - path[175] < 0.01 * path[-1]
    assert_array_equal(path_of([frames[:1]], 1, SHAPE), [0])


def test_no_distance_is_longer_than_the_path(walk):
    frames = drawn(*walk)
    path = np.cumsum(np.tile([0.0, 0.0, 1.0], 20))
    distances = frame_distances(frames, path)
    assert (distances[np.abs(path[:, None] - path) == 0] == 0).all()
    assert (distances <= np.abs(path[:, None] - path) + 1e-6).all()
    assert frame_distances(frames, np.zeros(60)) is None
    assert frame_distances(np.full((60, *SHAPE), 80, np.uint8), path) is None


def test_every_frame_is_taken_for_the_nearest_of_the_sample():
    for rows in ([3], [0, 1, 9], [2, 7, 8, 30]):
        away = np.abs(np.arange(40)[:, None] - np.array(rows))
        assert_array_equal(nearest_of_sample(np.array(rows), 40), away.argmin(axis=1))


def test_frames_show_the_same_where_the_path_is_short():
    path = np.array([0.0, 1.0, 1.0])
    sample = Sample(np.array([0, 10, 20]), np.zeros((3, 1, 1), np.uint8), path)
    found = alike_rows(SimpleNamespace(frame_index=np.arange(25), sample=sample), np.array([0, 15]))
    assert [rows.tolist() for rows in found] == [[0, 1, 2], [*range(11, 20)]]


def test_a_long_rest_takes_few_of_the_frames(tmp_path, rng):
    run = drawn([(12 + i, 14 + 8 * np.sin(i / 5)) for i in range(40)], [20 * np.sin(i / 5) for i in range(40)])
    rest = np.concatenate([np.repeat(run[:1], 200, axis=0), run, np.repeat(run[-1:], 200, axis=0)]).astype(float)
    light = 1 + 0.02 * np.sin(np.arange(len(rest)) / 60)
    writer = imageio_ffmpeg.write_frames(str(tmp_path / "rest.mp4"), (256, 192), fps=30, output_params=["-crf", "18"])
    writer.send(None)
    for frame, gain in zip(rest, light, strict=True):
        large = cv2.resize(frame, (256, 192)) * gain + rng.normal(0, 2, (192, 256))
        gray = np.clip(np.rint(large), 0, 255).astype(np.uint8)
        writer.send(np.repeat(gray[..., None], 3, axis=2))
    writer.close()
    result = keyframes.extract(tmp_path / "rest.mp4", 14, output=tmp_path / "out", min_gap_s=0)
    assert len(result.keyframes) == 14
    assert sum(198 <= index < 242 for index in result.frame_indices) >= 9
