"""What the encoder is tuned for: the squared error, the structural similarity, or the eye.

The eye and the structural similarity notice an error less where there is much to see already, so steps follow the
variance of luma (contrast masking); and they notice errors in chroma less. The eye also notices the finest details
least, so steps differ by level. The numbers of `visual` were fitted to SSIMULACRA2 and MS-SSIM on photographs of the
training set, by `benchmarks/fit_visual.py`.
"""

from dataclasses import dataclass

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
    """How steps follow the variance of luma: they grow with this power of it.

    Attributes
    ----------
    power : float
    least_variance : float
        Added to the variance, so that noise does not count.
    """

    power: float
    least_variance: float


@dataclass(frozen=True)
class Tuning:
    """What an encoder does for one aim.

    Attributes
    ----------
    chroma : float
        Steps of chroma by those of luma.
    rates : Rates
    masking : Masking or None
        None gives all cells the same step.
    weights : tuple of (float, float)
        Weights of the steps of luma and chroma by level, finest first; of further levels, the last ones. Empty leaves
        all as they are.
    fitted_colors : bool
        Whether the colour axes are fitted to the image. Otherwise they are those of JPEG.
    """

    chroma: float
    rates: Rates
    masking: Masking | None = None
    weights: tuple[tuple[float, float], ...] = ()
    fitted_colors: bool = False

    def level_weights(self, layout: Layout) -> NDArray[np.uint8]:
        """Weights (n_levels, kinds) in 64ths."""
        if not self.weights:
            return plain_weights(layout)
        rows = [self.weights[min(i, len(self.weights) - 1)] for i in range(layout.n_levels)]
        return np.rint(np.array(rows)[:, : len(layout.components)] * PLAIN_WEIGHT).astype(np.uint8)


# For the least squared error.
RATES = Rates(0.05, 0.05)
TUNINGS: dict[Tune, Tuning] = {
    "visual": Tuning(
        2.4,
        Rates(0.04, 0.05),
        Masking(0.24, 40.0),
        ((1.6, 1.95), (1.15, 1.0), (1.0, 0.77), (0.7, 0.77)),
    ),
    "ssim": Tuning(2.0, RATES, Masking(0.3, 40.0)),
    "psnr": Tuning(1.1, RATES, fitted_colors=True),
}
WINDOW = 8
# A map of every second class takes half the bytes and does as well.
CLASS_STEP = 2


def plain_cells(layout: Layout) -> NDArray[np.uint8]:
    """Map with the same step everywhere."""
    return np.full(layout.cells, PLAIN_CLASS, np.uint8)


def variance_cells(luma: NDArray[np.uint8], layout: Layout, masking: Masking) -> NDArray[np.uint8]:
    """Map of steps that follow the variance of luma (height, width)."""
    side = 1 << CELL_LOG
    rows, columns = layout.cells
    cells = np.empty((rows, columns))
    padded = np.pad(luma, ((0, rows * side - len(luma)), (0, columns * side - luma.shape[1])), mode="edge")
    for r in range(rows):
        windows = padded[r * side : (r + 1) * side].reshape(side // WINDOW, WINDOW, -1, WINDOW).astype(np.float32)
        weights = 1 / (windows.var(axis=(1, 3)) + masking.least_variance)
        cells[r] = weights.reshape(side // WINDOW, columns, side // WINDOW).mean(axis=(0, 2))
    octaves = -masking.power * np.log2(cells)
    # Four classes are an octave.
    classes = np.rint(4 * (octaves - octaves.mean()) / CLASS_STEP) * CLASS_STEP + PLAIN_CLASS
    return np.clip(classes, 0, len(STEP_FACTORS) - 1).astype(np.uint8)
