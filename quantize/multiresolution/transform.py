"""The wavelet transform of an image's planes, rows and columns shared out between threads."""

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantize.multiresolution.kernels.wavelet import (
    LEAST,
    MOST,
    mix_colors,
    restore_columns,
    restore_rows,
    transform_columns,
    transform_rows,
    unmix_colors,
)
from quantize.multiresolution.layout import LOW_GAINS, Layout
from quantize.thread_pool import in_parts

# Samples of a plane from which on planes are put together one after the other.
MOST_AT_ONCE = 1 << 22
USED_UP = np.empty((0, 0, 3), np.int16)

# For each level, finest first, the details (rows, columns, 3 or 6) of luma, and of both planes of chroma.
Details = list[list[NDArray[np.int16]]]


def no_details(layout: Layout, coarsest: int = 0) -> Details:
    """Details, zero; those of the levels up to `coarsest` are empty."""
    shapes = [layout.shape(level) if level > coarsest else (0, 0) for level in range(1, layout.n_levels + 1)]
    return [[np.zeros((*shape, n), np.int16) for n in layout.components] for shape in shapes]


def analyse(pixels: NDArray[np.uint8], matrix: NDArray[np.int64], layout: Layout) -> tuple[NDArray[np.int16], Details]:
    """Transform the planes of pixels (height, width, n_planes).

    Returns
    -------
    array (n_planes, rows, columns), int16
        The coarsest planes.
    list of list of array
        The details.
    """
    # Numba compiles once for arrays that can be written to and once for those that cannot, such as those of files.
    pixels = pixels.view()
    pixels.flags.writeable = False
    details = no_details(layout)
    coarsest = np.empty((layout.n_planes, *layout.shape(layout.n_levels)), np.int16)
    for p in range(layout.n_planes):
        plane = np.empty(layout.shape(0), np.int16)
        in_parts(partial(mix_colors, pixels, matrix[p], plane), *plane.shape)
        for level in range(1, layout.n_levels + 1):
            in_parts(partial(transform_rows, plane), *plane.shape)
            halves, plane = plane, np.empty(layout.shape(level), np.int16)
            band, component = _place(details, level, p)
            in_parts(partial(transform_columns, halves, plane, band, component), *plane.shape[::-1])
        coarsest[p] = plane
    return coarsest, details


def synthesise(coarsest: NDArray[Any], details: Details, layout: Layout, level: int = 0) -> NDArray[np.int16]:
    """Planes of a level, all of them together: 0 gives those of the image. The details are used up."""
    planes = np.clip(coarsest, LEAST, MOST).astype(np.int16)
    for finer in range(layout.n_levels - 1, level - 1, -1):
        low, planes = planes, np.empty((layout.n_planes, *layout.shape(finer)), np.int16)
        # Each wait for the threads takes time, but large images are not to be held twice.
        at_once = layout.n_planes if planes[0].size < MOST_AT_ONCE else 1
        for first in range(0, layout.n_planes, at_once):
            which = range(first, first + at_once)
            _restore(low, details, planes, finer, which)
            if which.start == 0:
                details[finer][0] = USED_UP
            if which.stop == layout.n_planes:
                details[finer][-1] = USED_UP
    return planes


def _restore(low: NDArray[np.int16], details: Details, planes: NDArray[np.int16], level: int, which: range) -> None:
    """Put some planes of a level together, from those of the coarser one and the details."""
    places = [(p, *_place(details, level + 1, p)) for p in which]

    def columns(first: int, last: int) -> None:
        for p, band, component in places:
            restore_columns(low[p], band, component, planes[p], first, last)

    def rows(first: int, last: int) -> None:
        for p in which:
            restore_rows(planes[p], first, last)

    height, width = planes.shape[1:]
    in_parts(columns, width // 2, height // 2 * len(which))
    in_parts(rows, height, width * len(which))


def _place(details: Details, level: int, plane: int) -> tuple[NDArray[np.int16], int]:
    """Details of a plane at a level, and which components they are."""
    return details[level - 1][min(plane, 1)], 3 * max(plane - 1, 0)


def to_pixels(
    planes: NDArray[np.int16], matrix: NDArray[np.int64], layout: Layout, level: int = 0
) -> NDArray[np.uint8]:
    """Pixels (height, width, n_planes) of the planes of a level."""
    height, width = layout.size(level)
    pixels = np.empty((height, width, layout.n_planes), np.uint8)
    in_parts(partial(unmix_colors, planes, int(LOW_GAINS[level]), matrix, pixels), height, width)
    return pixels
