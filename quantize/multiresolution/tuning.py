"""What the encoder is tuned for: the eye, the structural similarity, or the squared error.

The eye and the structural similarity notice an error less where there is much to see already, so steps follow the
variance of luma (contrast masking); and they notice errors in chroma less. The eye also notices the finest details
least, and of these the ones in both directions, so its steps differ by level and direction. The numbers of `visual`
were fitted to SSIMULACRA2 and MS-SSIM, not to any of the usual test sets, by a search as in `benchmarks/fit_visual.py`.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from quantize.datatypes import Tune
from quantize.multiresolution.coder import Rates
from quantize.multiresolution.layout import (
    CELL_LOG,
    PLAIN_CLASS,
    PLAIN_WEIGHT,
    STEP_FACTORS,
    Layout,
    plain_weights,
)


@dataclass(frozen=True)
class Masking:
    """How steps follow the variance of luma: they grow with a power of it.

    Attributes
    ----------
    power : float
    least_variance : float
        Added to the variance, so that noise does not count.
    window : int
        Side of the windows whose variance is measured, in pixels: 8 or 16.
    blur : float
        Weight of the cells beside a cell of the map, by its own.
    """

    power: float
    least_variance: float
    window: int
    blur: float = 0.0


@dataclass(frozen=True)
class Tuning:
    """What an encoder does for one aim.

    Attributes
    ----------
    colors : str
        The colour axes: those fitted to the image, those of JPEG, or luma and opponent colours.
    chroma : float
        Steps of chroma by those of luma.
    rates : Rates
    masking : Masking or None
        None gives all cells the same step.
    weights : tuple of (float, float, float)
        Weights of the steps by level, finest first: of luma, of chroma, and of details in both directions besides; of
        further levels, the last ones. Empty leaves all as they are.
    """

    colors: Literal["fitted", "jpeg", "opponent"]
    chroma: float
    rates: Rates
    masking: Masking | None = None
    weights: tuple[tuple[float, float, float], ...] = ()

    def level_weights(self, layout: Layout) -> NDArray[np.uint8]:
        """Weights (n_levels, 2 or 3) in 64ths."""
        if not self.weights:
            return plain_weights(layout)
        rows = [self.weights[min(i, len(self.weights) - 1)] for i in range(layout.n_levels)]
        columns = [*range(len(layout.components)), -1]
        return np.rint(np.array(rows)[:, columns] * PLAIN_WEIGHT).astype(np.uint8)


TUNINGS: dict[Tune, Tuning] = {
    "visual": Tuning(
        "opponent",
        4.0,
        Rates(0.031, 0.05),
        Masking(0.21, 40.0, 16, 0.16),
        ((1.72, 1.61, 1.5), (1.03, 0.82, 1.3), (0.82, 0.76, 1.0), (0.57, 0.53, 1.0)),
    ),
    "ssim": Tuning("jpeg", 2.0, Rates(0.05, 0.05), Masking(0.3, 40.0, 8)),
    "psnr": Tuning("fitted", 1.1, Rates(0.05, 0.05)),
}
# A map of every second class takes half the bytes and does as well.
CLASS_STEP = 2


def plain_cells(layout: Layout) -> NDArray[np.uint8]:
    """Map with the same step everywhere."""
    return np.full(layout.cells, PLAIN_CLASS, np.uint8)


def variance_cells(luma: NDArray[np.uint8], layout: Layout, masking: Masking) -> NDArray[np.uint8]:
    """Map of steps that follow the variance of luma (height, width)."""
    side, window = 1 << CELL_LOG, masking.window
    rows, columns = layout.cells
    cells = np.empty((rows, columns))
    padded = np.pad(luma, ((0, rows * side - len(luma)), (0, columns * side - luma.shape[1])), mode="edge")
    for r in range(rows):
        windows = padded[r * side : (r + 1) * side].reshape(side // window, window, -1, window).astype(np.float32)
        weights = 1 / (windows.var(axis=(1, 3)) + masking.least_variance)
        cells[r] = weights.reshape(side // window, columns, side // window).mean(axis=(0, 2))
    octaves = -masking.power * np.log2(cells)
    if masking.blur:
        octaves = _blurred(_blurred(octaves, masking.blur).T, masking.blur).T
    # Four classes are an octave.
    classes = np.rint(4 * (octaves - octaves.mean()) / CLASS_STEP) * CLASS_STEP + PLAIN_CLASS
    return np.clip(classes, 0, len(STEP_FACTORS) - 1).astype(np.uint8)


def _blurred(cells: NDArray[np.float64], beside: float) -> NDArray[np.float64]:
    """Mean of each row and the rows above and below, which weigh `beside`."""
    padded = np.pad(cells, ((1, 1), (0, 0)), mode="edge")
    return (padded[1:-1] + beside * (padded[:-2] + padded[2:])) / (1 + 2 * beside)
