import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from clustering.kmeans.candidates import draw_in_batches
from clustering.kmeans.kernels.candidates import candidate_distances, pick_candidates
from clustering.kmeans.neighbors import group_neighbors
from clustering.workers import BLOCK_ROWS, Workers


def squared_distances(A, B):
    return np.square(A[:, None] - B[None]).sum(axis=2)


def measured(X, rows, weights, closest):
    """Tiles and gains of some rows as candidates."""
    n_blocks = -(-len(X) // BLOCK_ROWS)
    tiles, gains = np.zeros((n_blocks, len(rows), BLOCK_ROWS), X.dtype), np.zeros((n_blocks, len(rows)))
    norms = np.square(X).sum(axis=1)
    candidate_distances(X, norms, X[rows], norms[rows], 0, n_blocks, weights, closest, tiles, gains)
    return tiles, gains.sum(axis=0)


@pytest.mark.parametrize(("n_samples", "n_features"), [(1, 1), (255, 3), (256, 8), (700, 50)])
def test_distances_and_gains_are_what_they_say(rng, n_samples, n_features):
    X = rng.normal(size=(n_samples, n_features)).astype(np.float32)
    rows = rng.permutation(n_samples)[:9]
    weights, closest = rng.uniform(size=(2, n_samples)).astype(np.float32)
    tiles, gains = measured(X, rows, weights, closest * n_features)
    expected = squared_distances(X[rows], X)
    found = tiles.swapaxes(0, 1).reshape(len(rows), -1)[:, :n_samples]
    assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
    assert_array_equal(found[np.arange(len(rows)), rows], 0)
    assert_allclose(gains, (weights * np.maximum(closest * n_features - expected, 0)).sum(axis=1), rtol=1e-3, atol=1e-3)


def test_the_best_candidates_are_picked_one_after_the_other(rng):
    X = rng.normal(size=(600, 4)).astype(np.float32)
    rows, weights = rng.permutation(600)[:40], rng.uniform(size=600).astype(np.float32)
    closest = np.full(600, 30, np.float32)
    tiles, gains = measured(X, rows, weights, closest)
    picked, nearest = np.empty(12, np.int64), np.full(600, -1, np.int32)
    assert pick_candidates(tiles, weights, 5, gains, closest, nearest, picked) == 12
    distances, still, expected = squared_distances(X[rows], X), np.full(600, 30.0), []
    for _ in range(12):
        expected.append(np.argmax((weights * np.maximum(still - distances, 0)).sum(axis=1)))
        still = np.minimum(still, distances[expected[-1]])
    assert_array_equal(picked, expected)
    assert_allclose(closest, still, rtol=1e-4, atol=1e-4)
    chosen = distances[picked]
    assert_array_equal(nearest, np.where(chosen.min(axis=0) < 30, 5 + chosen.argmin(axis=0), -1))


@pytest.mark.parametrize("n_batches", [1, 4, 100])
def test_every_row_becomes_a_seed_before_one_does_twice(rng, n_batches):
    X = np.repeat(rng.normal(size=(30, 3)), 20, axis=0).astype(np.float32)
    with Workers(2) as workers:
        seeds, nearest = draw_in_batches(
            X,
            np.square(X).sum(axis=1),
            np.ones(600, np.float32),
            30,
            np.full(600, np.inf, np.float32),
            np.random.RandomState(0),
            workers,
            n_batches=n_batches,
            candidates=2,
        )
    assert_array_equal(np.sort(seeds // 20), np.arange(30))
    assert_array_equal(seeds[nearest] // 20, np.arange(600) // 20)


def test_seeds_that_stand_already_keep_their_rows(rng):
    X = rng.normal(size=(900, 3)).astype(np.float32)
    there = np.array([[0, 0, 0], [9, 9, 9]], np.float32)
    closest = squared_distances(X, there).min(axis=1)
    with Workers(1) as workers:
        seeds, nearest = draw_in_batches(
            X,
            np.square(X).sum(axis=1),
            np.ones(900, np.float32),
            8,
            closest,
            np.random.RandomState(3),
            workers,
            n_batches=2,
            candidates=3,
        )
    distances = squared_distances(X, X[seeds])
    nearer = distances.min(axis=1) < closest
    assert_array_equal(nearest[nearer], distances.argmin(axis=1)[nearer])
    assert_array_equal(nearest[~nearer], -1)
    assert nearer.any()
    assert not nearer.all()


@pytest.mark.parametrize(("n_centers", "n_groups"), [(1, 1), (16, 1), (17, 2), (100, 7), (256, 16)])
def test_groups_are_even_and_whole(rng, n_centers, n_groups):
    members, starts = group_neighbors(rng.normal(size=(n_centers, 5)).astype(np.float32), n_groups)
    assert_array_equal(np.sort(members), np.arange(n_centers))
    sizes = np.diff(starts)
    assert (starts[0], starts[-1]) == (0, n_centers)
    assert sizes.max() <= -(-n_centers // n_groups)
    assert sizes.min() >= 1


def test_neighbours_come_into_one_group(rng):
    which = rng.permutation(np.repeat(np.arange(4), 8))
    centers = np.array([[0, 0], [0, 90], [70, 0], [70, 90]])[which] + rng.normal(size=(32, 2))
    members, starts = group_neighbors(centers, 4)
    assert all(len(set(which[members[starts[g] : starts[g + 1]]])) == 1 for g in range(4))
