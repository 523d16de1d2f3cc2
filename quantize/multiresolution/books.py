"""The codebooks and the models that come with the program, and how they are written and read.

They are made by `benchmarks/train_multiresolution.py`.
"""

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from quantize.entropy.kernels.coder import LIMIT, N_INPUTS, START_CELL, Cells, copy_of, new_cells
from quantize.entropy.kernels.numbers import NUMBER_CELLS
from quantize.multiresolution.editions import EDITIONS, NEWEST, Edition
from quantize.multiresolution.kernels.details import UNITS, WEIGHT_SETS, Book, Model
from quantize.multiresolution.kernels.surroundings import FLAG_CONTEXTS, NODE_CONTEXTS, NUMBER_CONTEXTS, SIGN_CONTEXTS

Kind = Literal["luma", "chroma"]
KINDS: tuple[Kind, ...] = ("luma", "chroma")


@dataclass(frozen=True)
class Known:
    """Codebooks, and what the models begin with."""

    books: dict[Kind, Book]
    models: dict[Kind, Model]

    def fresh(self) -> "Known":
        """Copy the models, to learn by themselves."""
        return Known(self.books, {kind: m._replace(cells=copy_of(m.cells)) for kind, m in self.models.items()})


def cell_starts(n_nodes: int) -> tuple[NDArray[np.int64], int]:
    """Where the cells of each input's contexts begin, for flags, nodes, signs and numbers, and how many there are.

    A context of flags or signs has one cell, one of nodes as many as the tree has nodes.
    """
    sizes = [
        FLAG_CONTEXTS,
        [n * n_nodes for n in NODE_CONTEXTS],
        SIGN_CONTEXTS,
        [n * NUMBER_CELLS for n in NUMBER_CONTEXTS],
    ]
    ends = np.cumsum(np.array(sizes, np.int64).ravel())
    return np.concatenate([[0], ends[:-1]]).reshape(4, N_INPUTS), int(ends[-1])


def new_model(n_nodes: int, edition: Edition = EDITIONS[NEWEST]) -> Model:
    """Model that has learnt nothing."""
    starts, n_cells = cell_starts(n_nodes)
    cells = new_cells(n_cells, WEIGHT_SETS)._replace(pace=edition.pace, limit=edition.limit)
    return Model(cells, starts, edition.quiet_alone)


# Bits of a cell's probability and of its count in the file, and the counts that they represent.
COUNTS = np.array([0, 1, 2, 3, 4, 6, 8, 11, 14, 18, 24, 32, 48, 80, 140, LIMIT], np.int64)


def pack_known(known: Known) -> dict[str, NDArray[Any]]:
    """Arrays that hold codebooks and models, to be written by `numpy.savez`."""
    arrays: dict[str, NDArray[Any]] = {}
    for kind in KINDS:
        book, model = known.books[kind], known.models[kind]
        arrays[f"{kind}_codewords"] = book.codewords.astype(np.uint8)
        arrays[f"{kind}_children"] = book.children.astype(np.int16)
        arrays[f"{kind}_rates"] = np.rint(book.rates * 8).astype(np.uint8)
        counts = np.searchsorted(COUNTS, model.cells.table & 511, side="right") - 1
        # 12 bits of probability, 4 of the count.
        arrays[f"{kind}_cells"] = ((model.cells.table >> 19).astype(np.uint16) << 4) | counts.astype(np.uint16)
        arrays[f"{kind}_weights"] = (model.cells.weights >> 6).astype(np.int16)
    return arrays


def unpack_known(arrays: dict[str, NDArray[Any]], edition: Edition = EDITIONS[NEWEST]) -> Known:
    """Undo `pack_known`, but for what is rounded there."""
    books: dict[Kind, Book] = {}
    models: dict[Kind, Model] = {}
    for kind in KINDS:
        codewords = arrays[f"{kind}_codewords"].astype(np.int16)
        children = arrays[f"{kind}_children"].astype(np.int32)
        rates = (arrays[f"{kind}_rates"] / 8).astype(np.float32)
        columns = np.ascontiguousarray(codewords.T / np.float32(UNITS), np.float32)
        books[kind] = Book(codewords, children, *tree_paths(children), columns, rates)
        packed = arrays[f"{kind}_cells"].astype(np.int32)
        probabilities = (packed >> 4 << 19) | 1 << 18
        table = np.where(packed & 15 == 0, START_CELL, probabilities | COUNTS[packed & 15].astype(np.int32))
        weights = arrays[f"{kind}_weights"].astype(np.int32) << 6
        cells = Cells(table.astype(np.int32), weights, edition.pace, edition.limit)
        models[kind] = Model(cells, cell_starts(len(children))[0], edition.quiet_alone)
    return Known(books, models)


def tree_paths(children: NDArray[np.int32]) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Nodes and decisions on the way to each codeword, and how many there are."""
    ways: dict[int, list[tuple[int, int]]] = {}
    open_nodes: list[tuple[int, list[tuple[int, int]]]] = [(0, [])]
    while open_nodes:
        node, way = open_nodes.pop()
        for bit in (0, 1):
            child, longer = int(children[node, bit]), [*way, (node, bit)]
            if child < 0:
                ways[-1 - child] = longer
            else:
                open_nodes.append((child, longer))
    lengths = np.array([len(ways[j]) for j in range(len(ways))], np.int64)
    nodes, bits = (np.zeros((len(ways), lengths.max()), np.int32) for _ in range(2))
    for j, way in ways.items():
        nodes[j, : len(way)], bits[j, : len(way)] = zip(*way, strict=True)
    return nodes, bits, lengths


@lru_cache
def shipped(number: int = NEWEST) -> Known:
    """Read what comes with the program, once; `number` is that of the edition."""
    edition = EDITIONS[number]
    with files("quantize.multiresolution").joinpath(edition.file).open("rb") as file, np.load(file) as arrays:
        return unpack_known(dict(arrays), edition)
