import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn import metrics

from clustering import InvalidInputError, clustering_accuracy, evaluate, majority_accuracy, majority_map
from tests import reference


@st.composite
def labelings(draw):
    """Classes and clusters of some rows; at most five of each, named at random."""
    n_samples = draw(st.integers(1, 25))
    names = st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=5, unique=True)
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    return tuple(rng.choice(draw(names), size=n_samples) for _ in range(2))


@given(labelings())
def test_the_best_matching_is_that_of_all_matchings(labels):
    true, pred = labels
    assert clustering_accuracy(true, pred) == pytest.approx(reference.clustering_accuracy(true, pred))


@given(labelings())
def test_the_majority_is_what_counting_finds(labels):
    true, pred = labels
    majority = {cluster: reference.majority(true[pred == cluster]) for cluster in pred.tolist()}
    assert majority_accuracy(true, pred) == pytest.approx(
        np.mean([majority[c] == t for c, t in zip(pred, true, strict=True)])
    )
    _, cluster = np.unique(pred, return_inverse=True)
    expected = [majority[name] for name in np.unique(pred).tolist()]
    assert_array_equal(majority_map(true, cluster), expected)
    free = 2**41
    assert_array_equal(majority_map(true, cluster, len(expected) + 2, missing=free), [*expected, free, free])


@given(labelings(), st.integers(0, 2**16))
def test_names_and_order_do_not_matter(labels, seed):
    true, pred = labels
    rng = np.random.default_rng(seed)

    def renamed(names):
        _, number = np.unique(names, return_inverse=True)
        return rng.permutation(number.max() + 1)[number] * 3 - 7

    order = rng.permutation(len(true))
    before, after = evaluate(true, pred), evaluate(renamed(true)[order], renamed(pred)[order])
    assert dataclasses.astuple(after) == pytest.approx(dataclasses.astuple(before))


@given(labelings())
def test_the_other_figures_are_those_of_scikit_learn(labels):
    true, pred = (np.unique(names, return_inverse=True)[1] for names in labels)
    figures = evaluate(*labels)
    assert figures.homogeneity == pytest.approx(metrics.homogeneity_score(true, pred))
    assert figures.normalized_mutual_info == pytest.approx(metrics.normalized_mutual_info_score(true, pred))
    assert figures.adjusted_rand == pytest.approx(metrics.adjusted_rand_score(true, pred))
    assert (figures.n_classes, figures.n_clusters) == (len(set(true)), len(set(pred)))
    assert figures.clustering_accuracy == clustering_accuracy(*labels)
    assert figures.majority_accuracy == majority_accuracy(*labels)
    assert 0 < figures.clustering_accuracy <= figures.majority_accuracy <= 1


def test_perfect_clusters_have_full_marks(rng):
    true = rng.integers(7, size=200)
    assert dataclasses.astuple(evaluate(true, 50 - true)) == pytest.approx((7, 7, 1, 1, 1, 1, 1))


def test_more_clusters_than_classes_and_fewer():
    true = [0, 0, 0, 1, 1, 1]
    assert clustering_accuracy(true, [0, 0, 5, 1, 1, 6]) == pytest.approx(4 / 6)
    assert majority_accuracy(true, [0, 0, 5, 1, 1, 6]) == 1
    assert clustering_accuracy(true, [0] * 6) == majority_accuracy(true, [0] * 6) == 0.5
    assert clustering_accuracy(range(50), range(50)) == 1


def test_rows_held_out_are_scored_by_the_map():
    found = majority_map([3, 3, 8, 8, 8], [0, 0, 0, 2, 2], 4)
    assert_array_equal(found, [3, -1, 8, -1])
    assert found.dtype == np.int64
    assert np.mean(found[[0, 2, 1]] == [3, 8, 3]) == pytest.approx(2 / 3)


def test_of_equally_frequent_classes_the_smallest_wins():
    assert_array_equal(majority_map([5, -2, 9, 9, 5, -2], [0, 0, 1, 1, 1, 1]), [-2, 9])
    assert majority_map([5, -2, 7], [0, 0, 0]) == [-2]


def test_a_class_of_the_number_for_none_is_refused():
    assert_array_equal(majority_map([-1, 4], [0, 1]), [-1, 4])
    with pytest.raises(InvalidInputError, match="missing=-1"):
        majority_map([-1, 4], [0, 2])
    assert_array_equal(majority_map([-1, 4], [0, 2], missing=-9), [-1, -9, 4])


@pytest.mark.parametrize("function", [clustering_accuracy, majority_accuracy, majority_map, evaluate])
@pytest.mark.parametrize(
    ("true", "pred", "message"),
    [
        ([], [], "shape"),
        ([1, 2], [1], "2 rows"),
        ([[1, 2]], [[1, 2]], "1-D"),
        ([[1], [1, 2]], [1, 2], "labels_true"),
        ([0, 1], [0.0, 1.0], "labels_pred must be whole numbers"),
        (["a"], [0], "labels_true must be whole numbers"),
        (np.array([2**63], np.uint64), [0], "64 bits"),
        (3, 3, "1-D"),
    ],
)
def test_labels_that_do_not_fit_are_refused(function, true, pred, message):
    with pytest.raises(InvalidInputError, match=message):
        function(true, pred)


@pytest.mark.parametrize(("pred", "n_clusters"), [([-1, 0], None), ([0, 3], 3)])
def test_clusters_outside_their_range_are_refused(pred, n_clusters):
    with pytest.raises(InvalidInputError, match="must lie in 0 to"):
        majority_map([0, 1], pred, n_clusters)
