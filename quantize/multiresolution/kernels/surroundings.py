"""What a decision on a wavelet vector is seen together with: which cells of the models its contexts have.

A vector has three components (high across, high down, high in both directions), or six, those of two chroma planes. Of
each vector that has been coded `seen` (rows + 3, columns + 3) uint32 keeps how large its components of each direction
are, in half steps, a byte each, and in the highest byte all of them. `signs`, uint16, keeps two bits for each
component: 0, 1 (positive) or 2. There are two rows and columns more before, and one after.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clustering import Array, compiled
from quantize.entropy.kernels.coder import classes_by_limits

N_LEVELS = 6
N_SIZES = 12
N_TOTALS = 24
N_FEW_SIZES = 8
# Nodes of the flag's contexts: only one, whether the vector is zero.
FLAG_CONTEXTS = (
    N_LEVELS * 4,
    N_SIZES * N_SIZES * 2,
    6 * 6 * 6 * 2,
    N_TOTALS * N_SIZES,
    8 * 8 * 4 * 2,
    5 * 5 * 5 * N_FEW_SIZES,
)
# The input, by the total, that alone decides where nothing is around: each cell of another one is one of many kinds of
# places, and the mean over six takes four times as long and no fewer bits there.
QUIET_INPUT = 3
# Uses that its cells count at most. They forget soon: nothing else tells a flat place from a faint texture.
QUIET_LIMIT = 16
NODE_CONTEXTS = (N_LEVELS, N_FEW_SIZES**2, 5 * 5 * 5, 4 * 4 * 4, N_FEW_SIZES**2, 4 * 4 * 4)
SIGN_CONTEXTS = (6, 6 * 27, 6 * 27, 6 * 9, 6 * 9, 6 * 27)
NUMBER_CONTEXTS = (1, N_LEVELS * 3, 3 * N_SIZES, 3 * N_SIZES, 3 * N_SIZES, 3)


class Surroundings(NamedTuple):
    """What is known around the vectors of a band, see above.

    Attributes
    ----------
    seen, signs : array
        Of the band itself.
    parents, parent_signs : array
        Of the next coarser level; empty where there is none.
    others, other_signs : array
        Of the luma of this level, or of the chroma before; empty where there is none.
    """

    seen: NDArray[np.uint32]
    signs: NDArray[np.uint16]
    parents: NDArray[np.uint32]
    parent_signs: NDArray[np.uint16]
    others: NDArray[np.uint32]
    other_signs: NDArray[np.uint16]


# Class of the weighted sum of what is around: by how many of these it reaches.
SIZES = classes_by_limits([1, 3, 5, 8, 12, 17, 24, 34, 50, 76, 120], 2048)
FEW_SIZES = classes_by_limits([1, 4, 9, 17, 30, 54, 100], 2048)
SIDES = classes_by_limits([1, 2, 3, 5, 8, 13, 22], 256)
FIVE_SIDES, FOUR_SIDES = np.minimum(SIDES, 4), np.minimum(SIDES + 1 >> 1, 3)
PARTS = classes_by_limits([1, 3, 6, 11, 20], 2048)
TOTALS = classes_by_limits([1 + n * (n + 3) // 2 * (1 if n < 8 else 1 + (n - 7) // 3) for n in range(23)], 4096)


# Every other byte: two numbers that can be added up without meeting.
BYTES = 0x00FF00FF


@compiled(inner=True, forceinline=True, allocates=False)
def set_flag_contexts(
    r: int, c: int, level: int, around: Surroundings, starts: Array, quiet_alone: bool, bases: Array, sizes: Array
) -> bool:
    """Find where the cells of a vector's flag are, and what the contexts of its nodes need besides.

    Returns whether nothing is around the vector and `quiet_alone`: then its cell is that of `bases[QUIET_INPUT]` alone,
    and no other is found.

    IN: r, c, the vector; level, 0 for the finest; around; starts (n_groups,) of the groups of contexts; quiet_alone, of
    `Model`. OUT: bases (N_INPUTS,); sizes (10,): classes of what is near, above and besides, the sums they come from,
    the sums of the directions near, two in each, and the directions above and besides.
    """
    seen, parents, others = around.seen, around.parents, around.others
    y, x = np.uint64(r + 2), np.uint64(c + 2)
    one, two = np.uint64(1), np.uint64(2)
    west, north = np.int64(seen[y, x - one]), np.int64(seen[y - one, x])
    northwest, northeast = np.int64(seen[y - one, x - one]), np.int64(seen[y - one, x + one])
    far = (np.int64(seen[y, x - two]) >> 24) + (np.int64(seen[y - two, x]) >> 24)
    # Across and both directions; down and all.
    even = 2 * ((west & BYTES) + (north & BYTES)) + (northwest & BYTES) + (northeast & BYTES)
    odd = 2 * ((west >> 8 & BYTES) + (north >> 8 & BYTES)) + (northwest >> 8 & BYTES) + (northeast >> 8 & BYTES)
    near = (odd >> 16) + (far >> 1)
    above, other, kind = np.int64(0), np.int64(0), np.int64(0)
    parent, beside = np.int64(0), np.int64(0)
    has_others, has_parents = len(others) > 0, len(parents) > 0
    if has_others:
        beside = np.int64(others[y, x])
        other = 2 * (beside >> 24) + (np.int64(others[y, x + one]) >> 24) + (np.int64(others[y + one, x]) >> 24)
    if has_parents:
        v, u = np.uint64((r >> 1) + 2), np.uint64((c >> 1) + 2)
        parent = np.int64(parents[v, u])
        above = 2 * (parent >> 24) + (np.int64(parents[v, np.uint64((c >> 1) + 1 + 2 * (c & 1))]) >> 24)
        above += np.int64(parents[np.uint64((r >> 1) + 1 + 2 * (r & 1)), u]) >> 24
    size, parent_size, other_size = SIZES[np.uint64(near)], SIZES[np.uint64(above)], SIZES[np.uint64(other)]
    all_around: Any = 2 * near + 3 * above + (other >> 1)
    total = TOTALS[np.uint64(min(all_around, 4095))]
    bases[QUIET_INPUT] = starts[QUIET_INPUT] + total * N_SIZES + (other_size if has_others else level)
    sizes[0], sizes[1], sizes[2] = size, parent_size, other_size
    sizes[3], sizes[4], sizes[5] = near, above, other
    sizes[6], sizes[7], sizes[8], sizes[9] = even, odd, parent, beside
    if all_around == 0 and quiet_alone:
        return True
    parent_kind = kind_of(parent if has_parents else beside)
    if near > 0:
        kind = PARTS[np.uint64(even & 0xFFFF)] * 36 + PARTS[np.uint64(odd & 0xFFFF)] * 6 + PARTS[np.uint64(even >> 16)]
    fine = np.int64(level == 0)
    sides = SIDES[np.uint64(west >> 24)] * 8 + SIDES[np.uint64(north >> 24)]
    sides = sides * 4 + min(SIDES[np.uint64(northeast >> 24)], 3)
    bases[0] = starts[0] + level * 4 + (r & 1) * 2 + (c & 1)
    bases[1] = starts[1] + (size * N_SIZES + parent_size) * 2 + fine
    bases[2] = starts[2] + kind * 2 + fine
    bases[4] = starts[4] + sides * 2 + fine
    bases[5] = starts[5] + parent_kind * N_FEW_SIZES + FEW_SIZES[np.uint64(near)]
    return False


@compiled(inner=True, forceinline=True, allocates=False)
def kind_of(directions: np.int64) -> np.int64:
    """Class of the sizes of a vector's directions, 0 to 124."""
    first, second = FIVE_SIDES[np.uint64(directions & 255)], FIVE_SIDES[np.uint64(directions >> 8 & 255)]
    return (first * 5 + second) * 5 + FIVE_SIDES[np.uint64(directions >> 16 & 255)]


