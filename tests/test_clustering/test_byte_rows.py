"""k-means of rows of bytes: near the best there is, exact in what it compares, and the same each time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from clustering.kmeans.byte_rows import byte_row_k_means, nearest_byte_rows


def distortion(X, weights, centers):
    squares = np.square(X[:, None].astype(float) - centers[None]).sum(2)
    return float((weights * squares.min(1)).sum())


@settings(max_examples=60, deadline=None)
@given(
    X=hnp.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 4))),
    n_centers=st.integers(1, 9),
    seed=st.integers(0, 99),
)
def test_the_nearest_center_is_exact(X, n_centers, seed):
    rng = np.random.default_rng(seed)
    centers = rng.integers(0, 1021, (n_centers, X.shape[1])) / 4
    squares = np.square(X[:, None].astype(float) - centers[None]).sum(2)
    labels, scores = nearest_byte_rows(X.astype(np.float32), centers)
    assert (labels == squares.argmin(1)).all()
    norms = np.square(X.astype(float)).sum(1)
    assert (norms - 2 * scores.astype(float) == squares.min(1)).all()


@pytest.mark.parametrize("n_clusters", [2, 8, 40])
def test_it_is_as_good_as_scikit_learn(n_clusters, rng):
    from sklearn.cluster import KMeans

    middles = rng.integers(30, 226, (60, 3))
    X = np.unique(
        np.clip(middles[rng.integers(0, 60, 4000)] + rng.normal(0, 9, (4000, 3)), 0, 255).astype(np.uint8), axis=0
    )
    weights = rng.integers(1, 20, len(X)).astype(float)
    theirs = KMeans(n_clusters, n_init=3, random_state=0).fit(X, sample_weight=weights).cluster_centers_
    ours = byte_row_k_means(X, weights, n_clusters)
    assert distortion(X, weights, ours) < 1.01 * distortion(X, weights, theirs)


def test_the_same_centers_each_time(rng):
    X = rng.integers(0, 256, (500, 3)).astype(np.uint8)
    weights = np.ones(500)
    assert (byte_row_k_means(X, weights, 20) == byte_row_k_means(X, weights, 20)).all()
    assert (byte_row_k_means(X, weights, 20) != byte_row_k_means(X, weights, 20, random_state=1)).any()


@settings(max_examples=40, deadline=None)
@given(n_pinned=st.integers(0, 30), n_free=st.integers(0, 30), n_clusters=st.integers(2, 12), seed=st.integers(0, 99))
def test_pinned_rows_keep_their_last_feature(n_pinned, n_free, n_clusters, seed):
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 250, (n_pinned + n_free, 4)).astype(np.uint8)
    X[:n_pinned, 3] = 255
    if len(X) < n_clusters:
        return
    pinned = np.arange(len(X)) < n_pinned
    centers = byte_row_k_means(X, np.ones(len(X)), n_clusters, pinned=pinned)
    assert centers.shape == (n_clusters, 4)
    at_the_pin = centers[:, 3] == 255
    assert at_the_pin.any() == pinned.any()
    assert at_the_pin.all() or (~pinned).any()
