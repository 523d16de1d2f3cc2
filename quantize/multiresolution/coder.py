"""Coding the bands of an image, level by level and stripe by stripe, in either direction."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantize.entropy.streams import Stream
from quantize.multiresolution.books import KINDS, Known
from quantize.multiresolution.kernels.details import MOST_BYTES, code_details, room_for
from quantize.multiresolution.kernels.surroundings import Surroundings
from quantize.multiresolution.layout import CELL_LOG, PLAIN_WEIGHT, Layout, detail_steps
from quantize.multiresolution.transform import Details
from quantize.thread_pool import thread_pool

# Sizes and signs of no vectors.
NOTHING = np.zeros((0, 0), np.uint32), np.zeros((0, 0), np.uint16)


class Steps(NamedTuple):
    """The steps of an image.

    Attributes
    ----------
    luma, chroma : int
        In 256ths of a gray level.
    weights : array (n_levels, 2 or 3), uint8
        What the steps of luma, of chroma if there is any, and of details in both directions besides are multiplied by
        at each level, finest first, in 64ths.
    cells : array (rows, columns), uint8
        The class of each cell of the map.
    """

    luma: int
    chroma: int
    weights: NDArray[np.uint8]
    cells: NDArray[np.uint8]

    def at(self, level: int) -> list[int]:
        """Return the steps of luma and, if there is any, of chroma at a level (1 is the finest)."""
        pairs = zip((self.luma, self.chroma), self.weights[level - 1, :-1], strict=False)
        return [max(step * int(weight) // PLAIN_WEIGHT, 1) for step, weight in pairs]


class Rates(NamedTuple):
    """The encoder's weights of a bit, in squared steps, of luma and of chroma."""

    luma: float
    chroma: float

    def raised(self, octaves: float) -> "Rates":
        """Return weights so many octaves larger."""
        return Rates(self.luma * 2**octaves, self.chroma * 2**octaves)


def code_levels(
    details: Details,
    layout: Layout,
    steps: Steps,
    known: Known,
    rates: Rates,
    streams: list[list[bytes]] | None,
    level: int = 0,
) -> list[list[bytes]]:
    """Code the details of all levels above `level`, coarse to fine.

    Parameters
    ----------
    details : list of list of array
        By level, finest first: luma's, chroma's. Replaced by what is decoded.
    layout, steps, known
    rates : Rates
        Of the encoder; a decoder does without.
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
        return code_stripe(details, layout, steps, known.fresh(), rates, given, number, n_done)

    by_stripe = list(thread_pool().map(stripe, range(layout.n_stripes)))
    return [list(parts) for parts in zip(*by_stripe, strict=True)]


def code_stripe(
    details: Details,
    layout: Layout,
    steps: Steps,
    known: Known,
    rates: Rates,
    given: list[bytes] | None,
    number: int,
    n_levels: int,
) -> list[bytes]:
    """Code a stripe from its coarsest level on; it knows nothing of the others. The models of `known` learn."""
    kinds = KINDS[: len(details[0])]
    # What was seen last of luma, and of both planes of chroma.
    parents = dict.fromkeys(kinds, NOTHING)
    done = []
    for i in range(n_levels):
        level = layout.n_levels - i
        first, last = layout.stripe_rows(number, level)
        shift = CELL_LOG - level
        first_cell = first >> shift if shift >= 0 else first << -shift
        bands = [band[first:last] for band in details[level - 1]]
        n_vectors = bands[0].shape[0] * bands[0].shape[1]
        stream = Stream(None if given is None else given[i], n_vectors)
        others = NOTHING
        for kind, band, step, rate in zip(kinds, bands, steps.at(level), rates, strict=False):
            shape = (band.shape[0] + 3, band.shape[1] + 3)
            seen, signs = np.zeros(shape, np.uint32), np.zeros(shape, np.uint16)
            around = Surroundings(seen, signs, *parents[kind], *others)
            steps_here = detail_steps(step, level, band.shape[2], int(steps.weights[level - 1, -1]))
            book = known.books[kind]
            stream.code_rows(
                code_details,
                band.shape[0],
                band.shape[1] * MOST_BYTES,
                band,
                level - 1,
                steps_here,
                steps.cells[first_cell:],
                shift,
                around,
                book,
                known.models[kind],
                room_for(steps_here, len(book.codewords)),
                rate,
            )
            parents[kind] = others = seen, signs
        done.append(stream.end())
    return done
