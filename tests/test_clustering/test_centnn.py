import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning

from clustering import CentNN, InvalidInputError, cent_nn
from tests import reference
from tests.conftest import compiled_only, slow_but_for

MODES = ["fast", "exact"]


def groups(rng, n_samples=200, n_features=4, n_groups=6, spread=0.3):
    centers = rng.uniform(-3, 3, (n_groups, n_features))
    return centers[rng.integers(n_groups, size=n_samples)] + spread * rng.normal(size=(n_samples, n_features))


def assert_centers_are_means(X, labels, centers):
    means = np.array([X[labels == c].mean(axis=0, dtype=np.float64) for c in range(len(centers))])
    assert_allclose(centers, means, rtol=1e-5, atol=1e-5 * np.abs(X).max())


@pytest.mark.parametrize("seed", range(20))
def test_the_exact_mode_is_the_plain_algorithm(seed):
    rng = np.random.default_rng(seed)
    n_samples, n_features, k = int(rng.integers(20, 120)), int(rng.integers(1, 20)), int(rng.integers(1, 12))
    X = groups(rng, n_samples, n_features, spread=(0.1, 1.0, 5.0)[seed % 3]) + 10 * (seed % 2)
    epsilon = (0.01, 0.1, 1.0)[seed % 3]
    labels, centers, epochs = reference.centnn(X, k, epsilon)
    model = CentNN(k, mode="exact", epsilon=epsilon).fit(X)
    assert_array_equal(model.labels_, labels)
    assert_allclose(model.cluster_centers_, centers + X.mean(axis=0), rtol=1e-9, atol=1e-9)
    assert model.n_iter_ == epochs


