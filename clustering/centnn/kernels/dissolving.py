"""Kernels that dissolve clusters: what their members would lose by it, and where they go."""

import numpy as np

from clustering.array_type import Array
from clustering.kernels.compilation import FAST_MATH, compiled, squared_distance


@compiled(fastmath=FAST_MATH)
def second_nearest(X: Array, n_clusters: int, centers: Array, labels: Array, losses: Array) -> Array:
    """Return the nearest centre of each row but its own, and sum up what each cluster's members would lose by it.

    IN: X (n_samples, n_features); n_clusters, how many of the centres are in use; centers (n_centers, n_features);
    labels (n_samples,). OUT: losses (n_clusters,) sums of the squared distances' growth.
    """
    seconds = np.empty(X.shape[0], np.int64)
    losses[:] = 0.0
    for i in range(X.shape[0]):
        own = labels[i]
        least = np.inf
        for c in range(n_clusters):
            if c != own:
                squared = squared_distance(X, i, centers, c)
                if squared < least:
                    least = squared
                    seconds[i] = c
        losses[own] += least - squared_distance(X, i, centers, own)
    return seconds


@compiled(fastmath=FAST_MATH)
def rehome(X: Array, centers: Array, renumbered: Array, labels: Array) -> None:
    """Give the rows of dissolved clusters the nearest of the centres left, and the others their cluster's new number.

    IN: X (n_samples, n_features); centers (n_left, n_features); renumbered (n_clusters,) the new number of each
    cluster, -1 of a dissolved one. INOUT: labels (n_samples,).
    """
    for i in range(X.shape[0]):
        label = renumbered[labels[i]]
        if label < 0:
            least = np.inf
            for c in range(centers.shape[0]):
                squared = squared_distance(X, i, centers, c)
                if squared < least:
                    least = squared
                    label = c
        labels[i] = label
