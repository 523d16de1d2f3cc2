"""Lloyd's algorithm: assign every row to its nearest centre, move every centre to its members' mean, repeat.

S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28(2), 1982. Rows whose
nearest centre cannot have changed are skipped by the bounds of Hamerly ("Making k-means even faster", SDM 2010) and, a
group of centres at a time, of Ding et al. ("Yinyang k-means", ICML 2015); the labels are the same as without.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from clustering.array_type import Array
from clustering.errors import InvalidInputError
from clustering.kernels.rows import column_sums
from clustering.kmeans.kernels.distances import all_distances, own_distances
from clustering.kmeans.kernels.lloyd import (
    LANES,
    BoundedRows,
    GroupedCenters,
    Moves,
    assign,
    cluster_sums,
    group_by_label,
    move_members,
    reassign,
)
from clustering.kmeans.kernels.seeding import squared_norms
from clustering.kmeans.neighbors import group_neighbors
from clustering.workers import BLOCK_ROWS, Workers

# Rows of a task that adds up all rows.
MEAN_ROWS = 1024
# Clusters are summed in so many tasks.
SUM_TASKS = 16
# With more changed rows than this share, summing all rows anew on every thread is quicker than moving single rows.
FEW_CHANGES = 0.05
# Squared norms stay below this share of the largest number: a squared distance is four times as large at most, and some
# kernels add up those of a block of rows.
NORM_SHARE = 1 / (16 * BLOCK_ROWS)


@dataclass(frozen=True)
class Partition:
    """Clusters of n_samples rows.

    Attributes
    ----------
    labels : array (n_samples,), int32
    squared_distances : array (n_samples,)
        Of each row to its centre.
    centers : array (n_clusters, n_features)
    n_iter : int
        Number of times that the centres were moved.
    converged : bool
        False where max_iter ended it.
    """

    labels: NDArray[np.int32]
    squared_distances: Array
    centers: Array
    n_iter: int
    converged: bool


def group_centers(centers: Array, *, neighbors: bool) -> GroupedCenters:
    """Put centres into groups, of neighbours or just as they come."""
    norms = center_norms(centers)
    n_groups = -(-len(centers) // LANES)
    if neighbors:
        members, starts = group_neighbors(centers, n_groups)
    else:
        members, starts = np.arange(len(centers)), np.minimum(np.arange(n_groups + 1) * LANES, len(centers))
    group = np.repeat(np.arange(n_groups), np.diff(starts))
    place_of = np.empty(len(centers), np.int64)
    place_of[members] = group * LANES + np.arange(len(centers)) - starts[group]
    places = np.full((n_groups, LANES), -1)
    places.ravel()[place_of] = np.arange(len(centers))
    return lay_out(centers, norms, places, place_of)


def lay_out(centers: Array, norms: Array, places: NDArray[np.int64], place_of: NDArray[np.int64]) -> GroupedCenters:
    """Lay centres, of which the squared norms are known, out in groups that are known."""
    columns = np.zeros((places.size, centers.shape[1] + 1), centers.dtype)
    columns[:, -1] = -np.inf
    columns[place_of, :-1] = centers
    columns[place_of, -1] = -0.5 * norms
    tiles = np.ascontiguousarray(columns.reshape(*places.shape, -1).swapaxes(1, 2))
    return GroupedCenters(centers, columns, tiles, places, place_of, norms.max())


def mean_row(X: Array, workers: Workers) -> Array:
    """Mean of the rows of X, summed up in float64."""
    sums = np.empty((-(-len(X) // MEAN_ROWS), X.shape[1]))
    workers.run(lambda first, last: column_sums(X, first, last, sums[first // MEAN_ROWS]), len(X), MEAN_ROWS)
    return (sums.sum(axis=0) / len(X)).astype(X.dtype)


def squared_distances(X: Array, centers: Array, labels: NDArray[np.int32], workers: Workers) -> Array:
    """Squared distance of each row of X to its own centre."""
    distances = np.empty(len(X), X.dtype)
    workers.run(lambda first, last: own_distances(X, centers, first, last, labels, distances), len(X))
    return distances


def row_norms(X: Array, workers: Workers) -> Array:
    """Squared norm of each row of X, which is refused where one is too large for the kernels."""
    norms = np.empty(len(X), X.dtype)
    workers.run(lambda first, last: squared_norms(X, first, last, norms), len(X))
    check_norms(norms, X.dtype, "X holds")
    return norms


def center_norms(centers: Array) -> Array:
    """Squared norm of each centre, checked like those of rows."""
    norms: Array = np.einsum("ij,ij->i", centers, centers)
    check_norms(norms, centers.dtype, "The centers hold")
    return norms


def check_norms(norms: Array, dtype: DTypeLike, which: str) -> None:
    """Refuse rows by their squared norms, where scores and distances in a dtype would be NaN or infinity."""
    # Every comparison with NaN is false.
    if not np.all(norms < np.finfo(dtype).max * NORM_SHARE):
        raise InvalidInputError(
            f"{which} NaN or infinity, or numbers too large for sums of squares in {np.dtype(dtype)}; scale the data"
        )


def check_spread(centered: Array, squares: float) -> None:
    """Refuse rows, less their mean, that differ, but whose squares, which add up to `squares`, all vanish."""
    if squares == 0 and centered.any():
        raise InvalidInputError(
            f"X holds numbers that differ too little for squares in {centered.dtype}; scale the data"
        )


class Search:
    """Labels of all rows and the bounds that keep them cheap while the centres move."""

    def __init__(self, X: Array, workers: Workers, norms: Array | None = None) -> None:
        self.X, self.workers = X, workers
        self.norms = row_norms(X, workers) if norms is None else norms
        self.labels = np.empty(len(X), np.int32)
        self.upper = np.empty(len(X), X.dtype)
        self.lowest = np.empty(len(X), X.dtype)

    def start(self, centers: Array, *, follow: bool) -> None:
        """Assign every row from scratch; what shall follow needs groups of neighbours."""
        self.prepared = prepared = group_centers(centers, neighbors=follow)
        n_groups, dtype = len(prepared.places), self.X.dtype
        self.lower = np.empty((len(self.X) if follow else 0, n_groups), dtype)
        self.group_moved = np.zeros(n_groups)
        # Rounding errors of a sum of n_features products grow like its square root; the constants are generous.
        tolerance = dtype.type(np.finfo(dtype).eps * (4 + 0.5 * np.sqrt(self.X.shape[1])))
        self.rows = BoundedRows(self.X, self.norms, tolerance, self.labels, self.upper, self.lowest, self.lower)
        self.workers.run(lambda first, last: assign(self.rows, prepared, first, last), len(self.X))

    def follow(self, centers: Array) -> None:
        """Assign the rows anew after the centres moved."""
        dtype = self.X.dtype.type
        moved = np.sqrt(np.square(centers - self.prepared.centers, dtype=np.float64).sum(axis=1)) * (1 + 1e-6)
        places = self.prepared.places
        self.prepared = prepared = lay_out(centers, center_norms(centers), places, self.prepared.place_of)
        self.group_moved += np.where(places >= 0, moved[places], 0).max(axis=1)
        slack = dtype(8 * np.finfo(dtype).eps)
        group_moved = (self.group_moved * (1 + slack)).astype(dtype)
        moved = moved.astype(dtype)
        moves = Moves(moved, moved.max(), group_moved, slack)
        self.workers.run(lambda first, last: reassign(self.rows, prepared, moves, first, last), len(self.X))

    def relabel(self, row: int, label: int) -> None:
        """Put a row into another cluster; its bounds are void."""
        self.labels[row], self.upper[row], self.lowest[row], self.lower[row] = label, np.inf, 0, 0


class Sums:
    """Weighted sums of the members of each cluster, kept up to date in float64."""

    def __init__(self, X: Array, weights: Array, n_clusters: int, workers: Workers) -> None:
        self.X, self.weights, self.workers = X, weights, workers
        self.sums = np.zeros((n_clusters, X.shape[1]))
        self.totals = np.zeros(n_clusters)

    def start(self, labels: NDArray[np.int32]) -> None:
        """Sum all rows."""
        starts = np.empty(len(self.sums) + 1, np.int64)
        members = np.empty(len(labels), np.int64)
        group_by_label(labels, starts, members)

        def add(first: int, last: int) -> None:
            cluster_sums(self.X, self.weights, starts, members, first, last, self.sums, self.totals)

        self.workers.run(add, len(self.sums), -(-len(self.sums) // SUM_TASKS))

    def follow(self, before: NDArray[np.int32], labels: NDArray[np.int32]) -> int:
        """Move the rows whose labels changed; return how many did."""
        changed = np.flatnonzero(before != labels)
        if len(changed) > FEW_CHANGES * len(labels):
            self.start(labels)
        else:
            move_members(self.X, self.weights, changed, before, labels, self.sums, self.totals)
        return len(changed)

    def means(self, centers: Array, n_fixed: int) -> Array:
        """Mean of each cluster's members; the old centre where they weigh nothing, and of the last `n_fixed`."""
        known = self.totals > 0
        known[len(known) - n_fixed :] = False
        means = centers.copy()
        means[known] = self.sums[known] / self.totals[known, None]
        return means


