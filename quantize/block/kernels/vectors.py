"""Kernel that codes what prediction leaves of a plane, block by block, as codewords of a codebook.

A block of B x B samples of the fine plane belongs to each sample of the coarse one. What is coded of it: whether it is
zero; how far its codeword is scaled up; its codeword, as a path down a tree of decisions; if scaled up, what remains,
by codewords of smaller and smaller scale, unless told that nothing does, or nothing of this scale.
"""

import numpy as np

from clustering import Array, compiled
from quantize.block.kernels.choice import (
    ENDED_STAGE,
    LAST_DEPTH,
    LEAST_CODED_BITS,
    PASSED_STAGE,
    SCALE,
    choose_stages,
    take_vector,
)
from quantize.block.kernels.contexts import ENDED, PASSED, SCALED, ZERO, set_flag_contexts, set_node_contexts
from quantize.block.kernels.planes import LEAST, MOST
from quantize.block.kernels.tables import MOST_STAGES, Model, Room, Surroundings
from quantize.entropy.kernels.coder import FEW_INPUTS, Cells, Coder, code_decision, code_path, has_ended, is_full

# Most that the decisions of a block take: flags and seven paths, each decision 12 bits.
MOST_BYTES = 280


@compiled(inner=True, forceinline=True, allocates=False)
def _decide(coder: Coder, bit: int, bases: Array, node: int, cells: Cells, weight_set: int) -> int:
    return code_decision(coder, bit, bases, node, cells, weight_set, FEW_INPUTS)


@compiled(allocates=False)
def code_vectors(
    coder: Coder,
    first_row: int,
    wanted: Array,
    fine: Array,
    around: Surroundings,
    block: int,
    level: int,
    step: int,
    model: Model,
    room: Room,
    rate: float,
) -> int:
    """Code the blocks of a plane, and add them to its prediction, from a row on.

    Returns the number of rows, or of the row before which the encoder's buffer must grow, or -1 where the decoder's has
    come to its end too early.

    IN: first_row; wanted, the fine plane of the original, which only the encoder looks at; block, its side; level, for
    the weights; step, in 16ths of a sample for each unit of a codeword; rate, the Lagrangian weight of a bit. INOUT:
    coder; fine, the prediction at first; around; model. OUT: room.
    """
    coarse, seen, tables = around.coarse, around.seen, model.tables
    decoding, cells, codewords, children = coder.decoding, model.cells, tables.codewords, tables.tree.children
    n_rows, n_columns = coarse.shape
    height, width = fine.shape
    bases, node_bases, stages, total = room.bases, room.node_bases, room.stages, room.total
    n_components, n_codewords = block * block, len(codewords)
    n_nodes = max(len(children), 1)
    unit = max((step * 8) >> 4, 1)
    per_unit = (1 << 20) // unit
    level_group = min(level, 3)
    for r in range(first_row, n_rows):
        if is_full(coder, n_columns * MOST_BYTES):
            return r
        for c in range(n_columns):
            if has_ended(coder, c):
                return -1
            size = set_flag_contexts(r, c, around, per_unit, tables.flag_starts, bases)
            first_set = (level_group * 4 + min(size, 6) // 2) * 8
            node_set = 4 * 4 * 8 + level_group * 12
            n_stages = 0
            square = 0.0
            if not decoding:
                square = take_vector(wanted, fine, r, c, block, 2 / step, room.vector)
            if square > LEAST_CODED_BITS * rate and n_codewords > 0:
                set_node_contexts(r, c, around, unit, tables.node_starts, n_nodes, node_bases)
                n_stages = choose_stages(square, model, first_set, node_set, rate, room)
            zero = 1 if n_stages == 0 else 0
            if _decide(coder, zero, bases, ZERO, cells, first_set) == 1:
                seen[r + 1, c + 1, 0] = 0
                seen[r + 1, c + 1, 1] = 0
                continue
            if decoding:
                set_node_contexts(r, c, around, unit, tables.node_starts, n_nodes, node_bases)
            n_more = 0
            while n_more < MOST_STAGES - 1:
                more, more_set = 1 if n_stages - 1 > n_more else 0, first_set + 1 + n_more
                if _decide(coder, more, bases, SCALED + n_more, cells, more_set) == 0:
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
                    if _decide(coder, ended, bases, ENDED, cells, end_set) == 1:
                        break
                    passed = 1 if stages[k] == PASSED_STAGE else 0
                    if k < n_more and _decide(coder, passed, bases, PASSED, cells, end_set) == 1:
                        scale_up //= SCALE
                        continue
                bits = tables.tree.bits
                j = code_path(coder, stages[k], children, bits, node_bases, cells, node_set, LAST_DEPTH, FEW_INPUTS)
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
            seen[r + 1, c + 1, 1] = tables.classes[first]
    return n_rows
