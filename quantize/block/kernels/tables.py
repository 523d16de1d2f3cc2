"""What the kernels of the block profile work with: a codebook's tables, what was learnt, and what is around a block."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantize.entropy.kernels.coder import FEW_INPUTS, Cells

MOST_STAGES = 7
# Codewords whose cost is worked out in full.
N_CANDIDATES = 4


class Tree(NamedTuple):
    """The decisions that lead to the codewords, most usual ones first: a canonical Huffman code as a tree.

    Attributes
    ----------
    children : array (n_codewords - 1, 2), int32
        Nodes that follow a 0 and a 1; leaves as -1 - codeword.
    nodes, bits : array (n_codewords, longest), int32
        The nodes on the way to each codeword, and what is decided there.
    """

    children: NDArray[np.int32]
    nodes: NDArray[np.int32]
    bits: NDArray[np.int32]


class Tables(NamedTuple):
    """A codebook as the coder wants it: with its tree, classes and the places of its contexts.

    Attributes
    ----------
    codewords : array (n_codewords, block * block), int8
    lengths : array (n_codewords,), int64
        Length of each one's path.
    classes : array (n_codewords,), int32
    tree : Tree
    columns : array (block * block, n_codewords), float32
        The codewords in steps.
    plain_norms : array (n_codewords,), float32
        Their squares.
    flag_starts, node_starts : array (FEW_INPUTS,), int64
        Where the cells of each group of contexts begin.
    n_cells : int
    """

    codewords: NDArray[np.int8]
    lengths: NDArray[np.int64]
    classes: NDArray[np.int32]
    tree: Tree
    columns: NDArray[np.float32]
    plain_norms: NDArray[np.float32]
    flag_starts: NDArray[np.int64]
    node_starts: NDArray[np.int64]
    n_cells: int


class Model(NamedTuple):
    """A codebook, and what the coder has learnt of its decisions so far."""

    tables: Tables
    cells: Cells


class Surroundings(NamedTuple):
    """What is known around the blocks of a band.

    Attributes
    ----------
    coarse : array (rows, columns), int32
        The coarser plane, a sample for each block.
    seen : array (rows + 2, columns + 2, 2), int32
        How large each block's vector is, and the class of its codeword.
    parents, others : array
        `seen` of the next coarser level, and of another plane; empty where there is none.
    """

    coarse: NDArray[np.int32]
    seen: NDArray[np.int32]
    parents: NDArray[np.int32]
    others: NDArray[np.int32]


class Room(NamedTuple):
    """Room to work in, made by who calls: a kernel that makes no arrays is twice as quick.

    Attributes
    ----------
    bases, node_bases : array (FEW_INPUTS,), uint64
    stages, scaled : array (MOST_STAGES,), int64
        Codewords, or marks for stages without one.
    total : array (n_components,), int64
    vector, residual : array (n_components,), float32
    norms : array (n_codewords,), float32
        Squares of the codewords, with what their lengths cost.
    costs : array (n_codewords,), float32
    chosen : array (N_CANDIDATES,), int64
    chosen_costs : array (N_CANDIDATES,), float32
    """

    bases: NDArray[np.uint64]
    node_bases: NDArray[np.uint64]
    stages: NDArray[np.int64]
    scaled: NDArray[np.int64]
    total: NDArray[np.int64]
    vector: NDArray[np.float32]
    residual: NDArray[np.float32]
    norms: NDArray[np.float32]
    costs: NDArray[np.float32]
    chosen: NDArray[np.int64]
    chosen_costs: NDArray[np.float32]


def room_for(block: int, tables: Tables, rate: float) -> Room:
    """Make room for the vectors of blocks; rate, the Lagrangian weight of a bit."""
    n_components, n_codewords = block * block, len(tables.lengths)
    bases, node_bases = np.zeros((2, FEW_INPUTS), np.uint64)
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
        (tables.plain_norms + rate * tables.lengths).astype(np.float32),
        np.zeros(n_codewords, np.float32),
        np.zeros(N_CANDIDATES, np.int64),
        np.zeros(N_CANDIDATES, np.float32),
    )
