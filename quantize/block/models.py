"""What the coder of a plane's blocks knows: a codebook in its tables, and what was learnt of the decisions so far."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quantize.block.codebook import UNITS, Tree, build_tree, classes
from quantize.block.kernels.contexts import FLAG_CONTEXTS, N_FLAGS, NODE_CONTEXTS, WEIGHT_SETS
from quantize.datatypes import Codebook
from quantize.entropy.kernels.coder import FEW_INPUTS, FEW_START_WEIGHT, START_CELL


@dataclass(frozen=True)
class Tables:
    """A codebook as the coder wants it: with its tree, classes and the places of its contexts.

    Attributes
    ----------
    book : Codebook
    tree : Tree
    classes : array (n_codewords,), int32
    columns : array (block * block, n_codewords), float32
        The codewords in steps.
    plain_norms : array (n_codewords,), float32
        Their squares.
    flag_starts, node_starts : array (FEW_INPUTS,), int64
        Where the cells of each group of contexts begin.
    n_cells : int
    """

    book: Codebook
    tree: Tree
    classes: NDArray[np.int32]
    columns: NDArray[np.float32]
    plain_norms: NDArray[np.float32]
    flag_starts: NDArray[np.int64]
    node_starts: NDArray[np.int64]
    n_cells: int

    @classmethod
    def of(cls, book: Codebook) -> "Tables":
        """Tables of a codebook."""
        tree = build_tree(book.lengths)
        columns = np.ascontiguousarray(book.codewords.T, np.float32) / np.float32(UNITS)
        n_nodes = max(len(tree.children), 1)
        sizes = [N_FLAGS * size for size in FLAG_CONTEXTS] + [n_nodes * size for size in NODE_CONTEXTS]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        return cls(
            book,
            tree,
            classes(book.codewords, book.block),
            columns,
            np.square(columns).sum(axis=0),
            starts[:FEW_INPUTS].copy(),
            starts[FEW_INPUTS : 2 * FEW_INPUTS].copy(),
            int(starts[-1]),
        )


@dataclass(frozen=True)
class Model:
    """What the coder has learnt so far: cells of contexts, and weights of their opinions."""

    tables: Tables
    table: NDArray[np.int32]
    weights: NDArray[np.int32]

    @classmethod
    def of(cls, tables: Tables) -> "Model":
        """Model that has learnt nothing."""
        weights = np.full(WEIGHT_SETS * FEW_INPUTS, FEW_START_WEIGHT, np.int32)
        return cls(tables, np.full(tables.n_cells, START_CELL, np.int32), weights)

    def copy(self) -> "Model":
        """Model that has learnt the same, and goes on by itself."""
        return Model(self.tables, self.table.copy(), self.weights.copy())
