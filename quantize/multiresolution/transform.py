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
        planes = _restored(planes, details, layout, finer)
        # Large images are not to be held twice.
        details[finer] = []
    return planes


def _restored(low: NDArray[np.int16], details: Details, layout: Layout, level: int) -> NDArray[np.int16]:
    """Planes of a level from those of the coarser one, all of them at once: each wait for the threads takes time."""
    planes = np.empty((layout.n_planes, *layout.shape(level)), np.int16)
    places = [_place(details, level + 1, p) for p in range(layout.n_planes)]

    def columns(first: int, last: int) -> None:
        for plane, (band, component), halves in zip(low, places, planes, strict=True):
            restore_columns(plane, band, component, halves, first, last)

    def rows(first: int, last: int) -> None:
        for plane in planes:
            restore_rows(plane, first, last)

    n_rows, n_columns = layout.shape(level + 1)
    in_parts(columns, n_columns, n_rows * layout.n_planes)
    in_parts(rows, 2 * n_rows, 2 * n_columns * layout.n_planes)
    return planes


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
