"""From pictures to thumbnails, and how bright and how sharp these are."""

import cv2
import numpy as np
from numpy.typing import NDArray

# Areas at least this many pixels across are averaged by halving first: OpenCV is slow with large ones, and slower yet
# where they are not a whole number of pixels wide and high.
HALVED_FROM, UNEVEN_HALVED_FROM = 8, 4
# Video mostly keeps its luma in 16 to 235; players and OpenCV stretch that to 0 to 255.
LIMITED_RANGE = np.clip(np.rint((np.arange(256) - 16) * (255 / 219)), 0, 255).astype(np.uint8)


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
        What a luma plane's levels mean in gray; None means themselves.

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
        # Once, not with each picture: between the decoding of two threads, Python makes one wait for the other.
        self._sizes = self._sizes_from(height, width)

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the thumbnail of a picture (height, width, 3), or of a luma plane (height, width), uint8."""
        small = self.shrunk(image)
        return self.in_gray(small) if image.ndim == 2 else small

    def shrunk(self, image: NDArray[np.uint8], into: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        """Do the same, with the levels of a luma plane as they are, maybe into an array (*shape), uint8."""
        small = image if self.color or image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        for size in self._sizes[:-1]:
            small = cv2.resize(small, size, None, 0, 0, cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, self._sizes[-1], into, 0, 0, cv2.INTER_AREA), np.uint8)

    def in_gray(self, shrunk: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Turn the levels of luma planes that were shrunk, one (height, width) or more above each other, into gray."""
        return shrunk if self.levels is None else np.asarray(cv2.LUT(shrunk, self.levels))

    def _sizes_from(self, height: int, width: int) -> list[tuple[int, int]]:
        """Sizes (width, height) that a picture is shrunk to in turn; the rounding of halves is averaged away."""
        sizes = []
        while self._pays_to_halve(height, width):
            height, width = height // 2, width // 2
            sizes.append((width, height))
        return [*sizes, (self.width, self.height)]

    def _pays_to_halve(self, height: int, width: int) -> bool:
        """Whether a picture of this size is shrunk sooner from one half as high and wide."""
        uneven = height % self.height or width % self.width
        area = min(height // self.height, width // self.width)
        return not (height % 2 or width % 2) and area >= (UNEVEN_HALVED_FROM if uneven else HALVED_FROM)


def brightness_and_sharpness(thumbnails: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean gray level of each thumbnail, and the variance of its Laplacian in gray levels squared.

    The thumbnails are (n, height, width), or (n, height, width, 3) in colour; beyond their edges they are mirrored.
    """
    n, height, width = thumbnails.shape[:3]
    gray = thumbnails
    if thumbnails.ndim == 4:
        gray = np.asarray(cv2.cvtColor(thumbnails.reshape(n * height, width, 3), cv2.COLOR_BGR2GRAY))
        gray = gray.reshape(n, height, width)
    # One above the other, each with its own lines mirrored at both ends: one call for many of them.
    lines = np.pad(np.arange(height), 1, mode="reflect")
    column = np.asarray(cv2.Laplacian(gray[:, lines].reshape(-1, width), cv2.CV_16S, borderType=cv2.BORDER_REFLECT_101))
    laplacian = column.reshape(n, height + 2, width)[:, 1:-1].reshape(n, height * width).astype(np.float64)
    # Sums of whole numbers, exact in these types.
    squares = np.einsum("ij,ij->i", laplacian, laplacian) / (height * width)
    mean = np.einsum("ij->i", laplacian) / (height * width)
    gray_sum = np.add.reduce(gray.reshape(n, height * width), axis=1, dtype=np.uint32)
    return (gray_sum / (height * width)).astype(np.float32), (squares - mean**2).astype(np.float32)
