"""Mini-batch k-means as a scikit-learn estimator."""

from dataclasses import KW_ONLY, dataclass
from numbers import Integral
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import validate_data

from clustering.estimators.base import CentersEstimator
from clustering.estimators.parameters import Count, CountOrNone, NotNegative, Seed
from clustering.minibatch.mini_batch_k_means import learn_batch, mini_batch_k_means, start_stream
from clustering.workers import Workers


@dataclass(eq=False, repr=False)
class MiniBatchKMeans(CentersEstimator):
    """k-means clustering in small batches, for data that do not fit in memory or take too long as a whole.

    `partial_fit` learns from one batch after another: each centre is the weighted mean of all rows that it has won.
    `fit` makes the batches itself, and takes a row out of its old centre when it comes by again; that, and seeds that
    are settled on a sample, brings it nearer to full k-means than scikit-learn's class of the same name.

    The result depends on the data, the settings and the seed alone: any number of threads gives the same bits.

    Parameters
    ----------
    n_clusters : int, default=8
        Number of clusters, k.
    init : {"k-means++", "random"} or array (n_clusters, n_features), default="k-means++"
        How to start: greedy k-means++ (Arthur and Vassilvitskii 2007), k different rows at random, or these centres.
        The first two are settled by a few moves of Lloyd's algorithm on a sample.
    n_init : int, default=1
        How many starts to try; the run goes on from the one of lowest inertia on a sample.
    max_iter : int, default=100
        Most passes over the data in `fit`.
    batch_size : int, default=1024
        Rows a batch in `fit`, about: each pass is cut into batches of equal size.
    tol : float, default=0.0
        Stop `fit` when the squared movement of the centres in one step, summed up, is at most `tol` times the mean
        variance of a feature. With 0 the movement does not count.
    max_no_improvement : int or None, default=10
        Stop `fit` after so many steps in a row in which the smoothed inertia of the batches did not fall. None: never.
    reassignment_ratio : float, default=0.01
        A centre that won less than this share of what the most successful one won is moved to where it lowers the
        inertia, if there is such a place in the batch. It forgets what it has won. With 0 no centre is moved so.
    random_state : int, RandomState or None, default=None
        Seed of the start and of the batches.
    n_threads : int or None, default=None
        Threads to use; None takes every processor that this process may use.

    Attributes
    ----------
    cluster_centers_ : array (n_clusters, n_features)
        In the dtype of the (first) data, float32 or float64.
    labels_ : array (n_samples,), int32
        Of the data given last.
    inertia_ : float
        Sum of the squared distances of the rows given last to their centres, each times the row's weight.
    n_iter_ : int, only after `fit`
        Number of passes over the data, the last of which may not have been finished.
    n_steps_ : int
        Number of batches learnt from.
    n_features_in_ : int
    feature_names_in_ : array (n_features,), only where the data had names

    References
    ----------
    D. Sculley, "Web-scale k-means clustering", WWW 2010.
    J. Newling and F. Fleuret, "Nested mini-batch k-means", NIPS 2016.

    Examples
    --------
    >>> import numpy as np
    >>> from clustering import MiniBatchKMeans
    >>> model = MiniBatchKMeans(n_clusters=2, random_state=0)
    >>> for chunk in ([[0.0], [9.0]], [[1.0], [9.0]], [[2.0], [12.0]]):
    ...     model = model.partial_fit(np.array(chunk))
    >>> sorted(model.cluster_centers_.ravel().tolist())
    [1.0, 10.0]
    """

    n_clusters: Count = 8
    _: KW_ONLY
    init: Annotated[str | ArrayLike, StrOptions({"k-means++", "random"}), "array-like"] = "k-means++"
    n_init: Count = 1
    max_iter: Count = 100
    batch_size: Count = 1024
    tol: NotNegative = 0.0
    max_no_improvement: Annotated[int | None, Interval(Integral, 0, None, closed="left"), None] = 10
    reassignment_ratio: NotNegative = 0.01
    random_state: Seed = None
    n_threads: CountOrNone = None

    def fit(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> "MiniBatchKMeans":
        """Cluster the rows of X, which are read in batches and copied no more than a part at a time.

        Parameters
        ----------
        X : array (n_samples, n_features)
            float32 and float64 in C order are used as they are, a `numpy.memmap` too; anything else is copied.
        y, sample_weight
            As of `KMeans.fit`.

        Returns
        -------
        MiniBatchKMeans
            The estimator itself. `partial_fit` goes on from here.

        Raises
        ------
        ValueError, TypeError
            As of `KMeans.fit`.

        Warns
        -----
        ConvergenceWarning
            Where fewer clusters than asked for were found.
        """
        self._validate_params()
        data = self._check_data(X)
        weights = self._check_weights(sample_weight, data)
        self._random_state = check_random_state(self.random_state)
        found, self._running = mini_batch_k_means(
            data,
            weights,
            self.n_clusters,
            init=self._check_centers(self.init, data),
            n_init=self.n_init,
            max_iter=self.max_iter,
            batch_size=self.batch_size,
            tol=self.tol,
            max_no_improvement=self.max_no_improvement,
            reassignment_ratio=self.reassignment_ratio,
            rng=self._random_state,
            n_threads=self.n_threads,
        )
        self.n_steps_ = self._running.n_steps
        self._keep(found, weights)
        return self

    def partial_fit(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> "MiniBatchKMeans":
        """Learn from one batch.

        Parameters
        ----------
        X : array (n_samples, n_features)
            The first batch needs a row for each cluster; as the centres start on it, it had better hold many more.
            Later batches are taken in the dtype of the first.
        y, sample_weight
            As of `KMeans.fit`.

        Returns
        -------
        MiniBatchKMeans
            The estimator itself; `labels_` and `inertia_` are those of this batch.

        Raises
        ------
        ValueError, TypeError
            As of `KMeans.fit`, and where a later batch has another number of features.
        """
        self._validate_params()
        first = not hasattr(self, "cluster_centers_")
        if first:
            data = self._check_data(X)
        else:
            data = validate_data(self, X, dtype=self.cluster_centers_.dtype, order="C", reset=False)
        weights = self._check_weights(sample_weight, data)
        with Workers(self.n_threads) as workers:
            if first:
                self._random_state = check_random_state(self.random_state)
                init = self._check_centers(self.init, data)
                self._running = start_stream(
                    data, weights, self.n_clusters, init, self.n_init, self._random_state, workers
                )
            running = self._running
            self.labels_, distances = learn_batch(
                running, data, weights, self.reassignment_ratio, self._random_state, workers
            )
        self.cluster_centers_ = running.centers
        self.inertia_ = float(np.sum(distances * weights, dtype=np.float64))
        self.n_steps_ = running.n_steps
        self._n_features_out = len(self.cluster_centers_)
        return self
