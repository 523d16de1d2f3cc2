"""Kernel of mini-batch k-means: the rows of a batch change clusters."""

import numpy as np

from clustering.array_type import Array
from clustering.kernels.compilation import compiled


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
