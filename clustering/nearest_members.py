"""The members that represent their clusters."""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clustering.array_type import Array
from clustering.errors import InvalidInputError
from clustering.whole_numbers import whole_number


def representatives(
    X: ArrayLike, labels: ArrayLike, centers: ArrayLike, n: int = 1
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find the n members nearest to each cluster's centre, nearest first.

    Parameters
    ----------
    X : array (n_samples, n_features)
    labels : array (n_samples,), int
        Cluster of each row, 0 to n_clusters - 1.
    centers : array (n_clusters, n_features)
    n : int, default=1
        How many members to rank in each cluster.

    Returns
    -------
    rows : array (n_clusters, n), int64
        Row numbers, nearest first; of equally near ones the first row. Where a cluster has fewer members, -1.
    distances : array (n_clusters, n), float64
        Euclidean distance of each to its centre; NaN where there is none.

    Raises
    ------
    InvalidInputError
        Where the arrays do not fit together, a label has no centre, or n is below 1.

    Examples
    --------
    >>> rows, distances = representatives([[0.0], [1.0], [5.0]], [0, 0, 1], [[0.2], [5.0]], n=2)
    >>> rows.tolist()
    [[0, 1], [2, -1]]
    """
    data, label, center = np.asarray(X), np.asarray(labels), np.asarray(centers)
    _check(data, label, center, n)
    rows = np.full((len(center), n), -1, np.int64)
    distances = np.full((len(center), n), np.nan)
    order = np.argsort(label, kind="stable")
    bounds = np.searchsorted(label[order], np.arange(len(center) + 1))
    for cluster, (first, last) in enumerate(pairwise(bounds)):
        members = order[first:last]
        squared = np.square(data[members] - center[cluster].astype(np.float64)).sum(axis=1)
        nearest = np.argsort(squared, kind="stable")[:n]
        rows[cluster, : len(nearest)] = members[nearest]
        distances[cluster, : len(nearest)] = np.sqrt(squared[nearest])
    return rows, distances


def _check(X: Array, labels: Array, centers: Array, n: int) -> None:
    if X.ndim != 2 or centers.ndim != 2 or X.shape[1] != centers.shape[1]:
        raise InvalidInputError(f"X {X.shape} and centers {centers.shape} must be 2-D with the same n_features")
    if labels.shape != (len(X),):
        raise InvalidInputError(f"labels {labels.shape} must hold one label for each of the {len(X)} rows of X")
    if len(labels) and not np.issubdtype(labels.dtype, np.integer):
        raise InvalidInputError(f"labels must be integers, got {labels.dtype}")
    if len(labels) and not (labels.min() >= 0 and labels.max() < len(centers)):
        raise InvalidInputError(f"labels {labels.min()} to {labels.max()} must lie in 0 to {len(centers) - 1}")
    whole_number("n", n)
