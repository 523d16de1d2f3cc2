"""How far each pixel of a result is from the original, as a picture."""

import math

import numpy as np
from numpy.typing import NDArray

from quantize.metrics import as_seen

# Dark to light, in even steps of lightness to the eye: black, violet, red, orange, pale yellow.
_STOPS = np.array([[8, 8, 16], [72, 24, 106], [180, 44, 84], [240, 112, 32], [252, 250, 190]])
RAMP: NDArray[np.uint8] = np.stack(
    [np.interp(np.linspace(0, 4, 256), np.arange(5), _STOPS[:, channel]) for channel in range(3)], axis=1
).astype(np.uint8)
# The scale ends where so many pixels in a thousand lie beyond, and not below so many levels.
BEYOND_PER_MILLE = 2
LEAST_SCALE = 8


def pixel_errors(original: NDArray[np.uint8], decoded: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Root of the mean squared difference of each pixel's samples, in levels; alpha counts as a sample.

    Colours count as much as they are opaque, as for the PSNR. From (height, width, 1 to 4) to (height, width).
    """
    difference = as_seen(original, np.float32) - as_seen(decoded, np.float32)
    return np.sqrt(np.mean(np.square(difference), axis=2, dtype=np.float32))


def scale_of(errors: NDArray[np.float32]) -> int:
    """Return the error, in whole levels, that is shown as the lightest colour."""
    place = errors.size * BEYOND_PER_MILLE // 1000
    nearly_all = float(np.partition(errors.reshape(-1), errors.size - 1 - place)[errors.size - 1 - place])
    return max(LEAST_SCALE, math.ceil(nearly_all))


def shades(errors: NDArray[np.float32], scale: int) -> NDArray[np.uint8]:
    """Places of errors (height, width) on `RAMP`."""
    return np.minimum(np.rint(errors * (255 / scale)), 255).astype(np.uint8)


def shrunk(samples: NDArray[np.float32], factor: int) -> NDArray[np.float32]:
    """Mean of each square of so many samples a side of an array (height, width, ...); what is left over is cut off."""
    height, width = (max(1, size // factor) for size in samples.shape[:2])
    across, down = min(factor, samples.shape[1]), min(factor, samples.shape[0])
    blocks = samples[: height * down, : width * across].reshape(height, down, width, across, *samples.shape[2:])
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float32))
