"""Kernels of the index coder: a binary arithmetic coder driven by a mixture of adaptive models, in integers alone.

For each decision several contexts (the neighbours, the coarser level, the place in the tree of codewords) each look up
how often it was a one; a small network weighs these opinions in the logistic domain and learns from the outcome (M.
Mahoney, "Adaptive weighing of context models for lossless data compression", 2005).

Why none of the well-kept libraries (benchmarks/quantize.py, indices of 64 colours, two photographs): zstandard at its
level 19 takes 44 % more bytes; the range coder of constriction, with the histogram of each left neighbour known
beforehand and not counted, 28 % more. It is the models that save, and they must be mixed between any two decisions,
for which these libraries have no place, in whole numbers.

A cell holds a probability of 22 bits, times 512, and how often it was used, up to a limit. The logistic domain is in
256ths. The carry-less interval is that of lpaq (M. Mahoney, 2007).
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clustering import Array, compiled

# Contexts of a decision, constants where they are used, so that the loops over them unroll. Blocks have few: six would
# save half a per cent of their bytes, and take 40 % more time.
N_INPUTS = 6
FEW_INPUTS = 3
LIMIT = 250
# Least and most probability of a one, of 65,536.
EDGE = 16
UNIT = 256
REACH = 12 * UNIT - 1
# Cells and weights start at these: no opinion, and a quarter of each opinion, of few ones more.
START_CELL = 1 << 30
START_WEIGHT = 1 << 14
FEW_START_WEIGHT = 3 << 13
# Room for the end of a stream.
SPARE_BYTES = 64
# What a coder's state holds: the ends of the interval, the place in the buffer, and what the decoder has read.
LOW, HIGH, PLACE, CODE = range(4)


class Coder(NamedTuple):
    """The arithmetic coder at work.

    Attributes
    ----------
    decoding : bool
        Else encoding.
    state : array (4,), int64
        LOW and HIGH, the ends of the interval (32 bits each); PLACE in the buffer; CODE, the decoder's 32 bits.
    buffer : array (n_bytes,), uint8
    """

    decoding: bool
    state: NDArray[np.int64]
    buffer: NDArray[np.uint8]


class Cells(NamedTuple):
    """What has been learnt, and how quickly more is.

    Attributes
    ----------
    table : array (n_cells,), int32
        The cells of all contexts.
    weights : array (n_sets * n_inputs,), int32
        Of their opinions.
    pace : int
        How many times as quickly as at first weights learn.
    limit : int
        Uses that a cell counts at most, no more than `LIMIT`: the fewer, the sooner it forgets.
    """

    table: NDArray[np.int32]
    weights: NDArray[np.int32]
    pace: int = 1
    limit: int = LIMIT


def new_cells(n_cells: int, n_sets: int, n_inputs: int = N_INPUTS) -> Cells:
    """Cells and weights that have learnt nothing."""
    weight = START_WEIGHT if n_inputs == N_INPUTS else FEW_START_WEIGHT
    return Cells(np.full(n_cells, START_CELL, np.int32), np.full(n_sets * n_inputs, weight, np.int32))


def classes_by_limits(limits: list[int], n: int) -> NDArray[np.int64]:
    """Class of each number below n: how many of the limits it reaches."""
    return np.searchsorted(limits, np.arange(n), side="right").astype(np.int64)


def copy_of(cells: Cells) -> Cells:
    """Cells that have learnt the same, and go on by themselves."""
    return cells._replace(table=cells.table.copy(), weights=cells.weights.copy())


@compiled(inner=True, forceinline=True, allocates=False)
def is_full(coder: Coder, n_bytes: int) -> bool:
    """Whether the encoder's buffer must grow before it takes so many bytes more."""
    return not coder.decoding and coder.state[PLACE] + n_bytes + SPARE_BYTES > len(coder.buffer)


@compiled(inner=True, forceinline=True, allocates=False)
def has_ended(coder: Coder, column: int) -> bool:
    """Whether the decoder has come to the end too early; it looks now and then within a row.

    A damaged file may claim a row of a hundred million.
    """
    return coder.decoding and column & 255 == 0 and coder.state[PLACE] > len(coder.buffer) + 4


