"""Kernels that code what prediction leaves of a plane, block by block, as codewords of a codebook.

A block of B x B samples of the fine plane belongs to each sample of the coarse one. What is coded of it: whether it is
zero; how far its codeword is scaled up; its codeword, as a path down a tree of decisions; if scaled up, what remains,
by codewords of smaller and smaller scale, unless told that nothing does, or nothing of this scale.

A decision has the same contexts in all blocks, kept in `contexts` (n_places, 2 * N_INPUTS): the first half serve the
flags (9 cells each), the others the nodes of the tree. What later blocks look at is kept in `seen` (rows + 2, columns +
2, 2) int32, one more on each side: how large the block's vector is, and which class its codeword has.
"""

import numpy as np
from numpy.typing import NDArray

from clustering.kernels.compilation import compiled
from quantize.kernels.coder import COST, N_INPUTS, SPARE_BYTES, code_decision, mixed_probability
from quantize.kernels.planes import LEAST, MOST

N_FLAGS = 9
# Nodes of flags: zero; scaled up once to six times; nothing remains; nothing of this scale.
ZERO, SCALED, ENDED, PASSED = 0, 1, 7, 8
# Marks of the encoder for stages without a codeword.
ENDED_STAGE, PASSED_STAGE = -1, -2
MOST_STAGES = 7
# How many times larger the codewords of the next stage are: what a codeword leaves over must be in reach of the next
# smaller ones, also where codewords are few and far between.
SCALE = 3
N_LEVELS = 12
N_CLASSES = 16
N_SIZES = 12
# Sizes of the groups of contexts: those of flags, then those of nodes.
FLAG_CONTEXTS = (N_LEVELS * 4, N_SIZES * N_SIZES, 8 * 8 * 4, 24 * N_SIZES, N_SIZES * N_SIZES, 8 * 8 * 4)
NODE_CONTEXTS = (N_LEVELS, N_SIZES * 4, N_CLASSES, N_CLASSES, 25, N_CLASSES * 4)
WEIGHT_SETS = 4 * 8 * 5 + 4 * 12
# Codewords whose cost is worked out in full.
N_CANDIDATES = 4
# Most that the decisions of a block take: flags and seven paths, each decision 12 bits.
MOST_BYTES = 280
# A codeword at full scale serves vectors of up to this length.
LONGEST = 6.0


def _size_classes() -> NDArray[np.int64]:
    """Class of a size, 0 to 11, in growing steps: by how many of these it reaches."""
    reached = np.array([1, 2, 3, 4, 6, 9, 13, 19, 28, 44, 72])
    return np.searchsorted(reached, np.arange(512), side="right").astype(np.int64)


def _total_classes() -> NDArray[np.int64]:
    """Class of all that is around a block, 0 to 23: the root, nearly."""
    reached = np.array([3 + n * (n + 2) for n in range(23)])
    return np.searchsorted(reached, np.arange(1024), side="right").astype(np.int64)


SIZE_CLASSES = _size_classes()
SIDE_CLASSES = np.minimum(SIZE_CLASSES, 7)
TOTAL_CLASSES = _total_classes()
LARGEST = 255


@compiled()
def slope(difference: int, step: int) -> int:
    """Class of a slope, 0 to 4, by how many steps it is."""
    if difference > 0:
        return 2 + (1 if difference > step else 0) + (1 if difference > 4 * step else 0)
    return 2 - (1 if -difference > step else 0) - (1 if -difference > 4 * step else 0)


