"""Which levels of images deeper than 8 bits are shown as black and as white.

One range serves a whole recording, so that no image changes its brightness because of what another one shows.
"""

import math
from collections.abc import Iterable
from functools import cached_property
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

# Share of the pixels, in per cent, that may be darker than black, and as many brighter than white.
OUTSIDE_PERCENT = 0.01
# Pixels across a picture that are counted: every n-th of a larger one.
COUNTED_SIDE = 512


def find_range(images: Iterable[NDArray[Any]]) -> tuple[float, float]:
    """Return the range of levels in use, from the 0.01st to the 99.99th percentile of all pixels.

    The low end is not 0: cameras add an offset, and thermal cameras use a narrow band high above it. A 3 x 3 median
    comes first, so that hot pixels do not count and a small animal does.

    The images are a sample of the recording, integers or floats. NaN and infinity do not count.
    """
    counted, floating = [], False
    for image in images:
        floating |= np.issubdtype(image.dtype, np.floating)
        counted.append(_counted(image))
    pixels = np.concatenate(counted)
    pixels = pixels[np.isfinite(pixels)]
    if not len(pixels):
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(pixels, (OUTSIDE_PERCENT, 100 - OUTSIDE_PERCENT)))
    if floating:
        # As few digits as tell the levels apart, for whoever reads them or gives them by hand.
        low, high = float(f"{low:.6g}"), float(f"{high:.6g}")
    else:
        low, high = float(math.floor(low)), float(math.ceil(high))
    return (low, high) if high > low else (low, low + 1.0)


def _counted(image: NDArray[Any]) -> NDArray[np.float64]:
    """Pixels of an image without those that differ from all around them."""
    image = image if image.dtype == np.uint16 else image.astype(np.float32)
    if image.dtype == np.float32 and not np.isfinite(image).all():
        finite = image[np.isfinite(image)]
        image = np.where(np.isfinite(image), image, np.median(finite) if len(finite) else np.nan).astype(np.float32)
    image = cv2.medianBlur(np.ascontiguousarray(image), 3)
    step = math.ceil(max(image.shape[:2]) / COUNTED_SIDE)
    return image[::step, ::step].astype(np.float64).reshape(-1)


class Scale:
    """Turns levels into 8 bits: low and less into 0, high and more into 255, linearly between."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = low, high

    def __call__(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Return the image in 8 bits; NaN becomes black."""
        if image.dtype == np.uint16:
            return np.asarray(self._of_16_bits[image])
        return self._scaled(image)

    @cached_property
    def _of_16_bits(self) -> NDArray[np.uint8]:
        return self._scaled(np.arange(1 << 16))

    def _scaled(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        share = (image.astype(np.float64) - self.low) / (self.high - self.low)
        return np.rint(255 * np.clip(np.nan_to_num(share, nan=0.0), 0, 1)).astype(np.uint8)
