"""Kernel that codes planes of small numbers without loss: the indices of a palette, or alpha."""

import numpy as np

from clustering import Array, compiled
from quantize.entropy.kernels.coder import N_INPUTS, Cells, Coder, code_decision, has_ended, is_full

# Cells of each of the contexts of two or more neighbours, which share them as a hash of these neighbours has it.
HASHED_CELLS = 1 << 18
PLAIN_CONTEXTS = 3
SYMBOL_BYTES = 16
# A number of NumPy's: for each of Python's, Numba would compile what takes it once more.
ROOT = np.int64(1)


def cells_of(n_bits: int) -> int:
    """Cells of a table for numbers of so many bits."""
    size = 1 << n_bits
    return size + 2 * size * size + PLAIN_CONTEXTS * (HASHED_CELLS + size)


@compiled(allocates=False)
def code_symbols(coder: Coder, first_row: int, symbols: Array, n_bits: int, cells: Cells, bases: Array) -> int:
    """Code a plane of numbers, each digit by digit, most significant first, from a row on.

    Returns the number of rows, or of the row before which the encoder's buffer must grow, or -1 where the decoder's has
    come to its end too early.

    IN: first_row; n_bits, 1 to 8. INOUT: coder; symbols (height, width) uint8; cells_of(n_bits) cells and weights of
    2**n_bits sets. OUT: bases (N_INPUTS,), room to work in.
    """
    height, width = symbols.shape
    size = 1 << n_bits
    hashed = size + 2 * size * size
    for r in range(first_row, height):
        if is_full(coder, width * SYMBOL_BYTES):
            return r
        for c in range(width):
            if has_ended(coder, c):
                return -1
            north = np.int64(symbols[r - 1, c]) if r > 0 else 0
            west = np.int64(symbols[r, c - 1]) if c > 0 else north
            northwest = np.int64(symbols[r - 1, c - 1]) if r > 0 and c > 0 else north
            northeast = np.int64(symbols[r - 1, c + 1]) if r > 0 and c + 1 < width else north
            farther = np.int64(symbols[r, c - 2]) if c > 1 else northwest
            # Three neighbours of 8 bits times a prime of 31 bits stay within 63.
            near = ((west * 256 + north) * 2147483647) >> 17
            around = ((west * 65536 + north * 256 + northeast) * 1073741789) >> 19
            before = ((west * 65536 + farther * 256 + northwest) * 1073741783) >> 19
            bases[0] = 0
            bases[1] = size + size * west
            bases[2] = size + size * size + size * north
            bases[3] = hashed + near % HASHED_CELLS
            bases[4] = hashed + HASHED_CELLS + size + around % HASHED_CELLS
            bases[5] = hashed + 2 * (HASHED_CELLS + size) + before % HASHED_CELLS
            symbol, node = np.int64(symbols[r, c]), ROOT
            for d in range(n_bits - 1, -1, -1):
                bit = code_decision(coder, (symbol >> d) & 1, bases, node, cells, node, N_INPUTS)
                node = node * 2 + bit
            symbols[r, c] = node - size
    return height
