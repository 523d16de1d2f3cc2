"""Kernels of mini-batch k-means: gather a batch, and let its rows change clusters."""

import numpy as np

from clustering.array_type import Array
from clustering.kernels.compilation import compiled


@compiled()
def take_rows(X: Array, rows: Array, origin: Array, first: int, last: int, taken: Array) -> None:
    """Copy the rows at the places first:last of a list, less a vector.

    IN: X (n_samples, n_features); rows (n_taken,) row numbers; origin (n_features,). OUT: taken (n_taken, n_features).
    """
    for t in range(first, last):
        i = rows[t]
        for j in range(X.shape[1]):
            taken[t, j] = X[i, j] - origin[j]


@compiled()
def transfer_rows(X: Array, weights: Array, before: Array, after: Array, first: int, last: int, sums: Array) -> None:
    """Take rows out of the sums of their old clusters and into those of their new ones, in the columns first:last.

    IN: X (n_samples, n_features); weights (n_samples,) float64; before, after (n_samples,) clusters, -1 for none.
    INOUT: sums (n_clusters, n_features) float64.
    """
    for i in range(X.shape[0]):
        old, new = before[i], after[i]
        if old == new:
            continue
        weight = np.float64(weights[i])
        if old >= 0:
            for j in range(first, last):
                sums[old, j] -= weight * X[i, j]
        if new >= 0:
            for j in range(first, last):
                sums[new, j] += weight * X[i, j]
