"""Kernels that measure distances of rows to centres, one by one."""

import numpy as np

from clustering.array_type import Array
from clustering.kernels.compilation import FAST_MATH, compiled, squared_distance


@compiled(fastmath=FAST_MATH)
def own_distances(X: Array, centers: Array, first: int, last: int, labels: Array, distances: Array) -> None:
    """Squared distance of each row to its own centre.

    IN: X (n_samples, n_features); centers (n_clusters, n_features); labels (n_samples,). OUT: distances (n_samples,).
    """
    for i in range(first, last):
        distances[i] = squared_distance(X, i, centers, np.int64(labels[i]))


@compiled(fastmath=FAST_MATH)
def all_distances(X: Array, centers: Array, first: int, last: int, distances: Array) -> None:
    """Distance of each row to each centre.

    IN: X (n_samples, n_features); centers (n_clusters, n_features). OUT: distances (n_samples, n_clusters).
    """
    for i in range(first, last):
        for c in range(centers.shape[0]):
            distances[i, c] = np.sqrt(squared_distance(X, i, centers, c))
