"""What the encoder is tuned for: the eye, the structural similarity, or the squared error.

The eye and the structural similarity notice an error less where there is much to see already, so steps follow the
variance of luma (contrast masking); and they notice errors in chroma less. The eye also notices the finest details
least, and of these the ones in both directions, so its steps differ by level and direction. Where steps are coarse,
chroma and details in both directions count less still, and masking more. The numbers of `visual` were fitted to
SSIMULACRA2 and MS-SSIM by a search as in `benchmarks/fit_visual.py`, on none of the usual test sets; but how coarse
chroma is at coarse steps, and from which step on, was decided on the Kodak photographs.
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
    STEP_UNITS,
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

    def towards(self, other: "Masking", share: float) -> "Masking":
        """Return what is between this and another one of the same window, the numbers as geometric means."""
        numbers = (self.power, self.least_variance, self.blur), (other.power, other.least_variance, other.blur)
        power, least_variance, blur = _between(*numbers, share)
        return Masking(power, least_variance, self.window, blur)


@dataclass(frozen=True)
class Emphasis:
    """Where an encoder spends bits.

    Attributes
    ----------
    rates : Rates
    masking : Masking or None
        None gives all cells the same step.
    weights : tuple of (float, float, float)
        Weights of the steps by level, finest first: of luma, of chroma, and of details in both directions besides; of
        further levels, the last ones. Empty leaves all as they are.
    """

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

    def towards(self, other: "Emphasis", share: float) -> "Emphasis":
        """Return what is between this and another one of the same kind, the numbers as geometric means."""
        rates = Rates(*_between(self.rates, other.rates, share))
        pairs = zip(self.weights, other.weights, strict=True)
        weights = tuple((luma, chroma, both) for luma, chroma, both in (_between(*pair, share) for pair in pairs))
        if self.masking is None or other.masking is None:
            return Emphasis(rates, None, weights)
        return Emphasis(rates, self.masking.towards(other.masking, share), weights)


@dataclass(frozen=True)
class Tuning:
    """What an encoder does for one aim.

    Attributes
    ----------
    colors : str
        The colour axes: those fitted to the image, those of JPEG, or luma and opponent colours.
    chroma : float
        Steps of chroma by those of luma.
    fine : Emphasis
    coarse : Emphasis or None
        For coarse steps; None if it is the same for all steps.
    """

    colors: Literal["fitted", "jpeg", "opponent"]
    chroma: float
    fine: Emphasis
    coarse: Emphasis | None = None

    def at(self, step: int) -> Emphasis:
        """Return the emphasis at a step of luma, in 256ths of a gray level."""
        fine, coarse = np.log2(FINE_STEP), np.log2(COARSE_STEP)
        share = float(np.clip((np.log2(step / STEP_UNITS) - fine) / (coarse - fine), 0, 1))
        if self.coarse is None or share == 0:
            return self.fine
        return self.fine.towards(self.coarse, share)


TUNINGS: dict[Tune, Tuning] = {
    "visual": Tuning(
        "opponent",
        4.0,
        Emphasis(
            Rates(0.031, 0.05),
            Masking(0.21, 40.0, 16, 0.16),
            ((1.72, 1.61, 1.5), (1.03, 0.82, 1.3), (0.82, 0.76, 1.0), (0.57, 0.53, 1.0)),
        ),
        Emphasis(
            Rates(0.031, 0.07),
            Masking(0.3, 130.0, 16, 0.28),
            ((1.72, 2.5, 1.8), (1.03, 1.3, 1.9), (0.82, 0.97, 1.35), (0.7, 0.82, 1.0)),
        ),
    ),
    "ssim": Tuning("jpeg", 2.0, Emphasis(Rates(0.05, 0.05), Masking(0.3, 40.0, 8))),
    "psnr": Tuning("fitted", 1.1, Emphasis(Rates(0.05, 0.05))),
}
# `fine` holds up to the first of these steps of luma, in gray levels, and `coarse` from the second one on: those of
# qualities of 36 and 18.
FINE_STEP, COARSE_STEP = 26.0, 52.0
# A map of every second class takes half the bytes and does as well.
CLASS_STEP = 2


def plain_cells(layout: Layout) -> NDArray[np.uint8]:
    """Map with the same step everywhere."""
    return np.full(layout.cells, PLAIN_CLASS, np.uint8)


def window_variances(luma: NDArray[np.uint8], layout: Layout, window: int) -> NDArray[np.float32]:
    """Variance of luma (height, width) in each window (rows, columns) of the cells; edges are repeated."""
    side = 1 << CELL_LOG
    rows, columns = layout.cells
    n = side // window
    found = np.empty((rows * n, columns * n), np.float32)
    padded = np.pad(luma, ((0, rows * side - len(luma)), (0, columns * side - luma.shape[1])), mode="edge")
    for r in range(rows):
        windows = padded[r * side : (r + 1) * side].reshape(n, window, -1, window).astype(np.float32)
        found[r * n : (r + 1) * n] = windows.var(axis=(1, 3))
    return found


def variance_cells(variances: NDArray[np.float32], layout: Layout, masking: Masking) -> NDArray[np.uint8]:
    """Map of steps that follow the variances of `window_variances`."""
    rows, columns = layout.cells
    n = (1 << CELL_LOG) // masking.window
    weights = 1 / (variances + masking.least_variance)
    cells = weights.reshape(rows, n, columns, n).mean(axis=(1, 3), dtype=np.float32).astype(np.float64)
    octaves = -masking.power * np.log2(cells)
    if masking.blur:
        octaves = _blurred(_blurred(octaves, masking.blur).T, masking.blur).T
    # Four classes are an octave.
    classes = np.rint(4 * (octaves - octaves.mean()) / CLASS_STEP) * CLASS_STEP + PLAIN_CLASS
    return np.clip(classes, 0, len(STEP_FACTORS) - 1).astype(np.uint8)


def _between(fine: tuple[float, ...], coarse: tuple[float, ...], share: float) -> list[float]:
    """Geometric means, the numbers of `coarse` weighing `share`."""
    return [one ** (1 - share) * other**share for one, other in zip(fine, coarse, strict=True)]


def _blurred(cells: NDArray[np.float64], beside: float) -> NDArray[np.float64]:
    """Mean of each row and the rows above and below, which weigh `beside`."""
    padded = np.pad(cells, ((1, 1), (0, 0)), mode="edge")
    return (padded[1:-1] + beside * (padded[:-2] + padded[2:])) / (1 + 2 * beside)