def nearest_centers(X: Array, centers: Array, workers: Workers) -> tuple[NDArray[np.int32], Array]:
    """Label of the nearest centre of each row, and the squared distance to it.

    Float32 keeps its digits only where X and the centres lie around the origin: subtract a mean first.

    Parameters
    ----------
    X : array (n_samples, n_features), float32 or float64
    centers : array (n_clusters, n_features)
        Compared in the dtype of X.
    workers : Workers

    Returns
    -------
    labels : array (n_samples,), int32
    squared_distances : array (n_samples,), dtype of X

    Raises
    ------
    InvalidInputError
        Where a row or a centre is not finite, or too large for sums of squares in the dtype of X.
    """
    search = Search(X, workers)
    centers = np.ascontiguousarray(centers, X.dtype)
    search.start(centers, follow=False)
    return search.labels, squared_distances(X, centers, search.labels, workers)


def distances_to_all(X: Array, centers: Array, workers: Workers) -> Array:
    """Distance of each row to each centre, (n_samples, n_clusters), with what holds for `nearest_centers`."""
    centers = np.ascontiguousarray(centers, X.dtype)
    row_norms(X, workers)
    center_norms(centers)
    distances = np.empty((len(X), len(centers)), X.dtype)
    workers.run(lambda first, last: all_distances(X, centers, first, last, distances), len(X))
    return distances