@compiled()
def set_flag_contexts(
    r: int,
    c: int,
    level: int,
    coarse: NDArray,
    per_unit: int,
    seen: NDArray,
    parents: NDArray,
    others: NDArray,
    starts: NDArray,
    bases: NDArray,
) -> tuple[int, int]:
    """Find where the cells of the flags' contexts of a block begin; return the classes of what is around and above it.

    IN: r, c, the block; level; coarse plane; per_unit, one by the step in samples, in 2**20ths; seen; parents, seen of
    the next coarser level, others, seen of another plane, or empty; starts (N_INPUTS,) of the groups of contexts. OUT:
    bases (N_INPUTS,).
    """
    y, x = np.uint64(r + 1), np.uint64(c + 1)
    one = np.uint64(1)
    west, north = np.int64(seen[y, x - one, 0]), np.int64(seen[y - one, x, 0])
    northeast = np.int64(seen[y - one, x + one, 0])
    near = 2 * (west + north) + np.int64(seen[y - one, x - one, 0]) + northeast
    parent, above, other, around = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    if parents.shape[0] > 0:
        v, u = np.uint64((r >> 1) + 1), np.uint64((c >> 1) + 1)
        beside = np.int64(parents[v, np.uint64((c >> 1) + 2 * (c & 1)), 0])
        parent = np.int64(parents[v, u, 0])
        above = 2 * parent + beside + np.int64(parents[np.uint64((r >> 1) + 2 * (r & 1)), u, 0])
    if others.shape[0] > 0:
        other = np.int64(others[y, x, 0])
        around = 2 * other + np.int64(others[y, x + one, 0]) + np.int64(others[y + one, x, 0])
    row, column = np.uint64(r), np.uint64(c)
    left, right = np.uint64(c - (c > 0)), np.uint64(c + 1 if c + 1 < coarse.shape[1] else c)
    upper, lower = np.uint64(r - (r > 0)), np.uint64(r + 1 if r + 1 < coarse.shape[0] else r)
    across = np.int64(coarse[row, left]) - np.int64(coarse[row, right])
    down = np.int64(coarse[upper, column]) - np.int64(coarse[lower, column])
    steepness = SIZE_CLASSES[np.uint64(min(int((abs(across) + abs(down)) * per_unit) >> 20, LARGEST))]
    size, parent_size = SIZE_CLASSES[np.uint64(near >> 2)], SIZE_CLASSES[np.uint64(above >> 2)]
    other_size = SIZE_CLASSES[np.uint64(around >> 2)]
    total = TOTAL_CLASSES[np.uint64(min(int(2 * near + 2 * above + around), 1023))]
    sides = (SIDE_CLASSES[np.uint64(west)] * 8 + SIDE_CLASSES[np.uint64(north)]) * 4
    kin = (SIDE_CLASSES[np.uint64(parent)] * 8 + SIDE_CLASSES[np.uint64(other)]) * 4
    bases[0] = starts[0] + N_FLAGS * (level * 4 + (r & 1) * 2 + (c & 1))
    bases[1] = starts[1] + N_FLAGS * (size * N_SIZES + parent_size)
    bases[2] = starts[2] + N_FLAGS * (sides + (SIDE_CLASSES[np.uint64(northeast)] >> 1))
    bases[3] = starts[3] + N_FLAGS * (total * N_SIZES + other_size)
    bases[4] = starts[4] + N_FLAGS * (steepness * N_SIZES + size)
    bases[5] = starts[5] + N_FLAGS * (kin + (SIDE_CLASSES[np.uint64(west + north)] >> 1))
    return size, parent_size


