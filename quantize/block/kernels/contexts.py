"""What a decision on a block is seen together with: which cells of the models its contexts have.

A decision has the same contexts in all blocks: three serve the flags (9 cells each), three the nodes of the tree.
What later blocks look at is kept in `Surroundings.seen`, which has one more on each side.
"""

import numpy as np

from clustering import Array, compiled
from quantize.block.kernels.tables import Surroundings
from quantize.entropy.kernels.coder import classes_by_limits

N_FLAGS = 9
# Nodes of flags: zero; scaled up once to six times; nothing remains; nothing of this scale.
# Numbers of NumPy's: for each of Python's, Numba would compile what takes it once more.
ZERO, SCALED, ENDED, PASSED = np.int64(0), np.int64(1), np.int64(7), np.int64(8)
N_CLASSES = 16
N_SIZES = 12
# Sizes of the groups of contexts: those of flags, then those of nodes.
FLAG_CONTEXTS = (24 * N_SIZES, N_SIZES * N_SIZES, 8 * 8 * 4)
NODE_CONTEXTS = (N_CLASSES, N_CLASSES, 25)
WEIGHT_SETS = 4 * 8 * 5 + 4 * 12

# Class of a size, 0 to 11, and of all that is around a block, 0 to 23 (the root, nearly).
SIZE_CLASSES = classes_by_limits([1, 2, 3, 4, 6, 9, 13, 19, 28, 44, 72], 512)
SIDE_CLASSES = np.minimum(SIZE_CLASSES, 7)
TOTAL_CLASSES = classes_by_limits([3 + n * (n + 2) for n in range(23)], 1024)
LARGEST = 255


@compiled(inner=True, forceinline=True, allocates=False)
def slope(difference: int, step: int) -> int:
    """Class of a slope, 0 to 4, by how many steps it is."""
    if difference > 0:
        return 2 + (1 if difference > step else 0) + (1 if difference > 4 * step else 0)
    return 2 - (1 if -difference > step else 0) - (1 if -difference > 4 * step else 0)


@compiled(inner=True, forceinline=True, allocates=False)
def set_flag_contexts(r: int, c: int, around: Surroundings, per_unit: int, starts: Array, bases: Array) -> int:
    """Find where the cells of the flags' contexts of a block begin; return the class of what is around it.

    IN: r, c, the block; around; per_unit, one by the step in samples, in 2**20ths; starts (FEW_INPUTS,) of the groups
    of contexts. OUT: bases (FEW_INPUTS,).
    """
    coarse, seen, parents, others = around.coarse, around.seen, around.parents, around.others
    y, x = np.uint64(r + 1), np.uint64(c + 1)
    one = np.uint64(1)
    west, north = np.int64(seen[y, x - one, 0]), np.int64(seen[y - one, x, 0])
    near = 2 * (west + north) + np.int64(seen[y - one, x - one, 0]) + np.int64(seen[y - one, x + one, 0])
    parent, above, other, others_near = np.int64(0), np.int64(0), np.int64(0), np.int64(0)
    if len(parents) > 0:
        v, u = np.uint64((r >> 1) + 1), np.uint64((c >> 1) + 1)
        beside = np.int64(parents[v, np.uint64((c >> 1) + 2 * (c & 1)), 0])
        parent = np.int64(parents[v, u, 0])
        above = 2 * parent + beside + np.int64(parents[np.uint64((r >> 1) + 2 * (r & 1)), u, 0])
    if len(others) > 0:
        other = np.int64(others[y, x, 0])
        others_near = 2 * other + np.int64(others[y, x + one, 0]) + np.int64(others[y + one, x, 0])
    row, column = np.uint64(r), np.uint64(c)
    n_rows, n_columns = coarse.shape
    left, right = np.uint64(c - (c > 0)), np.uint64(c + 1 if c + 1 < n_columns else c)
    upper, lower = np.uint64(r - (r > 0)), np.uint64(r + 1 if r + 1 < n_rows else r)
    across = np.int64(coarse[row, left]) - np.int64(coarse[row, right])
    down = np.int64(coarse[upper, column]) - np.int64(coarse[lower, column])
    steepness = SIZE_CLASSES[np.uint64(min(int((abs(across) + abs(down)) * per_unit) >> 20, LARGEST))]
    size, other_size = SIZE_CLASSES[np.uint64(near >> 2)], SIZE_CLASSES[np.uint64(others_near >> 2)]
    total = TOTAL_CLASSES[np.uint64(min(int(2 * near + 2 * above + others_near), 1023))]
    kin = (SIDE_CLASSES[np.uint64(parent)] * 8 + SIDE_CLASSES[np.uint64(other)]) * 4
    bases[0] = starts[0] + N_FLAGS * (total * N_SIZES + other_size)
    bases[1] = starts[1] + N_FLAGS * (steepness * N_SIZES + size)
    bases[2] = starts[2] + N_FLAGS * (kin + (SIDE_CLASSES[np.uint64(west + north)] >> 1))
    return size


@compiled(inner=True, forceinline=True, allocates=False)
def set_node_contexts(
    r: int, c: int, around: Surroundings, unit: int, starts: Array, n_nodes: int, bases: Array
) -> None:
    """Find where the cells of the nodes' contexts of a block begin.

    IN: unit, the step in samples; n_nodes; the others as of `set_flag_contexts`. OUT: bases (FEW_INPUTS,).
    """
    coarse, seen = around.coarse, around.seen
    n_rows, n_columns = coarse.shape
    across = np.int64(coarse[r, max(c - 1, 0)]) - np.int64(coarse[r, min(c + 1, n_columns - 1)])
    down = np.int64(coarse[max(r - 1, 0), c]) - np.int64(coarse[min(r + 1, n_rows - 1), c])
    bases[0] = starts[0] + n_nodes * np.int64(seen[r + 1, c, 1])
    bases[1] = starts[1] + n_nodes * np.int64(seen[r, c + 1, 1])
    bases[2] = starts[2] + n_nodes * (slope(across, unit) * 5 + slope(down, unit))