def lloyd(
    X: Array, weights: Array, centers: Array, max_iter: int, tol: float, workers: Workers, *, n_fixed: int = 0
) -> Partition:
    """Run Lloyd's algorithm from the given centres until their squared movements sum up to no more than `tol`.

    The mean of X lies near the origin. The last `n_fixed` centres never move, and may stay empty. The labels are those
    of the centres returned: after the last move every row is assigned once more. Where X has at least as many different
    rows as there are centres, no cluster is empty.
    """
    centers = np.array(centers, X.dtype, order="C")
    search, sums = Search(X, workers), Sums(X, weights, len(centers), workers)
    search.start(centers, follow=True)
    sums.start(search.labels)
    converged = False
    n_iter = 0
    while not converged and n_iter < max_iter:
        relocated = _relocate_empty(search, sums, centers, n_fixed)
        before, labels_before = centers, search.labels.copy()
        centers = sums.means(centers, n_fixed)
        search.follow(centers)
        n_changed = sums.follow(labels_before, search.labels)
        n_iter += 1
        moved = float(np.square(centers - before, dtype=np.float64).sum())
        converged = not relocated and (moved <= tol or n_changed == 0)
    # The last assignment may have emptied a cluster; each turn lowers the inertia, so this ends.
    while relocated := _relocate_empty(search, sums, centers, n_fixed):
        centers = centers.copy()
        for row in relocated:
            centers[search.labels[row]] = X[row]
        search.start(centers, follow=True)
    distances = squared_distances(X, centers, search.labels, workers)
    return Partition(search.labels, distances, centers, n_iter, converged)


def _relocate_empty(search: Search, sums: Sums, centers: Array, n_fixed: int) -> list[int]:
    """Give each empty cluster the row farthest from its own centre, as scikit-learn does.

    Returns the rows that were moved: as many as there are empty clusters and rows away from their centres.
    """
    sizes = np.bincount(search.labels, minlength=len(centers))
    empty = np.flatnonzero(sizes[: len(sizes) - n_fixed] == 0)
    relocated: list[int] = []
    if len(empty) == 0:
        return relocated
    before = search.labels.copy()
    distances = squared_distances(search.X, centers, search.labels, search.workers)
    for row in np.argsort(-distances, kind="stable"):
        if len(relocated) == len(empty) or not distances[row] > 0:
            break
        # A fixed cluster may lose its last member, another one may not.
        if sizes[before[row]] > 1 or before[row] >= len(sizes) - n_fixed:
            sizes[before[row]] -= 1
            search.relabel(int(row), int(empty[len(relocated)]))
            relocated.append(int(row))
    sums.follow(before, search.labels)
    return relocated
