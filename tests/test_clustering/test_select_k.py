import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.datasets import make_blobs
from sklearn.metrics import silhouette_score

from clustering import InvalidInputError, KMeans, k_selection, select_k
from clustering.k_selection import FEWEST_ROWS, kneedle
from tests.conftest import compiled_only, slow_but_for

METHODS = ("elbow", "silhouette")


def groups(rng, n_samples, n_features, n_groups):
    """Rows around points that all lie equally far from one another, so that each one tells as much as any other."""
    centers = 15 * np.eye(n_groups, n_features)
    which = np.resize(np.arange(n_groups), n_samples)
    return centers[which] + 0.3 * rng.normal(size=(n_samples, n_features))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_groups", [2, 3, 5, 7])
def test_separate_groups_are_counted(rng, method, n_groups):
    found = select_k(groups(rng, 210, 12, n_groups), k_max=12, method=method)
    assert found.k == n_groups
    assert found.clear
    assert found.method == method


@compiled_only
@pytest.mark.parametrize(
    ("n_groups", "n_features", "dtype"),
    slow_but_for([(40, 50, np.float32)], [(20, 20, np.float32), (40, 50, np.float32), (40, 50, np.float64)]),
)
def test_many_separate_groups_are_counted(rng, n_groups, n_features, dtype):
    X = groups(rng, 1500, n_features, n_groups).astype(dtype)
    assert select_k(X, k_max=50, method="silhouette").k == n_groups
    assert select_k(X).k == n_groups


@compiled_only
@pytest.mark.parametrize("seed", slow_but_for([0], range(4)))
@pytest.mark.parametrize("n_groups", [3, 6, 9])
def test_groups_at_unequal_distances_are_counted(n_groups, seed):
    X, _ = make_blobs(600, 8, centers=n_groups, random_state=seed, cluster_std=0.7)
    assert select_k(X).k == n_groups
    assert select_k(X, k_max=30, method="silhouette").k == n_groups


@compiled_only
@pytest.mark.parametrize("seed", range(4))
def test_no_group_keeps_two_centers_while_others_share_one(seed):
    X, which = make_blobs(1500, 16, centers=30, random_state=seed)
    found = select_k(X, k_max=40)
    within = sum(np.square(X[which == group] - X[which == group].mean(axis=0)).sum() for group in range(30))
    assert_allclose(found.inertias[found.ks == 30], within)


def test_the_curve_is_that_of_k_means(rng):
    X = groups(rng, 120, 12, 5)
    found = select_k(X, k_max=7)
    assert_array_equal(found.ks, np.arange(1, 8))
    for k, inertia in zip(found.ks, found.inertias, strict=True):
        assert_allclose(inertia, KMeans(int(k), n_init=3, random_state=0).fit(X).inertia_, rtol=0.15)
    assert_allclose(found.inertias[0], np.square(X - X.mean(axis=0)).sum())
    assert (found.n_rows, found.silhouettes) == (120, None)


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_a_curve_keeps_its_promises(data):
    n_samples = data.draw(st.integers(1, 30))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    # Few values, so that equal rows are common.
    X = rng.integers(0, data.draw(st.integers(1, 5)), size=(n_samples, data.draw(st.integers(1, 3))))
    k_min = data.draw(st.integers(1, 6))
    k_max = data.draw(st.integers(k_min, 8))
    method = data.draw(st.sampled_from(METHODS))
    found = select_k(X, k_min=k_min, k_max=k_max, method=method)
    n_different = len(np.unique(X, axis=0))
    assert min(k_min, n_different) <= found.k <= min(k_max, n_different)
    assert found.k in found.ks
    assert np.all(np.diff(found.ks) > 0)
    assert np.all(np.diff(found.inertias) <= 0)
    assert np.all(found.inertias >= 0)
    assert found.inertias[-1] == 0 or found.ks[-1] < n_different
    if method == "silhouette":
        assert np.all(np.isnan(found.silhouettes) == (found.ks == 1))
        assert found.k == 1 or found.silhouettes[found.ks == found.k][0] == np.nanmax(found.silhouettes)


