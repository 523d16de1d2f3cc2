"""Which rows are equal."""

import numpy as np
from numpy.typing import NDArray

from clustering.array_type import Array
from clustering.kernels.rows import merge_equal_rows


def group_equal_rows(X: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers of the different rows where each appears first, and for each row which of them it is.

    Rows (n_samples, n_features), in C order, are equal where their bits are: 0 and -0 differ.
    """
    table = np.full(2 << len(X).bit_length(), -1, np.int64)
    first_rows, group = np.empty((2, len(X)), np.int64)
    n_different = merge_equal_rows(X.view(f"u{X.itemsize}"), table, group, first_rows)
    return first_rows[:n_different], group