@compiled(inner=True, forceinline=True, allocates=False)
def few_of(directions: np.int64) -> np.int64:
    """Class of the sizes of a vector's directions, 0 to 63."""
    first, second = FOUR_SIDES[np.uint64(directions & 255)], FOUR_SIDES[np.uint64(directions >> 8 & 255)]
    return (first * 4 + second) * 4 + FOUR_SIDES[np.uint64(directions >> 16 & 255)]


@compiled(inner=True, allocates=False)
def set_node_contexts(
    r: int, c: int, level: int, around: Surroundings, starts: Array, n_nodes: int, sizes: Array, bases: Array
) -> None:
    """Find where the cells of the nodes of a vector's path begin.

    IN: n_nodes; sizes, what `set_flag_contexts` has found; the others as there. OUT: bases (N_INPUTS,).
    """
    even, odd = sizes[6], sizes[7]
    kind = min(PARTS[np.uint64(even & 0xFFFF)], 4) * 25 + min(PARTS[np.uint64(odd & 0xFFFF)], 4) * 5
    kind += min(PARTS[np.uint64(even >> 16)], 4)
    if len(around.others) > 0:
        last = few_of(sizes[9])
    else:
        west, north = np.int64(around.seen[r + 2, c + 1]) >> 24, np.int64(around.seen[r + 1, c + 2]) >> 24
        last = SIDES[np.uint64(west)] * 8 + SIDES[np.uint64(north)]
    near = FEW_SIZES[np.uint64(sizes[3])] * N_FEW_SIZES
    bases[0] = starts[0] + n_nodes * level
    bases[1] = starts[1] + n_nodes * (near + FEW_SIZES[np.uint64(sizes[4])])
    bases[2] = starts[2] + n_nodes * kind
    bases[3] = starts[3] + n_nodes * few_of(sizes[8])
    bases[4] = starts[4] + n_nodes * (near + FEW_SIZES[np.uint64(sizes[5])])
    bases[5] = starts[5] + n_nodes * last


