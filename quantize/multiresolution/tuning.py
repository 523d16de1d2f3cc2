"""Where steps may be larger: for the structural similarity, where there is much to see already.

That measure divides an error by how much the pixels around it vary, and looks at luma alone. So steps follow the
variance of 8 x 8 pixels, and those of chroma are larger.
"""

import numpy as np
from numpy.typing import NDArray

from quantize.datatypes import Tune
from quantize.multiresolution.layout import CELL_LOG, PLAIN_CLASS, STEP_FACTORS, Layout

# Steps of chroma by those of luma.
CHROMA: dict[Tune, float] = {"psnr": 1.1, "ssim": 2.0}
WINDOW = 8
# Steps grow with the power of the variance; added to it, so that noise does not count.
POWER, LEAST_VARIANCE = 0.3, 40.0
# A map of every second class takes half the bytes and does as well.
CLASS_STEP = 2


def plain_cells(layout: Layout) -> NDArray[np.uint8]:
    """Map with the same step everywhere."""
    return np.full(layout.cells, PLAIN_CLASS, np.uint8)


def variance_cells(luma: NDArray[np.uint8], layout: Layout) -> NDArray[np.uint8]:
    """Map of steps that follow the variance of luma (height, width)."""
    side = 1 << CELL_LOG
    rows, columns = layout.cells
    cells = np.empty((rows, columns))
    padded = np.pad(luma, ((0, rows * side - len(luma)), (0, columns * side - luma.shape[1])), mode="edge")
    for r in range(rows):
        windows = padded[r * side : (r + 1) * side].reshape(side // WINDOW, WINDOW, -1, WINDOW).astype(np.float32)
        weights = 1 / (windows.var(axis=(1, 3)) + LEAST_VARIANCE)
        cells[r] = weights.reshape(side // WINDOW, columns, side // WINDOW).mean(axis=(0, 2))
    octaves = -POWER * np.log2(cells)
    # Four classes are an octave.
    classes = np.rint(4 * (octaves - octaves.mean()) / CLASS_STEP) * CLASS_STEP + PLAIN_CLASS
    return np.clip(classes, 0, len(STEP_FACTORS) - 1).astype(np.uint8)
