"""`keyframes.choose`: rows of features of one's own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import keyframes
from keyframes.choice.rows import MOST_PAIRED

ALGORITHMS = ("kmedoids", "kmeans", "minibatch", "centnn")


def greedy_medoids(X, k, known=()):
    """The naive twin: each time the row that lowers the sum of distances most."""
    distances = np.linalg.norm(X[:, None] - X[None], axis=2)
    closest = distances[list(known)].min(axis=0) if len(known) else np.full(len(X), 2 * distances.max() + 1)
    chosen = []
    for _ in range(k):
        sums = [np.minimum(closest, row).sum() for row in distances]
        chosen.append(int(np.argmin(sums)))
        closest = np.minimum(closest, distances[chosen[-1]])
    return sorted(chosen)


@pytest.mark.parametrize("known", [(), (3, 50)])
def test_kmedoids_are_those_of_the_naive_twin(rng, known):
    X = rng.normal(size=(80, 3))
    # Both see all rows that are left, and the twin's known rows add nothing.
    assert keyframes.choose(X, 7, unlike=known).tolist() == greedy_medoids(X, 7, known)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_group_gives_a_row(rng, algorithm):
    places = np.arange(6) * 100.0
    X = (places[rng.integers(6, size=300)] + rng.normal(size=300))[:, None]
    rows = keyframes.choose(X, 6, algorithm=algorithm)
    assert sorted(np.round(X[rows, 0] / 100)) == list(range(6))
    assert rows.dtype == np.int64
    assert (rows == keyframes.choose(X, 6, algorithm=algorithm, threads=1)).all()


@pytest.mark.parametrize("algorithm", ["kmedoids", "kmeans"])
def test_new_rows_cover_what_the_known_ones_do_not(rng, algorithm):
    X = np.repeat(np.arange(4) * 100.0, 25)[:, None] + rng.normal(size=(100, 1))
    rows = keyframes.choose(X, 2, algorithm=algorithm, unlike=[3, 30])
    assert sorted(np.round(X[rows, 0] / 100)) == [2, 3]


def test_rows_that_an_even_sample_misses_are_chosen_if_there_are_no_others():
    X = np.zeros((4 * MOST_PAIRED + 1, 2))
    X[[7, 4001]] = [[1, 0], [0, 3]]
    assert {7, 4001} < set(keyframes.choose(X, 3).tolist())
    assert keyframes.choose(X, 2, unlike=[0]).tolist() == [7, 4001]
    assert len(keyframes.choose(X, 9)) == 3


@given(
    arrays(np.float32, st.tuples(st.integers(1, 30), st.integers(1, 3)), elements=st.integers(-2, 2).map(float)),
    st.integers(1, 12),
    st.sets(st.integers(0, 29)),
    st.sampled_from(ALGORITHMS[:2]),
)
def test_chosen_rows_differ_from_each_other_and_from_the_known(X, k, known, algorithm):
    known = [number for number in known if number < len(X)]
    rows = keyframes.choose(X, k, algorithm=algorithm, unlike=known)
    different = {tuple(row) for row in X + 0} - {tuple(row) for row in X[known] + 0}
    chosen = {tuple(row) for row in X[rows] + 0}
    assert chosen <= different
    assert len(chosen) == len(rows) == min(k, len(different))
    assert (np.diff(rows) > 0).all()


def test_many_rows_are_sampled_evenly(rng):
    X = rng.normal(size=(2 * MOST_PAIRED - 1, 2))
    rows = keyframes.choose(X, 5)
    assert len(rows) == 5
    assert (rows % 2 == 0).all()


@pytest.mark.parametrize(
    ("features", "k", "more", "told"),
    [
        ([[0.0], [1.0]], 0, {}, "`k` is 0"),
        ([[0.0], [np.nan]], 1, {}, "NaN"),
        ([0.0, 1.0], 1, {}, "shape"),
        ([["a"]], 1, {}, "numbers"),
        ([[0.0], [1.0]], 1, {"unlike": [2]}, "0 to 1"),
        ([[0.0], [1.0]], 1, {"unlike": [0.5]}, "0 to 1"),
        ([[0.0], [1.0]], 1, {"algorithm": "dec"}, "choose one of"),
        ([[0.0], [1.0]], 1, {"algorithm": "centnn", "unlike": [0]}, "cannot use `unlike`"),
    ],
)
def test_what_does_not_fit_is_reported(features, k, more, told):
    with pytest.raises(keyframes.SettingsError, match=told):
        keyframes.choose(features, k, **more)
