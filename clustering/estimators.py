"""The clustering algorithms as scikit-learn estimators."""

import warnings
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from clustering.kmeans import k_means
from clustering.lloyd import nearest_centers
from clustering.workers import Workers

DTYPES = [np.float64, np.float32]


class KMeans(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, BaseEstimator):
    """k-means clustering: greedy k-means++ seeding and Lloyd's algorithm, compiled with Numba.

    The result depends on the data, the settings and the seed alone: any number of threads gives the same bits.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, k.
    init : {"k-means++", "random"} or array (n_clusters, n_features), default="k-means++"
        How to start: greedy k-means++ (Arthur and Vassilvitskii 2007), k different rows at random, or these centres.
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
    cluster_centers_ : array (n_clusters, n_features)
        In the dtype of the data, float32 or float64.
    labels_ : array (n_samples,), int32
    inertia_ : float
        Sum of the squared distances of the rows to their centres.
    n_iter_ : int
        Number of times that the centres were moved.
    n_features_in_ : int
    feature_names_in_ : array (n_features,), only where the data had names

    References
    ----------
    D. Arthur and S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.
    S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28(2), 1982.

    Examples
    --------
    >>> import numpy as np
    >>> from clustering import KMeans
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0]])
    >>> KMeans(n_clusters=2, random_state=0).fit(X).inertia_
    1.0
    """

    _parameter_constraints: dict[str, list[Any]] = {  # noqa: RUF012 - scikit-learn reads it from the class
        "n_clusters": [Interval(Integral, 1, None, closed="left")],
        "init": [StrOptions({"k-means++", "random"}), "array-like"],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "random_state": ["random_state"],
        "n_threads": [Interval(Integral, 1, None, closed="left"), None],
    }

    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: str | ArrayLike = "k-means++",
        max_iter: int = 300,
        tol: float = 1e-4,
        random_state: int | np.random.RandomState | None = None,
        n_threads: int | None = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.init = init
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state
        self.n_threads = n_threads

    def fit(self, X: ArrayLike, y: None = None) -> "KMeans":
        """Cluster the rows of X.

        Parameters
        ----------
        X : array (n_samples, n_features)
            float32 and float64 are used as they are, anything else as float64.
        y : ignored

        Returns
        -------
        KMeans
            The estimator itself.

        Raises
        ------
        ValueError
            Where X is empty, not finite or not two-dimensional, or has fewer rows than clusters.

        Warns
        -----
        ConvergenceWarning
            Where fewer clusters than asked for were found, or `max_iter` ended the search.
        """
        self._validate_params()
        data: NDArray = validate_data(self, X, dtype=DTYPES, order="C")
        if len(data) < self.n_clusters:
            raise ValueError(f"n_samples={len(data)} should be >= n_clusters={self.n_clusters}.")
        found = k_means(
            data,
            self.n_clusters,
            init=self.init if isinstance(self.init, str) else check_array(self.init, dtype=data.dtype),
            max_iter=self.max_iter,
            tol=self.tol,
            random_state=check_random_state(self.random_state),
            n_threads=self.n_threads,
        )
        self.cluster_centers_ = found.centers
        self.labels_ = found.labels
        self.inertia_ = float(found.distances.sum(dtype=np.float64))
        self.n_iter_ = found.n_iter
        self._n_features_out = self.n_clusters
        self._warn(len(np.unique(found.labels)), found.converged)
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:
        """Return the label of the centre nearest to each row of X (n_samples, n_features)."""
        return self._nearest(X)[0]

    def transform(self, X: ArrayLike) -> NDArray:
        """Return the distance of each row of X to each centre, (n_samples, n_clusters)."""
        check_is_fitted(self)
        data = validate_data(self, X, dtype=DTYPES, order="C", reset=False)
        distances = np.empty((len(data), len(self.cluster_centers_)), data.dtype)
        for column, center in enumerate(self.cluster_centers_):
            distances[:, column] = np.sqrt(np.square(data - center.astype(data.dtype)).sum(axis=1))
        return distances

    def score(self, X: ArrayLike, y: None = None) -> float:
        """Return minus the sum of the squared distances of the rows of X to their nearest centres."""
        return -float(self._nearest(X)[1].sum(dtype=np.float64))

    def _nearest(self, X: ArrayLike) -> tuple[NDArray[np.int32], NDArray]:
        check_is_fitted(self)
        data: NDArray = validate_data(self, X, dtype=DTYPES, order="C", reset=False)
        mean = self.cluster_centers_.mean(axis=0)
        with Workers(self.n_threads) as workers:
            return nearest_centers(data - mean.astype(data.dtype), self.cluster_centers_ - mean, workers)

    def _warn(self, n_found: int, converged: bool) -> None:
        if n_found < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({n_found}) found smaller than n_clusters ({self.n_clusters}). "
                "Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=3,
            )
        elif not converged:
            warnings.warn(
                f"The centres still moved after max_iter={self.max_iter} iterations. "
                "Raise max_iter or tol to let them settle.",
                ConvergenceWarning,
                stacklevel=3,
            )
