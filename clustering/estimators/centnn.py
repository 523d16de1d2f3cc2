"""The centroid neural network as a scikit-learn estimator."""

import warnings
from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions

from clustering.centnn.cent_nn import cent_nn
from clustering.estimators.base import CentersEstimator
from clustering.estimators.parameters import Count, CountOrNone, Flag, NotNegative, Seed


@dataclass(eq=False, repr=False)
class CentNN(CentersEstimator):
    """Centroid neural network (CentNN): clusters grown one split at a time, compiled with Numba.

    Every row is presented in turn and joins the cluster of the nearest centre; the winner's centre and the loser's move
    at once, so that each is the mean of its members throughout. When an epoch changes nothing, the cluster with the
    largest sum of squared distances is split, until there are k. The result depends on the data, the settings and the
    seed alone: any number of threads gives the same bits.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, k.
    mode : {"fast", "exact"}, default="fast"
        "exact" is the algorithm as published, on all rows in their order. "fast" is for many rows: it grows the network
        on a sample of 30 rows a cluster or more, splits as soon as the centres move little (see `tol`), splits some
        clusters more than asked for and dissolves those that are missed least, a few times over, and ends with epochs
        over all rows that move the centres at once (Lloyd's algorithm), until nothing changes.
    epsilon : float, default=0.1
        Distance of a new centre from the one it was split off, as a share of the distance to that cluster's farthest
        member, in whose direction it lies; above 0, at most 1.
    tol : float, default=0.1
        In the fast mode, split as soon as the squared movement of the centres in an epoch sums up to no more than this
        times the mean variance of a feature.
    max_epochs : int, default=10000
        Most epochs.
    random_state : int, RandomState or None, default=None
        Seed of the fast mode's sample; the exact mode draws nothing.
    history : bool, default=False
        Whether to keep the centres after each epoch; of the fast mode, the epochs on the sample, and the result.
    n_threads : int or None, default=None
        Threads for the fast mode's last epochs; None takes every processor that this process may use.

    Attributes
    ----------
    cluster_centers_ : array (n_reached, n_features)
        Means of the members, in the dtype of the data, float32 or float64. As many as n_clusters, or fewer with a
        warning.
    labels_ : array (n_samples,), int32
        No cluster is empty. A row that is equally near to two centres can have another label than `predict` gives it.
    inertia_ : float
        Sum of the squared distances of the rows to their centres.
    n_iter_ : int
        Number of epochs.
    history_ : list of array (n_clusters so far, n_features), only with history=True
        Centres by epoch; the last entry equals `cluster_centers_`.
    n_features_in_ : int
    feature_names_in_ : array (n_features,), only where the data had names

    References
    ----------
    D.-C. Park, "Centroid neural network for unsupervised competitive learning", IEEE Transactions on Neural Networks
    11(2), 2000.
    B. Fritzke, "Breathing k-means: superior k-means solutions through dynamic k-values", arXiv 2006.15666, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from clustering import CentNN
    >>> X = np.array([[0.0, 0.0], [0.0, 1.0], [9.0, 0.0], [9.0, 1.0]])
    >>> CentNN(n_clusters=2, mode="exact").fit(X).inertia_
    1.0
    """

    n_clusters: Count = 8
    _: KW_ONLY
    mode: Annotated[str, StrOptions({"fast", "exact"})] = "fast"
    epsilon: Annotated[float, Interval(Real, 0, 1, closed="right")] = 0.1
    tol: NotNegative = 0.1
    max_epochs: Count = 10_000
    random_state: Seed = None
    history: Flag = False
    n_threads: CountOrNone = None

    def fit(self, X: ArrayLike, y: None = None) -> "CentNN":
        """Cluster the rows of X.

        Parameters
        ----------
        X : array (n_samples, n_features)
            float32 and float64 are used as they are, anything else as float64.
        y : ignored

        Returns
        -------
        CentNN
            The estimator itself.

        Raises
        ------
        ValueError
            Where X is empty, not finite or not two-dimensional, has fewer rows than clusters, or its numbers
            are too large for sums of squares in its dtype.
        TypeError
            Where X is sparse.

        Warns
        -----
        ConvergenceWarning
            Where fewer clusters than asked for were reached, or `max_epochs` ended the search.
        """
        self._validate_params()
        data = self._check_data(X)
        found = cent_nn(
            data,
            self.n_clusters,
            mode=self.mode,
            epsilon=self.epsilon,
            tol=self.tol,
            max_epochs=self.max_epochs,
            history=self.history,
            random_state=check_random_state(self.random_state),
            n_threads=self.n_threads,
        )
        self._keep(found, np.ones(len(data), data.dtype))
        if self.history:
            self.history_ = found.history
        if found.shortfall:
            warnings.warn(found.shortfall, ConvergenceWarning, stacklevel=2)
        return self

    def _warn_of_few(self, n_found: int) -> None:
        """Leave it to `fit`, which knows the reason."""
