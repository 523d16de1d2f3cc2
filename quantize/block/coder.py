"""Coding the planes of an image from coarse to fine, in either direction."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice, product, repeat

import numpy as np
from numpy.typing import NDArray

from quantize.block.codebook import BookKey, tables_of
from quantize.block.kernels.contexts import WEIGHT_SETS
from quantize.block.kernels.planes import LEAST, MOST
from quantize.block.kernels.tables import Model, Surroundings, room_for
from quantize.block.kernels.vectors import MOST_BYTES, code_vectors
from quantize.block.pyramid import Band, Layout, predict, step_of
from quantize.datatypes import Codebook
from quantize.entropy.kernels.coder import FEW_INPUTS, copy_of, new_cells
from quantize.entropy.streams import Stream, code_planes, planes_stream
from quantize.errors import check
from quantize.thread_pool import side_by_side

NOTHING = np.zeros((0, 0, 2), np.int32)
# Steps of the coarsest planes are finer by this: an error there is seen everywhere.
TOP_FINER = 2
# And never coarser than two gray levels.
COARSEST_TOP = 512


@dataclass(frozen=True)
class _Part:
    """A band at work: its planes, what is seen of it, and what was of its coarser one."""

    band: Band
    coarse: NDArray[np.int32]
    fine: NDArray[np.int32]
    seen: NDArray[np.int32]
    parents: NDArray[np.int32]


class Coder:
    """Codes the planes of an image from coarse to fine, in either direction.

    Large bands are cut into stripes of rows that know nothing of each other, so that threads can share them; the chroma
    of a scale looks at the luma of the same one, and is coded while the luma of the next is.

    Parameters
    ----------
    layout : Layout
    base : int
        Step, see `step_of`.
    books : dict of BookKey to Codebook
        Their tables are made when they are first needed: those of chroma beside the coding of luma.
    pyramids : list of list of array, or None
        The planes to encode, one for each scale; None decodes.
    rate : float
        Lagrangian weight of a bit.

    Attributes
    ----------
    planes : list of array (height, width), int32
        Each plane as far as it is decoded; in the end at full resolution.
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
        self._books = books
        # What was learnt, by plane, block and stripe.
        self._models: dict[tuple[int, int, int], Model] = {}
        # What was seen of each plane at each scale.
        self._seen: dict[tuple[int, int], NDArray[np.int32]] = {}

    def code(self, streams: list[bytes] | None) -> list[list[bytes]]:
        """Decode all streams, one after another; None encodes. Luma goes ahead, and chroma follows beside it.

        Returns the streams of the coarsest planes, and of each scale from coarse to fine: luma's stripes, then
        chroma's.
        """
        scales = range(self.layout.top, 0, -1)
        counts = {key: self.layout.stripes(*key) for key in product(scales, (False, True))}
        check(streams is None or len(streams) == 1 + sum(counts.values()), "has too many streams or too few")
        given: Iterator[bytes | None] = repeat(None) if streams is None else iter(streams)
        top = self._code_top(next(given))
        data = {key: list(islice(given, n)) for key, n in counts.items()}
        # Of each scale, when its luma is coded.
        ready: dict[int, Future[None]] = {scale: Future() for scale in scales}
        coded: dict[tuple[int, bool], list[bytes]] = {}
        with ThreadPoolExecutor(1, thread_name_prefix="chroma") as beside:

            def code_chroma() -> None:
                for scale in scales:
                    # The finest scales may have no chroma: it is complete before luma is.
                    if data[scale, True]:
                        ready[scale].result()
                    coded[scale, True] = self._code_scale(scale, True, data[scale, True])
                for plane in range(1, self.layout.n_planes):
                    self.planes[plane] = predict(self.planes[plane], self.layout, self.layout.finest(plane), 0)

            following = beside.submit(code_chroma)
            try:
                for scale in scales:
                    if following.done() and following.exception():
                        break
                    coded[scale, False] = self._code_scale(scale, False, data[scale, False])
                    ready[scale].set_result(None)
            finally:
                # After an error no more is begun.
                for future in ready.values():
                    future.cancel()
            following.result()
        return [[top], *(coded[scale, False] + coded[scale, True] for scale in scales)]

    def _code_scale(self, scale: int, chroma: bool, data: Sequence[bytes | None]) -> list[bytes]:
        """Code luma or chroma from a scale on, a task for each stripe."""
        parts = []
        for band in self.layout.bands(scale):
            if (band.plane > 0) == chroma:
                self._prepare(band)
                coarse = self.planes[band.plane]
                part = _Part(
                    band,
                    coarse,
                    predict(coarse, self.layout, band.coarse, band.fine),
                    np.zeros((coarse.shape[0] + 2, coarse.shape[1] + 2, 2), np.int32),
                    self._seen.get((band.plane, scale + 1), NOTHING),
                )
                parts.append(part)
                self.planes[band.plane], self._seen[band.plane, scale] = part.fine, part.seen
                for stripe in range(1, len(data)):
                    # A new stripe knows what the first one has learnt.
                    learnt = self._models[band.plane, band.block, 0]
                    model = Model(learnt.tables, copy_of(learnt.cells))
                    self._models.setdefault((band.plane, band.block, stripe), model)
        luma = self._seen[0, scale] if chroma and parts else NOTHING
        return side_by_side(partial(self._code, parts, luma, data), range(len(data))) if data else []

    def _prepare(self, band: Band) -> None:
        """See that there is a model for a band; both planes of chroma have the same tables."""
        if (band.plane, band.block, 0) not in self._models:
            sister = self._models.get((1, band.block, 0)) if band.plane == 2 else None
            tables = sister.tables if sister else tables_of(self._books[band.book])
            self._models[band.plane, band.block, 0] = Model(tables, new_cells(tables.n_cells, WEIGHT_SETS, FEW_INPUTS))

    def _code(self, parts: list[_Part], luma: NDArray[np.int32], data: Sequence[bytes | None], stripe: int) -> bytes:
        """Code one stripe of luma, or of both planes of chroma, which look at luma, and at each other."""
        (n_rows, n_columns), n_stripes = parts[0].coarse.shape, len(data)
        # Stripes begin with even rows, where blocks of the coarser scale begin.
        first, last = n_rows * stripe // n_stripes & ~1, n_rows * (stripe + 1) // n_stripes & ~1
        if stripe + 1 == n_stripes:
            last = n_rows
        stream = Stream(data[stripe], (last - first) * n_columns * len(parts))
        others = luma[first : last + 2]
        for part in parts:
            band, model = part.band, self._models[part.band.plane, part.band.block, stripe]
            rows = slice(first * band.block, last * band.block)
            seen = np.zeros((last - first + 2, n_columns + 2, 2), np.int32)
            stream.code_rows(
                code_vectors,
                last - first,
                n_columns * MOST_BYTES,
                (part.fine if self.pyramids is None else self.pyramids[band.plane][band.fine])[rows],
                part.fine[rows],
                Surroundings(part.coarse[first:last], seen, part.parents[first // 2 :], others),
                band.block,
                band.coarse - 1,
                step_of(self.base, band.fine),
                model,
                room_for(band.block, model.tables, self.rate),
                self.rate,
            )
            part.seen[first + 1 : last + 1] = seen[1:-1]
            others = seen
        return stream.end()

    def _code_top(self, data: bytes | None) -> bytes:
        """Code the coarsest planes."""
        layout = self.layout
        step = min(max(step_of(self.base, layout.top) * 8 // (16 * TOP_FINER), 1), COARSEST_TOP)
        planes = np.zeros((layout.n_planes, *layout.shape(layout.top)), np.int64)
        if self.pyramids is not None:
            planes[:] = np.stack([pyramid[layout.top] for pyramid in self.pyramids])
        stream = planes_stream(data, planes)
        code_planes(stream, planes, [step] * layout.n_planes)
        self.planes = list(np.clip(planes, LEAST, MOST).astype(np.int32))
        return stream.end()
