import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clustering import ClusteringError, representatives
from tests import reference


@given(st.integers(0, 2**16), st.integers(1, 30), st.integers(1, 5), st.integers(1, 4))
def test_it_ranks_as_the_definition_does(seed, n_samples, k, n):
    rng = np.random.default_rng(seed)
    # Whole numbers: equal distances are common, and exact.
    X = rng.integers(0, 4, size=(n_samples, 2)).astype(np.float32)
    labels, centers = rng.integers(k, size=n_samples), rng.integers(0, 4, size=(k, 2))
    rows, distances = representatives(X, labels, centers, n)
    expected = reference.representatives(X, labels, centers, n)
    assert [[row for row in ranked if row >= 0] for ranked in rows.tolist()] == expected
    assert np.array_equal(np.isnan(distances), rows < 0)
    for cluster, row in zip(*np.nonzero(rows >= 0), strict=True):
        member = rows[cluster, row]
        assert distances[cluster, row] == np.sqrt(((X[member] - centers[cluster]) ** 2).sum())


@pytest.mark.parametrize(
    ("X", "labels", "centers", "n", "message"),
    [
        (np.zeros((3, 2)), [0, 0, 0], np.zeros((1, 3)), 1, "same n_features"),
        (np.zeros((3, 2)), [0, 0], np.zeros((1, 2)), 1, "one label for each"),
        (np.zeros((3, 2)), [0, 0, 1], np.zeros((1, 2)), 1, "labels 0 to 1"),
        (np.zeros((3, 2)), [0, -1, 0], np.zeros((1, 2)), 1, "labels -1 to 0"),
        (np.zeros((3, 2)), [0.0, 0.5, 0.0], np.zeros((1, 2)), 1, "integers"),
        (np.zeros((3, 2)), [0, 0, 0], np.zeros((1, 2)), 0, "n=0"),
        (np.zeros((3, 2)), [0, 0, 0], np.zeros((1, 2)), 1.5, "n=1.5"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(X, labels, centers, n, message):
    with pytest.raises(ClusteringError, match=message):
        representatives(X, labels, centers, n)
