"""How far a decoded image is from the original."""

import numpy as np
from numpy.typing import NDArray

from quantize.kernels.metrics import STRIDE, WINDOW, mean_similarity

# Pixels that are looked at together: large images are not to be held as floats.
STRIP_PIXELS = 1 << 21


def psnr(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    """Peak signal-to-noise ratio in dB over all samples (height, width, n_channels); infinity where they are equal.

    Where there is alpha, colours count as much as they are opaque: nobody sees the others.
    """
    squared = _mean_squared_error(original, decoded)
    return float("inf") if squared == 0 else float(10 * np.log10(255**2 / squared))


def ssim(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    """Mean structural similarity of the luma (ITU-R BT.601), windows of 8 x 8.

    Z. Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE Transactions on
    Image Processing 13(4), 2004.
    """
    # Windows begin at every fourth row: those of a strip need a few rows of the next one.
    rows = max(1, STRIP_PIXELS // original.shape[1] // STRIDE) * STRIDE
    last = max(len(original) - WINDOW, 0) + 1
    strips = [(first, min(first + rows, last)) for first in range(0, last, rows)]
    total = 0.0
    for first, end in strips:
        strip = slice(first, end + WINDOW - 1)
        n_windows = -(-(end - first) // STRIDE)
        total += n_windows * mean_similarity(_luma(original[strip]), _luma(decoded[strip]))
    return float(total / -(-last // STRIDE))


def _mean_squared_error(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    rows = max(1, STRIP_PIXELS // original.shape[1])
    strips = (slice(first, first + rows) for first in range(0, len(original), rows))
    return sum(_squared_error(original[strip], decoded[strip]) for strip in strips) / original.size


def _squared_error(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    if original.shape[2] in (1, 3):
        difference = original.astype(np.int16) - decoded
        # The square of a difference of bytes fits 16 bits without a sign.
        return float(np.square(difference).view(np.uint16).sum(dtype=np.float64))
    return float(np.square(_seen(original) - _seen(decoded)).sum())


def _seen(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return samples with the colours multiplied by their opacity."""
    samples = pixels.astype(np.float64)
    if pixels.shape[2] in (2, 4):
        samples[..., :-1] *= samples[..., -1:] / 255
    return samples


def _luma(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    samples = pixels if pixels.shape[2] in (1, 3) else _seen(pixels)
    if pixels.shape[2] < 3:
        return np.ascontiguousarray(samples[..., 0], np.float64)
    # A byte times a Python number would be of half precision.
    red, green, blue = (np.float64(weight) for weight in (0.299, 0.587, 0.114))
    return np.ascontiguousarray(samples[..., 0] * red + samples[..., 1] * green + samples[..., 2] * blue)
