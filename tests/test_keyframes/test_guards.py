"""Guards of a choice, against naive twins and on videos with planted faults."""

import json

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.spatial.distance import cdist

import keyframes
from keyframes import Settings, VideoReader
from keyframes.choice.choose import choose_from_scan
from keyframes.choice.clusters import ranked_members
from keyframes.choice.distance import FrameDistance, Places, similar_limit
from keyframes.choice.guards import Limits, blurred_limit, dark_limit
from keyframes.choice.members import Company, choose_members, sharpest_first
from keyframes.scan.first_pass import scan_video
from tests.conftest import slow_but_for
from tests.test_keyframes.conftest import encode_images


def company_of(features, time_s, limits, k, known, known_times):
    there = Places(known.astype(float), np.zeros(len(known), np.int64))
    return Company(FrameDistance(features, limits.similar), time_s, limits, k, there, known_times)


def test_members_are_ranked_by_blemish_and_distance():
    labels = np.array([0, 0, 0, 1, 1, -1], np.int32)
    squared = np.array([0.5, 0.1, 0.2, 0.3, 0.4, 0.0], np.float32)
    blemish = np.array([0, 4, 0, 4, 4, 0], np.uint8)
    ranked = ranked_members(labels, squared, blemish, 3)
    assert [rows.tolist() for rows in ranked] == [[2, 0], [3, 4], []]


def test_the_sharpest_of_the_nearest_members_comes_first():
    sharpness = np.array([5.0, 9.0, 7.0, 8.0] + 26 * [99.0])
    # A tenth of 30 members are 3.
    assert sharpest_first(np.arange(30), sharpness).tolist() == [1, 0, *range(2, 30)]
    assert sharpest_first(np.arange(30)[::-1], sharpness).tolist() == [*range(29, -1, -1)]
    assert sharpest_first(np.arange(1, 10), sharpness).tolist() == [*range(1, 10)]


def test_the_sharpest_of_those_that_show_the_same_comes_first():
    sharpness = np.array([5.0, 9.0, 7.0, 8.0, 99.0])
    assert sharpest_first(np.array([0, 4, 2, 3]), sharpness, np.array([0, 1, 2, 3])).tolist() == [3, 0, 4, 2]
    assert sharpest_first(np.array([0, 4, 2]), sharpness, np.array([1])).tolist() == [0, 4, 2]


def test_limits_follow_the_recording(rng):
    features = rng.normal(0, 2, (500, 9)).astype(np.float16)
    spread = np.sqrt(((features - features.mean(axis=0, dtype=float)) ** 2).sum(axis=1).mean(dtype=float))
    assert similar_limit(features, 100) == pytest.approx(0.05 * spread, rel=1e-3)
    # Rounding of 10,000 pixels to whole gray levels.
    assert similar_limit(np.zeros((5, 9), np.float16), 10_000) == pytest.approx(50 / 255)
    assert similar_limit(np.zeros((5, 10_000), np.uint8), 10_000) == pytest.approx(50)
    assert dark_limit(np.array([100, 120, 10], np.float32)) == pytest.approx(50)
    sharp = rng.normal(1000, 20, 300).astype(np.float32)
    blurred = np.full(100, 500, np.float32)
    limit = blurred_limit(np.concatenate([sharp, blurred]))
    assert 500 < limit < sharp.min()
    # Where sharpness is all over the place it tells nothing.
    assert blurred_limit(rng.uniform(0, 1000, 500).astype(np.float32)) == 0


