"""k-means from data to clusters: centre the data, seed, run Lloyd's algorithm."""

from dataclasses import replace

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray

from clustering.array_type import Array
from clustering.errors import InvalidInputError
from clustering.kernels.rows import subtract_mean
from clustering.kmeans.equal_rows import group_equal_rows
from clustering.kmeans.exchange import exchanged_start
from clustering.kmeans.lloyd import MEAN_ROWS, Partition, check_spread, lloyd, mean_row, nearest_centers
from clustering.kmeans.sampling import as_random_state
from clustering.kmeans.seeding import choose_start
from clustering.whole_numbers import whole_number
from clustering.workers import Workers

INITS = ("exchange", "k-means++", "plain-k-means++", "random")
# Up to so many columns, equal rows are looked for.
MERGED_FEATURES = 12
# Merging pays where it leaves fewer rows than this share.
MERGED_SHARE = 0.8


def k_means(
    X: Array,
    n_clusters: int,
    *,
    sample_weight: ArrayLike | None = None,
    init: str | ArrayLike = "exchange",
    n_init: int = 1,
    fixed_centers: ArrayLike | None = None,
    max_iter: int = 300,
    tol: float = 1e-4,
    random_state: int | RandomState = 0,
    n_threads: int | None = None,
) -> Partition:
    """Cluster the rows of X: what `KMeans` does, for arrays that are known to be good, without loading scikit-learn.

    Parameters
    ----------
    X : array (n_samples, n_features), float32 or float64, finite
    n_clusters : int
        At most n_samples.
    sample_weight : array (n_samples,) or None, default=None
        How much each row counts, not negative and not all 0; rows of weight 0 only get a label. None: all the same.
    init, n_init, fixed_centers, max_iter, tol, random_state, n_threads
        As of `KMeans`, but `random_state` is an int or a RandomState.

    Returns
    -------
    Partition
        Where X has at least k different rows of weight (different from the fixed centres), no cluster is empty.

    Raises
    ------
    InvalidInputError
        Where X is not two-dimensional, not of a float type or not finite, or its numbers are too large for
        sums of squares; or the other arguments do not fit it.

    Examples
    --------
    >>> import numpy as np
    >>> found = k_means(np.array([[0.0], [1.0], [9.0]]), 2)
    >>> sorted(found.centers.ravel().tolist())
    [0.5, 9.0]
    """
    X = check_rows(X)
    weights = _check_weights(sample_weight, X)
    weighty = np.flatnonzero(weights)
    check_number(n_clusters, weighty)
    whole_number("n_init", n_init)
    whole_number("max_iter", max_iter, 0)
    fixed = check_centers("fixed", [] if fixed_centers is None else fixed_centers, None, X)
    given = init if isinstance(init, str) else check_centers("initial", init, n_clusters, X)
    rng = as_random_state(random_state)
    with Workers(n_threads) as workers:
        # Centred data keep the digits that the products of float32 would lose far from the origin.
        mean, centered, variance = _center(X, workers)
        fixed, given = fixed - mean, given if isinstance(given, str) else given - mean
        rows, row_weights, group = _merge(centered if len(weighty) == len(X) else centered[weighty], weights[weighty])

        def attempt() -> Partition:
            start = np.concatenate([_start(rows, row_weights, n_clusters, given, fixed, rng, workers), fixed])
            return lloyd(rows, row_weights, start, max_iter, tol * variance, workers, n_fixed=len(fixed))

        found = min((attempt() for _ in range(n_init)), key=lambda tried: float(row_weights @ tried.squared_distances))
        if len(weighty) == len(X):
            labels, squared = found.labels[group], found.squared_distances[group]
        else:
            labels, squared = nearest_centers(centered, found.centers, workers)
    return replace(found, labels=labels, squared_distances=squared, centers=found.centers + mean)