def _logistic() -> NDArray[np.int64]:
    """65,536 / (1 + exp(-x / 256)) for x from -REACH to REACH, by integers: a table that is the same everywhere."""
    one = 1 << 80
    # exp(-1 / 256) as the sum of its series.
    ratio, term = one, one
    for n in range(1, 40):
        term = -term // (UNIT * n)
        ratio += term
    values, power = [], one
    for _ in range(REACH + 1):
        values.append(((1 << 16) * one + (one + power) // 2) // (one + power))
        power = (power * ratio) >> 80
    return np.array([65536 - value for value in values[:0:-1]] + values, np.int64)


_LOGISTIC = _logistic()
# The tables are narrow: all of them, and cells besides, are to stay in the 32 kB next to the processor.
SQUASH = np.clip(_LOGISTIC, EDGE, 65536 - EDGE).astype(np.uint16)
# Logistic of the middle of each 4,096th: the nearest entry of the other table.
STRETCH = (np.searchsorted(_LOGISTIC, np.arange(4096) * 16 + 8) - REACH).astype(np.int16)
# Weight of the next outcome in the mean of n, and how much an opinion of n outcomes counts, both of 65,536 and 256.
SHARE = np.array([655360 // (10 * n + 16) for n in range(LIMIT + 1)], np.uint16)
TRUST = np.array([256 * 2 * n // (2 * n + 3) for n in range(LIMIT + 1)], np.int16)
# Bits that a decision costs by its probability of 4,096; for the encoder's choices alone, so that floats do no harm.
COST = -np.log2((np.arange(4096) + 0.5) / 4096)


@compiled(inner=True, forceinline=True, allocates=False)
def opinion(cell: np.int32) -> np.int64:
    """Tell what a cell says of the next decision, in the logistic domain: the less, the less often it was used."""
    return (np.int64(STRETCH[np.uint64(cell >> 19)]) * np.int64(TRUST[np.uint64(cell & 511)])) >> 8


@compiled(inner=True, forceinline=True, allocates=False)
def learn(cell: np.int32, target: int, limit: int) -> np.int64:
    """Cell after a decision; target, the probability of 22 bits that it was right to give; limit, of `Cells`."""
    used: Any = np.int64(cell & 511)
    probability = np.int64(cell >> 9)
    probability += ((target - probability) * np.int64(SHARE[np.uint64(used)])) >> 16
    return (probability << 9) | min(used + 1, limit)


@compiled(inner=True, forceinline=True, allocates=False)
def mixed_probability(bases: Array, node: int, cells: Cells, weight_set: int, n_inputs: int) -> np.int64:
    """Probability, of 65,536, that the decision at a node is a one.

    Numbers of cells are unsigned here: Numba looks whether a signed one counts from the end, which takes half the time.

    IN: bases (n_inputs,) where the cells of each input's context begin; node, which of them; cells; weight_set;
    n_inputs, N_INPUTS or FEW_INPUTS.
    """
    table, weights = cells.table, cells.weights
    total: Any = 0
    place, first = np.uint64(node), np.uint64(weight_set * n_inputs)
    for t in range(n_inputs):
        total += opinion(table[bases[t] + place]) * np.int64(weights[first + np.uint64(t)])
    total = min(max(total >> 16, -REACH), REACH)
    return np.int64(SQUASH[np.uint64(total + REACH)])


@compiled(inner=True, forceinline=True, allocates=False)
def code_decision(coder: Coder, bit: int, bases: Array, node: int, cells: Cells, weight_set: int, n_inputs: int) -> int:
    """Code one decision, learn from it, and return it.

    The inputs are written out, so that all of them stay in registers: an array between the two halves of the work, or
    a cell read again, takes a third longer.

    IN: bit, to be encoded; the others as of `mixed_probability`. INOUT: coder, cells.
    """
    table, weights, limit = cells.table, cells.weights, cells.limit
    place, first = np.uint64(node), np.uint64(weight_set * n_inputs)
    at0, at1, at2 = bases[0] + place, bases[1] + place, bases[2] + place
    in0, in1, in2 = first, first + np.uint64(1), first + np.uint64(2)
    cell0, cell1, cell2 = table[at0], table[at1], table[at2]
    weight0, weight1, weight2 = weights[in0], weights[in1], weights[in2]
    say0, say1, say2 = opinion(cell0), opinion(cell1), opinion(cell2)
    total = say0 * weight0 + say1 * weight1 + say2 * weight2
    # The other three, where there are any: known when this is compiled.
    at3, at4, at5, in3, in4, in5 = at0, at1, at2, in0, in1, in2
    cell3, cell4, cell5, weight3, weight4, weight5 = cell0, cell1, cell2, weight0, weight1, weight2
    say3, say4, say5 = say0, say1, say2
    if n_inputs == N_INPUTS:
        at3, at4, at5 = bases[3] + place, bases[4] + place, bases[5] + place
        in3, in4, in5 = first + np.uint64(3), first + np.uint64(4), first + np.uint64(5)
        cell3, cell4, cell5 = table[at3], table[at4], table[at5]
        weight3, weight4, weight5 = weights[in3], weights[in4], weights[in5]
        say3, say4, say5 = opinion(cell3), opinion(cell4), opinion(cell5)
        total += say3 * weight3 + say4 * weight4 + say5 * weight5
    one = np.int64(SQUASH[np.uint64(min(max(total >> 16, -REACH), REACH) + REACH)])
    bit = code_bit(coder, bit, one)
    error = ((bit << 16) - one) * cells.pace
    target = (bit << 22) - bit
    weights[in0] = weight0 + ((say0 * error + 32768) >> 16)
    weights[in1] = weight1 + ((say1 * error + 32768) >> 16)
    weights[in2] = weight2 + ((say2 * error + 32768) >> 16)
    table[at0] = learn(cell0, target, limit)
    table[at1] = learn(cell1, target, limit)
    table[at2] = learn(cell2, target, limit)
    if n_inputs == N_INPUTS:
        weights[in3] = weight3 + ((say3 * error + 32768) >> 16)
        weights[in4] = weight4 + ((say4 * error + 32768) >> 16)
        weights[in5] = weight5 + ((say5 * error + 32768) >> 16)
        table[at3] = learn(cell3, target, limit)
        table[at4] = learn(cell4, target, limit)
        table[at5] = learn(cell5, target, limit)
    return bit


@compiled(inner=True, forceinline=True, allocates=False)
def cell_probability(cell: np.int32) -> np.int64:
    """Probability, of 65,536, that a decision is a one, as a single cell has it."""
    probability: Any = np.int64(cell >> 15)
    return np.int64(min(max(probability, EDGE), 65536 - EDGE))


@compiled(inner=True, forceinline=True, allocates=False)
def code_plain_decision(coder: Coder, bit: int, table: Array, at: int, limit: int) -> int:
    """Code one decision by what a single cell says, learn from it, and return it.

    IN: bit, to be encoded; at, the cell; limit, of `Cells`. INOUT: coder; table, of all cells.
    """
    cell = table[at]
    bit = code_bit(coder, bit, cell_probability(cell))
    table[at] = learn(cell, (bit << 22) - bit, limit)
    return bit


@compiled(inner=True, forceinline=True, allocates=False)
def code_path(
    coder: Coder,
    leaf: int,
    children: Array,
    bits: Array,
    bases: Array,
    cells: Cells,
    first_set: int,
    last_depth: int,
    n_inputs: int,
) -> int:
    """Code the decisions on the way down a tree, and return the leaf.

    IN: leaf, to be encoded; children (n_nodes, 2), nodes that follow a 0 and a 1, leaves as -1 - leaf; bits (n_leaves,
    longest), the decisions on the way to each; first_set, of the weights of the root; there is a set for each depth up
    to `last_depth`; the others as of `code_decision`. INOUT: coder, cells.
    """
    # A tree of one leaf has no decisions.
    node: Any = np.int64(0 if len(children) > 0 else -1)
    depth: Any = np.int64(0)
    while node >= 0:
        bit = np.int64(0) if coder.decoding else np.int64(bits[leaf, depth])
        weight_set = first_set + min(depth, last_depth)
        bit = code_decision(coder, bit, bases, node, cells, weight_set, n_inputs)
        node = np.int64(children[node, bit])
        depth += 1
    return -1 - node


@compiled(inner=True, allocates=False)
def path_cost(
    nodes: Array,
    bits: Array,
    n_nodes: int,
    bases: Array,
    cells: Cells,
    first_set: int,
    last_depth: int,
    n_inputs: int,
) -> float:
    """Bits that the decisions on the way to a leaf cost, by the models as they stand.

    IN: nodes, bits (longest,), what is met on the way and decided there; n_nodes, how many they are; the others as of
    `code_path`.
    """
    cost = 0.0
    for depth in range(n_nodes):
        one = mixed_probability(bases, nodes[depth], cells, first_set + min(depth, last_depth), n_inputs)
        cost += COST[one >> 4] if bits[depth] == 1 else COST[4095 - (one >> 4)]
    return cost


@compiled(inner=True, forceinline=True, allocates=False)
def code_bit(coder: Coder, bit: Any, one: int) -> int:
    """Code a decision of the given probability, of 65,536, that it is a one; return it. INOUT: coder."""
    state, buffer = coder.state, coder.buffer
    low, high = state[LOW], state[HIGH]
    middle = low + (((high - low) * one) >> 16)
    if coder.decoding:
        bit = np.int64(state[CODE] <= middle)
    if bit > 0:
        high = middle
    else:
        low = middle + 1
    while (low ^ high) < 1 << 24:
        if coder.decoding:
            place, following = state[PLACE], np.int64(0)
            if place < len(buffer):
                following = np.int64(buffer[place])
            state[CODE] = ((state[CODE] << 8) & 0xFFFFFFFF) | following
        else:
            buffer[state[PLACE]] = high >> 24
        state[PLACE] += 1
        low = (low << 8) & 0xFFFFFFFF
        high = ((high << 8) & 0xFFFFFFFF) | 255
    state[LOW], state[HIGH] = low, high
    return bit


def start_decoder(coder: Coder) -> None:
    """Read the first bytes; once a stream, so that it need not be compiled. INOUT: coder."""
    coder.state[:] = 0, 0xFFFFFFFF, 4, int.from_bytes(coder.buffer[:4].tobytes().ljust(4, b"\0"), "big")


def finish_encoder(coder: Coder) -> None:
    """Write what tells the last interval from all others; the decoder takes missing bytes as zeros.

    INOUT: coder.
    """
    low, high, place = (int(number) for number in coder.state[:CODE])
    # The shortest number in the interval whose remaining bytes are zeros.
    for kept in range(1, 5):
        shift = 32 - 8 * kept
        value = ((low + (1 << shift) - 1) >> shift) << shift
        if value <= high:
            coder.buffer[place : place + kept] = list(value.to_bytes(4, "big")[:kept])
            coder.state[PLACE] += kept
            break
