"""k-means from data to clusters: centre the data, seed, run Lloyd's algorithm."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clustering.errors import InvalidInputError
from clustering.kernels.lloyd import FEW_FEATURES
from clustering.kernels.rows import column_sums, merge_equal_rows, subtract_mean
from clustering.lloyd import Partition, lloyd
from clustering.seeding import choose_start
from clustering.workers import Workers

CENTER_ROWS = 1024
# Merging pays where it leaves fewer rows than this share.
MERGED_SHARE = 0.8


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
    with Workers(n_threads) as workers:
        # Centred data keep the digits that the products of float32 would lose far from the origin.
        mean, centered, variance = _center(X, workers)
        rows, weights, group = _merge(centered)
        found = lloyd(
            rows,
            weights,
            _start(rows, weights, mean, n_clusters, init, rng, workers),
            max_iter,
            tol * variance,
            workers,
        )
    return replace(found, labels=found.labels[group], distances=found.distances[group], centers=found.centers + mean)


def _center(X: NDArray, workers: Workers) -> tuple[NDArray, NDArray, float]:
    """Mean of the rows, the rows without it, and the mean variance of a column."""
    n_chunks = -(-len(X) // CENTER_ROWS)
    sums = np.empty((n_chunks, X.shape[1]))
    squares = np.empty(n_chunks)
    centered = np.empty_like(X)
    workers.run(lambda first, last: column_sums(X, first, last, sums[first // CENTER_ROWS]), len(X), CENTER_ROWS)
    mean = (sums.sum(axis=0) / len(X)).astype(X.dtype)

    def subtract(first: int, last: int) -> None:
        squares[first // CENTER_ROWS] = subtract_mean(X, mean, first, last, centered)

    workers.run(subtract, len(X), CENTER_ROWS)
    return mean, centered, float(squares.sum() / X.size)


def _merge(X: NDArray) -> tuple[NDArray, NDArray, NDArray[np.int64] | slice]:
    """Different rows, how often each comes, and the number among them of each row of X.

    Only few columns make equal rows likely (the colours of an image); elsewhere X itself is given back.
    """
    n_samples = len(X)
    if X.shape[1] <= FEW_FEATURES:
        table = np.full(2 << n_samples.bit_length(), -1, np.int64)
        group, first_rows = np.empty(n_samples, np.int64), np.empty(n_samples, np.int64)
        n_different = merge_equal_rows(X.view(f"u{X.itemsize}"), table, group, first_rows)
        if n_different < MERGED_SHARE * n_samples:
            counts = np.bincount(group, minlength=n_different)
            return X[first_rows[:n_different]], counts.astype(X.dtype), group
    return X, np.ones(n_samples, X.dtype), slice(None)


def _start(
    X: NDArray,
    weights: NDArray,
    mean: NDArray,
    n_clusters: int,
    init: str | ArrayLike,
    rng: np.random.RandomState,
    workers: Workers,
) -> NDArray:
    """Centres to start from, relative to the mean."""
    if not isinstance(init, str):
        start = np.asarray(init, X.dtype) - mean
        if start.shape != (n_clusters, X.shape[1]):
            raise InvalidInputError(
                f"The shape of the initial centers {start.shape} does not match "
                f"(n_clusters, n_features) = {(n_clusters, X.shape[1])}."
            )
        return start
    if init == "random":
        return X[np.resize(rng.permutation(len(X)), n_clusters)]
    if init == "k-means++":
        return X[choose_start(X, weights, n_clusters, rng, workers)]
    raise InvalidInputError(f"init={init!r} must be 'k-means++', 'random' or an array of centres")
