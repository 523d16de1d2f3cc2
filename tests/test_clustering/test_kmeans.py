import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans as ScikitLearnKMeans
from sklearn.exceptions import ConvergenceWarning

from clustering import InvalidInputError, KMeans, k_means
from tests import reference
from tests.conftest import compiled_only


def groups(rng, n_samples=300, n_features=5, n_groups=6, spread=0.3, dtype=np.float64):
    centers = rng.uniform(-3, 3, (n_groups, n_features))
    return (centers[rng.integers(n_groups, size=n_samples)] + spread * rng.normal(size=(n_samples, n_features))).astype(
        dtype
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(300, 2, 5), (700, 40, 12), (1000, 1, 4), (257, 300, 9)])
def test_labels_and_centers_are_those_of_plain_lloyd(rng, shape, dtype):
    n_samples, n_features, k = shape
    X = groups(rng, n_samples, n_features, n_groups=3, spread=1.0, dtype=dtype)
    start = X[rng.choice(n_samples, k, replace=False)]
    labels, centers = reference.lloyd(X, start)
    model = KMeans(k, init=start, tol=0).fit(X)
    assert_array_equal(model.labels_, labels)
    assert_allclose(model.cluster_centers_, centers, rtol=1e-5, atol=1e-5)
    assert model.cluster_centers_.dtype == dtype


@pytest.mark.parametrize("seed", range(20))
def test_skipping_rows_changes_no_label(seed):
    rng = np.random.default_rng(seed)
    n_features, k = int(rng.integers(1, 30)), int(rng.integers(2, 40))
    X = (rng.normal(size=(400, n_features)) ** 3).astype(np.float32)
    start = X[:k] + 0.01 * rng.normal(size=(k, n_features)).astype(np.float32)
    labels, centers = reference.lloyd(X, start)
    model = KMeans(k, init=start, tol=0).fit(X)
    assert_array_equal(model.labels_, labels)
    assert_allclose(model.cluster_centers_, centers, rtol=1e-4, atol=1e-5)


def test_equal_rows_are_merged_and_count_as_often_as_they_come(rng):
    colors = rng.normal(size=(150, 3)).astype(np.float32)
    X = colors[rng.integers(150, size=900) ** 2 % 150]
    labels, centers = reference.lloyd(X, colors[:8])
    model = KMeans(8, init=colors[:8], tol=0).fit(X)
    assert_array_equal(model.labels_, labels)
    assert_allclose(model.cluster_centers_, centers, rtol=1e-5, atol=1e-5)
    assert_allclose(model.inertia_, reference.assign(X, centers)[1].sum(), rtol=1e-5)


