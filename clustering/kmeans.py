"""k-means from data to clusters: centre the data, seed, run Lloyd's algorithm."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clustering.errors import InvalidInputError
from clustering.lloyd import Partition, lloyd
from clustering.seeding import kmeans_plusplus
from clustering.workers import Workers


def k_means(
    X: NDArray,
    n_clusters: int,
    *,
    init: str | ArrayLike = "k-means++",
    max_iter: int = 300,
    tol: float = 1e-4,
    random_state: int | np.random.RandomState = 0,
    n_threads: int | None = None,
) -> Partition:
    """Cluster the rows of X: what `KMeans` does, for arrays that are known to be good, without loading scikit-learn.

    Parameters
    ----------
    X : array (n_samples, n_features), float32 or float64, finite
    n_clusters : int
        At most n_samples.
    init : {"k-means++", "random"} or array (n_clusters, n_features), default="k-means++"
    max_iter : int, default=300
        Most moves of the centres.
    tol : float, default=1e-4
        Stop when the squared movement of the centres, summed up, is at most `tol` times the mean variance of a feature.
    random_state : int or RandomState, default=0
        Seed of the start.
    n_threads : int or None, default=None
        Threads to use, which changes no bit of the result; None takes every processor that this process may use.

    Returns
    -------
    Partition
        Where X has at least k different rows, no cluster is empty.

    Raises
    ------
    InvalidInputError
        Where X is not two-dimensional or not of a float type, or the numbers do not fit it.

    Examples
    --------
    >>> import numpy as np
    >>> found = k_means(np.array([[0.0], [1.0], [9.0]]), 2)
    >>> sorted(found.centers.ravel().tolist())
    [0.5, 9.0]
    """
    X = np.ascontiguousarray(X)
    if X.ndim != 2 or X.dtype not in (np.float32, np.float64) or X.shape[1] < 1:
        raise InvalidInputError(f"X must be 2-D, float32 or float64, with a column or more; got {X.dtype} {X.shape}")
    if not 1 <= n_clusters <= len(X):
        raise InvalidInputError(f"n_clusters={n_clusters} must lie in 1 to n_samples={len(X)}")
    rng = random_state if isinstance(random_state, np.random.RandomState) else np.random.RandomState(random_state)
    # Centred data keep the digits that the products of float32 would lose far from the origin.
    mean = X.mean(axis=0, dtype=np.float64).astype(X.dtype)
    centered = X - mean
    stop = tol * float(centered.var(axis=0, dtype=np.float64).mean())
    with Workers(n_threads) as workers:
        if not isinstance(init, str):
            start = np.asarray(init, X.dtype) - mean
            if start.shape != (n_clusters, X.shape[1]):
                raise InvalidInputError(
                    f"The shape of the initial centers {start.shape} does not match "
                    f"(n_clusters, n_features) = {(n_clusters, X.shape[1])}."
                )
        elif init == "random":
            start = centered[rng.permutation(len(X))[:n_clusters]]
        elif init == "k-means++":
            start = centered[kmeans_plusplus(centered, n_clusters, rng, workers)]
        else:
            raise InvalidInputError(f"init={init!r} must be 'k-means++', 'random' or an array of centres")
        found = lloyd(centered, start, max_iter, stop, workers)
    return replace(found, centers=found.centers + mean)
