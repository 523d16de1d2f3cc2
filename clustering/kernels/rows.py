"""Kernels that look at rows alone: their mean, what is left without it, and which ones are equal."""

import numpy as np

from clustering.array_type import Array
from clustering.kernels.compilation import FAST_MATH, compiled


@compiled()
def copy_rows(X: Array, n_rows: int, copied: Array) -> None:
    """Copy the first rows, element by element: the assignment of a slice to a slice takes seconds to compile.

    IN: X (n_samples, n_features); n_rows. OUT: copied (n_samples, n_features), as far as n_rows.
    """
    for i in range(n_rows):
        for j in range(X.shape[1]):
            copied[i, j] = X[i, j]


@compiled()
def column_sums(X: Array, first: int, last: int, sums: Array) -> None:
    """Add up the rows first:last.

    IN: X (n_samples, n_features). OUT: sums (n_features,) float64.
    """
    sums[:] = 0.0
    for i in range(first, last):
        for j in range(X.shape[1]):
            sums[j] += X[i, j]


@compiled(fastmath=FAST_MATH)
def subtract_mean(X: Array, mean: Array, first: int, last: int, centered: Array) -> float:
    """Subtract the mean from the rows first:last; return the sum of the squares of what is left.

    IN: X (n_samples, n_features); mean (n_features,). OUT: centered (n_samples, n_features).
    """
    total = 0.0
    for i in range(first, last):
        squares = 0.0
        for j in range(X.shape[1]):
            value = X[i, j] - mean[j]
            centered[i, j] = value
            squares += value * value
        total += squares
    return total


@compiled()
def merge_equal_rows(bits: Array, table: Array, group: Array, first_rows: Array) -> int:
    """Give each different row a number, in the order of appearance; return how many there are.

    IN: bits (n_samples, n_words) unsigned integers, the rows as they lie in memory. INOUT: table, a power of two of
    places, more than n_samples, all -1. OUT: group (n_samples,) the number of each row; first_rows (n_samples,) where
    each number appeared first.
    """
    mask = table.shape[0] - 1
    n_groups = 0
    for i in range(bits.shape[0]):
        key = np.uint64(14695981039346656037)
        for j in range(bits.shape[1]):
            key = (key ^ np.uint64(bits[i, j])) * np.uint64(1099511628211)
            key ^= key >> np.uint64(29)
        place = np.int64(key & np.uint64(mask))
        while table[place] >= 0:
            other = first_rows[table[place]]
            equal = True
            for j in range(bits.shape[1]):
                if bits[i, j] != bits[other, j]:
                    equal = False
                    break
            if equal:
                break
            place = (place + 1) & mask
        if table[place] < 0:
            table[place] = n_groups
            first_rows[n_groups] = i
            n_groups += 1
        group[i] = table[place]
    return n_groups
