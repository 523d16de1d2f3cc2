"""What the coder of a plane's blocks begins with: a codebook in its tables, and a model that has learnt nothing."""

import numpy as np

from quantize.block.codebook import UNITS, build_tree, classes
from quantize.block.kernels.contexts import FLAG_CONTEXTS, N_FLAGS, NODE_CONTEXTS, WEIGHT_SETS
from quantize.block.kernels.tables import Model, Tables
from quantize.datatypes import Codebook
from quantize.entropy.kernels.coder import FEW_INPUTS, FEW_START_WEIGHT, START_CELL, Cells


def tables_of(book: Codebook) -> Tables:
    """Tables of a codebook."""
    tree = build_tree(book.lengths)
    columns = np.ascontiguousarray(book.codewords.T, np.float32) / np.float32(UNITS)
    n_nodes = max(len(tree.children), 1)
    sizes = [N_FLAGS * size for size in FLAG_CONTEXTS] + [n_nodes * size for size in NODE_CONTEXTS]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return Tables(
        book.codewords,
        book.lengths,
        classes(book.codewords, book.block),
        tree,
        columns,
        np.square(columns).sum(axis=0),
        starts[:FEW_INPUTS].copy(),
        starts[FEW_INPUTS : 2 * FEW_INPUTS].copy(),
        int(starts[-1]),
    )


def new_model(tables: Tables) -> Model:
    """Model that has learnt nothing."""
    weights = np.full(WEIGHT_SETS * FEW_INPUTS, FEW_START_WEIGHT, np.int32)
    return Model(tables, Cells(np.full(tables.n_cells, START_CELL, np.int32), weights))


def copy_of(model: Model) -> Model:
    """Model that has learnt the same, and goes on by itself."""
    return Model(model.tables, Cells(*(array.copy() for array in model.cells)))
