"""Kernels of the wavelet transform and of its colours: a lifting step, and a weighted sum of planes."""

import numpy as np

from clustering import Array, compiled

# Fractional bits of the numbers that samples are multiplied by.
LIFTING_BITS = 12
LEAST, MOST = -32768, 32767


@compiled(allocates=False)
def lift(changed: Array, before: Array, after: Array, factor: np.int32, sign: np.int32) -> None:
    """Change samples by those before and after them.

    Whole numbers of 32 bits in one line are worked on several at a time: the factor has 13 bits, the sum of two samples
    17.

    IN: before, after (n,) int16; factor; sign, 1 or -1. INOUT: changed (n,) int16, held to that range.
    """
    for i in range(len(changed)):
        scaled = np.int32(factor * np.int32(np.int32(before[i]) + np.int32(after[i])))
        value = np.int32(changed[i] + np.int32(sign * np.int32(np.int32(scaled + 2048) >> LIFTING_BITS)))
        value = value if value > LEAST else np.int32(LEAST)
        changed[i] = value if value < MOST else np.int32(MOST)


@compiled(allocates=False)
def add_weighted(
    first: Array,
    second: Array,
    third: Array,
    weights: Array,
    shift: np.int64,
    least: np.int64,
    most: np.int64,
    sums: Array,
) -> None:
    """Add up three lines of samples.

    IN: first, second, third (n,) int32; weights (4,) int64, the last one of 1; shift, by how many bits a sum is shifted
    right; least, most, the range to which it is held then. OUT: sums (n,) int16.
    """
    one, other, last, rest = weights[0], weights[1], weights[2], weights[3]
    for i in range(len(sums)):
        total = (one * first[i] + other * second[i] + last * third[i] + rest) >> shift
        sums[i] = min(max(total, least), most)
