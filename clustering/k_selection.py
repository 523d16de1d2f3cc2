"""How many clusters: one pass over a growing k, and the k at which the curve bends or the silhouette is largest.

The bend is found by Kneedle: Satopää, Albrecht, Irwin and Raghavan, "Finding a 'kneedle' in a haystack: detecting knee
points in system behavior", ICDCS Workshops 2011. The silhouette: P. J. Rousseeuw, "Silhouettes: a graphical aid to the
interpretation and validation of cluster analysis", Journal of Computational and Applied Mathematics 20, 1987.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clustering.array_type import Array
from clustering.errors import InvalidInputError
from clustering.kmeans.equal_rows import group_equal_rows
from clustering.kmeans.lloyd import Partition, lloyd
from clustering.kmeans.sampling import as_random_state
from clustering.kmeans.seeding import PROJECTED_FEATURES, choose_start, kmeans_plusplus, random_projection
from clustering.whole_numbers import whole_number
from clustering.workers import Workers

Method = Literal["elbow", "silhouette"]

# The sweep looks at so many rows for each of the most clusters, and at the fewest of the second number if there are so
# many: the curve's shape needs no more, and the time is bounded whatever the number of rows.
ROWS_A_CLUSTER = 20
FEWEST_ROWS = 5000
# The silhouette takes the distance of every row to every other one.
SILHOUETTE_ROWS = 2000
# Every k up to this one is tried, then steps of a tenth: an error of a few matters less where k is large.
DENSE_K = 100
GROWTH = 1.1
# Candidates for each new centre; for the few that a step needs, k-means++ alone would look at 2.
N_TRIALS = 8
# Each step starts next to where it will end, and only the curve is wanted.
MAX_ITER = 10
TOL = 1e-3
CHECKED_ROWS = 4096


@dataclass(frozen=True)
class KSelection:
    """A number of clusters, and the curve that it was chosen from.

    Attributes
    ----------
    k : int
        The chosen number of clusters.
    method : {"elbow", "silhouette"}
    ks : array (n_steps,), int64
        The numbers of clusters tried, growing. The elbow's begin one below `k_min`, so that a bend at `k_min` shows.
    inertias : array (n_steps,), float64
        Lowest sum of squared distances of the rows to their centres that was found with so many clusters or fewer, so
        it never grows. Where only a part of the rows was looked at, scaled up to all of them.
    silhouettes : array (n_steps,), float64, or None
        Mean silhouette of (a sample of) the rows, -1 to 1, NaN where they are one cluster; None for the elbow.
    n_rows : int
        How many rows were looked at.
    clear : bool
        False where no k stands out: the inertia neither bends nor falls to 0 (then k is the largest one tried), no
        silhouette is above 0, or there was only one k to choose from.
    """

    k: int
    method: Method
    ks: NDArray[np.int64]
    inertias: NDArray[np.float64]
    silhouettes: NDArray[np.float64] | None
    n_rows: int
    clear: bool


def select_k(
    X: ArrayLike,
    *,
    k_min: int = 2,
    k_max: int = 100,
    method: Method = "elbow",
    random_state: int | np.random.RandomState = 0,
    n_threads: int | None = None,
) -> KSelection:
    """Choose a number of clusters for k-means.

    k grows from `k_min` to `k_max`: by one up to 100, then by a tenth. Each step of the pass starts from the centres of
    the step before and new ones drawn by k-means++, one too many, of which the least missed goes. Of many rows, a
    random sample is looked at (20 times `k_max`, 5,000 at least; the silhouette on 2,000 of them); of more than 128
    features, a random projection to 64.

    Parameters
    ----------
    X : array (n_samples, n_features), real numbers, finite
        Kept as it is; the rows looked at are used as float32, or as float64 where float32 would not hold them.
    k_min, k_max : int, default=2, 100
        The range to choose from. It ends at the number of different rows, which is the choice where `k_min` is larger.
        The bend belongs to its range: let `k_max` be a few times the number expected, or it is found too early.
    method : {"elbow", "silhouette"}, default="elbow"
        "elbow": the k after which more clusters hardly lower the inertia, by Kneedle with a sensitivity of 1; of
        several bends the strongest. "silhouette": the k of the largest mean silhouette, the smallest of equals; made
        for data in separate groups.
    random_state : int or RandomState, default=0
        Seed of the sample and of the starts.
    n_threads : int or None, default=None
        Threads to use, which changes no bit of the result; None takes every processor that this process may use.

    Returns
    -------
    KSelection

    Raises
    ------
    InvalidInputError
        Where X is empty, not two-dimensional, not of real numbers or not finite, the range is none, the method is
        unknown, or `random_state` is no seed.

    Examples
    --------
    >>> import numpy as np
    >>> from clustering import select_k
    >>> X = np.repeat([[0.0], [10.0], [20.0]], 30, axis=0) + np.tile([[-0.1], [0.0], [0.1]], (30, 1))
    >>> select_k(X, k_max=8).k
    3
    """
    data = _check_data(X)
    lowest, highest = _check_range(k_min, k_max)
    if method not in get_args(Method):
        raise InvalidInputError(f"method={method!r} must be one of {', '.join(get_args(Method))}")
    rng = as_random_state(random_state)
    sample = _centered_sample(data, max(FEWEST_ROWS, ROWS_A_CLUSTER * highest), rng)
    # A zero has a sign that makes equal rows differ in their bits.
    first_rows, group = group_equal_rows(sample + sample.dtype.type(0))
    rows, counts = sample[first_rows], np.bincount(group).astype(sample.dtype)
    highest = min(highest, len(rows))
    lowest = min(lowest, highest)
    ks = _steps(max(1, lowest - 1) if method == "elbow" else lowest, highest)
    with Workers(n_threads) as workers:
        rows, scale = _prepared(rows, rng)
        silhouette = _Silhouette(rows, group, rng) if method == "silhouette" else None
        inertias, silhouettes = _sweep(rows, counts, ks, silhouette, rng, workers)
    if highest == len(rows):
        # A cluster for every different row. Only, the mean of equal ones may differ from them in its last bits.
        inertias[-1] = 0
    k, clear = _elbow(ks, inertias) if silhouettes is None else _largest(ks, silhouettes)
    with np.errstate(over="ignore"):
        inertias = inertias * scale * scale * (len(data) / len(sample))
    return KSelection(k, method, ks, inertias, silhouettes, len(sample), clear)


def kneedle(x: Array, y: Array, sensitivity: float = 1.0) -> int | None:
    """Find the bend of a curve that falls, steeply first.

    Satopää et al. 2011 for a curve that is known as a whole: both axes are scaled to 0 to 1, and the bend is where the
    curve lies farthest below the straight line between its ends, provided that it comes back to the line by more than
    `sensitivity` times the mean distance of two points. Their smoothing is left out: an inertia has no noise to remove.

    The points (n_points,) may lie at any distance from one another, with x growing. Returns the place of the bend in
    x, None where there is none.
    """
    span = float(y.max() - y.min())
    if len(x) < 3 or not span > 0:
        return None
    below = 1 - (y - y.min()) / span - (x - x[0]) / (x[-1] - x[0])
    best = int(below.argmax())
    return best if below[best] > sensitivity / (len(x) - 1) else None


def _check_data(X: ArrayLike) -> Array:
    try:
        data = np.asarray(X)
    except ValueError:
        raise InvalidInputError("X must be a 2-D array; its rows differ in length") from None
    if data.ndim != 2 or 0 in data.shape:
        raise InvalidInputError(f"X must be 2-D with a row and a column or more; got the shape {data.shape}")
    if not (np.issubdtype(data.dtype, np.integer) or np.issubdtype(data.dtype, np.floating)):
        raise InvalidInputError(f"X must hold real numbers, got {data.dtype}")
    # In pieces, because the table of what is finite takes a byte a number.
    pieces = (data[first : first + CHECKED_ROWS] for first in range(0, len(data), CHECKED_ROWS))
    if np.issubdtype(data.dtype, np.floating) and not all(np.isfinite(piece).all() for piece in pieces):
        raise InvalidInputError("X holds NaN or infinity; remove those rows")
    return data


def _check_range(k_min: int, k_max: int) -> tuple[int, int]:
    lowest, highest = whole_number("k_min", k_min), whole_number("k_max", k_max)
    if lowest > highest:
        raise InvalidInputError(f"k_min={lowest} must be at most k_max={highest}")
    return lowest, highest


def _centered_sample(data: Array, n_wanted: int, rng: np.random.RandomState) -> Array:
    """So many rows at random, in their order, in float32 or float64, without their mean."""
    if len(data) > n_wanted:
        data = data[np.sort(rng.choice(len(data), n_wanted, replace=False))]
    holds_all = np.result_type(data.dtype, np.float32) == np.float32
    sample: Array = np.array(data, np.float32 if holds_all else np.float64, order="C")
    with np.errstate(over="ignore", invalid="ignore"):
        sample = sample - sample.mean(axis=0, dtype=np.float64).astype(sample.dtype)
    if not np.isfinite(sample).all():
        raise InvalidInputError(f"X holds numbers too far apart for {sample.dtype}; scale it")
    return sample


def _prepared(rows: Array, rng: np.random.RandomState) -> tuple[Array, float]:
    """Rows of few enough features and numbers of at most 1, whose squares neither overflow nor vanish; their scale."""
    scale = float(np.abs(rows).max()) or 1.0
    rows = rows / rows.dtype.type(scale)
    if rows.shape[1] > 2 * PROJECTED_FEATURES:
        rows = rows @ random_projection(rows.shape[1], rng, rows.dtype)
    return rows, scale


def _steps(lowest: int, highest: int) -> NDArray[np.int64]:
    """Return the numbers of clusters to try, both ends included."""
    ks = list(range(lowest, min(highest, max(lowest, DENSE_K)) + 1))
    while ks[-1] < highest:
        ks.append(min(highest, round(GROWTH * ks[-1])))
    return np.array(ks, np.int64)


def _sweep(
    rows: Array,
    counts: Array,
    ks: NDArray[np.int64],
    silhouette: "_Silhouette | None",
    rng: np.random.RandomState,
    workers: Workers,
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Inertias, and silhouettes where they are wanted, of one partition that grows from k to k."""
    tol = TOL * float(np.average(np.square(rows).mean(axis=1, dtype=np.float64), weights=counts))
    inertias, silhouettes = np.empty(len(ks)), np.full(len(ks), np.nan)
    found = None
    for step, k in enumerate(ks):
        start = _grown_centers(rows, counts, int(k), found, rng, workers)
        found = lloyd(rows, counts, start, MAX_ITER, tol, workers)
        inertias[step] = counts.astype(np.float64) @ found.squared_distances
        if silhouette is not None:
            silhouettes[step] = silhouette(found.labels)
    # With more clusters than a partition has, some may stay empty: the lowest inertia so far holds for every k.
    return np.minimum.accumulate(inertias), None if silhouette is None else silhouettes