@compiled(inner=True, forceinline=True, allocates=False)
def set_sign_contexts(r: int, c: int, i: int, around: Surroundings, before: int, starts: Array, bases: Array) -> None:
    """Find where the cells of a component's sign are.

    IN: i, the component; before, signs of the last two components of this vector, as a number of base 3; the others as
    of `set_flag_contexts`. OUT: bases (N_INPUTS,).
    """
    signs = around.signs
    y, x = np.uint64(r + 2), np.uint64(c + 2)
    one, two = np.uint64(1), np.uint64(2)
    west, north = sign_of(signs[y, x - one], i), sign_of(signs[y - one, x], i)
    sides = sign_of(signs[y - one, x + one], i) * 3 + sign_of(signs[y - one, x - one], i)
    far = sign_of(signs[y, x - two], i) * 3 + sign_of(signs[y - two, x], i)
    parent, other = np.int64(0), np.int64(0)
    if len(around.parent_signs) > 0:
        parent = sign_of(around.parent_signs[np.uint64((r >> 1) + 2), np.uint64((c >> 1) + 2)], i)
    if len(around.other_signs) > 0:
        other = sign_of(around.other_signs[y, x], i % 3)
    bases[0] = starts[0] + i
    bases[1] = starts[1] + i * 27 + west * 9 + north * 3 + other
    bases[2] = starts[2] + i * 27 + other * 9 + before
    bases[3] = starts[3] + i * 9 + sides
    bases[4] = starts[4] + i * 9 + far
    bases[5] = starts[5] + i * 27 + parent * 9 + west * 3 + north


@compiled(inner=True, forceinline=True, allocates=False)
def sign_of(signs: int, i: int) -> np.int64:
    """Sign of a component: 0, 1 or 2."""
    return np.int64(signs) >> 2 * i & 3