@compiled()
def set_node_contexts(
    r: int,
    c: int,
    level: int,
    coarse: NDArray,
    unit: int,
    seen: NDArray,
    parents: NDArray,
    others: NDArray,
    size: int,
    parent_size: int,
    starts: NDArray,
    n_nodes: int,
    bases: NDArray,
) -> None:
    """Find where the cells of the nodes' contexts of a block begin.

    IN: unit, the step in samples; size, parent_size, what `set_flag_contexts` returns; n_nodes; the others as there.
    OUT: bases (N_INPUTS,).
    """
    across = np.int64(coarse[r, max(c - 1, 0)]) - np.int64(coarse[r, min(c + 1, coarse.shape[1] - 1)])
    down = np.int64(coarse[max(r - 1, 0), c]) - np.int64(coarse[min(r + 1, coarse.shape[0] - 1), c])
    relative = np.int64(0)
    if others.shape[0] > 0:
        relative = np.int64(others[r + 1, c + 1, 1])
    elif parents.shape[0] > 0:
        relative = np.int64(parents[(r >> 1) + 1, (c >> 1) + 1, 1])
    bases[0] = starts[0] + n_nodes * level
    bases[1] = starts[1] + n_nodes * (size * 4 + min(parent_size, 6) // 2)
    bases[2] = starts[2] + n_nodes * np.int64(seen[r + 1, c, 1])
    bases[3] = starts[3] + n_nodes * np.int64(seen[r, c + 1, 1])
    bases[4] = starts[4] + n_nodes * (slope(across, unit) * 5 + slope(down, unit))
    bases[5] = starts[5] + n_nodes * (relative * 4 + (r & 1) * 2 + (c & 1))


@compiled()
def path_cost(
    j: int,
    nodes: NDArray,
    bits: NDArray,
    lengths: NDArray,
    node_bases: NDArray,
    table: NDArray,
    weights: NDArray,
    first_set: int,
    opinions: NDArray,
) -> float:
    """Bits that a codeword's path costs, by the model as it stands. Parameters as of `code_vectors`."""
    cost = 0.0
    for d in range(lengths[j]):
        one = mixed_probability(node_bases, nodes[j, d], table, weights, first_set + min(d, 11), opinions)
        cost += COST[one >> 4] if bits[j, d] == 1 else COST[4095 - (one >> 4)]
    return cost


@compiled()
def choose_codewords(
    vector: NDArray,
    columns: NDArray,
    norms: NDArray,
    lengths: NDArray,
    rate: float,
    costs: NDArray,
    chosen: NDArray,
    chosen_costs: NDArray,
) -> None:
    """Find the codewords of least distortion and rate.

    IN: vector (n_components,) float32; columns (n_components, n_codewords) float32, the codewords; norms (n_codewords,)
    float32, their squares plus `rate` times their lengths. OUT: costs (n_codewords,) float32; chosen (n_chosen,) int64,
    the best first; chosen_costs, what each costs less the square of the vector.
    """
    n_codewords = columns.shape[1]
    for j in range(n_codewords):
        costs[j] = norms[j]
    for i in range(vector.shape[0]):
        twice = np.float32(2) * vector[i]
        for j in range(n_codewords):
            costs[j] -= twice * columns[i, j]
    chosen_costs[:] = np.inf
    chosen[:] = 0
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


@compiled()
def code_vectors(
    decoding: bool,
    first_row: int,
    wanted: NDArray,
    coarse: NDArray,
    fine: NDArray,
    block: int,
    level: int,
    step: int,
    codewords: NDArray,
    classes: NDArray,
    tree: NDArray,
    nodes: NDArray,
    bits: NDArray,
    lengths: NDArray,
    columns: NDArray,
    seen: NDArray,
    parents: NDArray,
    others: NDArray,
    table: NDArray,
    weights: NDArray,
    flag_starts: NDArray,
    node_starts: NDArray,
    rate: float,
    coder: NDArray,
    buffer: NDArray,
) -> int:
    """Code the blocks of a plane, and add them to its prediction, from a row on.

    Returns the number of rows, or of the row before which the encoder's buffer must grow, or -1 where the decoder's has
    come to its end too early.

    IN: decoding, else `wanted`, the fine plane of the original (and empty in the decoder), is encoded; first_row;
    coarse plane; block, its side; level, for the contexts; step, in 16ths of a sample for each unit of a codeword;
    codewords (n_codewords, block * block) int8; classes (n_codewords,); tree (n_nodes, 2), children, leaves as -1 - j;
    nodes, bits (n_codewords, depth), lengths (n_codewords,), the paths down the tree; columns (block * block,
    n_codewords) float32, codewords in steps; parents, others as of `set_contexts`; flag_starts, node_starts; rate, the
    Lagrangian weight of a bit. INOUT: fine, the prediction at first; table, weights, coder, buffer. OUT: seen.
    """
    n_rows, n_columns = coarse.shape
    height, width = fine.shape
    n_components = block * block
    n_codewords = codewords.shape[0]
    n_nodes = max(tree.shape[0], 1)
    unit = max((step * 8) >> 4, 1)
    per_unit = (1 << 20) // unit
    bases, node_bases = np.zeros(N_INPUTS, np.int64), np.zeros(N_INPUTS, np.int64)
    opinions = np.zeros(N_INPUTS, np.int64)
    stages = np.zeros(MOST_STAGES, np.int64)
    total = np.zeros(n_components, np.int64)
    vector, residual = np.zeros(n_components, np.float32), np.zeros(n_components, np.float32)
    costs = np.zeros(n_codewords, np.float32)
    chosen, chosen_costs = np.zeros(N_CANDIDATES, np.int64), np.zeros(N_CANDIDATES, np.float32)
    norms, plain_norms = np.zeros(n_codewords, np.float32), np.zeros(n_codewords, np.float32)
    if not decoding:
        for j in range(n_codewords):
            for i in range(n_components):
                plain_norms[j] += columns[i, j] * columns[i, j]
            norms[j] = plain_norms[j] + rate * lengths[j]
    level_group = min(level, 3)
    for r in range(first_row, n_rows):
        if not decoding and coder[2] + n_columns * MOST_BYTES + SPARE_BYTES > buffer.shape[0]:
            return r
        for c in range(n_columns):
            # Within rows as well: a damaged file may claim one of a hundred million.
            if decoding and c & 255 == 0 and coder[2] > buffer.shape[0] + 4:
                return -1
            size, parent_size = set_flag_contexts(
                r, c, level, coarse, per_unit, seen, parents, others, flag_starts, bases
            )
            first_set = (level_group * 4 + min(size, 6) // 2) * 8
            node_set = 4 * 4 * 8 + level_group * 12
            n_stages = 0
            if not decoding:
                mean = np.float32(0)
                for i in range(n_components):
                    y, x = min(r * block + i // block, height - 1), min(c * block + i % block, width - 1)
                    vector[i] = wanted[y, x] - fine[y, x]
                    mean += vector[i]
                mean /= np.float32(n_components)
                square = np.float32(0)
                for i in range(n_components):
                    vector[i] = (vector[i] - mean) * np.float32(2) / np.float32(step)
                    square += vector[i] * vector[i]
                if square > 1.5 * rate and n_codewords > 0:
                    one = mixed_probability(bases, ZERO, table, weights, first_set, opinions)
                    zero_cost = square + rate * COST[one >> 4]
                    other_cost = rate * COST[4095 - (one >> 4)]
                    if square > other_cost:
                        set_node_contexts(
                            r,
                            c,
                            level,
                            coarse,
                            unit,
                            seen,
                            parents,
                            others,
                            size,
                            parent_size,
                            node_starts,
                            n_nodes,
                            node_bases,
                        )
                        one = mixed_probability(bases, SCALED, table, weights, first_set + 1, opinions)
                        choose_codewords(vector, columns, norms, lengths, rate, costs, chosen, chosen_costs)
                        best = np.inf
                        for t in range(min(N_CANDIDATES, n_codewords)):
                            j = chosen[t]
                            cost = square + chosen_costs[t] - rate * lengths[j]
                            if cost + other_cost < min(best, zero_cost):
                                cost += rate * path_cost(
                                    j, nodes, bits, lengths, node_bases, table, weights, node_set, opinions
                                )
                                cost += other_cost + rate * COST[4095 - (one >> 4)]
                                if cost < best:
                                    best = cost
                                    stages[0] = j
                        n_stages = 1
                        if square > 4.0 and best > rate * 10 + 0.4:
                            n_more, scale = 1, np.float32(SCALE)
                            while n_more < MOST_STAGES - 1 and square > (LONGEST * scale) ** 2:
                                n_more += 1
                                scale *= SCALE
                            spent = other_cost / rate + 2.5 + n_more
                            n_used = 0
                            scaled = np.zeros(MOST_STAGES, np.int64)
                            remains = square
                            residual[:] = vector
                            for k in range(n_more + 1):
                                for i in range(n_components):
                                    residual[i] /= scale
                                weighed = norms if k == n_more else plain_norms
                                choose_codewords(residual, columns, weighed, lengths, rate, costs, chosen, chosen_costs)
                                if k > 0 and chosen_costs[0] > 0:
                                    for i in range(n_components):
                                        residual[i] *= scale
                                    scaled[k] = PASSED_STAGE
                                    scale /= SCALE
                                    spent += 1
                                    continue
                                scaled[k] = chosen[0]
                                n_used = k + 1
                                spent += lengths[chosen[0]] + 1
                                remains = np.float32(0)
                                for i in range(n_components):
                                    residual[i] = (residual[i] - columns[i, chosen[0]]) * scale
                                    remains += residual[i] * residual[i]
                                scale /= SCALE
                            if remains + rate * spent < best:
                                best = remains + rate * spent
                                # Coded by how far the first codeword is scaled up.
                                stages[:] = ENDED_STAGE
                                stages[:n_used] = scaled[:n_used]
                                n_stages = n_more + 1
                        if best >= zero_cost:
                            n_stages = 0
            zero = 1 if n_stages == 0 else 0
            if code_decision(decoding, zero, bases, ZERO, table, weights, first_set, opinions, coder, buffer) == 1:
                seen[r + 1, c + 1, 0] = 0
                seen[r + 1, c + 1, 1] = 0
                continue
            if decoding:
                set_node_contexts(
                    r,
                    c,
                    level,
                    coarse,
                    unit,
                    seen,
                    parents,
                    others,
                    size,
                    parent_size,
                    node_starts,
                    n_nodes,
                    node_bases,
                )
            n_more = 0
            while n_more < MOST_STAGES - 1:
                more = 1 if n_stages - 1 > n_more else 0
                if (
                    code_decision(
                        decoding,
                        more,
                        bases,
                        SCALED + n_more,
                        table,
                        weights,
                        first_set + 1 + n_more,
                        opinions,
                        coder,
                        buffer,
                    )
                    == 0
                ):
                    break
                n_more += 1
            scale_up = 1
            for _ in range(n_more):
                scale_up *= SCALE
            total[:] = 0
            first = 0
            for k in range(n_more + 1):
                if k > 0:
                    ended = 1 if stages[k] == ENDED_STAGE else 0
                    if (
                        code_decision(
                            decoding, ended, bases, ENDED, table, weights, first_set + ENDED, opinions, coder, buffer
                        )
                        == 1
                    ):
                        break
                    passed = 1 if stages[k] == PASSED_STAGE else 0
                    if (
                        k < n_more
                        and code_decision(
                            decoding, passed, bases, PASSED, table, weights, first_set + ENDED, opinions, coder, buffer
                        )
                        == 1
                    ):
                        scale_up //= SCALE
                        continue
                j = stages[k]
                if decoding:
                    node, depth = 0, 0
                    if tree.shape[0] == 0:
                        node = -1
                    while node >= 0:
                        bit = code_decision(
                            decoding,
                            0,
                            node_bases,
                            node,
                            table,
                            weights,
                            node_set + min(depth, 11),
                            opinions,
                            coder,
                            buffer,
                        )
                        node = tree[node, bit]
                        depth += 1
                    j = -1 - node
                else:
                    for d in range(lengths[j]):
                        code_decision(
                            decoding,
                            bits[j, d],
                            node_bases,
                            nodes[j, d],
                            table,
                            weights,
                            node_set + min(d, 11),
                            opinions,
                            coder,
                            buffer,
                        )
                if k == 0:
                    first = j
                for i in range(n_components):
                    total[i] += np.int64(codewords[j, i]) * scale_up
                scale_up //= SCALE
            amount = 0
            for i in range(n_components):
                amount += abs(total[i])
                y, x = r * block + i // block, c * block + i % block
                if y < height and x < width:
                    fine[y, x] = min(max(fine[y, x] + ((total[i] * step + 8) >> 4), LEAST), MOST)
            seen[r + 1, c + 1, 0] = min(max((amount + 2 * block) // (4 * block), 1), 255)
            seen[r + 1, c + 1, 1] = classes[first]
    return n_rows


@compiled()
def collect_vectors(wanted: NDArray, predicted: NDArray, block: int, scale: float, vectors: NDArray) -> None:
    """Take what prediction leaves of each block, less its mean.

    IN: wanted, predicted (height, width); block; scale, by which samples are multiplied. OUT: vectors (n_blocks, block
    * block) float32, the last samples repeated beyond the edge.
    """
    height, width = wanted.shape
    n_columns = (width + block - 1) // block
    for v in range(vectors.shape[0]):
        r, c = v // n_columns, v % n_columns
        mean = np.float32(0)
        for i in range(vectors.shape[1]):
            y, x = min(r * block + i // block, height - 1), min(c * block + i % block, width - 1)
            vectors[v, i] = wanted[y, x] - predicted[y, x]
            mean += vectors[v, i]
        mean /= np.float32(vectors.shape[1])
        for i in range(vectors.shape[1]):
            vectors[v, i] = (vectors[v, i] - mean) * np.float32(scale)


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
