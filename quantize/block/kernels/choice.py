"""Kernels of the encoder alone: what prediction leaves, the codewords that it costs least by, and how to train these.

Floating-point numbers do no harm here: a decoder takes the choices as they are.
"""

import numpy as np

from clustering import Array, compiled
from quantize.block.kernels.contexts import SCALED, ZERO
from quantize.block.kernels.tables import MOST_STAGES, Model, Room, Tables
from quantize.entropy.kernels.coder import COST, FEW_INPUTS, mixed_probability, path_cost

# How many times larger the codewords of the next stage are: what a codeword leaves over must be in reach of the next
# smaller ones, also where codewords are few and far between.
SCALE = 3
# Marks for stages without a codeword.
ENDED_STAGE, PASSED_STAGE = -1, -2
# A codeword at full scale serves vectors of up to this length.
LONGEST = 6.0
# Nodes this far down a path, and farther down, share their weights.
LAST_DEPTH = 11
# The encoder's estimates, in squared steps and bits, set by hand: they decide what is tried, and no decoder needs them.
# A vector is zero without a look at the codebook where its square is less than so many bits are worth.
LEAST_CODED_BITS = 1.5
# Several codewords are tried for vectors of more than this square that one codeword serves at a cost of more than so
# many bits and so much squared error.
LEAST_SCALED, SCALED_BITS, SCALED_ERROR = 4.0, 10, 0.4
# What it takes to code that a codeword is scaled up at all; each further time takes about a bit.
HIGHER_SCALE_BITS = 2.5


