import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import MiniBatchKMeans as ScikitLearnMiniBatchKMeans
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from threadpoolctl import threadpool_limits

from clustering import MiniBatchKMeans
from clustering.minibatch.running_means import RunningMeans
from clustering.workers import Workers
from tests import reference
from tests.conftest import compiled_only


def corners(rng, n_samples, n_features=4, side=10.0, dtype=np.float64):
    """Rows around the corners of a cube, two thirds of a unit wide, and the corner of each."""
    corner = rng.integers(2, size=(n_samples, 3))
    X = 0.2 * rng.normal(size=(n_samples, n_features))
    X[:, :3] += side * corner
    return X.astype(dtype), corner @ [1, 2, 4]


def same_partition(labels, others):
    return len({*zip(labels, others, strict=True)}) == len(set(labels)) == len(set(others))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_chunks_of_well_separated_groups_find_them(rng, dtype, offset):
    X, groups = corners(rng, 900, dtype=dtype)
    X += dtype(offset)
    model = MiniBatchKMeans(8, random_state=0)
    for chunk in np.array_split(X, 9):
        model.partial_fit(chunk)
    assert model.n_steps_ == 9
    assert model.cluster_centers_.dtype == dtype
    assert same_partition(model.predict(X), groups)
    means = np.array([X[model.predict(X) == c].mean(axis=0, dtype=np.float64) for c in range(8)])
    assert_allclose(model.cluster_centers_, means, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_center_is_the_weighted_mean_of_what_it_has_won(rng, dtype):
    batches = [(rng.normal(size=(n, 5)).astype(dtype), rng.uniform(0.1, 3, n)) for n in (60, 1, 40, 7)]
    start = batches[0][0][:6]
    model = MiniBatchKMeans(6, init=start, reassignment_ratio=0)
    for X, weights in batches:
        model.partial_fit(X, sample_weight=weights)
    assert_allclose(model.cluster_centers_, reference.sculley(batches, start), rtol=1e-4, atol=1e-5)


def test_a_stream_may_drift_far_away_in_float32(rng):
    batches = [(rng.normal(size=(50, 3)) + place, np.ones(50)) for place in (0, 1e2, 1e4, 1e5)]
    start = batches[0][0][:4] * [[1], [1e2], [1e4], [1e5]]
    model = MiniBatchKMeans(4, init=start, reassignment_ratio=0)
    for X, _ in batches:
        model.partial_fit(X.astype(np.float32))
    assert_allclose(model.cluster_centers_, reference.sculley(batches, start), rtol=1e-5, atol=1e-3)


def test_labels_and_inertia_are_those_of_the_batch_and_its_new_centers(rng):
    X, _ = corners(rng, 80)
    weights = rng.uniform(0, 2, 80)
    model = MiniBatchKMeans(5, random_state=0).partial_fit(X[:40]).partial_fit(X, sample_weight=weights)
    labels, distances = reference.assign(X, model.cluster_centers_)
    assert_array_equal(model.labels_, labels)
    assert_allclose(model.inertia_, weights @ distances)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_batch_of_all_rows_is_plain_lloyd(rng, dtype):
    X = rng.normal(size=(150, 20)).astype(dtype)
    labels, centers = reference.lloyd(X, X[:6])
    model = MiniBatchKMeans(6, init=X[:6], batch_size=150, max_no_improvement=None, reassignment_ratio=0).fit(X)
    assert_array_equal(model.labels_, labels)
    assert_allclose(model.cluster_centers_, centers, rtol=1e-4, atol=1e-5)
    assert model.n_steps_ == model.n_iter_


def test_a_run_to_the_end_leaves_each_center_at_the_mean_of_its_members(rng):
    X, weights = rng.normal(size=(200, 2)), rng.uniform(0.1, 2, 200)
    model = MiniBatchKMeans(5, batch_size=30, max_no_improvement=None, max_iter=300, random_state=0)
    model.fit(X, sample_weight=weights)
    assert 1 < model.n_iter_ < 300
    labels, distances = reference.assign(X, model.cluster_centers_)
    assert_array_equal(model.labels_, labels)
    assert_allclose(model.inertia_, weights @ distances)
    means = [np.average(X[labels == c], axis=0, weights=weights[labels == c]) for c in range(5)]
    assert_allclose(model.cluster_centers_, means, atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_a_partition_keeps_its_promises(data):
    n_samples = data.draw(st.integers(1, 30))
    k = data.draw(st.integers(1, n_samples))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**16)))
    # Few values, so that equal rows are common.
    X = rng.integers(0, data.draw(st.integers(1, 6)), size=(n_samples, data.draw(st.integers(1, 3)))).astype(np.float32)
    batch_size = data.draw(st.integers(1, n_samples))
    init = data.draw(st.sampled_from(["k-means++", "random"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = MiniBatchKMeans(k, init=init, batch_size=batch_size, max_iter=5, random_state=0).fit(X)
    assert len(np.unique(model.labels_)) == min(k, len(np.unique(X, axis=0)))
    _, nearest = reference.assign(X, model.cluster_centers_)
    own = ((X - model.cluster_centers_[model.labels_]) ** 2).sum(axis=1)
    assert_allclose(own, nearest, rtol=1e-4, atol=1e-5)
    assert_allclose(model.inertia_, own.sum(), rtol=1e-4, atol=1e-4)


def test_a_seed_decides_the_result(rng):
    X = rng.normal(size=(300, 3))
    for learn in (lambda model: model.fit(X), lambda model: model.partial_fit(X[:200]).partial_fit(X[200:])):
        first, again, other = (learn(MiniBatchKMeans(12, batch_size=64, random_state=seed)) for seed in (1, 1, 2))
        assert_array_equal(first.cluster_centers_, again.cluster_centers_)
        assert not np.array_equal(first.cluster_centers_, other.cluster_centers_)


@compiled_only
@pytest.mark.parametrize("n_features", [3, 600])
def test_any_number_of_threads_gives_the_same_bits(rng, n_features):
    X = rng.normal(size=(3000, n_features)).astype(np.float32)

    def fit(n_threads):
        settings = {"n_clusters": 40, "random_state": 3, "reassignment_ratio": 0.6, "tol": 1e-9, "n_threads": n_threads}
        yield MiniBatchKMeans(batch_size=1000, max_iter=3, **settings).fit(X)
        yield MiniBatchKMeans(**settings).partial_fit(X[:2000]).partial_fit(X[2000:])

    for one, two, three in zip(fit(1), fit(2), fit(3), strict=True):
        for other in (two, three):
            assert_array_equal(one.labels_, other.labels_)
            assert_array_equal(one.cluster_centers_, other.cluster_centers_)
            assert one.inertia_ == other.inertia_


@compiled_only
@pytest.mark.parametrize(("spread", "share"), [(0.3, 1.05), (1.0, 1.0)])
def test_it_is_as_good_as_scikit_learn(rng, spread, share):
    centers = rng.uniform(-3, 3, (30, 8))
    X = centers[rng.integers(30, size=6000)] + spread * rng.normal(size=(6000, 8))
    ours = np.mean([MiniBatchKMeans(30, random_state=seed).fit(X).inertia_ for seed in range(10)])
    # Several OpenMP threads would wait for each other in loops that use up the processors of the other tests.
    with threadpool_limits(1):
        theirs = np.mean([ScikitLearnMiniBatchKMeans(30, random_state=seed).fit(X).inertia_ for seed in range(10)])
    assert ours <= share * theirs


def test_a_weight_counts_as_often_as_it_says(rng):
    X, times = rng.normal(size=(60, 3)), rng.integers(0, 4, 60)
    settings = {"n_clusters": 4, "init": X[:4], "batch_size": 500, "max_no_improvement": None}
    weighted = MiniBatchKMeans(**settings).fit(X, sample_weight=times)
    repeated = MiniBatchKMeans(**settings).fit(np.repeat(X, times, axis=0))
    assert_allclose(weighted.cluster_centers_, repeated.cluster_centers_)
    assert_allclose(weighted.inertia_, repeated.inertia_)
    weighted = MiniBatchKMeans(**settings).partial_fit(X, sample_weight=times)
    repeated = MiniBatchKMeans(**settings).partial_fit(np.repeat(X, times, axis=0))
    assert_allclose(weighted.cluster_centers_, repeated.cluster_centers_)


def test_rows_of_weight_0_move_no_center(rng):
    X, _ = corners(rng, 120)
    X[100:] += 1000
    weights = np.r_[np.ones(100), np.zeros(20)]
    fitted = MiniBatchKMeans(8, random_state=0).fit(X, sample_weight=weights)
    streamed = MiniBatchKMeans(8, random_state=0).partial_fit(X, sample_weight=weights)
    for model in (fitted, streamed):
        assert model.cluster_centers_.max() < 20
        assert len(model.labels_) == 120
    with pytest.raises(ValueError, match="n_samples=100"):
        MiniBatchKMeans(101).fit(X, sample_weight=weights)
    with pytest.raises(ValueError, match="n_samples=100"):
        MiniBatchKMeans(101).partial_fit(X, sample_weight=weights)


def test_a_starved_center_moves_to_where_it_is_needed(rng):
    X, groups = corners(rng, 400)
    far_off = np.full((1, 4), 1e3)
    start = np.concatenate([[X[groups == g][0] for g in range(7)], far_off])
    stream, stuck = (MiniBatchKMeans(8, init=start, reassignment_ratio=ratio) for ratio in (0.01, 0))
    for chunk in np.array_split(X, 4):
        stream.partial_fit(chunk)
        stuck.partial_fit(chunk)
    assert_allclose(stuck.cluster_centers_[7], far_off[0])
    assert same_partition(stream.predict(X), groups)


def test_a_center_that_wins_little_moves_to_where_it_is_needed(rng):
    X, groups = corners(rng, 400)
    starts = [X[groups == g][0] for g in range(7)]
    # It wins a few rows of the group of the first one.
    away = np.square(X[groups == 0] - starts[0]).sum(axis=1)
    start = np.stack([*starts, X[groups == 0][away.argmax()]])
    model, stuck = (MiniBatchKMeans(8, init=start, reassignment_ratio=ratio) for ratio in (0.5, 0))
    for chunk in np.array_split(X, 4):
        model.partial_fit(chunk)
        stuck.partial_fit(chunk)
    assert stuck.predict(X[groups == 0]).max() == 7
    assert same_partition(model.predict(X), groups)


def test_a_small_cluster_that_pays_keeps_its_center(rng):
    X, groups = corners(rng, 600)
    X = X[(groups != 7) | (np.cumsum(groups == 7) <= 3)]
    start = np.array([[10.0 * (group >> bit & 1) for bit in range(3)] + [0.0] for group in range(8)])
    model = MiniBatchKMeans(8, init=start, reassignment_ratio=0.5)
    for chunk in np.array_split(X, 4):
        model.partial_fit(chunk)
    assert np.abs(model.cluster_centers_[7] - start[7]).max() < 1


def test_rows_leave_the_center_that_was_moved_onto_one_of_them():
    X = np.array([[0.0], [1.0], [10.0], [11.0], [50.0]])
    running = RunningMeans(np.array([[0.0], [20.0]]), np.zeros(1))
    with Workers(1) as workers:
        labels, inertia = running.learn(X, np.ones(5), np.full(5, -1, np.int32), workers)
        assert inertia == 0 + 1 + 100 + 81 + 900
        assert_array_equal(labels, [0, 0, 0, 1, 1])
        running.place(X, np.ones(5), labels, np.array([1]), np.array([2]), workers)
    assert_allclose(running.centers, [[0.5], [10.0]])
    assert_array_equal(running.sizes, [2, 1])
    assert_allclose(running.totals, [2, 1])


def test_more_starts_are_no_worse(rng):
    X = rng.normal(size=(90, 2))
    one, many = ([MiniBatchKMeans(9, n_init=n, random_state=s).fit(X).inertia_ for s in range(4)] for n in (1, 4))
    assert np.mean(many) <= np.mean(one)


def test_a_stream_goes_on_after_fit_and_after_a_pickle(rng):
    X, _ = corners(rng, 400)
    model = MiniBatchKMeans(8, random_state=0).fit(X[:200])
    steps = model.n_steps_
    again = pickle.loads(pickle.dumps(model))
    for learner in (model, again):
        learner.partial_fit(X[200:])
    assert model.n_steps_ == steps + 1
    assert_array_equal(model.cluster_centers_, again.cluster_centers_)
    assert_allclose(model.cluster_centers_, [X[model.predict(X) == c].mean(axis=0) for c in range(8)])


def test_tolerance_ends_a_run(rng):
    X = rng.normal(size=(300, 3))
    settings = {"n_clusters": 10, "batch_size": 50, "max_no_improvement": None, "random_state": 0}
    steps = [MiniBatchKMeans(tol=tol, **settings).fit(X).n_steps_ for tol in (1e9, 1e-2, 0.0)]
    assert steps[0] == 1
    assert steps[0] < steps[1] < steps[2]


def test_patience_ends_a_run(rng):
    X = rng.normal(size=(300, 3))
    settings = {"n_clusters": 10, "batch_size": 30, "random_state": 0, "max_iter": 20}
    assert MiniBatchKMeans(max_no_improvement=0, **settings).fit(X).n_steps_ == 2
    assert MiniBatchKMeans(max_no_improvement=5, **settings).fit(X).n_steps_ < 200


def test_fewer_different_rows_than_clusters_are_told():
    X = np.repeat(np.eye(3), 5, axis=0)
    with pytest.warns(ConvergenceWarning, match=r"distinct clusters \(3\) found smaller than n_clusters \(7\)"):
        model = MiniBatchKMeans(7, random_state=0, max_iter=20).fit(X)
    assert model.inertia_ == 0


def test_a_bad_batch_leaves_what_was_learnt(rng):
    X = rng.normal(size=(30, 3))
    model = MiniBatchKMeans(3, random_state=0).partial_fit(X)
    before = model.cluster_centers_.copy()
    for bad, message in ((X[:, :2], "2 features"), (np.full((4, 3), np.nan), "NaN"), (np.zeros((0, 3)), "0 sample")):
        with pytest.raises(ValueError, match=message):
            model.partial_fit(bad)
    with pytest.raises(ValueError, match="zero"):
        model.partial_fit(X, sample_weight=np.zeros(30))
    assert_array_equal(model.cluster_centers_, before)
    assert model.partial_fit(X[:1]).n_steps_ == 2


def test_nothing_is_predicted_before_the_first_batch():
    with pytest.raises(NotFittedError):
        MiniBatchKMeans(2).predict(np.eye(3))


@pytest.mark.parametrize(
    "settings",
    [
        {"n_clusters": 0},
        {"n_init": 0},
        {"max_iter": 0},
        {"batch_size": 0},
        {"tol": -1.0},
        {"max_no_improvement": -1},
        {"reassignment_ratio": -0.1},
        {"init": "best"},
        {"n_threads": 0},
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_bad_settings_raise(method, settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        getattr(MiniBatchKMeans(**settings), method)(np.eye(9))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("shape", [(3, 2), (2, 3)])
def test_centers_of_another_shape_are_refused(method, shape):
    with pytest.raises(ValueError, match="initial centers"):
        getattr(MiniBatchKMeans(2, init=np.zeros(shape)), method)(np.zeros((5, 2)))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_any_layout_of_the_data_gives_the_same_result(rng, method, tmp_path):
    X, _ = corners(rng, 150)
    expected = getattr(MiniBatchKMeans(6, random_state=0), method)(X).cluster_centers_
    read_only = X.copy()
    read_only.flags.writeable = False
    np.save(tmp_path / "rows.npy", X)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    for same in (np.asfortranarray(X), read_only, mapped, X.tolist(), np.repeat(X, 2, axis=1)[:, ::2]):
        assert_array_equal(getattr(MiniBatchKMeans(6, random_state=0), method)(same).cluster_centers_, expected)
