"""Coding the bands of an image, level by level and stripe by stripe, in either direction."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantize.entropy.streams import Stream, code_planes, code_symbol_plane
from quantize.multiresolution.books import KINDS, Kind, Known
from quantize.multiresolution.kernels.details import MOST_BYTES, code_details, room_for
from quantize.multiresolution.kernels.surroundings import Surroundings
from quantize.multiresolution.layout import CELL_LOG, PLAIN_WEIGHT, Layout, coarse_step, detail_steps
from quantize.multiresolution.transform import Details
from quantize.thread_pool import side_by_side

# Sizes and signs of vectors, as of `Surroundings`: what is seen of them when others are coded.
Seen = tuple[NDArray[np.uint32], NDArray[np.uint16]]
# Of no vectors.
NOTHING: Seen = (np.zeros((0, 0), np.uint32), np.zeros((0, 0), np.uint16))
# What was seen last of luma, and of both planes of chroma.
Parents = dict[Kind, Seen]
NO_PARENTS: Parents = dict.fromkeys(KINDS, NOTHING)
CLASS_BITS = 4


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

    def coarsest(self, layout: Layout) -> list[int]:
        """Return the steps of the coarsest planes, in samples."""
        # The eye notices flat areas of a wrong colour sooner than wrong details of colour.
        chroma = max(self.luma, self.chroma // 2)
        return [coarse_step(step, layout.n_levels) for step in (self.luma, chroma, chroma)[: layout.n_planes]]


class Rates(NamedTuple):
    """The encoder's weights of a bit, in squared steps, of luma and of chroma."""

    luma: float
    chroma: float

    def raised(self, octaves: float) -> "Rates":
        """Return weights so many octaves larger."""
        return Rates(self.luma * 2**octaves, self.chroma * 2**octaves)


class Bands(NamedTuple):
    """The bands of an image, and what they are coded with.

    Attributes
    ----------
    details : Details
        To encode, or zeros; replaced by what is decoded.
    layout : Layout
    steps : Steps
    known : Known
        Its models learn, but for those of stripes, which learn by themselves.
    rates : Rates
        A decoder does without.
    """

    details: Details
    layout: Layout
    steps: Steps
    known: Known
    rates: Rates = Rates(0.0, 0.0)


def code_base(stream: Stream, coarsest: NDArray[np.int64], bands: Bands, has_map: bool) -> Parents:
    """Code the coarsest planes, the map, and the levels of the base.

    Parameters
    ----------
    stream : Stream
    coarsest : array (n_planes, rows, columns), int64
        Replaced by what is decoded, as `details` and the cells of `steps` in `bands`.
    bands : Bands
    has_map : bool
        Whether there is a map of steps.

    Returns
    -------
    Parents
        What was seen of the finest of these levels.
    """
    layout, steps = bands.layout, bands.steps
    code_planes(stream, coarsest, steps.coarsest(layout))
    if has_map:
        code_symbol_plane(stream, steps.cells, CLASS_BITS)
    parents = NO_PARENTS
    for level in layout.base_levels:
        parents = code_level(stream, bands, level, (0, layout.shape(level)[0]), parents)
    return parents


def code_levels(
    bands: Bands, streams: list[list[bytes]] | None, levels: range, parents: Parents = NO_PARENTS
) -> list[list[bytes]]:
    """Code the details of levels, coarse to fine, each in stripes.

    Parameters
    ----------
    bands : Bands
    streams : list of list of bytes or None
        By level, coarse to fine, a stream for each stripe; None to encode.
    levels : range
    parents : Parents
        What was seen of the level before.

    Returns
    -------
    list of list of bytes
        The streams; empty ones where they were decoded.
    """
    layout = bands.layout

    def stripe(number: int) -> list[bytes]:
        given = None if streams is None else [parts[number] for parts in streams]
        first, last = layout.stripe_rows(number, min(levels.start + 1, layout.n_levels))
        above = {kind: (seen[first : last + 3], signs[first : last + 3]) for kind, (seen, signs) in parents.items()}
        return code_stripe(bands._replace(known=bands.known.fresh()), given, number, levels, above)

    by_stripe = side_by_side(stripe, range(layout.n_stripes))
    return [list(parts) for parts in zip(*by_stripe, strict=True)]


def code_stripe(
    bands: Bands, given: list[bytes] | None, number: int, levels: range, parents: Parents = NO_PARENTS
) -> list[bytes]:
    """Code levels of a stripe, which knows nothing of the others; the models of `bands` learn.

    `given` has the stream of each level, or is None to encode; the others as of `code_levels`.
    """
    done = []
    for i, level in enumerate(levels):
        rows = bands.layout.stripe_rows(number, level)
        n_vectors = (rows[1] - rows[0]) * bands.layout.shape(level)[1]
        stream = Stream(None if given is None else given[i], n_vectors)
        parents = code_level(stream, bands, level, rows, parents)
        done.append(stream.end())
    return done


def code_level(stream: Stream, bands: Bands, level: int, rows: tuple[int, int], parents: Parents) -> Parents:
    """Code rows of a level, from the first to the one before the second; return what was seen of them."""
    steps, known = bands.steps, bands.known
    first, last = rows
    shift = CELL_LOG - level
    first_cell = first >> shift if shift >= 0 else first << -shift
    found, others = dict(parents), NOTHING
    for kind, whole, step, rate in zip(KINDS, bands.details[level - 1], steps.at(level), bands.rates, strict=False):
        band = whole[first:last]
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
        found[kind] = others = seen, signs
    return found
