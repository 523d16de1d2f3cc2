"""Kernel of the wavelet transform: a lifting step."""

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
    for i in range(changed.shape[0]):
        scaled = np.int32(factor * np.int32(np.int32(before[i]) + np.int32(after[i])))
        value = np.int32(changed[i] + np.int32(sign * np.int32(np.int32(scaled + 2048) >> LIFTING_BITS)))
        value = value if value > LEAST else np.int32(LEAST)
        changed[i] = value if value < MOST else np.int32(MOST)