@pytest.mark.parametrize("seed", range(8))
def test_choices_keep_apart_while_they_can(seed):
    rng = np.random.default_rng(seed)
    n_frames, k = 200, 12
    features = rng.integers(0, 12, (n_frames, 2)).astype(np.float16)
    time_s = np.arange(n_frames) / 10
    labels = rng.integers(0, k, n_frames).astype(np.int32)
    squared = rng.random(n_frames).astype(np.float32)
    limits = Limits(similar=rng.uniform(0, 6), min_gap_s=rng.uniform(0, 2.5))
    known, known_times = features[:3] + np.float16(0.5), time_s[150:152]
    company = company_of(features, time_s, limits, k, known, known_times)
    ranked = ranked_members(labels, squared, np.zeros(n_frames, np.uint8), k)
    effect = choose_members(ranked, np.arange(n_frames), np.arange(n_frames), company)
    rows = company.rows
    assert len(set(rows)) == len(rows) == k

    there, times = known.astype(float), known_times
    kept = {"similar": 0, "min_gap_s": 0}
    for place, row in enumerate(rows):
        far = cdist(features.astype(float), there).min(axis=1)
        gap = np.abs(time_s[:, None] - times).min(axis=1)
        different, apart = far >= limits.similar, gap >= limits.min_gap_s - 1e-9
        kept["similar"] += not different[row]
        kept["min_gap_s"] += not apart[row]
        free = np.setdiff1d(np.flatnonzero(far > 0), rows[:place])
        # A frame like another only where no different one is left, one close to another only where none apart is.
        assert different[row] or not different[free].any()
        assert (different & apart)[row] or not (different & apart)[free].any()
        there, times = np.vstack([there, features[row]]), np.append(times, time_s[row])
    assert {name: told["kept"] for name, told in effect.items()} == kept


def test_a_choice_gives_way_to_the_next_best_of_its_cluster():
    features = np.array([[0], [0.1], [5], [0.05], [0.2], [9]], np.float16)
    labels = np.array([0, 0, 0, 1, 1, 1], np.int32)
    squared = np.array([1, 2, 3, 1, 2, 3], np.float32)
    ranked = ranked_members(labels, squared, np.zeros(6, np.uint8), 2)
    company = company_of(features, np.arange(6.0), Limits(similar=0.5), 2, features[:0], np.empty(0))
    effect = choose_members(ranked, np.arange(6), np.arange(6), company)
    assert company.rows == [0, 5]
    assert effect["similar"] == {"gave_way": 1, "kept": 0}


@pytest.fixture(scope="module")
def still(shared_data):
    with VideoReader(shared_data / "still.mp4") as video:
        return scan_video(video, Settings(k=20), progress=False)


@pytest.mark.slow
@pytest.mark.parametrize("k", [40, 220])
def test_no_two_look_alike_on_a_recording_that_stands_still(still, k):
    off = {"min_gap_s": 0, "allow_similar": True, "allow_dark": True, "allow_blurred": True}
    plain, guarded = (
        choose_from_scan(still, Settings(k, algorithm="kmeans", **options), None, False)[0] for options in (off, {})
    )
    limit = similar_limit(still.features, len(still.components.mean))
    features = still.features.astype(float)

    def between(selection):
        rows = np.searchsorted(still.frame_index, [keyframe.frame_index for keyframe in selection.keyframes])
        return np.sort(cdist(features[rows], features[rows]), axis=1)[:, 1].min()

    assert len(guarded.keyframes) == k
    assert between(guarded) >= limit
    assert guarded.guards["similar"]["kept"] == 0
    if k == 220:
        assert between(plain) < limit


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """A square that wanders over a textured ground for 400 frames, and the numbers of the dark and the blurred ones."""
    rng = np.random.default_rng(5)
    ground = cv2.resize(rng.integers(60, 200, (60, 80, 3), np.uint8), (320, 240), interpolation=cv2.INTER_NEAREST)
    number = rng.permutation(400)
    dark, blurred = set(number[:30].tolist()), set(number[30:90].tolist())
    frames = []
    for i in range(400):
        image = ground.copy()
        x, y = round(130 + 120 * np.sin(0.05 * i)), round(90 + 80 * np.cos(0.033 * i))
        image[y : y + 50, x : x + 50] = (30, 220, 240)
        if i in dark:
            image = image // 6
        if i in blurred:
            image = cv2.GaussianBlur(image, (0, 0), 5)
        frames.append(image)
    path = tmp_path_factory.mktemp("planted") / "planted.mp4"
    encode_images(path, frames, "-c:v", "libx264", "-crf", "15")
    return path, dark, blurred


