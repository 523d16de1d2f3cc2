"""k-means as a scikit-learn estimator."""

import warnings
from dataclasses import KW_ONLY, dataclass
from typing import Annotated

from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions

from clustering.estimators.base import CentersEstimator
from clustering.estimators.parameters import Count, CountOrNone, NotNegative, Seed
from clustering.kmeans.k_means import INITS, k_means


@dataclass(eq=False, repr=False)
class KMeans(CentersEstimator):
    """k-means clustering: exchanged seeds and Lloyd's algorithm, compiled with Numba.

    The result depends on the data, the settings and the seed alone: any number of threads gives the same bits.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, k.
    init : {"exchange", "k-means++", "plain-k-means++", "random"} or array (n_clusters, n_features), default="exchange"
        How to start. "exchange": seeds drawn in batches, of which the least useful are drawn again in a few rounds, on
        a sample of the rows (after Fritzke 2020). "k-means++": greedy (Arthur and Vassilvitskii 2007), the best of a
        few draws becomes a seed; "plain-k-means++": each draw does. "random": k different rows. Or these centres.
    n_init : int, default=1
        How many starts to try; the result of lowest inertia is kept.
    fixed_centers : array (n_fixed, n_features) or None, default=None
        Centres that take part in the seeding and the assignment and never move. They come after the others: their
        labels are n_clusters and up, and they may stay without members.
    max_iter : int, default=300
        Most moves of the centres.
    tol : float, default=1e-4
        Stop when the squared movement of the centres, summed up, is at most `tol` times the mean variance of a feature.
    random_state : int, RandomState or None, default=None
        Seed of the start.
    n_threads : int or None, default=None
        Threads to use; None takes every processor that this process may use.

    Attributes
    ----------
    cluster_centers_ : array (n_clusters + n_fixed, n_features)
        In the dtype of the data, float32 or float64.
    labels_ : array (n_samples,), int32
    inertia_ : float
        Sum of the squared distances of the rows to their centres, each times the row's weight.
    n_iter_ : int
        Number of times that the centres were moved.
    n_features_in_ : int
    feature_names_in_ : array (n_features,), only where the data had names

    References
    ----------
    D. Arthur and S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    B. Fritzke, "Breathing k-means: superior k-means solutions through dynamic k-values", arXiv 2006.15666, 2020.
    S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28(2), 1982.

    Examples
    --------
    >>> import numpy as np
    >>> from clustering import KMeans
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0]])
    >>> KMeans(n_clusters=2, random_state=0).fit(X).inertia_
    1.0
    """

    n_clusters: Count = 8
    _: KW_ONLY
    init: Annotated[str | ArrayLike, StrOptions(set(INITS)), "array-like"] = "exchange"
    n_init: Count = 1
    fixed_centers: Annotated[ArrayLike | None, "array-like", None] = None
    max_iter: Count = 300
    tol: NotNegative = 1e-4
    random_state: Seed = None
    n_threads: CountOrNone = None

    def fit(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> "KMeans":
        """Cluster the rows of X.

        Parameters
        ----------
        X : array (n_samples, n_features)
            float32 and float64 are used as they are, anything else as float64.
        y : ignored
        sample_weight : array (n_samples,) or None, default=None
            How much each row counts, not negative; rows of weight 0 only get a label. None: all the same.

        Returns
        -------
        KMeans
            The estimator itself.

        Raises
        ------
        ValueError
            Where X is empty, not finite or not two-dimensional, has fewer rows than clusters, or its numbers
            are too large for sums of squares in its dtype; where the weights or the given centres do not fit it.
        TypeError
            Where X is sparse.

        Warns
        -----
        ConvergenceWarning
            Where fewer clusters than asked for were found, or `max_iter` ended the search.
        """
        self._validate_params()
        data = self._check_data(X)
        weights = self._check_weights(sample_weight, data)
        found = k_means(
            data,
            self.n_clusters,
            sample_weight=weights,
            init=self._check_centers(self.init, data),
            n_init=self.n_init,
            fixed_centers=self._check_centers(self.fixed_centers, data),
            max_iter=self.max_iter,
            tol=self.tol,
            random_state=check_random_state(self.random_state),
            n_threads=self.n_threads,
        )
        self._keep(found, weights)
        if not found.converged:
            warnings.warn(
                f"The centres still moved after max_iter={self.max_iter} iterations. "
                "Raise max_iter or tol to let them settle.",
                ConvergenceWarning,
                stacklevel=2,
            )
        return self
