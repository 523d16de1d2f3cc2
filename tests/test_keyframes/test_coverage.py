"""The default choice: what animals are to it, and that a rest counts once."""

from types import SimpleNamespace

import cv2
import imageio_ffmpeg
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import keyframes
from keyframes.choice.animals import find_animals
from keyframes.choice.basis import MOST_UNSEEN, unseen_share
from keyframes.choice.covering import SPREAD, alike_rows, covering_clusters, scene_distances
from keyframes.choice.selection import Known
from keyframes.sampling import nearest_of
from keyframes.scan.components import PrincipalComponents
from keyframes.scan.path import path_of
from keyframes.scan.scan import Sample
from keyframes.video import PLAIN

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


def write_video(path, frames, fps, rng):
    """Write gray thumbnails, four times as large and with fresh noise."""
    writer = imageio_ffmpeg.write_frames(str(path), (256, 192), fps=fps, output_params=["-crf", "18"])
    writer.send(None)
    for frame in frames:
        large = cv2.resize(np.asarray(frame, float), (256, 192)) + rng.normal(0, 2, (192, 256))
        gray = np.clip(np.rint(large), 0, 255).astype(np.uint8)
        writer.send(np.repeat(gray[..., None], 3, axis=2))
    writer.close()


def scenes_of(frames, path):
    rows = np.arange(len(frames))
    pixels = frames.reshape(len(frames), -1)
    features = PrincipalComponents.fit(pixels).transform(pixels)
    return scene_distances(Sample(rows, frames, np.asarray(path, float), rows), features, pixels.shape[1])


def noisy(frames, rng, levels=1.0):
    return np.clip(np.rint(frames + rng.normal(0, levels, frames.shape)), 0, 255).astype(np.uint8)


def filling(n_frames, rng):
    """A body that fills the picture and sways, with marks that move on it by themselves."""
    fur = cv2.GaussianBlur(rng.integers(0, 255, (96, 160), np.uint8), (0, 0), 3)
    fur = cv2.normalize(fur, None, 20, 235, cv2.NORM_MINMAX)
    time = np.arange(n_frames)
    x, y = 48 + 40 * np.sin(time / 9), 24 + 20 * np.sin(time / 7)
    return np.array([cv2.getRectSubPix(fur, SHAPE[::-1], (32 + a, 24 + b)) for a, b in zip(x, y, strict=True)])


@pytest.mark.parametrize("fills", [False, True])
def test_animals_count_where_they_are_seen_and_whole_pictures_where_not(fills, rng):
    time = np.arange(200)
    walking = drawn(np.column_stack([32 + 18 * np.sin(time / 11), 24 + 10 * np.cos(time / 7)]), 90 * np.sin(time / 13))
    frames = noisy(filling(200, rng) if fills else walking, rng)
    scenes = scenes_of(frames, path_of([frames.reshape(200, -1)], 200, SHAPE))
    assert scenes.basis.compares == ("pictures" if fills else "animals")
    assert ("whole pictures, because" in scenes.basis.reason) == fills
    # Pictures are pulled towards evenly spaced frames, animals are not.
    pulled = scenes.spread_over(Sample(time, frames, time.astype(float), time), 20) - scenes.matrix
    assert pulled.max() == pytest.approx(SPREAD if fills else 0, abs=1e-5)
    assert_allclose(np.diag(pulled), 0, atol=1e-6)


def test_a_path_that_misses_slow_movement_sets_no_limit(rng):
    # Faint as well: an eighth of the contrast.
    slow = 90 + drawn([(14 + i / 12, 24) for i in range(400)], [0] * 400) // 8
    frames = noisy(slow, rng, 0.4)
    path = path_of([frames.reshape(400, -1)], 400, SHAPE)
    assert unseen_share(Sample(np.arange(400), frames, path, np.arange(400))) > MOST_UNSEEN
    assert not scenes_of(frames, path).basis.bounded
    rest = noisy(np.repeat(slow[:1], 400, axis=0), rng, 0.4)
    assert unseen_share(Sample(np.arange(400), rest, np.linspace(0, 1e-9, 400).round(3), np.arange(400))) <= MOST_UNSEEN


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
    frames = frames[np.searchsorted(path, path)]
    scenes = scenes_of(frames, path)
    assert scenes.basis.bounded
    assert (scenes.matrix[np.abs(path[:, None] - path) == 0] == 0).all()
    assert (scenes.matrix <= np.abs(path[:, None] - path) + 1e-6).all()
    assert scenes_of(np.full((60, *SHAPE), 80, np.uint8), np.zeros(60)) is None


