"""What scikit-learn asks of every estimator."""

import numpy as np
import pytest
import scipy.sparse
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist
from sklearn.utils.estimator_checks import parametrize_with_checks

from clustering import CentNN, KMeans, MiniBatchKMeans

# What scikit-learn expects of its own KMeans: a weight of 2 draws other random numbers than two rows.
EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": "the seeding draws other random numbers",
    "check_sample_weight_equivalence_on_sparse_data": "the seeding draws other random numbers",
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [CentNN(), KMeans(), MiniBatchKMeans()], expected_failed_checks=lambda estimator: EXPECTED_FAILURES
)
def test_scikit_learn_accepts_the_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("estimator", [CentNN, KMeans, MiniBatchKMeans])
def test_predict_score_and_transform_agree_with_fit(estimator, dtype, rng):
    centers = rng.uniform(-3, 3, (6, 5))
    X = (centers[rng.integers(6, size=300)] + 0.3 * rng.normal(size=(300, 5))).astype(dtype)
    model = estimator(6, random_state=0).fit(X)
    assert_array_equal(model.predict(X), model.labels_)
    assert_allclose(model.score(X), -model.inertia_, rtol=1e-5 if dtype == np.float32 else 1e-9)
    assert_array_equal(model.transform(X).argmin(axis=1), model.labels_)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float32, 1e-4), (np.float64, 1e-8)])
@pytest.mark.parametrize("estimator", [CentNN, KMeans, MiniBatchKMeans])
def test_distances_are_those_of_scipy_whatever_the_number_of_threads(estimator, dtype, tolerance, rng):
    """Far from the origin, too."""
    X = (1000 + rng.normal(size=(700, 9))).astype(dtype)
    model = estimator(20, random_state=0, n_threads=1).fit(X)
    distances = model.transform(X)
    assert_allclose(distances, cdist(X, model.cluster_centers_), rtol=tolerance)
    assert_array_equal(model.set_params(n_threads=3).transform(X), distances)


LEARNING = [CentNN(2).fit, KMeans(2).fit, MiniBatchKMeans(2).fit, MiniBatchKMeans(2).partial_fit]


@pytest.mark.parametrize("learn", LEARNING, ids=lambda learn: learn.__qualname__)
@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((0, 3)), "0 sample"),
        (np.full((5, 2), np.nan), "NaN"),
        (np.full((5, 2), np.inf), "infinity"),
        (np.zeros(5), "Expected 2D array"),
        (np.zeros((1, 2)), "n_samples=1 should be >= n_clusters=2"),
        ([["a"], ["b"]], "could not convert string"),
    ],
)
def test_bad_data_raise_as_in_scikit_learn(learn, X, message):
    with pytest.raises(ValueError, match=message):
        learn(X)


@pytest.mark.parametrize("learn", LEARNING, ids=lambda learn: learn.__qualname__)
def test_sparse_data_are_refused(learn):
    with pytest.raises(TypeError, match="Sparse data"):
        learn(scipy.sparse.eye(5).tocsr())