@pytest.mark.parametrize("method", METHODS)
def test_rows_that_are_all_alike_are_one_cluster(method):
    for X in (np.full((40, 3), 7.5), np.zeros((1, 2)), np.array([[0.0], [-0.0]])):
        found = select_k(X, method=method)
        assert (found.k, found.clear) == (1, False)
        assert_array_equal(found.ks, [1])
        assert_array_equal(found.inertias, [0.0])


@pytest.mark.parametrize("method", METHODS)
def test_few_different_rows_end_the_range(method):
    X = np.repeat(np.eye(4), 6, axis=0)
    found = select_k(X, k_max=50, method=method)
    assert (found.k, found.ks[-1], found.clear) == (4, 4, True)
    assert select_k(X, k_min=10, k_max=50, method=method).k == 4


def test_a_bend_at_the_lower_end_shows(rng):
    X = groups(rng, 60, 12, 4)
    assert select_k(X, k_min=4, k_max=10).k == 4
    assert_array_equal(select_k(X, k_min=4, k_max=10).ks, np.arange(3, 11))
    assert select_k(X, k_min=2, k_max=10, method="silhouette").k == 4


@pytest.mark.parametrize("method", METHODS)
def test_a_range_of_one_number_tells_nothing(method, rng):
    found = select_k(groups(rng, 60, 12, 4), k_min=4, k_max=4, method=method)
    assert (found.k, found.clear) == (4, False)


def test_a_straight_curve_has_no_bend():
    # Corners that are all equally far apart: each new cluster gains the same.
    found = select_k(np.eye(12), k_max=9)
    assert (found.k, found.clear) == (9, False)


def test_whole_numbers_and_small_floats_are_taken_as_they_are(rng):
    X = rng.integers(0, 200, size=(60, 5)).astype(np.uint8)
    expected = select_k(X.astype(np.float32), k_max=6)
    for dtype in (np.uint8, np.int16, np.float16):
        assert_array_equal(select_k(X.astype(dtype), k_max=6).inertias, expected.inertias)
    assert_allclose(select_k(X.tolist(), k_max=6).inertias, expected.inertias, rtol=1e-5)


@pytest.mark.parametrize("factor", [1e-30, 1e30])
def test_the_unit_of_the_data_does_not_matter(rng, factor):
    X = groups(rng, 90, 3, 3).astype(np.float32)
    found = select_k(X * np.float32(factor), k_max=8)
    assert found.k == 3
    assert_allclose(found.inertias / factor**2, select_k(X, k_max=8).inertias, rtol=1e-4)


def test_many_features_are_projected(rng):
    X = np.zeros((120, 700), np.float32)
    X[:, :12] = groups(rng, 120, 12, 5)
    X += 0.01 * rng.normal(size=X.shape).astype(np.float32)
    assert select_k(X, k_max=9).k == 5


def test_equal_rows_count_as_often_as_they_come(rng):
    X = groups(rng, 12, 12, 3)
    repeated = np.concatenate([np.repeat(X[:2], 40, axis=0), X[2:]])
    found = select_k(repeated, k_min=3, k_max=3, method="silhouette")
    model = KMeans(3, random_state=0).fit(repeated)
    assert_allclose(found.silhouettes, silhouette_score(repeated, model.labels_))
    assert_allclose(found.inertias, model.inertia_)


@pytest.mark.parametrize("k", [2, 5, 11])
def test_the_silhouette_is_that_of_scikit_learn(rng, k):
    X = rng.normal(size=(60, 3))
    labels = rng.integers(k, size=60).astype(np.int32)
    # A row alone in its cluster, one that is there twice, and a cluster without members.
    labels[0] = k + 1
    X[2], labels[2] = X[1], labels[1]
    group = np.arange(60)
    group[2] = 1
    ours = k_selection._Silhouette(X, group, np.random.RandomState(0))(labels)
    assert_allclose(ours, silhouette_score(X, labels))


def test_a_seed_decides_the_result(rng):
    X = rng.normal(size=(200, 3))
    first, again, other = (select_k(X, k_max=8, random_state=seed) for seed in (1, 1, 2))
    assert_array_equal(first.inertias, again.inertias)
    assert not np.array_equal(first.inertias, other.inertias)