def check_rows(X: Array) -> Array:
    """Return rows in C order, if they are two-dimensional and of a float type."""
    X = np.ascontiguousarray(X)
    if X.ndim != 2 or X.dtype not in (np.float32, np.float64) or X.shape[1] < 1:
        raise InvalidInputError(f"X must be 2-D, float32 or float64, with a column or more; got {X.dtype} {X.shape}")
    return X


def check_number(n_clusters: int, weighty: NDArray[np.int64]) -> None:
    """Refuse a number of clusters that the rows of positive weight, `weighty`, are too few for."""
    if not 1 <= whole_number("n_clusters", n_clusters) <= len(weighty):
        raise InvalidInputError(
            f"n_clusters={n_clusters} must lie in 1 to n_samples={len(weighty)}, the rows of positive weight"
        )


def _check_weights(sample_weight: ArrayLike | None, X: Array) -> Array:
    if sample_weight is None:
        return np.ones(len(X), X.dtype)
    weights = np.asarray(sample_weight, X.dtype)
    if weights.shape != (len(X),) or not np.all(np.isfinite(weights)) or (weights < 0).any():
        raise InvalidInputError(f"sample_weight must hold a finite number, 0 or more, for each of the {len(X)} rows")
    # Only their shares count. A power of two changes no digit; near 1, products with rows neither overflow nor vanish.
    return np.asarray(np.ldexp(weights, 1 - np.frexp(weights.max(initial=0))[1]))


def check_centers(kind: str, centers: ArrayLike, n_centers: int | None, X: Array) -> Array:
    """Return given centres in the dtype of X, if they fit it; any number of them where `n_centers` is None."""
    array = np.asarray(centers, X.dtype)
    if array.size == 0 and n_centers is None:
        return np.empty((0, X.shape[1]), X.dtype)
    if array.ndim != 2 or array.shape[1] != X.shape[1] or n_centers not in (None, len(array)):
        rows = "n_fixed" if n_centers is None else n_centers
        raise InvalidInputError(
            f"The shape of the {kind} centers {array.shape} does not match "
            f"(n_centers, n_features) = ({rows}, {X.shape[1]})."
        )
    return array


def _center(X: Array, workers: Workers) -> tuple[Array, Array, float]:
    """Mean of the rows, the rows without it, and the mean variance of a column."""
    mean, centered = mean_row(X, workers), np.empty_like(X)
    squares = np.empty(-(-len(X) // MEAN_ROWS))

    def subtract(first: int, last: int) -> None:
        squares[first // MEAN_ROWS] = subtract_mean(X, mean, first, last, centered)

    workers.run(subtract, len(X), MEAN_ROWS)
    check_spread(centered, squares.sum())
    return mean, centered, float(squares.sum() / X.size)


def _merge(X: Array, weights: Array) -> tuple[Array, Array, NDArray[np.int64] | slice]:
    """Different rows, the sum of the weights of each, and the number among them of each row of X.

    Only few columns make equal rows likely (the colours of an image); elsewhere X itself is given back.
    """
    if X.shape[1] <= MERGED_FEATURES:
        first_rows, group = group_equal_rows(X)
        if len(first_rows) < MERGED_SHARE * len(X):
            return X[first_rows], np.bincount(group, weights).astype(X.dtype), group
    return X, weights, slice(None)


def _start(
    X: Array, weights: Array, n_clusters: int, init: str | Array, fixed: Array, rng: RandomState, workers: Workers
) -> Array:
    """Centres to start from, but for the fixed ones."""
    if not isinstance(init, str):
        return init
    if init == "random":
        return X[np.resize(rng.permutation(len(X)), n_clusters)]
    if init == "exchange":
        return exchanged_start(X, weights, n_clusters, fixed, rng, workers)
    if init in ("k-means++", "plain-k-means++"):
        n_trials = 1 if init == "plain-k-means++" else None
        return X[choose_start(X, weights, n_clusters, fixed, rng, workers, n_trials=n_trials)]
    raise InvalidInputError(
        f"init={init!r} must be 'exchange', 'k-means++', 'plain-k-means++', 'random' or an array of centres"
    )
