"""Coding the bands of an image, level by level and stripe by stripe, in either direction."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quantize.entropy.streams import ENDS_EARLY, check_end, finished, grown, open_stream
from quantize.errors import ContainerError
from quantize.multiresolution.books import KINDS, Kind, Known
from quantize.multiresolution.kernels.details import MOST_BYTES, code_details, room_for
from quantize.multiresolution.kernels.surroundings import Surroundings
from quantize.multiresolution.layout import CELL_LOG, Layout, detail_steps
from quantize.multiresolution.transform import Details
from quantize.thread_pool import thread_pool

NOTHING, NO_SIGNS = np.zeros((0, 0), np.uint32), np.zeros((0, 0), np.uint16)


@dataclass(frozen=True)
class Steps:
    """Steps of an image.

    Attributes
    ----------
    luma, chroma : int
        In 256ths of a gray level.
    cells : array, uint8
        Class of each cell of the map.
    """

    luma: int
    chroma: int
    cells: NDArray[np.uint8]


@dataclass
class _Group:
    """Luma, or both planes of chroma, within a stripe: what was seen last."""

    kind: Kind
    seen: NDArray[np.uint32]
    signs: NDArray[np.uint16]


def code_levels(
    details: Details,
    layout: Layout,
    steps: Steps,
    known: Known,
    rate: float,
    streams: list[list[bytes]] | None,
    level: int = 0,
) -> list[list[bytes]]:
    """Code the details of all levels above `level`, coarse to fine.

    Parameters
    ----------
    details : list of list of array
        By level, finest first: luma's, chroma's. Replaced by what is decoded.
    layout, steps, known
    rate : float
        Weight of a bit in squared steps, for the encoder.
    streams : list of list of bytes or None
        By level, coarse to fine, a stream for each stripe; None to encode.

    Returns
    -------
    list of list of bytes
        The streams.
    """
    n_done = layout.n_levels - level

    def stripe(number: int) -> list[bytes]:
        given = None if streams is None else [streams[i][number] for i in range(n_done)]
        return code_stripe(details, layout, steps, known.fresh(), rate, given, number, n_done)

    by_stripe = list(thread_pool().map(stripe, range(layout.n_stripes)))
    return [list(parts) for parts in zip(*by_stripe, strict=True)]


def code_stripe(
    details: Details,
    layout: Layout,
    steps: Steps,
    known: Known,
    rate: float,
    given: list[bytes] | None,
    number: int,
    n_levels: int,
) -> list[bytes]:
    """Code a stripe from its coarsest level on; it knows nothing of the others. The models of `known` learn."""
    groups = [_Group(kind, NOTHING, NO_SIGNS) for kind in KINDS[: len(details[0])]]
    done = []
    for i in range(n_levels):
        level = layout.n_levels - i
        first, last = layout.stripe_rows(number, level)
        shift = CELL_LOG - level
        first_cell = first >> shift if shift >= 0 else first << -shift
        bands = [band[first:last] for band in details[level - 1]]
        n_vectors = bands[0].shape[0] * bands[0].shape[1]
        decoding = given is not None
        buffer, coder = open_stream(given[i] if given is not None else b"", decoding, n_vectors)
        others, other_signs = NOTHING, NO_SIGNS
        for group, band, step in zip(groups, bands, (steps.luma, steps.chroma), strict=False):
            shape = (band.shape[0] + 3, band.shape[1] + 3)
            seen, signs = np.zeros(shape, np.uint32), np.zeros(shape, np.uint16)
            around = Surroundings(seen, signs, group.seen, group.signs, others, other_signs)
            steps_here, book = detail_steps(step, level, band.shape[2]), known.books[group.kind]
            arguments = (
                band,
                level - 1,
                steps_here,
                steps.cells[first_cell:],
                shift,
                around,
                book,
                known.models[group.kind],
                room_for(steps_here, len(book.codewords)),
                rate,
            )
            buffer = _code_band(decoding, arguments, coder, buffer, band.shape)
            group.seen, group.signs = seen, signs
            others, other_signs = seen, signs
        if decoding:
            check_end(coder, buffer)
            done.append(b"")
        else:
            done.append(finished(coder, buffer))
    return done


def _code_band(
    decoding: bool, arguments: tuple, coder: NDArray[np.int64], buffer: NDArray[np.uint8], shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    """Code a band; the buffer is given back, which may have grown."""
    row = 0
    while True:
        row = code_details(decoding, row, *arguments, coder, buffer)
        if row == shape[0]:
            return buffer
        if row < 0:
            raise ContainerError(ENDS_EARLY)
        buffer = grown(coder, buffer, shape[1] * MOST_BYTES)
