"""Data that is read some rows at a time, less its mean, and never copied as a whole."""

import numpy as np
from numpy.typing import NDArray

from clustering.array_type import Array
from clustering.kernels.rows import column_sums
from clustering.minibatch.kernels.minibatch import take_rows
from clustering.workers import Workers

MEAN_ROWS = 1024
# Rows at a time where all are read: the copy without the mean stays small beside the data.
CHUNK_ROWS = 16_384


class CenteredRows:
    """Rows and weights, read a batch at a time, less their mean."""

    def __init__(self, X: Array, weights: Array, workers: Workers) -> None:
        self.X, self.weights, self.workers = X, weights, workers
        sums = np.empty((-(-len(X) // MEAN_ROWS), X.shape[1]))
        workers.run(lambda first, last: column_sums(X, first, last, sums[first // MEAN_ROWS]), len(X), MEAN_ROWS)
        self.origin = (sums.sum(axis=0) / len(X)).astype(X.dtype)

    def take(self, rows: NDArray[np.int64]) -> Array:
        """Copy of some rows, less the mean of all."""
        taken = np.empty((len(rows), self.X.shape[1]), self.X.dtype)
        self.workers.run(
            lambda first, last: take_rows(self.X, rows, self.origin, first, last, taken),
            len(rows),
        )
        return taken

    def variance(self) -> float:
        """Mean variance of a feature."""
        squares = (np.square(self.take(rows), dtype=np.float64).sum() for rows in self.chunks())
        return float(sum(squares) / self.X.size)

    def chunks(self) -> list[NDArray[np.int64]]:
        """Numbers of all rows, some at a time."""
        rows = np.arange(len(self.X))
        return [rows[first : first + CHUNK_ROWS] for first in range(0, len(rows), CHUNK_ROWS)]