def _grown_centers(
    rows: Array,
    counts: Array,
    k: int,
    before: Partition | None,
    rng: np.random.RandomState,
    workers: Workers,
) -> Array:
    """Return k centres to start from: those of a partition into fewer clusters, and new ones where it fits worst.

    One more than needed is drawn, and the centre that is missed least is given up. So a group that two centres share
    gives one of them to groups that have to share a single one: else such a pair would last for the whole sweep.
    """
    if before is None:
        return rows[choose_start(rows, counts, k, rows[:0], rng, workers)]
    n_new = min(k + 1, len(rows)) - len(before.centers)
    seeds = kmeans_plusplus(rows, counts, n_new, before.squared_distances, rng, n_trials=N_TRIALS)
    centers = np.concatenate([before.centers, rows[seeds]])
    return centers if len(centers) == k else np.delete(centers, _least_missed(rows, counts, centers), axis=0)


def _least_missed(rows: Array, counts: Array, centers: Array) -> int:
    """Return the centre without which the inertia would grow least."""
    squared = np.einsum("ij,ij->i", centers, centers) - 2 * (rows @ centers.T)
    everyone = np.arange(len(rows))
    nearest = squared.argmin(axis=1)
    own = squared[everyone, nearest]
    squared[everyone, nearest] = np.inf
    losses = np.bincount(nearest, counts * (squared.min(axis=1) - own), minlength=len(centers))
    return int(losses.argmin())


