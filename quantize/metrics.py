"""How far a decoded image is from the original."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

# Pixels that are looked at together: large images are not to be held as floats.
STRIP_PIXELS = 1 << 21
# Sides of the windows of the structural similarity, and from one to the next.
WINDOW, STRIDE = 8, 4
_Float = TypeVar("_Float", np.float32, np.float64)
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


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
        total += n_windows * _mean_similarity(_luma(original[strip]), _luma(decoded[strip]))
    return float(total / -(-last // STRIDE))


def _mean_similarity(A: NDArray[np.float64], B: NDArray[np.float64]) -> float:
    """Mean over the windows of two planes; smaller planes are one window."""
    n = min(WINDOW, A.shape[0]) * min(WINDOW, A.shape[1])
    a, b = _window_sums(A) / n, _window_sums(B) / n
    variances = _window_sums(A * A + B * B) / n - a * a - b * b
    covariance = _window_sums(A * B) / n - a * b
    similar = (2 * a * b + C1) * (2 * covariance + C2) / ((a * a + b * b + C1) * (variances + C2))
    return float(similar.mean())


def _window_sums(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the rows of each window, then over its columns."""
    for _ in range(2):
        if len(plane) <= WINDOW:
            plane = plane.sum(axis=0, keepdims=True)
        else:
            n = (len(plane) - WINDOW) // STRIDE + WINDOW // STRIDE
            strides = plane[: n * STRIDE : STRIDE].copy()
            for k in range(1, STRIDE):
                strides += plane[k : n * STRIDE : STRIDE]
            plane = strides[:-1] + strides[1:]
        plane = plane.T
    return plane


def _mean_squared_error(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    rows = max(1, STRIP_PIXELS // original.shape[1])
    strips = (slice(first, first + rows) for first in range(0, len(original), rows))
    return sum(_squared_error(original[strip], decoded[strip]) for strip in strips) / original.size


def _squared_error(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> float:
    if original.shape[2] in (1, 3):
        difference = original.astype(np.int16) - decoded
        # The square of a difference of bytes fits 16 bits without a sign.
        return float(np.square(difference).view(np.uint16).sum(dtype=np.float64))
    return float(np.square(as_seen(original, np.float64) - as_seen(decoded, np.float64)).sum())


def as_seen(pixels: NDArray[np.uint8], dtype: type[_Float]) -> NDArray[_Float]:
    """Return samples (..., n_channels) with the colours multiplied by their opacity."""
    samples = pixels.astype(dtype)
    if pixels.shape[-1] in (2, 4):
        samples[..., :-1] *= samples[..., -1:] / 255
    return samples


def _luma(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    samples = pixels if pixels.shape[2] in (1, 3) else as_seen(pixels, np.float64)
    if pixels.shape[2] < 3:
        return np.ascontiguousarray(samples[..., 0], np.float64)
    # A byte times a Python number would be of half precision.
    red, green, blue = (np.float64(weight) for weight in (0.299, 0.587, 0.114))
    return np.ascontiguousarray(samples[..., 0] * red + samples[..., 1] * green + samples[..., 2] * blue)
