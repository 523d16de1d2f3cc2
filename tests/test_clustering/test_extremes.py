"""Numbers at the ends of their range: a result or an error, whatever the estimator."""

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from clustering import CentNN, InvalidInputError, KMeans, MiniBatchKMeans, cent_nn, k_means, nearest_centers
from clustering.kmeans.lloyd import NORM_SHARE
from clustering.workers import Workers

# Kernels run as plain Python compute with NumPy's scalars, which warn of what machine code passes over.
pytestmark = pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered in scalar:RuntimeWarning")

KINDS = [
    *(KMeans(20, init=init, random_state=0) for init in ("exchange", "k-means++", "plain-k-means++", "random")),
    *(MiniBatchKMeans(20, init=init, batch_size=100, random_state=0) for init in ("k-means++", "random")),
    *(CentNN(20, mode=mode, random_state=0) for mode in ("fast", "exact")),
]
overflow = pytest.raises(InvalidInputError, match="too large for sums of squares")


def rows(dtype, outlier=0.0):
    X = np.random.default_rng(0).normal(size=(300, 5))
    X[7, 2] = outlier
    return X.astype(dtype)


def too_large(dtype):
    """A finite number whose square is none."""
    return 4 * np.sqrt(np.finfo(dtype).max)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("estimator", KINDS, ids=str)
def test_finite_numbers_whose_squares_overflow_are_refused(estimator, dtype):
    X = rows(dtype, too_large(dtype))
    with overflow:
        estimator.fit(X)
    model = estimator.fit(rows(dtype))
    for ask in (model.predict, model.score, model.transform, getattr(model, "partial_fit", model.predict)):
        with overflow:
            ask(X)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_first_batch_whose_squares_overflow_leaves_nothing_behind(dtype):
    model = MiniBatchKMeans(20, random_state=0)
    with overflow:
        model.partial_fit(rows(dtype, too_large(dtype)))
    expected = MiniBatchKMeans(20, random_state=0).partial_fit(rows(dtype))
    np.testing.assert_array_equal(model.partial_fit(rows(dtype)).cluster_centers_, expected.cluster_centers_)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("estimator", KINDS[:-1], ids=str)
def test_numbers_whose_squares_vanish_are_refused(estimator, dtype):
    """CentNN's exact mode computes in float64, and has room for smaller ones."""
    X = rows(dtype) * np.sqrt(np.finfo(dtype).smallest_subnormal) / 1e6
    with pytest.raises(InvalidInputError, match="differ too little"):
        estimator.fit(X)
    with pytest.warns(ConvergenceWarning):
        assert estimator.fit(np.full((300, 5), np.finfo(dtype).tiny, dtype)).inertia_ == 0


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("cluster", [k_means, cent_nn])
def test_what_is_not_finite_is_refused(cluster, number):
    with pytest.raises(InvalidInputError, match="NaN or infinity"):
        cluster(rows(np.float32, number), 20)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("option", ["init", "fixed_centers"])
def test_centers_whose_squares_overflow_are_refused(option, dtype):
    with overflow:
        KMeans(20, **{option: rows(dtype, too_large(dtype))[:20]}).fit(rows(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("estimator", KINDS, ids=str)
def test_the_largest_numbers_are_clustered_as_others_are(estimator, dtype):
    """Powers of two scale the result, bit for bit."""
    X = rows(dtype)
    usual = estimator.fit(X)
    labels, centers = usual.labels_, usual.cluster_centers_
    scale = dtype(2) ** int(np.log2(np.sqrt(np.finfo(dtype).max * NORM_SHARE) / 8))
    large = estimator.fit(X * scale)
    np.testing.assert_array_equal(large.labels_, labels)
    np.testing.assert_array_equal(large.cluster_centers_, centers * scale)


@pytest.mark.parametrize("init", ["exchange", "k-means++", "plain-k-means++"])
@pytest.mark.parametrize("exponent", [-1000, 1000])
def test_only_the_shares_of_weights_count(init, exponent):
    X, weights = 2.0**60 * rows(np.float64), np.random.default_rng(1).integers(1, 9, 300)
    usual, scaled = (k_means(X, 20, init=init, sample_weight=weights * share) for share in (1.0, 2.0**exponent))
    np.testing.assert_array_equal(scaled.centers, usual.centers)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_weights_whose_products_vanish_are_no_endless_search():
    weights = np.full(300, np.finfo(np.float64).smallest_subnormal)
    model = MiniBatchKMeans(3, random_state=0).fit(rows(np.float64) * 1e-157, sample_weight=weights)
    assert np.isfinite(model.cluster_centers_).all()


def test_nearest_centers_names_what_is_too_large():
    X = rows(np.float32)
    with Workers(1) as workers:
        with pytest.raises(InvalidInputError, match="X holds"):
            nearest_centers(1e20 * X, X[:20], workers)
        with pytest.raises(InvalidInputError, match="The centers hold"):
            nearest_centers(X, 1e20 * X[:20], workers)
