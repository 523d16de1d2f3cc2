"""From pictures to rows of numbers: thumbnails, and their principal components."""

import cv2
import numpy as np
from numpy.typing import NDArray

# Areas of so many pixels across or more are averaged by halving first.
HALVED_FROM = 8


class Thumbnailer:
    """Shrinks pictures of one size by averaging areas.

    Parameters
    ----------
    height, width : int
        Size of the pictures in pixels.
    thumbnail_width : int
        Width of the thumbnails; a narrower picture keeps its own. The height follows the picture's shape.
    color : bool
        Blue, green and red kept apart; otherwise gray.
    levels : array (256,), uint8, or None
        What a luma plane's levels mean in gray; None stands for themselves.

    Attributes
    ----------
    shape : tuple of int
        (height, width), or (height, width, 3) in colour.
    """

    def __init__(
        self, height: int, width: int, thumbnail_width: int, color: bool, levels: NDArray[np.uint8] | None = None
    ) -> None:
        self.levels = levels
        self.width = min(thumbnail_width, width)
        self.height = max(1, round(height * self.width / width))
        self.color = color
        self.shape = (self.height, self.width, 3) if color else (self.height, self.width)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the thumbnail of a picture (height, width, 3), or of a luma plane (height, width), uint8."""
        full = image if self.color or image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        # Halving is many times quicker than averaging large areas at once, and its rounding is averaged away.
        while min(full.shape[1] // self.width, full.shape[0] // self.height) >= HALVED_FROM and not (
            full.shape[0] % 2 or full.shape[1] % 2
        ):
            full = cv2.resize(full, (full.shape[1] // 2, full.shape[0] // 2), interpolation=cv2.INTER_AREA)
        small = cv2.resize(full, (self.width, self.height), interpolation=cv2.INTER_AREA)
        if image.ndim == 2 and self.levels is not None:
            small = cv2.LUT(small, self.levels)
        return np.asarray(small)


# Video mostly keeps its luma in 16 to 235; players and OpenCV stretch that to 0 to 255.
LIMITED_RANGE = np.clip(np.rint((np.arange(256) - 16) * (255 / 219)), 0, 255).astype(np.uint8)


def brightness_and_sharpness(thumbnail: NDArray[np.uint8]) -> tuple[float, float]:
    """Mean gray level of a thumbnail, and the variance of its Laplacian in gray levels squared."""
    gray = thumbnail if thumbnail.ndim == 2 else cv2.cvtColor(thumbnail, cv2.COLOR_BGR2GRAY)
    _, deviation = cv2.meanStdDev(cv2.Laplacian(gray, cv2.CV_32F))
    return cv2.mean(gray)[0], float(deviation[0, 0] ** 2)