class _Silhouette:
    """Mean silhouette of one sample of the rows, for one partition after the other; equal rows count as they come."""

    def __init__(self, rows: Array, group: NDArray[np.int64], rng: np.random.RandomState) -> None:
        from scipy.spatial.distance import cdist

        self.sample = group
        if len(group) > SILHOUETTE_ROWS:
            self.sample = group[np.sort(rng.choice(len(group), SILHOUETTE_ROWS, replace=False))]
        self.distances = cdist(rows[self.sample], rows[self.sample])

    def __call__(self, labels: NDArray[np.int32]) -> float:
        """Return the mean silhouette for these labels of the different rows; NaN where all are one cluster."""
        own = labels[self.sample]
        order = np.argsort(own, kind="stable")
        present, starts, sizes = np.unique(own[order], return_index=True, return_counts=True)
        if len(present) < 2:
            return float("nan")
        sums = np.add.reduceat(self.distances[order], starts)
        cluster, row = np.searchsorted(present, own), np.arange(len(own))
        n_others = sizes[cluster] - 1
        within = sums[cluster, row] / np.maximum(n_others, 1)
        means = sums / sizes[:, None]
        means[cluster, row] = np.inf
        nearest = means.min(axis=0)
        largest = np.maximum(within, nearest)
        # By definition, a row that is alone in its cluster has a silhouette of 0.
        known = (n_others > 0) & (largest > 0)
        return float(np.where(known, (nearest - within) / np.where(known, largest, 1), 0).mean())


def _elbow(ks: NDArray[np.int64], inertias: NDArray[np.float64]) -> tuple[int, bool]:
    """Return the k of the bend, and whether it stands out; without a bend the largest k."""
    # An inertia of 0 stays so with more clusters: that last bend must show, too.
    ends = inertias[-1] == 0
    beyond = ([ks[-1] + 1], [0.0]) if ends else ([], [])
    bend = kneedle(np.append(ks, beyond[0]), np.append(inertias, beyond[1]))
    return int(ks[-1 if bend is None else bend]), len(ks) > 1 and bool(ends or bend is not None)


def _largest(ks: NDArray[np.int64], silhouettes: NDArray[np.float64]) -> tuple[int, bool]:
    """Return the k of the largest silhouette, and whether it tells anything."""
    if np.isnan(silhouettes).all():
        return int(ks[-1]), False
    best = int(np.nanargmax(silhouettes))
    return int(ks[best]), len(ks) > 1 and bool(silhouettes[best] > 0)
