"""Kernel that codes what prediction leaves of a plane, block by block, as codewords of a codebook.

A block of B x B samples of the fine plane belongs to each sample of the coarse one. What is coded of it: whether it is
zero; how far its codeword is scaled up; its codeword, as a path down a tree of decisions; if scaled up, what remains,
by codewords of smaller and smaller scale, unless told that nothing does, or nothing of this scale.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clustering import compiled
from quantize.block.kernels.choice import (
    ENDED_STAGE,
    MOST_STAGES,
    N_CANDIDATES,
    PASSED_STAGE,
    SCALE,
    choose_stages,
    take_vector,
)
from quantize.block.kernels.contexts import ENDED, PASSED, SCALED, ZERO, set_flag_contexts, set_node_contexts
from quantize.block.kernels.planes import LEAST, MOST
from quantize.entropy.kernels.coder import FEW_INPUTS, SPARE_BYTES, code_decision

# Most that the decisions of a block take: flags and seven paths, each decision 12 bits.
MOST_BYTES = 280


class Room(NamedTuple):
    """Room to work in, made by who calls: a kernel that makes no arrays is twice as quick.

    Attributes
    ----------
    bases, node_bases : array (FEW_INPUTS,), int64
    stages, scaled : array (MOST_STAGES,), int64
    total : array (n_components,), int64
    vector, residual : array (n_components,), float32
    plain_norms, norms : array (n_codewords,), float32
        Squares of the codewords, and with what their lengths cost.
    costs : array (n_codewords,), float32
    chosen : array (N_CANDIDATES,), int64
    chosen_costs : array (N_CANDIDATES,), float32
    """

    bases: NDArray[np.int64]
    node_bases: NDArray[np.int64]
    stages: NDArray[np.int64]
    scaled: NDArray[np.int64]
    total: NDArray[np.int64]
    vector: NDArray[np.float32]
    residual: NDArray[np.float32]
    plain_norms: NDArray[np.float32]
    norms: NDArray[np.float32]
    costs: NDArray[np.float32]
    chosen: NDArray[np.int64]
    chosen_costs: NDArray[np.float32]


def room_for(block: int, plain_norms: NDArray[np.float32], lengths: NDArray[np.int64], rate: float) -> Room:
    """Make room for vectors; plain_norms, squares of the codewords; the others as of `code_vectors`."""
    n_components, n_codewords = block * block, len(plain_norms)
    bases, node_bases = np.zeros((2, FEW_INPUTS), np.int64)
    stages, scaled = np.zeros((2, MOST_STAGES), np.int64)
    vector, residual = np.zeros((2, n_components), np.float32)
    return Room(
        bases,
        node_bases,
        stages,
        scaled,
        np.zeros(n_components, np.int64),
        vector,
        residual,
        plain_norms,
        (plain_norms + rate * lengths).astype(np.float32),
        np.zeros(n_codewords, np.float32),
        np.zeros(N_CANDIDATES, np.int64),
        np.zeros(N_CANDIDATES, np.float32),
    )


@compiled(inner=True, forceinline=True, allocates=False)
def _decide(
    decoding: bool,
    bit: int,
    bases: NDArray,
    node: int,
    table: NDArray,
    weights: NDArray,
    weight_set: int,
    coder: NDArray,
    buffer: NDArray,
) -> int:
    return code_decision(decoding, bit, bases, node, table, weights, weight_set, coder, buffer, FEW_INPUTS)


@compiled(allocates=False)
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
    room: Room,
    coder: NDArray,
    buffer: NDArray,
) -> int:
    """Code the blocks of a plane, and add them to its prediction, from a row on.

    Returns the number of rows, or of the row before which the encoder's buffer must grow, or -1 where the decoder's has
    come to its end too early.

    IN: decoding, else `wanted`, the fine plane of the original (and empty in the decoder), is encoded; first_row;
    coarse plane; block, its side; level, for the weights; step, in 16ths of a sample for each unit of a codeword;
    codewords (n_codewords, block * block) int8; classes (n_codewords,); tree (n_nodes, 2), children, leaves as -1 - j;
    nodes, bits (n_codewords, depth), lengths (n_codewords,), the paths down the tree; columns (block * block,
    n_codewords) float32, codewords in steps; parents, others as of `set_flag_contexts`; flag_starts, node_starts; rate,
    the Lagrangian weight of a bit. INOUT: fine, the prediction at first; table, weights, coder, buffer. OUT: seen,
    room.
    """
    n_rows, n_columns = coarse.shape
    height, width = fine.shape
    bases, node_bases, stages, total, vector = room.bases, room.node_bases, room.stages, room.total, room.vector
    n_components, n_codewords = block * block, codewords.shape[0]
    n_nodes = max(tree.shape[0], 1)
    unit = max((step * 8) >> 4, 1)
    per_unit = (1 << 20) // unit
    level_group = min(level, 3)
    for r in range(first_row, n_rows):
        if not decoding and coder[2] + n_columns * MOST_BYTES + SPARE_BYTES > buffer.shape[0]:
            return r
        for c in range(n_columns):
            # Within rows as well: a damaged file may claim one of a hundred million.
            if decoding and c & 255 == 0 and coder[2] > buffer.shape[0] + 4:
                return -1
            size = set_flag_contexts(r, c, coarse, per_unit, seen, parents, others, flag_starts, bases)
            first_set = (level_group * 4 + min(size, 6) // 2) * 8
            node_set = 4 * 4 * 8 + level_group * 12
            n_stages = 0
            square = 0.0
            if not decoding:
                square = take_vector(wanted, fine, r, c, block, 2 / step, vector)
            if square > 1.5 * rate and n_codewords > 0:
                set_node_contexts(r, c, coarse, unit, seen, node_starts, n_nodes, node_bases)
                n_stages = choose_stages(
                    vector,
                    square,
                    columns,
                    room.plain_norms,
                    room.norms,
                    nodes,
                    bits,
                    lengths,
                    bases,
                    node_bases,
                    table,
                    weights,
                    first_set,
                    node_set,
                    rate,
                    room.costs,
                    room.chosen,
                    room.chosen_costs,
                    room.residual,
                    room.scaled,
                    stages,
                )
            zero = 1 if n_stages == 0 else 0
            if _decide(decoding, zero, bases, ZERO, table, weights, first_set, coder, buffer) == 1:
                seen[r + 1, c + 1, 0] = 0
                seen[r + 1, c + 1, 1] = 0
                continue
            if decoding:
                set_node_contexts(r, c, coarse, unit, seen, node_starts, n_nodes, node_bases)
            n_more = 0
            while n_more < MOST_STAGES - 1:
                more, more_set = 1 if n_stages - 1 > n_more else 0, first_set + 1 + n_more
                if _decide(decoding, more, bases, SCALED + n_more, table, weights, more_set, coder, buffer) == 0:
                    break
                n_more += 1
            scale_up = 1
            for _ in range(n_more):
                scale_up *= SCALE
            for i in range(n_components):
                total[i] = 0
            first = 0
            for k in range(n_more + 1):
                if k > 0:
                    ended, end_set = 1 if stages[k] == ENDED_STAGE else 0, first_set + ENDED
                    if _decide(decoding, ended, bases, ENDED, table, weights, end_set, coder, buffer) == 1:
                        break
                    passed = 1 if stages[k] == PASSED_STAGE else 0
                    if (
                        k < n_more
                        and _decide(decoding, passed, bases, PASSED, table, weights, end_set, coder, buffer) == 1
                    ):
                        scale_up //= SCALE
                        continue
                j: Any = stages[k]
                # A codebook of one has no decisions.
                node: Any = 0 if tree.shape[0] > 0 else -1
                depth = 0
                while node >= 0:
                    bit = 0 if decoding else bits[j, depth]
                    depth_set = node_set + min(depth, 11)
                    bit = _decide(decoding, bit, node_bases, node, table, weights, depth_set, coder, buffer)
                    node = np.int64(tree[node, bit])
                    depth += 1
                j = -1 - node
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