@pytest.mark.parametrize("k", slow_but_for([12], [12, 40]))
def test_planted_dark_and_blurred_frames_are_not_chosen_while_there_are_others(planted, k, tmp_path):
    path, dark, blurred = planted
    result = keyframes.extract(path, k, output=tmp_path / "out")
    labels = np.load(tmp_path / "out" / "scan.npz")["label"]
    bad = np.isin(np.arange(400), [*dark, *blurred])
    assert len(result.keyframes) == k
    for keyframe in result.keyframes:
        assert not bad[keyframe.frame_index] or bad[labels == keyframe.cluster].all()
    told = json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))["guards"]
    assert (told["dark"]["frames"], told["blurred"]["frames"]) == (30, len(blurred) + 30)
    for name, wrong in (("dark", dark), ("blurred", dark | blurred)):
        kept = sum(index in wrong for index in result.frame_indices)
        assert told[name]["kept"] == kept
        assert any("much" in warning for warning in result.warnings) or not kept


@pytest.mark.parametrize("k", [3, 12])
def test_each_cluster_gives_the_sharpest_of_its_nearest_members(planted, k):
    settings = Settings(k, algorithm="kmeans", min_gap_s=0, allow_similar=True, allow_dark=True)
    with VideoReader(planted[0]) as video:
        scan = scan_video(video, settings, progress=False)
    selection, _ = choose_from_scan(scan, settings, None, False)
    assert len(selection.keyframes) == k
    clear = scan.sharpness >= blurred_limit(scan.sharpness)
    for keyframe in selection.keyframes:
        members = np.flatnonzero(selection.labels == keyframe.cluster)
        members = members[clear[members] == clear[members].any()]
        nearest = members[np.argsort(selection.distances[members], kind="stable")]
        # A tenth of them, and no more than eight.
        nearest = nearest[: min(8, -(-len(nearest) // 10))]
        assert keyframe.frame_index == nearest[scan.sharpness[nearest].argmax()]


@pytest.mark.slow
def test_each_guard_can_be_switched_off(planted, tmp_path):
    switches = {"min_gap_s": 0, "allow_similar": True, "allow_dark": True, "allow_blurred": True}
    plain = keyframes.extract(planted[0], 40, output=tmp_path / "plain", **switches)
    assert "guards" not in plain.manifest
    names = {"min_gap_s": "min_gap_s", "allow_similar": "similar", "allow_dark": "dark", "allow_blurred": "blurred"}
    scan = np.load(tmp_path / "plain" / "scan.npz")
    # Without guards, the member nearest to each centre.
    for keyframe in plain.keyframes:
        assert scan["distance"][scan["label"] == keyframe.cluster].min() == pytest.approx(keyframe.distance, abs=1e-5)
    with VideoReader(planted[0]) as video:
        rows = scan_video(video, Settings(k=40), progress=False)
    for name, value in switches.items():
        selection, _ = choose_from_scan(rows, Settings(k=40, **{name: value}), None, False)
        assert set(selection.guards) == set(names.values()) - {names[name]}


# The guard gives way where it leaves no room: whether it has to depends on which frames it begins with.
@pytest.mark.parametrize(("algorithm", "k"), [("kmeans", 10), ("auto", 8)])
def test_a_least_gap_is_kept(algorithm, k, tmp_path, video_file):
    path = video_file("h264_b_frames.mp4")
    result = keyframes.extract(path, k, output=tmp_path / "out", algorithm=algorithm, min_gap_s=0.15)
    assert len(result.keyframes) == k
    assert np.diff([keyframe.time_s for keyframe in result.keyframes]).min() >= 0.15 - 1e-6
    tight = keyframes.extract(path, 30, output=tmp_path / "tight", min_gap_s=0.5)
    assert len(tight.keyframes) == 30
    (warning,) = tight.warnings
    assert f"{tight.manifest['guards']['min_gap_s']['kept']} of the 30 chosen frames lie within" in warning


def test_the_baseline_has_no_guards(tmp_path, planted):
    result = keyframes.extract(planted[0], 10, output=tmp_path / "out", uniform=True)
    assert "guards" not in result.manifest
    assert_array_equal(np.diff(result.frame_indices, 2), 0)
