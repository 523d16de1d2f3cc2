"""Planes as pyramids of means: which blocks there are, and coding all of them from coarse to fine.

The mean of every block is taken out of it and stands in a plane of its own, the means of that one's 2 x 2 blocks in the
next, until hardly any samples are left. From the coarsest plane on, each finer one is predicted from the one before;
what the prediction leaves of each block is coded as codewords (see `quantize.kernels.vectors`). Only the finest blocks
have the size that was asked for, all coarser ones are 2 x 2.

With 4:2:0 the chroma planes stop one level before the luma, and the last prediction is their upsampling.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quantize.codebook import BookKey, build_tree, classes
from quantize.datatypes import Codebook
from quantize.errors import ContainerError
from quantize.kernels.coder import N_INPUTS, START_CELL, START_WEIGHT
from quantize.kernels.numbers import TOP_CONTEXTS, code_top
from quantize.kernels.planes import LEAST, MOST, halve, predict_finer
from quantize.kernels.vectors import (
    FLAG_CONTEXTS,
    MOST_BYTES,
    N_FLAGS,
    N_LEVELS,
    NODE_CONTEXTS,
    WEIGHT_SETS,
    code_vectors,
    collect_vectors,
)
from quantize.streams import ENDS_EARLY, check_end, finished, grown, open_stream

# The coarsest plane is no longer than this.
TOP_SIDE = 8
# Units of a step, in 16ths of a sample, for each gray level of the step.
STEP_UNITS = 512
# Steps of the coarsest planes are finer by this: an error there is seen everywhere.
TOP_FINER = 2
# And never coarser than two gray levels.
COARSEST_TOP = 512


@dataclass(frozen=True)
class Band:
    """What is coded of one plane between two scales.

    Attributes
    ----------
    plane : int
    coarse, fine : int
        Scales before and after: a sample stands for 2**scale pixels in both directions.
    """

    plane: int
    coarse: int
    fine: int

    @property
    def block(self) -> int:
        """Side of a block."""
        return 1 << (self.coarse - self.fine)

    @property
    def book(self) -> BookKey:
        """Which codebook serves it: whether it is one of chroma, and its block."""
        return self.plane in (1, 2), self.block


@dataclass(frozen=True)
class Layout:
    """Shape of the pyramids of an image.

    Attributes
    ----------
    height, width : int
    n_planes : int
        1 (luma) or 3 (luma and two of chroma).
    block : int
        Side of the finest blocks: 2, 4 or 8.
    subsampled : bool
        Whether chroma ends at half the resolution.
    """

    height: int
    width: int
    n_planes: int
    block: int
    subsampled: bool

    def shape(self, scale: int) -> tuple[int, int]:
        """Shape of a plane."""
        return -(-self.height >> scale), -(-self.width >> scale)

    def finest(self, plane: int) -> int:
        """Scale at which a plane ends."""
        return 1 if self.subsampled and plane > 0 else 0

    @property
    def top(self) -> int:
        """Scale of the coarsest planes."""
        side = max(self.height, self.width)
        least = max(self.finest(plane) for plane in range(self.n_planes)) + self.block.bit_length() - 1
        return max(min((side - 1) // TOP_SIDE, side).bit_length(), least)

    def bands(self, scale: int) -> Iterator[Band]:
        """Bands that begin at a scale, in their order."""
        for plane in range(self.n_planes):
            finest = self.finest(plane)
            last = finest + self.block.bit_length() - 1
            if scale == last:
                yield Band(plane, scale, finest)
            elif scale > last:
                yield Band(plane, scale, scale - 1)

    @property
    def books(self) -> list[BookKey]:
        """Codebooks that the bands need: whether of chroma, and their block."""
        return sorted({band.book for scale in range(1, self.top + 1) for band in self.bands(scale)})


class Model:
    """What the coder of one plane with one codebook has learnt so far."""

    def __init__(self, book: Codebook) -> None:
        self.book = book
        tree = build_tree(book.lengths)
        self.children, self.nodes, self.bits = tree.children, tree.nodes, tree.bits
        self.classes = classes(book.codewords, book.block)
        self.columns = np.ascontiguousarray(book.codewords.T.astype(np.float32) / 8)
        n_nodes = max(len(tree.children), 1)
        sizes = [N_FLAGS * size for size in FLAG_CONTEXTS] + [n_nodes * size for size in NODE_CONTEXTS]
        starts = np.concatenate([[0], np.cumsum(sizes)])
        self.flag_starts, self.node_starts = starts[:N_INPUTS].copy(), starts[N_INPUTS : 2 * N_INPUTS].copy()
        self.table = np.full(starts[-1], START_CELL, np.int32)
        self.weights = np.full(WEIGHT_SETS * N_INPUTS, START_WEIGHT, np.int32)


def halvings(plane: NDArray[np.int32], top: int) -> list[NDArray[np.int32]]:
    """Return a plane and its means, one for each scale from 0 to `top`."""
    planes = [plane]
    for _ in range(top):
        finer = planes[-1]
        means = np.empty((-(-finer.shape[0] // 2), -(-finer.shape[1] // 2)), np.int32)
        halve(finer, means)
        planes.append(means)
    return planes


def predict(coarse: NDArray[np.int32], layout: Layout, scale: int, finer: int) -> NDArray[np.int32]:
    """Predict a plane of a finer scale."""
    for below in range(scale - 1, finer - 1, -1):
        fine = np.empty(layout.shape(below), np.int32)
        predict_finer(coarse, fine)
        coarse = fine
    return coarse


def step_of(base: int, scale: int) -> int:
    """Step of the codewords that end at a scale, in 16ths of a sample for each unit of a codeword."""
    return max(base >> scale, 1)


def collect(pyramids: list[list[NDArray[np.int32]]], layout: Layout, base: int) -> dict[BookKey, NDArray[np.float32]]:
    """Vectors that each codebook shall serve, in steps, predicted from the means as they are."""
    found: dict[BookKey, list[NDArray[np.float32]]] = {}
    for scale in range(layout.top, 0, -1):
        for band in layout.bands(scale):
            coarse, wanted = pyramids[band.plane][band.coarse], pyramids[band.plane][band.fine]
            vectors = np.empty((coarse.size, band.block**2), np.float32)
            # A step has 8 units of 16ths of a sample.
            factor = 2 / step_of(base, band.fine)
            collect_vectors(wanted, predict(coarse, layout, band.coarse, band.fine), band.block, factor, vectors)
            found.setdefault(band.book, []).append(vectors)
    return {key: np.concatenate(parts) for key, parts in found.items()}


class Coder:
    """Codes the planes of an image from coarse to fine, in either direction.

    Luma and chroma have streams of their own: the chroma of a scale looks at the luma of the same one, and is coded
    while another thread goes on with the luma of the next.

    Attributes
    ----------
    planes : list of array (height, width), int32
        Each plane as far as it is decoded.
    """

    def __init__(
        self,
        layout: Layout,
        base: int,
        books: dict[BookKey, Codebook],
        pyramids: list[list[NDArray[np.int32]]] | None = None,
        rate: float = 0.0,
    ) -> None:
        self.layout, self.base, self.pyramids, self.rate = layout, base, pyramids, rate
        self.planes: list[NDArray[np.int32]] = []
        self._models = {
            (plane, block): Model(books[chroma, block])
            for chroma, block in layout.books
            for plane in ((1, 2) if chroma else (0,))
        }
        # What was seen of each plane at each scale.
        self._seen: dict[tuple[int, int], NDArray[np.int32]] = {}

    def encode(self) -> list[list[bytes]]:
        """Streams of the coarsest planes, and of luma and chroma at each scale from coarse to fine."""
        return [[self._code_top(b"")], *self._run([[b"", b""]] * self.layout.top)]

    def decode(self, streams: list[list[bytes]]) -> None:
        """Decode what `encode` returned."""
        self._code_top(streams[0][0])
        self._run(streams[1:])

    def _run(self, streams: list[list[bytes]]) -> list[list[bytes]]:
        """Code all scales, luma and chroma side by side."""
        scales = range(self.layout.top, 0, -1)
        if self.layout.n_planes == 1:
            return [[self._code(scale, False, data[0])] for scale, data in zip(scales, streams, strict=True)]
        with ThreadPoolExecutor(1, thread_name_prefix="chroma") as executor:
            done = []
            for scale, data in zip(scales, streams, strict=True):
                luma = self._code(scale, False, data[0])
                done.append((luma, executor.submit(self._code, scale, True, data[1])))
            return [[luma, chroma.result()] for luma, chroma in done]

    def _code_top(self, data: bytes) -> bytes:
        """Code the coarsest planes."""
        layout, decoding = self.layout, self.pyramids is None
        step = min(max(step_of(self.base, layout.top) * 8 // (16 * TOP_FINER), 1), COARSEST_TOP)
        numbers = np.zeros((layout.n_planes, *layout.shape(layout.top)), np.int64)
        if self.pyramids is not None:
            tops = np.stack([pyramid[layout.top] for pyramid in self.pyramids]).astype(np.int64)
            numbers[:] = (tops + step // 2) // step
        buffer, coder = open_stream(data, decoding, numbers.size * MOST_BYTES)
        table = np.full(TOP_CONTEXTS * 64, START_CELL, np.int32)
        weights = np.full(3 * N_INPUTS, START_WEIGHT, np.int32)
        code_top(decoding, numbers, table, weights, coder, buffer)
        if decoding:
            check_end(coder, buffer)
        self.planes = [np.clip(plane * step, LEAST, MOST).astype(np.int32) for plane in numbers]
        return b"" if decoding else finished(coder, buffer)

    def _code(self, scale: int, chroma: bool, data: bytes) -> bytes:
        """Code the bands of luma or chroma that begin at a scale."""
        decoding = self.pyramids is None
        bands = [band for band in self.layout.bands(scale) if (band.plane > 0) == chroma]
        buffer, coder = open_stream(data, decoding, sum(self.planes[band.plane].size for band in bands))
        for band in bands:
            buffer = self._code_band(band, coder, buffer)
        if not bands:
            return b""
        if decoding:
            check_end(coder, buffer)
            return b""
        return finished(coder, buffer)

    def _code_band(self, band: Band, coder: NDArray[np.int64], buffer: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Code a band; the buffer is given back, which may have grown."""
        coarse = self.planes[band.plane]
        fine = predict(coarse, self.layout, band.coarse, band.fine)
        model = self._models[band.plane, band.block]
        seen = self._seen[band.plane, band.coarse] = np.zeros((coarse.shape[0] + 2, coarse.shape[1] + 2, 2), np.int32)
        nothing = np.zeros((0, 0, 2), np.int32)
        row = 0
        while True:
            row = code_vectors(
                self.pyramids is None,
                row,
                fine if self.pyramids is None else self.pyramids[band.plane][band.fine],
                coarse,
                fine,
                band.block,
                min(band.coarse, N_LEVELS) - 1,
                step_of(self.base, band.fine),
                model.book.codewords,
                model.classes,
                model.children,
                model.nodes,
                model.bits,
                model.book.lengths,
                model.columns,
                seen,
                self._seen.get((band.plane, band.coarse + 1), nothing),
                self._seen.get((band.plane - 1, band.coarse), nothing),
                model.table,
                model.weights,
                model.flag_starts,
                model.node_starts,
                self.rate,
                coder,
                buffer,
            )
            if row == len(coarse):
                break
            if row < 0:
                raise ContainerError(ENDS_EARLY)
            buffer = grown(coder, buffer, coarse.shape[1] * MOST_BYTES)
        self.planes[band.plane] = fine
        return buffer

    def full_planes(self) -> list[NDArray[np.int32]]:
        """All planes at full resolution."""
        return [predict(plane, self.layout, self.layout.finest(p), 0) for p, plane in enumerate(self.planes)]
