"""Lloyd's algorithm: assign every row to its nearest centre, move every centre to its members' mean, repeat.

S. P. Lloyd, "Least squares quantization in PCM", IEEE Transactions on Information Theory 28(2), 1982.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clustering.kernels import assign, cluster_means, group_by_label
from clustering.workers import Workers

# Clusters a task: few enough to balance two threads at k = 8, many enough to keep the tasks from being tiny.
CLUSTER_CHUNK = 4


@dataclass(frozen=True)
class Partition:
    """Clusters of n_samples rows.

    Attributes
    ----------
    labels : array (n_samples,), int32
    distances : array (n_samples,)
        Squared distance of each row to its centre.
    centers : array (n_clusters, n_features)
    n_iter : int
        Number of times that the centres were moved.
    converged : bool
        False where max_iter ended it.
    """

    labels: NDArray[np.int32]
    distances: NDArray
    centers: NDArray
    n_iter: int
    converged: bool


def nearest_centers(X: NDArray, centers: NDArray, workers: Workers) -> tuple[NDArray[np.int32], NDArray]:
    """Label of the nearest centre of each row, and the squared distance to it.

    Float32 keeps its digits only where X and the centres lie around the origin: subtract a mean first.
    """
    centers = np.ascontiguousarray(centers, X.dtype)
    centers_T = np.ascontiguousarray(centers.T)
    half_norms = 0.5 * np.einsum("ij,ij->i", centers, centers)
    # Rounding errors of a sum of n_features products grow like its square root; the constants are generous.
    tolerance = X.dtype.type(np.finfo(X.dtype).eps * (4 + 0.5 * np.sqrt(X.shape[1])))
    labels = np.empty(len(X), np.int32)
    distances = np.empty(len(X), X.dtype)

    def measure(first: int, last: int) -> None:
        assign(X, centers, centers_T, half_norms, tolerance, first, last, labels, distances)

    workers.run(measure, len(X))
    return labels, distances


def lloyd(X: NDArray, centers: NDArray, max_iter: int, tol: float, workers: Workers) -> Partition:
    """Run Lloyd's algorithm from the given centres.

    Parameters
    ----------
    X : array (n_samples, n_features), float32 or float64, C order, mean near the origin
    centers : array (n_clusters, n_features)
        Where to start; not changed.
    max_iter : int
    tol : float
        Stop when the centres' squared movements sum up to no more than this.
    workers : Workers
        Entered already.

    Returns
    -------
    Partition
        Its labels are those of its centres: after the last move every row is assigned once more. Where X has at least
        as many different rows as there are centres, no cluster is empty.
    """
    centers = np.array(centers, X.dtype, order="C")
    labels, distances = nearest_centers(X, centers, workers)
    converged = False
    n_iter = 0
    while not converged and n_iter < max_iter:
        relocated = _relocate_empty(labels, distances, len(centers))
        previous, labels_before = centers, labels
        centers = _means(X, labels, centers, workers)
        labels, distances = nearest_centers(X, centers, workers)
        n_iter += 1
        moved = float(np.square(centers - previous, dtype=np.float64).sum())
        converged = not relocated and (moved <= tol or np.array_equal(labels, labels_before))
    # The last assignment may have emptied a cluster; each turn lowers the inertia, so this ends.
    while relocated := _relocate_empty(labels, distances, len(centers)):
        centers = centers.copy()
        for row in relocated:
            centers[labels[row]] = X[row]
        labels, distances = nearest_centers(X, centers, workers)
    return Partition(labels, distances, centers, n_iter, converged)


def _means(X: NDArray, labels: NDArray[np.int32], centers: NDArray, workers: Workers) -> NDArray:
    """Mean of each cluster's members; the old centre where there are none."""
    means = centers.copy()
    starts = np.empty(len(centers) + 1, np.int64)
    members = np.empty(len(X), np.int64)
    group_by_label(labels, starts, members)
    workers.run(lambda first, last: cluster_means(X, starts, members, first, last, means), len(means), CLUSTER_CHUNK)
    return means


def _relocate_empty(labels: NDArray[np.int32], distances: NDArray, n_clusters: int) -> list[int]:
    """Give each empty cluster the row farthest from its own centre (as scikit-learn does); changes both arrays.

    Returns the rows that were moved: as many as there are empty clusters and rows away from their centres.
    """
    sizes = np.bincount(labels, minlength=n_clusters)
    empty = np.flatnonzero(sizes == 0)
    relocated: list[int] = []
    if len(empty) == 0:
        return relocated
    for row in np.argsort(-distances, kind="stable"):
        if len(relocated) == len(empty) or not distances[row] > 0:
            break
        if sizes[labels[row]] > 1:
            sizes[labels[row]] -= 1
            labels[row] = empty[len(relocated)]
            distances[row] = 0
            relocated.append(int(row))
    return relocated