@pytest.mark.slow
@compiled_only
@pytest.mark.parametrize("n_features", [24, 200])
@pytest.mark.parametrize("method", METHODS)
def test_any_number_of_threads_gives_the_same_bits(rng, method, n_features):
    X = rng.normal(size=(FEWEST_ROWS + 2000, n_features)).astype(np.float32)
    one, two, three = (select_k(X, k_max=15, method=method, random_state=3, n_threads=n) for n in (1, 2, 3))
    for other in (two, three):
        for field in dataclasses.fields(one):
            assert_array_equal(getattr(one, field.name), getattr(other, field.name))


@compiled_only
def test_a_sample_stands_for_many_rows(rng):
    X = groups(rng, 60_000, 12, 9).astype(np.float32)
    found = select_k(X, k_max=30)
    assert (found.k, found.n_rows) == (9, FEWEST_ROWS)
    assert_allclose(found.inertias[0], np.square(X - X.mean(axis=0)).sum(dtype=np.float64), rtol=0.05)
    assert select_k(X, k_max=30, method="silhouette").k == 9


def test_steps_grow_by_one_then_by_a_tenth():
    ks = k_selection._steps(1, 300)
    assert_array_equal(ks[:100], np.arange(1, 101))
    assert ks[-1] == 300
    assert np.all(ks[101:] / ks[100:-1] < 1.11)
    assert_array_equal(k_selection._steps(250, 260), [250, 260])
    assert_array_equal(k_selection._steps(7, 7), [7])


@pytest.mark.parametrize("last", [25, 100, 400])
def test_the_bend_of_one_over_x_is_at_the_root_of_its_end(last):
    x = np.arange(1.0, last + 1)
    assert x[kneedle(x, 1 / x)] == np.sqrt(last)
    # Where the points lie does not matter, and neither does the scale.
    few = np.unique(np.append(x[::3], np.sqrt(last)))
    assert few[kneedle(few, 7 - 1e9 * (1 - 1 / few))] == np.sqrt(last)


def test_the_bend_of_the_papers_example():
    # Figure 2 of Satopää et al., upside down: it bends at 0.22.
    x = np.linspace(0, 1, 10)
    assert round(x[kneedle(x, 1 / (x + 0.1) - 5)], 2) == 0.22


@pytest.mark.parametrize("y", [[3, 2, 1, 0], [1, 1, 1, 1], [0, 0, 0, -9], [2, 1], [1]])
def test_what_does_not_bend_has_no_bend(y):
    assert kneedle(np.arange(len(y)), np.array(y, float)) is None


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (np.zeros(5), {}, "2-D"),
        (np.zeros((0, 3)), {}, r"\(0, 3\)"),
        (np.zeros((3, 0)), {}, r"\(3, 0\)"),
        ([[1.0], [2.0, 3.0]], {}, "2-D"),
        ([["a"], ["b"]], {}, "real numbers"),
        (np.zeros((3, 2), complex), {}, "real numbers"),
        ([[np.nan]], {}, "NaN"),
        ([[0.0], [np.inf]], {}, "infinity"),
        ([[-1.7e308], [1.7e308], [1.7e308]], {}, "scale"),
        (np.eye(4), {"k_min": 0}, "k_min=0"),
        (np.eye(4), {"k_min": 5, "k_max": 4}, "k_max=4"),
        (np.eye(4), {"k_max": 2.5}, "k_max=2.5"),
        (np.eye(4), {"k_min": "2"}, "k_min='2'"),
        (np.eye(4), {"method": "gap"}, "'gap'"),
    ],
)
def test_bad_input_is_refused(X, options, message):
    with pytest.raises(InvalidInputError, match=message):
        select_k(X, **options)


def test_the_data_stay_as_they_are(rng):
    X = rng.normal(size=(50, 3))
    before = X.copy()
    X.flags.writeable = False
    select_k(X, k_max=5)
    assert_array_equal(X, before)
    assert_array_equal(select_k(np.asfortranarray(X), k_max=5).inertias, select_k(X, k_max=5).inertias)
