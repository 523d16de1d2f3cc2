"""Poses that can be compared: against naive twins, and on what is promised of them."""

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from threadpoolctl import threadpool_limits

from keyframes.choice.poses import pose_distances, sample_of_poses
from keyframes.predictions.cleaning import clean, link_animals, noise_of
from keyframes.predictions.kernels.linking import deviations
from keyframes.predictions.kernels.steadying import fill_gaps

N_FRAMES, N_NODES = 240, 6


def walk(rng, n_animals=1, n_frames=N_FRAMES):
    """True poses: animals that walk with pauses, turn, and bend."""
    shape = rng.normal(0, 20, (n_animals, N_NODES, 2))
    moving = (np.arange(n_frames) // 40 % 2)[:, None]
    along = np.cumsum(moving * rng.uniform(0.5, 1.5, (n_frames, n_animals)), axis=0)
    angle = along / 30 + np.arange(n_animals)
    bend = 1 + 0.3 * np.sin(along / 9)
    z = (shape[..., 0] + 1j * shape[..., 1]) * bend[..., None] * np.exp(1j * angle)[..., None]
    z += (300 + 40 * np.arange(n_animals) * (1 + 1j) + along * np.exp(1j * angle / 7))[..., None]
    return np.stack([z.real, z.imag], axis=-1)


def naive_deviations(points):
    found = np.full(points.shape[:3], np.nan)
    for t in range(len(points)):
        first = max(0, min(t - 2, len(points) - 5))
        window = points[first : first + 5]
        for animal, node in np.ndindex(points.shape[1:3]):
            some = window[:, animal, node]
            some = some[np.isfinite(some).all(axis=1)]
            if len(some) >= 3:
                middle = np.sort(some, axis=0)[(len(some) - 1) // 2]
                found[t, animal, node] = np.linalg.norm(points[t, animal, node] - middle)
    return found


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_deviations_are_those_from_the_median_of_five(seed, n_frames):
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 9, (n_frames, 2, 3, 2)).astype(np.float32)
    points[rng.random(points.shape[:3]) < 0.3] = np.nan
    found = np.empty(points.shape[:3], np.float32)
    deviations(points, found)
    assert_allclose(found, naive_deviations(points), rtol=1e-4)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_gaps_are_filled_as_numpy_interpolates(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(0, 9, (30, 1, 2, 2)).astype(np.float32)
    bad = rng.random(points.shape[:3]) < 0.5
    bad[:, :, 1] |= seed % 2 == 0
    filled, far = points.copy(), np.empty(bad.shape, bool)
    fill_gaps(filled, bad, 3, far)
    for node in range(2):
        good = np.flatnonzero(~bad[:, 0, node])
        for axis in range(2):
            own = points[good, 0, node, axis]
            expected = np.interp(np.arange(30), good, own) if len(good) else np.full(30, np.nan)
            assert_allclose(filled[:, 0, node, axis], expected, rtol=1e-4, atol=1e-4)
    assert not far[~bad].any()


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.05, 0.15])
def test_noise_is_told_from_motion_and_outliers(rng, share):
    points = walk(rng, n_frames=2000) + rng.normal(0, 3, (2000, 1, N_NODES, 2))
    wrong = rng.random(points.shape[:3]) < share
    points[wrong] += rng.normal(0, 200, (int(wrong.sum()), 2))
    cleaned = clean(points.astype(np.float32))
    assert 2.4 < cleaned.noise < 4


def test_clean_poses_are_nearer_to_the_true_ones_and_have_no_gaps(rng):
    true = walk(rng)
    points = true + rng.normal(0, 3, true.shape)
    wrong = rng.random(true.shape[:3]) < 0.1
    points[wrong] = rng.uniform(0, 600, (int(wrong.sum()), 2))
    points[rng.random(true.shape[:3]) < 0.1] = np.nan
    points[50:90, 0, 2] = np.nan
    cleaned = clean(points.astype(np.float32)).points
    assert np.isfinite(cleaned).all()
    errors = np.linalg.norm(cleaned - true, axis=-1)
    assert np.median(errors) < 2 < 3 < np.nanmedian(np.linalg.norm(points - true, axis=-1))
    # A long gap is where the other nodes say.
    assert np.median(errors[55:85, 0, 2]) < 12


def test_outliers_do_not_hide_each_other(rng):
    poses = walk(rng)
    points = (poses + rng.normal(0, 2, poses.shape)).astype(np.float32)
    # Three of the five frames whose median the others are compared with are wrong.
    points[20:23, 0, 1] += 150
    points[22, 0, 1] -= 260
    found = clean(points).points
    assert np.linalg.norm(found - poses, axis=3)[18:25, 0, 1].max() < 20


def test_motion_between_rests_without_noise_is_no_error(rng):
    # A tail that beats twice in 24 frames of every 120, as a fish swims.
    time = np.arange(N_FRAMES)
    beat = np.where(time % 120 < 24, np.sin(time % 120 / 24 * 2 * np.pi * 2), 0)
    true = walk(rng, n_frames=1) + beat[:, None, None, None] * np.linspace(0, 30, N_NODES)[:, None] * (0, 1)
    for points in (true, np.round(true)):
        errors = np.linalg.norm(clean(points.astype(np.float32)).points - true, axis=-1)
        assert np.quantile(errors, 0.99) < 5


