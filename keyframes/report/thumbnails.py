"""Small JPEG pictures of a bounded size."""

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.report.shrinking import shrunk

WIDTH = 360
QUALITIES = (84, 72, 60, 45)
# Of one picture; of all on a page, which base64 makes a third longer.
MOST_BYTES = 36_000
PAGE_BYTES = 9_500_000
LEAST_WIDTH = 16


def bytes_of_each(n_frames: int) -> int:
    """Return how large each of so many pictures on a page may be, in bytes."""
    return max(600, min(MOST_BYTES, PAGE_BYTES // max(1, n_frames)))


def thumbnail(image: NDArray[np.uint8], most_bytes: int = MOST_BYTES, width: int = WIDTH) -> bytes:
    """Return a picture as a JPEG file, as good as so many bytes allow.

    A picture of `width` pixels that takes more at every quality is made smaller; a narrower one keeps its own width.
    """
    width = min(width, image.shape[1])
    while True:
        height = max(1, round(image.shape[0] * width / image.shape[1]))
        small = shrunk(image, width, height)
        for quality in QUALITIES:
            done, data = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, quality])
            if done and (len(data) <= most_bytes or (width <= LEAST_WIDTH and quality == QUALITIES[-1])):
                return bytes(data.tobytes())
        width = max(LEAST_WIDTH, width * 3 // 4)