@compiled_only
@pytest.mark.parametrize(
    ("n_samples", "n_features", "k"), slow_but_for([(1000, 2, 10)], [(1000, 2, 10), (1500, 30, 25), (600, 3, 60)])
)
def test_the_exact_mode_is_the_plain_algorithm_on_larger_data(rng, n_samples, n_features, k):
    X = groups(rng, n_samples, n_features, n_groups=k, spread=0.8)
    labels, _, epochs = reference.centnn(X, k)
    model = CentNN(k, mode="exact").fit(X)
    assert_array_equal(model.labels_, labels)
    assert model.n_iter_ == epochs


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_it_reaches_k_or_says_why_not(mode, data):
    n_samples = data.draw(st.integers(1, 30))
    k = data.draw(st.integers(1, n_samples))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    # Few values, so that equal rows are common, at times far from the origin.
    values = rng.integers(0, data.draw(st.integers(1, 6)), size=(n_samples, data.draw(st.integers(1, 3))))
    X = (values / 3 + data.draw(st.sampled_from([0, 1000]))).astype(dtype)
    n_different = len(np.unique(X, axis=0))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = CentNN(k, mode=mode, random_state=0).fit(X)
    assert len(model.cluster_centers_) == min(k, n_different)
    assert_array_equal(np.unique(model.labels_), np.arange(min(k, n_different)))
    if k > n_different:
        assert f"reached ({n_different}) smaller than n_clusters ({k})" in str(caught[0].message)
        assert caught[0].category is ConvergenceWarning
    else:
        assert not caught
    assert_centers_are_means(X, model.labels_, model.cluster_centers_)
    assert_allclose(
        ((X - model.cluster_centers_[model.labels_]) ** 2).sum(axis=1),
        reference.assign(X, model.cluster_centers_)[1],
        atol=1e-6 if dtype == np.float64 else 1e-3,
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**16), st.sampled_from(MODES), st.sampled_from([np.float32, np.float64]))
def test_each_center_is_its_members_mean(seed, mode, dtype):
    rng = np.random.default_rng(seed)
    X = (groups(rng, 100, int(rng.integers(1, 6))) + rng.uniform(-100, 100)).astype(dtype)
    model = CentNN(int(rng.integers(1, 9)), mode=mode, random_state=0).fit(X)
    assert model.cluster_centers_.dtype == dtype
    assert_centers_are_means(X, model.labels_, model.cluster_centers_)
    own = ((X - model.cluster_centers_[model.labels_].astype(np.float64)) ** 2).sum()
    assert_allclose(model.inertia_, own, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("max_epochs", [1, 3])
def test_the_limit_of_epochs_is_told(rng, mode, max_epochs):
    X = groups(rng, 100)
    with pytest.warns(ConvergenceWarning, match=r"reached \(\d\) smaller than n_clusters \(9\): max_epochs"):
        model = CentNN(9, mode=mode, max_epochs=max_epochs, tol=0, random_state=0).fit(X)
    assert_centers_are_means(X, model.labels_, model.cluster_centers_)
    assert_array_equal(np.unique(model.labels_), np.arange(len(model.cluster_centers_)))


def test_rows_that_still_change_are_told(rng):
    X = groups(rng, 100, spread=2.0)
    needed = CentNN(2, mode="exact").fit(X).n_iter_
    assert needed > 1
    with pytest.warns(ConvergenceWarning, match="still changed"):
        CentNN(2, mode="exact", max_epochs=needed - 1).fit(X)
    assert CentNN(2, mode="exact", max_epochs=needed).fit(X).n_iter_ == needed


@pytest.mark.parametrize("mode", MODES)
def test_the_history_ends_with_the_result(rng, mode):
    X = groups(rng, 100).astype(np.float32)
    model = CentNN(7, mode=mode, history=True, random_state=0).fit(X)
    assert_array_equal(model.history_[-1], model.cluster_centers_)
    sizes = [len(centers) for centers in model.history_]
    assert sizes[0] == 2
    assert all(centers.dtype == np.float32 for centers in model.history_)
    if mode == "exact":
        assert len(model.history_) == model.n_iter_
        assert sizes == sorted(sizes)
    without = CentNN(7, mode=mode, random_state=0).fit(X)
    assert_array_equal(without.cluster_centers_, model.cluster_centers_)
    assert_array_equal(without.labels_, model.labels_)
    assert not hasattr(without, "history_")


@pytest.mark.parametrize("mode", MODES)
def test_one_cluster_has_the_history_of_its_only_center(rng, mode):
    X = groups(rng, 20)
    model = CentNN(1, mode=mode, history=True, random_state=0).fit(X)
    assert_allclose(model.cluster_centers_, X.mean(axis=0)[None])
    assert_array_equal(model.history_[-1], model.cluster_centers_)


@compiled_only
def test_any_number_of_threads_gives_the_same_bits(rng):
    X = groups(rng, 20_000, 24, n_groups=60, spread=1.0).astype(np.float32)
    one, two, three = (CentNN(40, random_state=3, n_threads=n).fit(X) for n in (1, 2, 3))
    for other in (two, three):
        assert_array_equal(one.labels_, other.labels_)
        assert_array_equal(one.cluster_centers_, other.cluster_centers_)
        assert one.inertia_ == other.inertia_


@compiled_only
def test_the_fast_mode_is_as_good_as_the_exact_one(rng):
    X = groups(rng, 4000, 6, n_groups=60)
    exact = CentNN(40, mode="exact").fit(X).inertia_
    fast = np.mean([CentNN(40, random_state=seed).fit(X).inertia_ for seed in range(5)])
    assert fast <= 1.02 * exact


@compiled_only
def test_few_different_rows_in_the_sample_are_not_all_there_are(rng):
    X = np.zeros((4000, 2))
    X[::97] = rng.normal(size=(42, 2))
    model = CentNN(40, random_state=0).fit(X)
    assert len(model.cluster_centers_) == 40


def test_rows_that_lie_across_the_split_are_told_apart():
    # On a line on which all coordinates add up to the same: a split along the diagonal would separate nothing.
    t = np.arange(12.0)
    X = np.column_stack([t, -t])
    for mode in MODES:
        model = CentNN(4, mode=mode, random_state=0).fit(X)
        assert len(model.cluster_centers_) == 4


@pytest.mark.parametrize("mode", MODES)
def test_one_row_and_constant_columns(mode):
    model = CentNN(1, mode=mode).fit([[3.0, 4.0]])
    assert_array_equal(model.cluster_centers_, [[3.0, 4.0]])
    X = np.column_stack([np.full(8, 7.0), [0, 0, 1, 1, 5, 5, 9, 9]])
    assert CentNN(4, mode=mode, random_state=0).fit(X).inertia_ == 0


@pytest.mark.parametrize("mode", MODES)
def test_rows_that_differ_by_rounding_alone_end(mode):
    X = np.full((6, 2), 1000.1)
    X[3:] = np.nextafter(X[3:], np.inf)
    model = CentNN(2, mode=mode, random_state=0).fit(X)
    assert_array_equal(np.bincount(model.labels_), [3, 3])


@pytest.mark.parametrize(
    "settings",
    [{"n_clusters": 0}, {"mode": "slow"}, {"epsilon": 0.0}, {"epsilon": 1.5}, {"tol": -1.0}, {"max_epochs": 0}],
)
def test_bad_settings_raise(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        CentNN(**settings).fit(np.eye(9))
    with pytest.raises(InvalidInputError, match=next(iter(settings))):
        cent_nn(np.eye(9), **{"n_clusters": 2, **settings})


@pytest.mark.parametrize("settings", [{"n_clusters": 2.5}, {"max_epochs": 1.5}])
def test_the_function_refuses_fractions(settings):
    with pytest.raises(InvalidInputError, match=f"{next(iter(settings))}=.* must be a whole number"):
        cent_nn(np.eye(9), **{"n_clusters": 2, **settings})


def test_the_function_refuses_other_arrays():
    with pytest.raises(InvalidInputError, match="int64"):
        cent_nn(np.eye(3, dtype=np.int64), 2)