def test_a_rest_is_one_pose(rng):
    true = np.repeat(walk(rng, n_frames=1), 200, axis=0)
    cleaned = clean((true + rng.normal(0, 3, true.shape)).astype(np.float32)).points
    assert cleaned.std(axis=0).max() < 1


@pytest.mark.parametrize("n_frames", [1, 2, 3, 5])
def test_few_frames_are_enough(rng, n_frames):
    cleaned = clean(walk(rng, n_frames=n_frames).astype(np.float32))
    assert np.isfinite(cleaned.points).all()
    assert cleaned.radius > 0


def test_a_node_or_an_animal_that_is_never_seen_is_put_somewhere(rng):
    points = walk(rng, 2).astype(np.float32)
    points[:, 0, 3] = np.nan
    points[:, 1] = np.nan
    assert np.isfinite(clean(points).points).all()


def test_one_node_is_a_pose_too(rng):
    points = rng.normal(100, 3, (60, 1, 1, 2)).astype(np.float32)
    assert np.isfinite(clean(points).points).all()


@pytest.mark.slow
def test_animals_are_followed_whatever_their_tracks_are(rng):
    true = walk(rng, 3).astype(np.float32)
    true += np.array([[[0, 0]], [[150, 0]], [[0, 150]]], np.float32)
    orders = np.array([rng.permutation(3) for _ in range(N_FRAMES)])
    mixed = np.take_along_axis(true, orders[..., None, None], axis=1)
    linked = link_animals(mixed)
    start = [int(np.flatnonzero(orders[0] == animal)[0]) for animal in range(3)]
    own = orders[0][np.arange(3)]
    assert sorted(start) == [0, 1, 2]
    assert_array_equal(linked.points, true[:, own])


def test_an_exchange_is_seen_once(rng):
    points = walk(rng, 2).astype(np.float32)
    points[:, 1] += 150
    points[100:] = points[100:, ::-1]
    gain = link_animals(points).gain
    assert_array_equal(np.flatnonzero(gain), [100])
    assert gain[100] > 50


def test_noise_of_nothing_is_nothing():
    assert_array_equal(noise_of(np.zeros((3, 1, 3, 2), np.float32)), 0)
    assert np.isnan(noise_of(np.zeros((2, 1, 3, 2), np.float32))).all()


def naive_distance(one, other, turned):
    """Root mean square distance of the nodes of two frames (n_animals, n_nodes, 2), matched as fits best."""
    best = np.inf
    for order in permutations(range(len(one))):
        total = 0.0
        for here, there in enumerate(order):
            a, b = (pose[..., 0] + 1j * pose[..., 1] for pose in (one[here], other[there]))
            if turned:
                a, b = a - a.mean(), b - b.mean()
                product = np.vdot(a, b)
                b = b * (np.conj(product) / abs(product))
            total += (abs(a - b) ** 2).mean()
        best = min(best, total)
    return np.sqrt(best / len(one))


@pytest.mark.parametrize("n_animals", [1, 2, 3, 4])
def test_distances_are_those_of_the_best_match(rng, n_animals):
    points = (walk(rng, n_animals, 12) + rng.normal(0, 20, (12, n_animals, N_NODES, 2))).astype(np.float32)
    found = pose_distances(points, 10.0)
    for turned, matrix in enumerate(found):
        expected = [[naive_distance(a, b, turned) / 10 for b in points.astype(float)] for a in points.astype(float)]
        assert_allclose(matrix, expected, atol=2e-2)


def test_the_order_of_two_frames_does_not_matter_whatever_the_number_of_animals(rng):
    points = rng.normal(0, 50, (30, 6, N_NODES, 2)).astype(np.float32)
    for matrix in pose_distances(points, 10.0):
        assert_array_equal(matrix, matrix.T)


@pytest.mark.parametrize("every", [2, 3, 7])
def test_predictions_on_some_frames_are_not_errors(rng, every):
    true = walk(rng).astype(np.float32)
    points = np.full_like(true, np.nan)
    points[::every] = true[::every] + rng.normal(0, 1, true[::every].shape)
    assert 0.5 < np.median(noise_of(points)) < 5
    errors = np.linalg.norm(clean(points).points[::every] - true[::every], axis=3)
    assert np.sqrt(np.mean(errors**2)) < 2


def test_noise_that_nothing_tells_is_not_known():
    points = np.full((9, 1, 2, 2), np.nan, np.float32)
    points[[0, 8]] = 5
    assert np.isnan(noise_of(points)).all()
    assert clean(points).noise == 0


def test_the_number_of_threads_changes_nothing(rng):
    points = rng.normal(0, 30, (400, 1, 40, 2)).astype(np.float32)
    found = []
    for limit in (1, 2):
        with threadpool_limits(limit):
            poses = clean(points)
            found.append((poses.points, poses.model.others))
    for one, two in zip(*found, strict=True):
        assert_array_equal(one, two)


def test_a_sample_sees_short_runs_between_long_rests(rng):
    points = np.repeat(walk(rng, n_frames=1), 5000, axis=0)
    points[2000:2100] += np.arange(100)[:, None, None, None]
    points[2100:] += 100
    rows = sample_of_poses(points.astype(np.float32), 400)
    assert len(rows) <= 400
    assert ((rows >= 2000) & (rows < 2100)).sum() > 50
    assert (rows < 2000).sum() > 50
