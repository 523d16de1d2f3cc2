"""Kernels that code whole numbers: those of the coarsest planes, and lists, as codebooks have them."""

from typing import Any

import numpy as np

from clustering import Array, compiled
from quantize.entropy.kernels.coder import N_INPUTS, Cells, Coder, classes_by_limits, code_decision

# Cells that a context of numbers has, one for each node of `code_number`. A part of the format, as their order is.
NUMBER_CELLS = 64
# Contexts: all, the plane, how much the neighbours differ, both, and what the sample before left.
N_ACTIVITIES = 12
# Numbers of NumPy's: for each of Python's, Numba would compile what takes it once more.
SIGN_NODE, FIRST_SET = np.int64(20), np.int64(0)
# Kinds of decisions on a number: whether it has more digits, its sign, its digits.
MORE, SIGN, DIGIT, DONE = np.int64(0), np.int64(1), np.int64(2), np.int64(3)
MOST_DIGITS = 20
# Binary digits of a size, 0 to 11, from the 11th on the same for all.
MOST_SIZE = 1 << N_ACTIVITIES - 2
DIGITS = classes_by_limits([1 << n for n in range(N_ACTIVITIES - 1)], MOST_SIZE + 1)
TOP_CONTEXTS = 1 + 4 + N_ACTIVITIES + 4 * N_ACTIVITIES + N_ACTIVITIES + 4 * N_ACTIVITIES


@compiled(inner=True, allocates=False)
def code_number(coder: Coder, value: int, bases: Array, cells: Cells, weight_set: int) -> int:
    """Code a whole number: how many binary digits it has, its sign, and the digits. Takes NUMBER_CELLS a context.

    Parameters as of `code_decision`; `weight_set` and the two after it are used. Numbers of up to 20 digits.
    """
    size = abs(value)
    n_digits = 0
    while size >> n_digits > 0:
        n_digits += 1
    n: Any = np.int64(0)
    found: Any = np.int64(1)
    kind: Any = MORE
    d, negative = np.int64(0), np.int64(0)
    # One call for all kinds of decisions: what is inlined there takes a part of the time to compile.
    while kind != DONE:
        if kind == MORE:
            node, bit = n, np.int64(n_digits > n)
        elif kind == SIGN:
            node, bit = SIGN_NODE, np.int64(value < 0)
        else:
            # The digit after the first depends on how many there are, the others hardly on anything.
            node, bit = 42 + d, (size >> d) & 1
            if d == n - 2:
                node = 21 + n
        bit = code_decision(coder, bit, bases, node, cells, weight_set + kind, N_INPUTS)
        if kind == MORE:
            n += bit
            if bit == 0 and n == 0:
                return 0
            if bit == 0 or n == MOST_DIGITS:
                kind = SIGN
        elif kind == SIGN:
            negative, d = bit, n - 2
            kind = DIGIT if n > 1 else DONE
        else:
            found = found * 2 + bit
            d -= 1
            if d < 0:
                kind = DONE
    return -found if negative == 1 else found


@compiled(allocates=False)
def code_top(coder: Coder, numbers: Array, cells: Cells, bases: Array) -> None:
    """Code planes of numbers as differences from the median of west, north and their sum less northwest.

    M. J. Weinberger, G. Seroussi and G. Sapiro, "The LOCO-I lossless image compression algorithm", IEEE Transactions on
    Image Processing 9(8), 2000.

    INOUT: coder; numbers (n_planes, height, width) int64; cells, TOP_CONTEXTS * NUMBER_CELLS of them, and weights of 3
    sets. OUT: bases (N_INPUTS,), room to work in.
    """
    bases[0] = 0
    left = 0
    n_planes, height, width = numbers.shape
    for p in range(n_planes):
        for r in range(height):
            for c in range(width):
                west = numbers[p, r, c - 1] if c > 0 else (numbers[p, r - 1, c] if r > 0 else 0)
                north = numbers[p, r - 1, c] if r > 0 else west
                corner = numbers[p, r - 1, c - 1] if r > 0 and c > 0 else north
                least, most = min(west, north), max(west, north)
                expected = max(least, min(most, west + north - corner))
                activity = DIGITS[min(abs(west - corner) + abs(north - corner), MOST_SIZE)]
                before = DIGITS[min(abs(left), MOST_SIZE)]
                bases[1] = NUMBER_CELLS * (1 + p)
                bases[2] = NUMBER_CELLS * (5 + activity)
                bases[3] = NUMBER_CELLS * (5 + N_ACTIVITIES + p * N_ACTIVITIES + activity)
                bases[4] = NUMBER_CELLS * (5 + 5 * N_ACTIVITIES + before)
                bases[5] = NUMBER_CELLS * (5 + 6 * N_ACTIVITIES + p * N_ACTIVITIES + before)
                left = code_number(coder, numbers[p, r, c] - expected, bases, cells, FIRST_SET)
                numbers[p, r, c] = expected + left


@compiled(allocates=False)
def code_list(coder: Coder, numbers: Array, period: int, cells: Cells, bases: Array) -> None:
    """Code a list of numbers of which every `period`-th one is of the same kind.

    IN: period. INOUT: coder; numbers (n,) int64; cells, list_contexts(period) * NUMBER_CELLS of them, and weights of 3
    sets. OUT: bases (N_INPUTS,), room to work in.
    """
    for i in range(len(numbers)):
        kind = i % period
        before = DIGITS[min(abs(numbers[i - 1]), MOST_SIZE)] if i > 0 else 0
        alike = DIGITS[min(abs(numbers[i - period]), MOST_SIZE)] if i >= period else 0
        sign = 1 + (numbers[i - 1] > 0) - (numbers[i - 1] < 0) if i > 0 else 1
        bases[0] = 0
        bases[1] = NUMBER_CELLS * (1 + kind)
        bases[2] = NUMBER_CELLS * (1 + period + before)
        bases[3] = NUMBER_CELLS * (1 + period + N_ACTIVITIES + alike)
        bases[4] = NUMBER_CELLS * (1 + period + 2 * N_ACTIVITIES + 3 * before + sign)
        bases[5] = NUMBER_CELLS * (1 + period + 5 * N_ACTIVITIES + before * N_ACTIVITIES + alike)
        numbers[i] = code_number(coder, numbers[i], bases, cells, FIRST_SET)


def list_contexts(period: int) -> int:
    """Contexts that `code_list` uses."""
    return 1 + period + 5 * N_ACTIVITIES + N_ACTIVITIES * N_ACTIVITIES
