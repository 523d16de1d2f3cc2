"""Levels, sizes, steps and stripes: everything that follows from the size of an image and its step."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_LEVELS = 6
# The finest level that may be coded in the one stream of the base, and not in stripes, and its places at most: several
# threads need not share what takes a few milliseconds.
BASE_LEVEL, BASE_PLACES = 3, 1024
# The shorter side of the coarsest plane is not shorter than this, if the image is not.
TOP_SIDE = 8
# Samples of a coarsest plane at most; only strips of a few rows have more.
MOST_COARSE = 1 << 17
# Pixels of a stripe at least, and most stripes.
STRIPE_PIXELS, MOST_STRIPES = 180_000, 16
# Pixels along the side of a cell of the map of steps, as a power of two.
CELL_LOG = 4
# Classes of steps: each is larger than the one before by the fourth root of 2, in 256ths of the step.
STEP_FACTORS = np.array([64, 76, 91, 108, 128, 152, 181, 215, 256, 304, 362, 431, 512, 609, 724, 861], np.int64)
PLAIN_CLASS = 8
# Steps are in 256ths of a gray level.
STEP_UNITS = 256
LEAST_STEP, MOST_STEP = 64, 1 << 16
# Step of each level's bands for an error of one step in a pixel, in 65,536ths: one by the norm of the wavelet, for
# details across (or down) and in both directions, from the finest level on; then of the coarse planes.
DETAIL_STEPS = np.array(
    [[64804, 83266], [49654, 67763], [35853, 47686], [26584, 34876], [19991, 26117], [15096, 19701]], np.int64
)
COARSE_STEPS = np.array([50435, 36384, 26956, 20264, 15302, 11568], np.int64)
# Weights of the steps of levels are in 64ths.
PLAIN_WEIGHT = 64
# How much a coarse plane is smaller for each level, in 65,536ths: both directions of the low filter.
LOW_GAINS = np.array([65536, 43326, 28643, 18936, 12519, 8276, 5472], np.int64)


@dataclass(frozen=True)
class Layout:
    """Shape of the bands of an image.

    Attributes
    ----------
    height, width : int
    n_planes : int
        1 or 3.
    """

    height: int
    width: int
    n_planes: int

    @property
    def n_levels(self) -> int:
        """Levels of the transform, 1 to 6."""
        return min(max((min(self.height, self.width) // TOP_SIDE).bit_length() - 1, 1), MOST_LEVELS)

    @property
    def base_levels(self) -> range:
        """Levels that are coded in the stream of the base, coarse to fine."""
        last = self.n_levels
        while last >= BASE_LEVEL and np.prod(self.shape(last)) <= BASE_PLACES:
            last -= 1
        return range(self.n_levels, last, -1)

    @property
    def components(self) -> tuple[int, ...]:
        """Components of the vectors of luma, and of chroma if there is any."""
        return (3,) if self.n_planes == 1 else (3, 6)

    def size(self, level: int) -> tuple[int, int]:
        """Height and width of the picture that a level shows."""
        return -(-self.height >> level), -(-self.width >> level)

    def shape(self, level: int) -> tuple[int, int]:
        """Shape of the coarse plane of a level; 0 is the padded image."""
        n = self.n_levels
        return -(-self.height >> n) << (n - level), -(-self.width >> n) << (n - level)

    @property
    def n_stripes(self) -> int:
        """Stripes of rows that are coded apart from each other."""
        most = min(MOST_STRIPES, self.shape(self.n_levels)[0] // self._cell_rows)
        return max(min(self.height * self.width // STRIPE_PIXELS, most), 1)

    @property
    def _cell_rows(self) -> int:
        """Rows of the coarsest planes in a cell of the map, 1 if it is smaller: no cell is in two stripes."""
        return max((1 << CELL_LOG) >> self.n_levels, 1)

    def stripe_rows(self, stripe: int, level: int) -> tuple[int, int]:
        """First row of a stripe in the bands of a level, and the row after its last one."""
        n_rows = self.shape(self.n_levels)[0]
        first = n_rows * stripe // self.n_stripes & -self._cell_rows
        last = n_rows * (stripe + 1) // self.n_stripes & -self._cell_rows
        if stripe + 1 == self.n_stripes:
            last = n_rows
        return first << (self.n_levels - level), last << (self.n_levels - level)

    @property
    def cells(self) -> tuple[int, int]:
        """Shape of the map of steps."""
        height, width = self.shape(0)
        return -(-height >> CELL_LOG), -(-width >> CELL_LOG)


def plain_weights(layout: Layout) -> NDArray[np.uint8]:
    """Weights (n_levels, 2 or 3) that leave all steps as they are: of luma, chroma, and details in both directions."""
    return np.full((layout.n_levels, len(layout.components) + 1), PLAIN_WEIGHT, np.uint8)


def detail_steps(step: int, level: int, n_components: int, both_weight: int = PLAIN_WEIGHT) -> NDArray[np.int64]:
    """Return steps (classes, n_components) of a level (1 is the finest), in 65,536ths of a gray level.

    Those of details in both directions have a weight of their own, in 64ths.
    """
    across, both = DETAIL_STEPS[level - 1]
    weights = np.array([across, across, both * both_weight // PLAIN_WEIGHT] * (n_components // 3))
    return np.maximum(step * weights * STEP_FACTORS[:, None] >> 16, 1)


def coarse_step(step: int, level: int) -> int:
    """Step of the coarsest planes, in samples of 8ths."""
    return max(int(step * COARSE_STEPS[level - 1] * 8 // (STEP_UNITS << 16)), 1)
