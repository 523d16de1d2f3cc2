"""What scikit-learn asks of every estimator."""

import pytest
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