def test_every_frame_is_taken_for_the_nearest_of_the_sample():
    for rows in ([3], [0, 1, 9], [2, 7, 8, 30]):
        away = np.abs(np.arange(40)[:, None] - np.array(rows))
        assert_array_equal(nearest_of(np.array(rows), 40), away.argmin(axis=1))


def test_where_known_frames_show_every_scene_there_is_nothing_to_cover():
    rows = np.arange(60)
    frames = drawn(np.column_stack([12 + rows * 0.6, 24 + 8 * np.sin(rows / 5)]), 20 * np.sin(rows / 5))
    pixels = frames.reshape(len(frames), -1)
    components = PrincipalComponents.fit(pixels)
    features = components.transform(pixels)
    sample = Sample(rows, frames, rows.astype(float), rows)
    scan = SimpleNamespace(sample=sample, features=features, components=components, frame_index=rows, view=PLAIN)
    found = covering_clusters(scan, 5, Known(features[:30], rows[:30], rows[:30]))
    assert sum(len(set(alike) & set(range(30))) == 0 for alike in found.alike) >= 4
    assert covering_clusters(scan, 5, Known(features, rows, rows)) is None


def test_frames_show_the_same_where_the_path_is_short():
    path = np.array([0.0, 1.0, 1.0])
    sample = Sample(np.array([0, 10, 20]), np.zeros((3, 1, 1), np.uint8), path, np.array([0, 10, 20]))
    found = alike_rows(SimpleNamespace(frame_index=np.arange(25), sample=sample), np.array([0, 15]))
    assert [rows.tolist() for rows in found] == [[0, 1, 2], [*range(11, 20)]]


@pytest.mark.slow
def test_a_long_rest_takes_few_of_the_frames(tmp_path, rng):
    run = drawn([(12 + i, 14 + 8 * np.sin(i / 5)) for i in range(40)], [20 * np.sin(i / 5) for i in range(40)])
    rest = np.concatenate([np.repeat(run[:1], 200, axis=0), run, np.repeat(run[-1:], 200, axis=0)]).astype(float)
    light = 1 + 0.02 * np.sin(np.arange(len(rest)) / 60)
    write_video(tmp_path / "rest.mp4", [frame * gain for frame, gain in zip(rest, light, strict=True)], fps=30, rng=rng)
    result = keyframes.extract(tmp_path / "rest.mp4", 14, output=tmp_path / "out", min_gap_s=0)
    assert len(result.keyframes) == 14
    assert sum(198 <= index < 242 for index in result.frame_indices) >= 9
    assert result.manifest["guards"]["similar"]["kept"] == 0


@pytest.mark.slow
def test_where_the_scene_moves_frames_may_be_close_in_time(tmp_path, rng):
    time = np.arange(300)
    frames = drawn(np.column_stack([32 + 20 * np.sin(time / 11), 24 + 12 * np.cos(time / 7)]), 90 * np.sin(time / 13))
    write_video(tmp_path / "fast.mp4", frames, fps=250, rng=rng)
    result = keyframes.extract(tmp_path / "fast.mp4", 30, output=tmp_path / "out")
    assert result.manifest["guards"]["min_gap_s"] == {"limit": 0.1, "gave_way": 0, "kept": 0}
    assert np.diff([keyframe.time_s for keyframe in result.keyframes]).min() < 0.1
    asked = keyframes.extract(tmp_path / "fast.mp4", 10, output=tmp_path / "asked", min_gap_s=0.1)
    moved = asked.manifest["guards"]["min_gap_s"]
    assert moved["gave_way"] > 3
    assert any("within 0.1 s of another chosen one" in warning for warning in asked.warnings)


def test_what_was_decided_stands_in_the_manifest_and_on_the_page(tmp_path, rng):
    write_video(tmp_path / "fills.mp4", filling(200, rng), fps=30, rng=rng)
    result = keyframes.extract(tmp_path / "fills.mp4", 8, output=tmp_path / "out")
    told = result.manifest["distance"]
    assert told["compares"] == "pictures"
    assert told["reason"].startswith("Frames were compared as whole pictures, because")
    assert told["reason"] in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    plain = keyframes.extract(tmp_path / "fills.mp4", 8, output=tmp_path / "plain", algorithm="kmeans")
    assert "distance" not in plain.manifest
