from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from clustering import InvalidInputError, cent_nn, k_means, select_k
from clustering.kernels.rows import merge_equal_rows
from clustering.kmeans.sampling import ROWS_A_SEED, SEED_ROWS
from clustering.kmeans.seeding import choose_start, kmeans_plusplus
from clustering.workers import Workers

FAR = np.full(500, np.inf, np.float32)


def groups(rng, n_samples, n_features, n_groups):
    """Rows in well separated groups, and the group of each."""
    which = rng.integers(n_groups, size=n_samples)
    centers = 100 * rng.normal(size=(n_groups, n_features))
    return (centers[which] + rng.normal(size=(n_samples, n_features))).astype(np.float32), which


@pytest.mark.parametrize("seed", [-1, "first", np.random.default_rng(0)], ids=str)
@pytest.mark.parametrize("cluster", [partial(k_means, n_clusters=2), partial(cent_nn, n_clusters=2), select_k])
def test_what_is_no_seed_is_refused(cluster, seed):
    with pytest.raises(InvalidInputError, match=r"random_state=.* must be a whole number from 0 to 4294967295"):
        cluster(np.eye(5), random_state=seed)


@pytest.mark.parametrize(("n_samples", "n_features"), [(60, 2), (300, 7), (700, 200)])
def test_every_separate_group_gets_a_seed(rng, n_samples, n_features):
    X, which = groups(rng, n_samples, n_features, 9)
    weights = np.ones(n_samples, np.float32)
    with Workers(2) as workers:
        seeds = choose_start(X, weights, 9, X[:0], np.random.RandomState(0), workers)
    assert_array_equal(np.unique(which[seeds]), np.arange(9))


def test_the_sample_finds_the_groups_too(rng):
    X, which = groups(rng, 5 * max(SEED_ROWS, ROWS_A_SEED * 6), 3, 6)
    with Workers(1) as workers:
        seeds = choose_start(X, np.ones(len(X), np.float32), 6, X[:0], np.random.RandomState(0), workers)
    assert_array_equal(np.unique(which[seeds]), np.arange(6))


def test_no_row_is_drawn_twice_while_another_is_left(rng):
    X = rng.normal(size=(40, 3)).astype(np.float32)
    seeds = kmeans_plusplus(X, np.ones(40, np.float32), 40, FAR[:40], np.random.RandomState(0))
    assert_array_equal(np.sort(seeds), np.arange(40))


def test_rows_without_weight_are_not_drawn(rng):
    X = rng.normal(size=(500, 3)).astype(np.float32)
    weights = (np.arange(500) % 5 == 0).astype(np.float32)
    for seed in range(5):
        assert np.all(kmeans_plusplus(X, weights, 20, FAR, np.random.RandomState(seed)) % 5 == 0)


def test_equal_rows_get_one_number(rng):
    X = rng.integers(0, 5, size=(2000, 3)).astype(np.float32)
    table = np.full(4096, -1, np.int64)
    group, first_rows = np.empty(2000, np.int64), np.empty(2000, np.int64)
    n_different = merge_equal_rows(X.view(np.uint32), table, group, first_rows)
    assert n_different == len(np.unique(X, axis=0))
    assert_array_equal(X[first_rows[:n_different]][group], X)
    assert np.all(np.diff(first_rows[:n_different]) > 0)
