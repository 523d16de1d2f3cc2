"""The colour transform: fitted to the image, or luma and chroma as JPEG has them.

A file holds the matrix that leads back to the colours; the encoder inverts it.
"""

import numpy as np
from numpy.typing import NDArray

from quantize.kernels.wavelet import MATRIX_BITS

SAMPLED_PIXELS = 1 << 16
ONE = 1 << MATRIX_BITS
# ITU-R BT.601, full range.
FIXED_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
FIXED = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])


def fixed_matrix() -> NDArray[np.int64]:
    """Matrix from luma and chroma to colours, in 4,096ths: (3, 3)."""
    return np.rint(FIXED * ONE).astype(np.int64)


def fitted_matrix(pixels: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Matrix from an image's principal components to its colours, in 4,096ths: (3, 3).

    Its columns are at right angles, and all as long as that of a gray axis of one gray level: an error in any component
    is the same error in the colours.
    """
    flat = pixels.reshape(-1, 3)
    sample = flat[:: max(1, len(flat) // SAMPLED_PIXELS)].astype(np.float64)
    _, vectors = np.linalg.eigh(np.cov(sample.T) + 1e-6 * np.diag([1.0, 2.0, 1.0]))
    axes = vectors[:, ::-1] * np.sqrt(3)
    signs = np.where(axes.sum(axis=0) < 0, -1, 1)
    return np.rint(axes * signs * ONE).astype(np.int64)


def inverse(matrix: NDArray[np.int64]) -> NDArray[np.int64]:
    """Matrix that leads from colours to planes."""
    return np.rint(np.linalg.inv(matrix / ONE) * ONE).astype(np.int64)
