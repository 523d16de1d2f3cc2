"""k-means from data to clusters: centre the data, seed, run Lloyd's algorithm."""

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clustering.array_type import Array
from clustering.errors import InvalidInputError
from clustering.kernels.rows import column_sums, merge_equal_rows, subtract_mean
from clustering.kmeans.exchange import exchanged_start
from clustering.kmeans.lloyd import Partition, lloyd, nearest_centers
from clustering.kmeans.seeding import choose_start
from clustering.workers import Workers

INITS = ("exchange", "k-means++", "plain-k-means++", "random")
CENTER_ROWS = 1024
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
    random_state: int | np.random.RandomState = 0,
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
    init : str or array (n_clusters, n_features), default="exchange"
        How to start. "exchange": seeds drawn in batches, of which the least useful are drawn again in a few rounds, on
        a sample of the rows (see `clustering.exchange`). "k-means++": greedy, the best of a few draws becomes a seed;
        "plain-k-means++": each draw does. "random": k different rows. Or these centres.
    n_init : int, default=1
        How many starts to try; the result of lowest inertia is kept.
    fixed_centers : array (n_fixed, n_features) or None, default=None
        Centres that take part in the seeding and the assignment and never move. They come after the others: their
        labels are n_clusters and up, and they may stay without members.
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
        Where X has at least k different rows of weight (different from the fixed centres), no cluster is empty.

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
    weights = _check_weights(sample_weight, X)
    weighty = np.flatnonzero(weights)
    if not 1 <= n_clusters <= len(weighty):
        raise InvalidInputError(f"n_clusters={n_clusters} must lie in 1 to n_samples={len(weighty)}")
    fixed = _check_centers("fixed", [] if fixed_centers is None else fixed_centers, None, X)
    given = init if isinstance(init, str) else _check_centers("initial", init, n_clusters, X)
    rng = random_state if isinstance(random_state, np.random.RandomState) else np.random.RandomState(random_state)
    with Workers(n_threads) as workers:
        # Centred data keep the digits that the products of float32 would lose far from the origin.
        mean, centered, variance = _center(X, workers)
        fixed, given = fixed - mean, given if isinstance(given, str) else given - mean
        rows, row_weights, group = _merge(centered if len(weighty) == len(X) else centered[weighty], weights[weighty])

        def attempt() -> Partition:
            start = _start(rows, row_weights, n_clusters, given, fixed, rng, workers)
            return lloyd(rows, row_weights, start, max_iter, tol * variance, workers, n_fixed=len(fixed))

        found = min((attempt() for _ in range(n_init)), key=lambda tried: float(row_weights @ tried.distances))
        if len(weighty) == len(X):
            labels, distances = found.labels[group], found.distances[group]
        else:
            labels, distances = nearest_centers(centered, found.centers, workers)
    return replace(found, labels=labels, distances=distances, centers=found.centers + mean)


def _check_weights(sample_weight: ArrayLike | None, X: Array) -> Array:
    if sample_weight is None:
        return np.ones(len(X), X.dtype)
    weights = np.asarray(sample_weight, X.dtype)
    if weights.shape != (len(X),) or not np.all(np.isfinite(weights)) or (weights < 0).any():
        raise InvalidInputError(f"sample_weight must hold a finite number, 0 or more, for each of the {len(X)} rows")
    return weights


def _check_centers(kind: str, centers: ArrayLike, n_centers: int | None, X: Array) -> Array:
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


def _merge(X: Array, weights: Array) -> tuple[Array, Array, NDArray[np.int64] | slice]:
    """Different rows, the sum of the weights of each, and the number among them of each row of X.

    Only few columns make equal rows likely (the colours of an image); elsewhere X itself is given back.
    """
    n_samples = len(X)
    if X.shape[1] <= MERGED_FEATURES:
        table = np.full(2 << n_samples.bit_length(), -1, np.int64)
        group, first_rows = np.empty(n_samples, np.int64), np.empty(n_samples, np.int64)
        n_different = merge_equal_rows(X.view(f"u{X.itemsize}"), table, group, first_rows)
        if n_different < MERGED_SHARE * n_samples:
            merged = np.bincount(group, weights, minlength=n_different)
            return X[first_rows[:n_different]], merged.astype(X.dtype), group
    return X, weights, slice(None)


def _start(
    X: Array,
    weights: Array,
    n_clusters: int,
    init: str | Array,
    fixed: Array,
    rng: np.random.RandomState,
    workers: Workers,
) -> Array:
    """Centres to start from, the fixed ones last."""
    if not isinstance(init, str):
        return np.concatenate([init, fixed])
    if init == "random":
        return np.concatenate([X[np.resize(rng.permutation(len(X)), n_clusters)], fixed])
    if init == "exchange":
        return np.concatenate([exchanged_start(X, weights, n_clusters, fixed, rng, workers), fixed])
    if init in ("k-means++", "plain-k-means++"):
        n_trials = 1 if init == "plain-k-means++" else None
        return np.concatenate([X[choose_start(X, weights, n_clusters, fixed, rng, workers, n_trials=n_trials)], fixed])
    raise InvalidInputError(
        f"init={init!r} must be 'exchange', 'k-means++', 'plain-k-means++', 'random' or an array of centres"
    )
