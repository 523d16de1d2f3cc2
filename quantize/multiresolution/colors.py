"""The colour transform: fitted to the image, luma and chroma as JPEG has them, or luma and opponent colours.

A file holds the matrix that leads back to the colours; the encoder inverts it.
"""

import numpy as np
from numpy.typing import NDArray

from quantize.multiresolution.kernels.wavelet import MATRIX_BITS

SAMPLED_PIXELS = 1 << 15
# Pixels from one to the one that it is compared with.
DISTANCE = 2
# Weighs next to nothing; where there is no change of colour at all, gray is the first axis.
USUAL = np.ones((3, 3)) + np.diag([0.2, 0.0, 0.1])
ONE = 1 << MATRIX_BITS
# ITU-R BT.601, full range.
FIXED_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
FIXED = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])
# Weights of red and blue in the luma that goes with opponent colours: of blue, as much as the eye's cones of long and
# middle waves see. The scales are how coarse blue against green and red against green may be, beside each other.
RED, BLUE = 0.299, 0.078
BLUE_SCALE, RED_SCALE = 1.44, 1.73


def jpeg_matrix() -> NDArray[np.int64]:
    """Matrix from luma and chroma to colours, in 4,096ths: (3, 3)."""
    return np.rint(FIXED * ONE).astype(np.int64)


def opponent_matrix() -> NDArray[np.int64]:
    """Matrix from luma, blue less green and red less green to colours, in 4,096ths: (3, 3).

    The axes of XYB, in which JPEG XL and SSIMULACRA2 compare colours, without its change of brightness: an error in
    one of the differences changes no luma.
    """
    luma = np.ones(3)
    blue, red = np.array([0, 0, 1]) - BLUE, np.array([1, 0, 0]) - RED
    return np.rint(np.stack([luma, blue * BLUE_SCALE, red * RED_SCALE], axis=1) * ONE).astype(np.int64)


def fitted_matrix(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Matrix from the principal components of an image's changes of colour to colours, in 4,096ths: (3, 3).

    What costs bits are changes from pixel to pixel: their axes save more than those of the colours themselves. The
    columns are at right angles, and all as long as that of a gray axis of one gray level: an error in any component is
    the same error in the colours.
    """
    rows = np.arange(0, len(pixels), max(1, pixels[..., 0].size // SAMPLED_PIXELS))
    here, below = (
        pixels[np.minimum(rows + distance, len(pixels) - 1)].astype(np.float64) for distance in (0, DISTANCE)
    )
    changes = np.concatenate([(below - here).reshape(-1, 3), (here[:, DISTANCE:] - here[:, :-DISTANCE]).reshape(-1, 3)])
    # Sums of whole numbers, the same in any order.
    _, vectors = np.linalg.eigh(changes.T @ changes + USUAL)
    axes = vectors[:, ::-1] * np.sqrt(3)
    signs = np.where(axes.sum(axis=0) < 0, -1, 1)
    return np.rint(axes * signs * ONE).astype(np.int64)


def inverse(matrix: NDArray[np.int64]) -> NDArray[np.int64]:
    """Matrix that leads from colours to planes."""
    return np.rint(np.linalg.inv(matrix / ONE) * ONE).astype(np.int64)