@compiled(inner=True, allocates=False)
def take_vector(wanted: Array, predicted: Array, r: int, c: int, block: int, factor: float, vector: Array) -> float:
    """Take what prediction leaves of a block, less its mean; return its square.

    IN: wanted, predicted (height, width); r, c, the block; block, its side; factor, by which samples are multiplied.
    OUT: vector (block * block,) float32, the last samples repeated beyond the edge.
    """
    height, width = wanted.shape
    mean = np.float32(0)
    for i in range(len(vector)):
        y, x = min(r * block + i // block, height - 1), min(c * block + i % block, width - 1)
        vector[i] = wanted[y, x] - predicted[y, x]
        mean += vector[i]
    mean /= np.float32(len(vector))
    square = np.float32(0)
    for i in range(len(vector)):
        vector[i] = (vector[i] - mean) * np.float32(factor)
        square += vector[i] * vector[i]
    return float(square)


@compiled()
def collect_vectors(wanted: Array, predicted: Array, block: int, factor: float, vectors: Array) -> None:
    """Take what prediction leaves of each block. Parameters as of `take_vector`."""
    n_columns = (wanted.shape[1] + block - 1) // block
    for v in range(len(vectors)):
        take_vector(wanted, predicted, v // n_columns, v % n_columns, block, factor, vectors[v])


@compiled(inner=True, allocates=False)
def choose_codewords(
    vector: Array, columns: Array, norms: Array, costs: Array, chosen: Array, chosen_costs: Array
) -> None:
    """Find the codewords of least distortion and rate.

    IN: vector (n_components,) float32; columns (n_components, n_codewords) float32, the codewords; norms (n_codewords,)
    float32, their squares and what their rates cost. OUT: costs (n_codewords,) float32; chosen (n_chosen,) int64,
    the best first; chosen_costs, what each costs less the square of the vector.
    """
    _, n_codewords = columns.shape
    for j in range(n_codewords):
        costs[j] = norms[j]
    for i in range(len(vector)):
        twice = np.float32(2) * vector[i]
        for j in range(n_codewords):
            costs[j] -= twice * columns[i, j]
    for t in range(len(chosen)):
        chosen_costs[t], chosen[t] = np.inf, 0
    last = len(chosen) - 1
    for j in range(n_codewords):
        if costs[j] < chosen_costs[last]:
            t = last
            while t > 0 and costs[j] < chosen_costs[t - 1]:
                chosen_costs[t] = chosen_costs[t - 1]
                chosen[t] = chosen[t - 1]
                t -= 1
            chosen_costs[t] = costs[j]
            chosen[t] = j


@compiled(inner=True, allocates=False)
def choose_scaled(square: float, tables: Tables, rate: float, limit: float, room: Room) -> tuple[int, float]:
    """Find codewords of smaller and smaller scale that a long vector costs less than `limit` by.

    Returns the number of stages, 0 where they cost more, and their cost. IN: room.vector; the others as of
    `choose_stages`. OUT: room.scaled, codewords or marks.
    """
    vector, residual, scaled, columns = room.vector, room.residual, room.scaled, tables.columns
    n_more, scale = 1, np.float32(SCALE)
    while n_more < MOST_STAGES - 1 and square > (LONGEST * scale) ** 2:
        n_more += 1
        scale *= SCALE
    spent = HIGHER_SCALE_BITS + n_more
    remains = square
    for k in range(MOST_STAGES):
        scaled[k] = ENDED_STAGE
    for i in range(len(vector)):
        residual[i] = vector[i]
    for k in range(n_more + 1):
        for i in range(len(vector)):
            residual[i] /= scale
        norms = room.norms if k == n_more else tables.plain_norms
        choose_codewords(residual, columns, norms, room.costs, room.chosen, room.chosen_costs)
        j = room.chosen[0]
        if k > 0 and room.chosen_costs[0] > 0:
            for i in range(len(vector)):
                residual[i] *= scale
            scaled[k] = PASSED_STAGE
            spent += 1
        else:
            scaled[k] = j
            spent += tables.lengths[j] + 1
            remains = 0.0
            for i in range(len(vector)):
                residual[i] = (residual[i] - columns[i, j]) * scale
                remains += residual[i] * residual[i]
        scale /= SCALE
    # Nothing follows the last codeword.
    for k in range(n_more, 0, -1):
        if scaled[k] != PASSED_STAGE:
            break
        scaled[k] = ENDED_STAGE
    cost = remains + rate * spent
    return (n_more + 1, cost) if cost < limit else (0, cost)


@compiled(inner=True, allocates=False)
def choose_stages(square: float, model: Model, first_set: int, node_set: int, rate: float, room: Room) -> int:
    """Find how a block costs least distortion and rate: as zero, by one codeword, or by several of smaller scales.

    Returns the number of stages, 0 for zero. IN: square, that of the vector; model; first_set, node_set, where the
    weights of the flags and the nodes begin; rate, the Lagrangian weight of a bit; room.vector, room.bases and
    room.node_bases. OUT: room.stages, codewords or marks; what else is in it is room to work in.
    """
    tables = model.tables
    one = mixed_probability(room.bases, ZERO, model.cells, first_set, FEW_INPUTS)
    zero_cost = square + rate * COST[one >> 4]
    other_cost = rate * COST[4095 - (one >> 4)]
    if square <= other_cost:
        return 0
    one = mixed_probability(room.bases, SCALED, model.cells, first_set + 1, FEW_INPUTS)
    choose_codewords(room.vector, tables.columns, room.norms, room.costs, room.chosen, room.chosen_costs)
    best = np.inf
    for t in range(min(len(room.chosen), len(tables.lengths))):
        j = room.chosen[t]
        cost = square + room.chosen_costs[t] - rate * tables.lengths[j]
        if cost + other_cost < min(best, zero_cost):
            nodes, bits, n_nodes = tables.tree.nodes[j], tables.tree.bits[j], tables.lengths[j]
            cost += rate * path_cost(
                nodes, bits, n_nodes, room.node_bases, model.cells, node_set, LAST_DEPTH, FEW_INPUTS
            )
            cost += other_cost + rate * COST[4095 - (one >> 4)]
            if cost < best:
                best = cost
                room.stages[0] = j
    n_stages = 1
    if square > LEAST_SCALED and best > rate * SCALED_BITS + SCALED_ERROR:
        n_scaled, cost = choose_scaled(square, tables, rate, best - other_cost, room)
        if n_scaled > 0:
            best, n_stages = cost + other_cost, n_scaled
            for k in range(MOST_STAGES):
                room.stages[k] = room.scaled[k]
    return n_stages if best < zero_cost else 0


@compiled()
def assign_by_rate(vectors: Array, columns: Array, norms: Array, sums: Array, counts: Array) -> None:
    """Give each vector the codeword of least distortion and rate, and sum up the vectors of each.

    IN: vectors (n_vectors, n_components) float32; columns (n_components, n_codewords) float32; norms (n_codewords,)
    float32, squares of the codewords and what their rates cost. INOUT: sums (n_codewords, n_components), counts
    (n_codewords,), zeros.
    """
    costs, chosen, chosen_cost = np.zeros(len(norms), np.float32), np.zeros(1, np.int64), np.zeros(1, np.float32)
    for v in range(len(vectors)):
        choose_codewords(vectors[v], columns, norms, costs, chosen, chosen_cost)
        best = chosen[0]
        counts[best] += 1
        for i in range(vectors.shape[1]):
            sums[best, i] += vectors[v, i]