@pytest.mark.parametrize("offset", [0, 1e4])
def test_float32_keeps_its_digits_far_from_the_origin(rng, offset):
    X = (groups(rng, spread=0.05) + offset).astype(np.float32)
    start = X[:6]
    labels, _ = reference.lloyd(X, start)
    assert_array_equal(KMeans(6, init=start, tol=0).fit(X).labels_, labels)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_partition_keeps_its_promises(data):
    n_samples = data.draw(st.integers(1, 40))
    k = data.draw(st.integers(1, n_samples))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    # Few values, so that equal rows are common.
    X = rng.integers(0, data.draw(st.integers(1, 6)), size=(n_samples, data.draw(st.integers(1, 3)))).astype(np.float32)
    n_different = len(np.unique(X, axis=0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = KMeans(k, random_state=0).fit(X)
    assert len(np.unique(model.labels_)) == min(k, n_different)
    _, nearest = reference.assign(X, model.cluster_centers_)
    own = ((X - model.cluster_centers_[model.labels_]) ** 2).sum(axis=1)
    assert_allclose(own, nearest, rtol=1e-4, atol=1e-5)
    assert_allclose(model.inertia_, own.sum(), rtol=1e-4, atol=1e-4)


@compiled_only
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_any_number_of_threads_gives_the_same_bits(rng):
    X = rng.normal(size=(20_000, 24)).astype(np.float32)
    one, two, three = (KMeans(40, random_state=3, max_iter=8, tol=0.1, n_threads=n).fit(X) for n in (1, 2, 3))
    for other in (two, three):
        assert_array_equal(one.labels_, other.labels_)
        assert_array_equal(one.cluster_centers_, other.cluster_centers_)
        assert one.inertia_ == other.inertia_


def test_a_seed_decides_the_result(rng):
    X = rng.normal(size=(500, 3))
    first, again, other = (KMeans(20, random_state=seed).fit(X) for seed in (1, 1, 2))
    assert_array_equal(first.cluster_centers_, again.cluster_centers_)
    assert not np.array_equal(first.cluster_centers_, other.cluster_centers_)


@compiled_only
def test_it_is_as_good_as_scikit_learn(rng):
    X = groups(rng, 2000, 8, n_groups=30)
    ours = np.mean([KMeans(30, random_state=seed).fit(X).inertia_ for seed in range(10)])
    theirs = np.mean([ScikitLearnKMeans(30, random_state=seed, n_init=1).fit(X).inertia_ for seed in range(10)])
    assert ours <= 1.05 * theirs


def test_the_inertia_never_grows_with_more_iterations(rng):
    X = rng.normal(size=(800, 4))
    with pytest.warns(ConvergenceWarning, match="max_iter"):
        inertias = [KMeans(25, init=X[:25], max_iter=n, tol=0).fit(X).inertia_ for n in range(1, 12)]
    assert all(np.diff(inertias) <= 1e-9 * inertias[0])


def test_a_cluster_that_runs_empty_is_filled_again():
    X = np.array([[0.0], [1.0], [10.0], [11.0]])
    model = KMeans(3, init=np.array([[0.5], [10.5], [1000.0]])).fit(X)
    assert_array_equal(np.bincount(model.labels_, minlength=3) > 0, [True, True, True])


@pytest.mark.parametrize("init", ["exchange", "k-means++", "plain-k-means++", "random"])
def test_fewer_different_rows_than_clusters_are_told(init):
    X = np.repeat(np.eye(3), 5, axis=0)
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(3\) found smaller than n_clusters \(7\)"):
        model = KMeans(7, random_state=0, init=init, max_iter=20).fit(X)
    assert model.inertia_ == 0


@pytest.mark.parametrize(
    "settings", [{"n_clusters": 0}, {"n_clusters": 2.5}, {"n_clusters": 10}, {"n_init": 0}, {"max_iter": 1.5}]
)
def test_the_function_names_what_does_not_fit(settings):
    (name, value), *_ = settings.items()
    with pytest.raises(InvalidInputError, match=f"{name}={value} must"):
        k_means(np.eye(9), **{"n_clusters": 2, **settings})


def test_nearly_equal_rows_far_from_the_others_are_still_told_apart():
    X = np.zeros((40, 1000), np.float32)
    X[20:] = 200.0
    X[np.arange(40), np.arange(40)] += 1.0
    assert len(np.unique(KMeans(40, random_state=0).fit(X).labels_)) == 40


@pytest.mark.parametrize(
    "settings", [{"n_clusters": 0}, {"max_iter": 0}, {"tol": -1.0}, {"init": "best"}, {"n_threads": 0}]
)
def test_bad_settings_raise(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        KMeans(**settings).fit(np.eye(9))


def test_centers_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="initial centers"):
        KMeans(2, init=np.zeros((3, 2))).fit(np.zeros((5, 2)))


def test_any_layout_of_the_data_gives_the_same_result(rng):
    X = groups(rng)
    expected = KMeans(6, random_state=0).fit(X).labels_
    read_only = X.copy()
    read_only.flags.writeable = False
    for same in (np.asfortranarray(X), read_only, X.tolist(), np.repeat(X, 2, axis=1)[:, ::2]):
        assert_array_equal(KMeans(6, random_state=0).fit(same).labels_, expected)


def test_weights_count_as_repeated_rows_do(rng):
    X = groups(rng)
    weights = rng.integers(1, 4, size=len(X)).astype(float)
    start = X[:6]
    weighted = KMeans(6, init=start, tol=0).fit(X, sample_weight=weights)
    repeated = KMeans(6, init=start, tol=0).fit(np.repeat(X, weights.astype(int), axis=0))
    assert_allclose(weighted.cluster_centers_, repeated.cluster_centers_, rtol=1e-9, atol=1e-9)
    assert_allclose(weighted.inertia_, repeated.inertia_, rtol=1e-9)
    assert_allclose(weighted.score(X, sample_weight=weights), -weighted.inertia_, rtol=1e-9)


def test_rows_without_weight_only_get_a_label(rng):
    X = groups(rng)
    weights = np.ones(len(X))
    weights[::3] = 0
    model = KMeans(6, random_state=0).fit(X, sample_weight=weights)
    alone = KMeans(6, random_state=0).fit(X[weights > 0])
    assert_allclose(model.inertia_, alone.inertia_, rtol=1e-9)
    assert_array_equal(model.labels_, reference.assign(X, model.cluster_centers_)[0])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros(5), "zero"),
        (-np.ones(5), "[Nn]egative"),
        (np.ones(4), "sample_weight"),
        (np.eye(5)[0], "n_samples=1, the rows of positive weight"),
    ],
)
def test_bad_weights_raise(weights, message):
    with pytest.raises(ValueError, match=message):
        KMeans(2).fit(np.arange(10.0).reshape(5, 2), sample_weight=weights)


@pytest.mark.parametrize("init", ["exchange", "k-means++", "plain-k-means++", "random"])
def test_fixed_centers_stay_and_take_their_rows(rng, init):
    X = groups(rng, 2000, n_groups=8, spread=0.05)
    fixed = KMeans(8, random_state=0).fit(X).cluster_centers_[:5].astype(X.dtype)
    model = KMeans(3, init=init, n_init=10, fixed_centers=fixed, random_state=0).fit(X)
    assert_allclose(model.cluster_centers_[3:], fixed, rtol=1e-12)
    assert model.cluster_centers_.shape == (8, X.shape[1])
    labels, _ = reference.assign(X, model.cluster_centers_)
    assert_array_equal(model.labels_, labels)
    if init != "random":
        # The new centres go where the fixed ones are not.
        assert_allclose(model.inertia_, KMeans(8, random_state=0).fit(X).inertia_, rtol=1e-6)


def test_fixed_centers_may_stay_without_members(rng):
    X = groups(rng)
    model = KMeans(4, fixed_centers=np.full((2, 5), 1e6), random_state=0).fit(X)
    assert set(model.labels_) == {0, 1, 2, 3}


def test_fixed_centers_of_another_width_are_refused(rng):
    with pytest.raises(ValueError, match="fixed centers"):
        KMeans(2, fixed_centers=np.zeros((1, 3))).fit(groups(rng))


def test_more_starts_are_never_worse(rng):
    X = rng.normal(size=(400, 3))
    inertias = [KMeans(20, init="random", n_init=n, random_state=0).fit(X).inertia_ for n in (1, 5, 10)]
    assert inertias == sorted(inertias, reverse=True)


@compiled_only
def test_exchanging_seeds_lowers_the_inertia(rng):
    X = groups(rng, 6000, 6, n_groups=60, spread=0.4)
    exchanged, drawn = (
        np.mean([KMeans(60, init=init, random_state=seed).fit(X).inertia_ for seed in range(8)])
        for init in ("exchange", "k-means++")
    )
    assert exchanged < drawn
