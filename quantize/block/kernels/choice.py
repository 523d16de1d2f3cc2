"""Kernels of the encoder alone: what prediction leaves, the codewords that it costs least by, and how to train these.

Floating-point numbers do no harm here: a decoder takes the choices as they are.
"""

import numpy as np
from numpy.typing import NDArray

from clustering import compiled
from quantize.block.kernels.contexts import SCALED, ZERO
from quantize.entropy.kernels.coder import COST, FEW_INPUTS, mixed_probability

MOST_STAGES = 7
# How many times larger the codewords of the next stage are: what a codeword leaves over must be in reach of the next
# smaller ones, also where codewords are few and far between.
SCALE = 3
# Marks for stages without a codeword.
ENDED_STAGE, PASSED_STAGE = -1, -2
# Codewords whose cost is worked out in full.
N_CANDIDATES = 4
# A codeword at full scale serves vectors of up to this length.
LONGEST = 6.0


@compiled(allocates=False)
def take_vector(
    wanted: NDArray, predicted: NDArray, r: int, c: int, block: int, factor: float, vector: NDArray
) -> float:
    """Take what prediction leaves of a block, less its mean; return its square.

    IN: wanted, predicted (height, width); r, c, the block; block, its side; factor, by which samples are multiplied.
    OUT: vector (block * block,) float32, the last samples repeated beyond the edge.
    """
    height, width = wanted.shape
    mean = np.float32(0)
    for i in range(vector.shape[0]):
        y, x = min(r * block + i // block, height - 1), min(c * block + i % block, width - 1)
        vector[i] = wanted[y, x] - predicted[y, x]
        mean += vector[i]
    mean /= np.float32(vector.shape[0])
    square = np.float32(0)
    for i in range(vector.shape[0]):
        vector[i] = (vector[i] - mean) * np.float32(factor)
        square += vector[i] * vector[i]
    return float(square)


@compiled()
def collect_vectors(wanted: NDArray, predicted: NDArray, block: int, factor: float, vectors: NDArray) -> None:
    """Take what prediction leaves of each block. Parameters as of `take_vector`."""
    n_columns = (wanted.shape[1] + block - 1) // block
    for v in range(vectors.shape[0]):
        take_vector(wanted, predicted, v // n_columns, v % n_columns, block, factor, vectors[v])


@compiled(allocates=False)
def path_cost(
    j: int,
    nodes: NDArray,
    bits: NDArray,
    lengths: NDArray,
    node_bases: NDArray,
    table: NDArray,
    weights: NDArray,
    first_set: int,
) -> float:
    """Bits that a codeword's path costs, by the model as it stands. Parameters as of `code_vectors`."""
    cost = 0.0
    for d in range(lengths[j]):
        one = mixed_probability(node_bases, nodes[j, d], table, weights, first_set + min(d, 11), FEW_INPUTS)
        cost += COST[one >> 4] if bits[j, d] == 1 else COST[4095 - (one >> 4)]
    return cost


@compiled(allocates=False)
def choose_codewords(
    vector: NDArray,
    columns: NDArray,
    norms: NDArray,
    costs: NDArray,
    chosen: NDArray,
    chosen_costs: NDArray,
) -> None:
    """Find the codewords of least distortion and rate.

    IN: vector (n_components,) float32; columns (n_components, n_codewords) float32, the codewords; norms (n_codewords,)
    float32, their squares and what their rates cost. OUT: costs (n_codewords,) float32; chosen (n_chosen,) int64,
    the best first; chosen_costs, what each costs less the square of the vector.
    """
    n_codewords = columns.shape[1]
    for j in range(n_codewords):
        costs[j] = norms[j]
    for i in range(vector.shape[0]):
        twice = np.float32(2) * vector[i]
        for j in range(n_codewords):
            costs[j] -= twice * columns[i, j]
    for t in range(chosen.shape[0]):
        chosen_costs[t], chosen[t] = np.inf, 0
    last = chosen.shape[0] - 1
    for j in range(n_codewords):
        if costs[j] < chosen_costs[last]:
            t = last
            while t > 0 and costs[j] < chosen_costs[t - 1]:
                chosen_costs[t] = chosen_costs[t - 1]
                chosen[t] = chosen[t - 1]
                t -= 1
            chosen_costs[t] = costs[j]
            chosen[t] = j


@compiled(allocates=False)
def choose_scaled(
    vector: NDArray,
    square: float,
    columns: NDArray,
    plain_norms: NDArray,
    norms: NDArray,
    lengths: NDArray,
    rate: float,
    limit: float,
    costs: NDArray,
    chosen: NDArray,
    chosen_costs: NDArray,
    residual: NDArray,
    scaled: NDArray,
) -> tuple[int, float]:
    """Find codewords of smaller and smaller scale that a long vector costs less than `limit` by.

    Returns the number of stages, 0 where they cost more, and their cost. Parameters as of `choose_stages`.
    """
    n_more, scale = 1, np.float32(SCALE)
    while n_more < MOST_STAGES - 1 and square > (LONGEST * scale) ** 2:
        n_more += 1
        scale *= SCALE
    # Coded by how far the first codeword is scaled up.
    spent = 2.5 + n_more
    remains = square
    for k in range(MOST_STAGES):
        scaled[k] = ENDED_STAGE
    for i in range(vector.shape[0]):
        residual[i] = vector[i]
    for k in range(n_more + 1):
        for i in range(vector.shape[0]):
            residual[i] /= scale
        choose_codewords(residual, columns, norms if k == n_more else plain_norms, costs, chosen, chosen_costs)
        if k > 0 and chosen_costs[0] > 0:
            for i in range(vector.shape[0]):
                residual[i] *= scale
            scaled[k] = PASSED_STAGE
            spent += 1
        else:
            scaled[k] = chosen[0]
            spent += lengths[chosen[0]] + 1
            remains = 0.0
            for i in range(vector.shape[0]):
                residual[i] = (residual[i] - columns[i, chosen[0]]) * scale
                remains += residual[i] * residual[i]
        scale /= SCALE
    # Nothing follows the last codeword.
    for k in range(n_more, 0, -1):
        if scaled[k] != PASSED_STAGE:
            break
        scaled[k] = ENDED_STAGE
    cost = remains + rate * spent
    return (n_more + 1, cost) if cost < limit else (0, cost)


@compiled(allocates=False)
def choose_stages(
    vector: NDArray,
    square: float,
    columns: NDArray,
    plain_norms: NDArray,
    norms: NDArray,
    nodes: NDArray,
    bits: NDArray,
    lengths: NDArray,
    bases: NDArray,
    node_bases: NDArray,
    table: NDArray,
    weights: NDArray,
    first_set: int,
    node_set: int,
    rate: float,
    costs: NDArray,
    chosen: NDArray,
    chosen_costs: NDArray,
    residual: NDArray,
    scaled: NDArray,
    stages: NDArray,
) -> int:
    """Find how a block costs least distortion and rate: as zero, by one codeword, or by several of smaller scales.

    Returns the number of stages, 0 for zero. IN: vector (n_components,) float32; square, its own; plain_norms, norms
    (n_codewords,) float32, squares of the codewords alone, and with `rate` times their lengths; the others as of
    `code_vectors`. OUT: stages (MOST_STAGES,) int64, codewords or marks; the others are room to work in.
    """
    one = mixed_probability(bases, ZERO, table, weights, first_set, FEW_INPUTS)
    zero_cost = square + rate * COST[one >> 4]
    other_cost = rate * COST[4095 - (one >> 4)]
    if square <= other_cost:
        return 0
    one = mixed_probability(bases, SCALED, table, weights, first_set + 1, FEW_INPUTS)
    choose_codewords(vector, columns, norms, costs, chosen, chosen_costs)
    best = np.inf
    for t in range(min(chosen.shape[0], lengths.shape[0])):
        j = chosen[t]
        cost = square + chosen_costs[t] - rate * lengths[j]
        if cost + other_cost < min(best, zero_cost):
            cost += rate * path_cost(j, nodes, bits, lengths, node_bases, table, weights, node_set)
            cost += other_cost + rate * COST[4095 - (one >> 4)]
            if cost < best:
                best = cost
                stages[0] = j
    n_stages = 1
    if square > 4.0 and best > rate * 10 + 0.4:
        n_scaled, cost = choose_scaled(
            vector,
            square,
            columns,
            plain_norms,
            norms,
            lengths,
            rate,
            best - other_cost,
            costs,
            chosen,
            chosen_costs,
            residual,
            scaled,
        )
        if n_scaled > 0:
            best, n_stages = cost + other_cost, n_scaled
            for k in range(MOST_STAGES):
                stages[k] = scaled[k]
    return n_stages if best < zero_cost else 0


@compiled()
def assign_by_rate(vectors: NDArray, columns: NDArray, norms: NDArray, sums: NDArray, counts: NDArray) -> float:
    """Give each vector the codeword of least distortion and rate, and sum up the vectors of each.

    IN: vectors (n_vectors, n_components) float32; columns (n_components, n_codewords) float32; norms (n_codewords,)
    float32, squares of the codewords and what their rates cost. INOUT: sums (n_codewords, n_components), counts
    (n_codewords,), zeros.
    """
    costs = np.zeros(columns.shape[1], np.float32)
    total = 0.0
    for v in range(vectors.shape[0]):
        costs[:] = norms
        for i in range(vectors.shape[1]):
            twice = np.float32(2) * vectors[v, i]
            for j in range(costs.shape[0]):
                costs[j] -= twice * columns[i, j]
        best = np.argmin(costs)
        total += costs[best]
        counts[best] += 1
        for i in range(vectors.shape[1]):
            sums[best, i] += vectors[v, i]
    return total
