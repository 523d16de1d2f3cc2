"""Dithering: the errors of a palette, handed on to the neighbours where that helps the eye."""

import numpy as np
from numpy.typing import NDArray

from quantize.metrics import as_seen
from quantize.palette.colors import Colors, Palette, map_pixels
from quantize.palette.kernels.diffusion import CLEAR, OPAQUE, TRANSLUCENT, diffuse_errors

# Share of the error that is handed on at the level 1: all of it makes more noise than it mixes colours.
STRENGTH = 0.7
# Squared distance of a colour to its entry, in levels, up to which nobody sees a difference, and from which the whole
# share is handed on.
NEAR, FAR = 2.0, 8.0
# Largest error that a pixel takes up, by the palette's own root mean square.
LIMIT = 3.0
# Distance to a neighbour, in levels, at which a pixel takes up half: edges hide what dithering would mend.
EDGE = 90.0


def dither(colors: Colors, palette: Palette, level: float) -> NDArray[np.uint8]:
    """Entry of each pixel (height, width), with errors handed on; level, 0 to 1, is a share of the usual strength."""
    indices = map_pixels(colors, palette)
    channels = slice(3 if colors.opaque else 4)
    rows, entries = (as_seen(rgba[:, channels], np.float32) for rgba in (colors.rgba, palette.rgba))
    alpha = colors.rgba[:, 3]
    squares = np.square(rows - entries[palette.labels]).sum(axis=1)
    order, gaps = _neighbors(entries)
    diffuse_errors(
        rows,
        np.select([alpha == 0, alpha < 255], [CLEAR, TRANSLUCENT], OPAQUE).astype(np.uint8),
        colors.numbers,
        (level * STRENGTH * np.clip((squares - NEAR) / (FAR - NEAR), 0, 1)).astype(np.float32),
        entries,
        palette.rgba[:, 3] == 255,
        order,
        gaps,
        LIMIT * float(np.sqrt(np.average(squares, weights=colors.counts))),
        EDGE,
        np.zeros((2, indices.shape[1] + 2, rows.shape[1]), np.float32),
        indices,
    )
    return indices


def _neighbors(entries: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """All entries in the order of their squared distance to each, and these distances."""
    gaps = np.square(entries[:, None] - entries).sum(axis=2)
    # Each one is nearest to itself, an equal one comes after it.
    np.fill_diagonal(gaps, -1)
    order = np.argsort(gaps, axis=1, kind="stable")
    return order.astype(np.int32), np.take_along_axis(gaps, order, axis=1)
