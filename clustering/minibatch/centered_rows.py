"""Data that is read some rows at a time, less its mean, and never copied as a whole."""

import numpy as np
from numpy.typing import NDArray

from clustering.array_type import Array
from clustering.kmeans.lloyd import mean_row
from clustering.workers import Workers

# Rows at a time where all are read: the copy without the mean stays small beside the data.
CHUNK_ROWS = 16_384


class CenteredRows:
    """Rows and weights, read a batch at a time, less their mean."""

    def __init__(self, X: Array, weights: Array, workers: Workers) -> None:
        self.X, self.weights, self.workers = X, weights, workers
        self.origin = mean_row(X, workers)

    def take(self, rows: NDArray[np.int64]) -> Array:
        """Copy of some rows, less the mean of all."""
        taken = np.asarray(self.X[rows])
        taken -= self.origin
        return taken

    def variance(self) -> float:
        """Mean variance of a feature."""
        squares = (np.square(self.take(rows), dtype=np.float64).sum() for rows in self.chunks())
        return float(sum(squares) / self.X.size)

    def chunks(self) -> list[NDArray[np.int64]]:
        """Numbers of all rows, some at a time."""
        rows = np.arange(len(self.X))
        return [rows[first : first + CHUNK_ROWS] for first in range(0, len(rows), CHUNK_ROWS)]
