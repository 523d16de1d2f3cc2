"""Kernel that codes the vectors of a band of the wavelet transform.

What is coded of a vector: whether it is zero; the codeword of the sizes of its components, as a path down a tree of
decisions, the last of which means a vector out of the codebook's reach, whose components are then coded as whole
numbers of steps; and the sign of each component that is not zero. Codewords have no signs: the statistics of wavelet
vectors are the same in all octants, so that a codebook of one serves all of them.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clustering import Array, compiled
from quantize.entropy.kernels.coder import (
    COST,
    N_INPUTS,
    Cells,
    Coder,
    cell_probability,
    code_decision,
    code_path,
    code_plain_decision,
    has_ended,
    is_full,
    mixed_probability,
    path_cost,
)
from quantize.entropy.kernels.numbers import NUMBER_CELLS, code_number
from quantize.multiresolution.kernels.surroundings import (
    FEW_SIZES,
    N_SIZES,
    QUIET_INPUT,
    QUIET_LIMIT,
    SIZES,
    Surroundings,
    set_flag_contexts,
    set_node_contexts,
    set_sign_contexts,
)
from quantize.multiresolution.kernels.wavelet import MOST

# A number of NumPy's: for each of Python's, Numba would compile what takes it once more.
ONLY_NODE = np.int64(0)
# Units of a codeword in a step.
UNITS = 16
# Most that the decisions of a vector take: flag, path, and six numbers, each decision 12 bits.
MOST_BYTES = 450
# Sets of weights: of flags by size, of nodes by depth, of signs, of numbers.
FLAG_SETS, NODE_SETS, SIGN_SETS, NUMBER_SETS = N_SIZES * 3, 16, 6, 3
# Nodes this far down a path, and farther down, share their weights.
LAST_DEPTH = NODE_SETS - 1
# The encoder's estimates, in squared steps and bits, set by hand: they decide what is tried, and no decoder needs them.
# A vector is zero without a look at the codebook where its square is less than so many bits are worth.
LEAST_CODED_BITS = 1.5
# Of codewords, those are looked at closely that cost no more than so many bits above the least, by their mean rates.
CLOSE_BITS = 2.0
# Whole numbers are tried for vectors of more than this square that their codeword serves at a cost of more than so many
# bits and so much squared error.
LEAST_ESCAPED, ESCAPED_BITS, ESCAPED_ERROR = 6.0, 8, 0.3
# What whole numbers take: for the signs of a vector, for each number, and for each of its digits.
VECTOR_BITS, NUMBER_BITS, DIGIT_BITS = 2.0, 1.0, 1.6
# Added before a size is cut to whole steps: less than a half, because smaller numbers take fewer bits.
ROUNDING = np.float32(0.45)
WEIGHT_SETS = FLAG_SETS + NODE_SETS + SIGN_SETS + NUMBER_SETS


class Book(NamedTuple):
    """A codebook of sizes, ready for coding.

    Attributes
    ----------
    codewords : array (n_codewords, n_components), int16
        Sizes in 16ths of a step, not negative; the last one, of zeros, is for vectors out of reach.
    children : array (n_codewords - 1, 2), int32
        Nodes that follow a 0 and a 1; leaves as -1 - codeword.
    nodes, bits : array (n_codewords, depth), int32
        The way to each codeword.
    lengths : array (n_codewords,), int64
    columns : array (n_components, n_codewords), float32
        Codewords in steps, for the encoder's choice.
    rates : array (N_FEW_SIZES, n_codewords), float32
        Bits of each, signs included, by the class of what is near.
    """

    codewords: NDArray[np.int16]
    children: NDArray[np.int32]
    nodes: NDArray[np.int32]
    bits: NDArray[np.int32]
    lengths: NDArray[np.int64]
    columns: NDArray[np.float32]
    rates: NDArray[np.float32]


class Model(NamedTuple):
    """What has been learnt: cells and weights, and where the groups of contexts begin: flags, nodes, signs, numbers.

    `quiet_alone` says whether one cell alone decides where nothing is around a vector.
    """

    cells: Cells
    starts: NDArray[np.int64]
    quiet_alone: bool


class Room(NamedTuple):
    """Room to work in, made by who calls: a kernel that makes no arrays is twice as quick.

    Attributes
    ----------
    bases, node_bases : array (N_INPUTS,), uint64
    sizes : array (10,), int64
    numbers : array (n_components,), int64
    vector : array (n_components,), float32
    inverses : array (n_classes, n_components), float32
        One by each step, in samples.
    costs : array (n_codewords,), float32
    """

    bases: NDArray[np.uint64]
    node_bases: NDArray[np.uint64]
    sizes: NDArray[np.int64]
    numbers: NDArray[np.int64]
    vector: NDArray[np.float32]
    inverses: NDArray[np.float32]
    costs: NDArray[np.float32]


def room_for(steps: NDArray[np.int64], n_codewords: int) -> Room:
    """Make room for vectors of these steps, as of `code_details`, and so many codewords."""
    n_components = steps.shape[1]
    bases, node_bases = np.zeros((2, N_INPUTS), np.uint64)
    return Room(
        bases,
        node_bases,
        np.zeros(10, np.int64),
        np.zeros(n_components, np.int64),
        np.zeros(n_components, np.float32),
        # Samples are 8ths of a gray level.
        (8192 / steps).astype(np.float32),
        np.zeros(n_codewords, np.float32),
    )


@compiled(inner=True, allocates=False)
def choose(vector: Array, square: float, book: Book, near: int, rate: float, costs: Array) -> tuple[int, float]:
    """Find the codeword of least distortion and rate, by its mean rates; return it, and its cost.

    IN: vector (n_components,) float32, sizes in steps; square, its own; near, class of what is near; rate, the weight
    of a bit. OUT: costs (n_codewords,) float32.
    """
    n, weight = len(book.codewords) - 1, np.float32(rate)
    for j in range(n):
        costs[j] = weight * book.rates[near, j]
    for i in range(len(vector)):
        x = vector[i]
        for j in range(n):
            difference = x - book.columns[i, j]
            costs[j] += difference * difference
    best, least = 0, costs[0]
    for j in range(1, n):
        if costs[j] < least:
            best, least = j, costs[j]
    found = float(least)
    # Out of reach: in whole steps.
    if square > LEAST_ESCAPED and found > rate * ESCAPED_BITS + ESCAPED_ERROR:
        cost = rate * (float(book.rates[near, n]) + VECTOR_BITS)
        for i in range(len(vector)):
            number = np.int64(vector[i] + ROUNDING)
            left = float(vector[i]) - number
            cost += left * left
            n_digits = 0
            while number >> n_digits > 0:
                n_digits += 1
            cost += rate * (NUMBER_BITS + DIGIT_BITS * n_digits)
        if cost < found:
            return n, cost
    return best, found


@compiled(inner=True, allocates=False)
def choose_by_path(
    best: int, book: Book, near: int, rate: float, costs: Array, bases: Array, learnt: Cells
) -> tuple[int, float]:
    """Find the codeword of least distortion and rate, by what its path costs here; return it, and its cost.

    IN: best, the one of `choose`; costs, what that has found; bases (N_INPUTS,), of the nodes' contexts; the others as
    there.
    """
    most = costs[best] + np.float32(CLOSE_BITS * rate)
    least = np.inf
    for j in range(len(book.codewords) - 1):
        if costs[j] <= most:
            nodes, decisions, n_nodes = book.nodes[j], book.bits[j], book.lengths[j]
            bits = path_cost(nodes, decisions, n_nodes, bases, learnt, FLAG_SETS, LAST_DEPTH, N_INPUTS)
            for size in book.codewords[j]:
                bits += size > 0
            cost = float(costs[j]) + rate * (bits - float(book.rates[near, j]))
            if cost < least:
                best, least = j, cost
    return best, least


@compiled(allocates=False)
def code_details(
    coder: Coder,
    first_row: int,
    details: Array,
    level: int,
    steps: Array,
    classes: Array,
    shift: int,
    around: Surroundings,
    book: Book,
    model: Model,
    room: Room,
    rate: float,
) -> int:
    """Code the vectors of a band, from a row on.

    Returns the number of rows, or of the row before which the encoder's buffer must grow, or -1 where the decoder's has
    come to its end too early.

    IN: first_row; level, 0 for the finest; steps (n_classes, n_components) int64, in 65,536ths of a
    sample; classes (rows, columns) uint8, of steps, of which each serves 2**shift x 2**shift vectors; book; rate,
    the Lagrangian weight of a bit in squared steps. INOUT: details (rows, columns, n_components) int16: the original in
    the encoder, what is decoded afterwards; coder; around; model. OUT: room.
    """
    n_rows, n_columns, n_components = details.shape
    decoding, learnt, starts = coder.decoding, model.cells, model.starts
    bases, node_bases, sizes, numbers = room.bases, room.node_bases, room.sizes, room.numbers
    vector, inverses, costs = room.vector, room.inverses, room.costs
    n_nodes, escape = len(book.children), len(book.codewords) - 1
    level_group = min(level, 2)
    right, left = max(shift, 0), max(-shift, 0)
    for r in range(first_row, n_rows):
        if is_full(coder, n_columns * MOST_BYTES):
            return r
        for c in range(n_columns):
            if has_ended(coder, c):
                return -1
            cell = np.int64(classes[r >> right << left, c >> right << left])
            quiet = set_flag_contexts(r, c, level, around, starts[0], model.quiet_alone, bases, sizes)
            flag_set = sizes[0] * 3 + level_group
            j, zero = 0, np.int64(1)
            if not decoding:
                square = np.float32(0)
                for i in range(n_components):
                    vector[i] = abs(np.int64(details[r, c, i])) * inverses[cell, i]
                    square += vector[i] * vector[i]
                if square > LEAST_CODED_BITS * rate:
                    if quiet:
                        one = cell_probability(learnt.table[bases[QUIET_INPUT]])
                    else:
                        one = mixed_probability(bases, ONLY_NODE, learnt, flag_set, N_INPUTS)
                    other_cost = rate * COST[4095 - (one >> 4)]
                    zero_cost = square + rate * COST[one >> 4]
                    if zero_cost > other_cost:
                        near = FEW_SIZES[sizes[3]]
                        set_node_contexts(r, c, level, around, starts[1], n_nodes, sizes, node_bases)
                        j, cost = choose(vector, square, book, near, rate, costs)
                        if j != escape:
                            j, cost = choose_by_path(j, book, near, rate, costs, node_bases, learnt)
                        if cost + other_cost < zero_cost:
                            zero = np.int64(0)
            if quiet:
                zero = code_plain_decision(coder, zero, learnt.table, bases[QUIET_INPUT], QUIET_LIMIT)
            else:
                zero = code_decision(coder, zero, bases, ONLY_NODE, learnt, flag_set, N_INPUTS)
            if zero == 1:
                for i in range(n_components):
                    details[r, c, i] = 0
                continue
            if decoding:
                set_node_contexts(r, c, level, around, starts[1], n_nodes, sizes, node_bases)
            j = code_path(coder, j, book.children, book.bits, node_bases, learnt, FLAG_SETS, LAST_DEPTH, N_INPUTS)
            if j == escape:
                last: Any = np.int64(0)
                for i in range(n_components):
                    # A decoder's vectors are zeros.
                    number = np.int64(vector[i] + ROUNDING)
                    number_set = FLAG_SETS + NODE_SETS + SIGN_SETS
                    kind = i % 3
                    bases[0] = starts[3, 0]
                    bases[1] = starts[3, 1] + NUMBER_CELLS * (level * 3 + kind)
                    bases[2] = starts[3, 2] + NUMBER_CELLS * (kind * N_SIZES + sizes[0])
                    bases[3] = starts[3, 3] + NUMBER_CELLS * (kind * N_SIZES + sizes[1])
                    bases[4] = starts[3, 4] + NUMBER_CELLS * (kind * N_SIZES + SIZES[min(4 * last, 2047)])
                    bases[5] = starts[3, 5] + NUMBER_CELLS * kind
                    last = abs(code_number(coder, number, bases, learnt, number_set))
                    numbers[i] = last
            before, total, directions, signs = np.int64(0), 0, 0, 0
            size: Any = 0
            for i in range(n_components):
                size = np.int64(book.codewords[j, i])
                if j == escape:
                    size = numbers[i] * UNITS
                sign: Any = np.int64(0)
                value: Any = np.int64(0)
                if size > 0:
                    negative: Any = np.int64(details[r, c, i] < 0)
                    set_sign_contexts(r, c, i, around, before, starts[2], bases)
                    sign_set = FLAG_SETS + NODE_SETS + i
                    negative = code_decision(coder, negative, bases, ONLY_NODE, learnt, sign_set, N_INPUTS)
                    value = min((size * steps[cell, i] + 65536) >> 17, MOST)
                    sign = 1 + negative
                    value *= 1 - 2 * negative
                details[r, c, i] = value
                before = (before * 3 + sign) % 9
                signs |= sign << 2 * i
                half = min((size + 4) >> 3, 255)
                total += half
                place = 8 * (i % 3)
                directions += min(half, 255 - (directions >> place & 255)) << place
            around.signs[r + 2, c + 2] = signs
            around.seen[r + 2, c + 2] = directions | min(max(total, 1), 255) << 24
    return n_rows
