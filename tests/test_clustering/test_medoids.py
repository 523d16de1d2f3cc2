"""k-medoids against a naive twin, and what it promises."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.spatial.distance import cdist

from clustering import InvalidInputError, k_medoids
from tests import reference


@pytest.fixture(params=["squares", "any"])
def distances(request, rng):
    if request.param == "squares":
        X = rng.integers(0, 40, (70, 2))
        return np.rint(cdist(X, X, "sqeuclidean"))
    matrix = rng.integers(1, 1000, (60, 60)).astype(float)
    np.fill_diagonal(matrix, 0)
    return matrix + matrix.T


@pytest.mark.parametrize("k", [1, 3, 12, 40])
def test_it_is_the_naive_twin(distances, k, rng):
    weights = rng.integers(1, 9, len(distances))
    for weight, covered in ((None, None), (weights, None), (weights, distances[:2].min(axis=0))):
        medoids, labels = k_medoids(distances, k, sample_weight=weight, covered=covered)
        expected = reference.k_medoids(distances, k, weight, covered)
        assert_array_equal(medoids, expected)
        assert_array_equal(labels, distances[medoids].argmin(axis=0))


def test_only_some_rows_may_be_chosen(distances):
    candidates = np.arange(5, 40, 3)
    medoids, labels = k_medoids(distances[candidates], 6)
    assert_array_equal(medoids, reference.k_medoids(distances[candidates], 6))
    assert_array_equal(labels, distances[candidates[medoids]].argmin(axis=0))


def test_a_second_choice_goes_on_from_the_first(distances):
    together, _ = k_medoids(distances, 20)
    for k in (1, 7, 19):
        first, _ = k_medoids(distances, k)
        more, _ = k_medoids(distances, 20 - k, covered=distances[first].min(axis=0))
        assert_array_equal(np.concatenate([first, more]), together)


def test_rows_without_distance_between_them_are_chosen_once():
    X = np.repeat([[0.0], [3.0], [10.0]], (50, 20, 1), axis=0)
    medoids, labels = k_medoids(cdist(X, X), 9)
    assert sorted(X[medoids, 0].tolist()) == [0, 3, 10]
    assert_array_equal(X[medoids][labels], X)
    nothing, labels = k_medoids(np.zeros((4, 4)), 2, covered=np.zeros(4))
    assert len(nothing) == 0
    assert_array_equal(labels, np.zeros(4))


@pytest.mark.parametrize(
    ("matrix", "options"),
    [
        (np.zeros(3), {}),
        (np.zeros((0, 0)), {}),
        (np.array([[0, np.nan], [1, 0]]), {}),
        (np.array([[0, -1], [1, 0]]), {}),
        (np.array([[0, 1e39], [1, 0]]), {}),
        (np.array([[0, 1e20], [1, 0]]), {"sample_weight": [1, 1e20]}),
        (np.zeros((2, 2)), {"sample_weight": [1]}),
        (np.zeros((2, 2)), {"covered": [1, -1]}),
        (np.zeros((2, 2)), {"sample_weight": [1, 1e300]}),
        (np.zeros((2, 2)), {"n_clusters": 0}),
        (np.zeros((2, 2)), {"n_clusters": 1.5}),
    ],
)
def test_what_does_not_fit_is_refused(matrix, options):
    with pytest.raises(InvalidInputError):
        k_medoids(matrix, **{"n_clusters": 1, **options})
