"""Kernels of the planes: colour, means, and the prediction of a finer plane from a coarser one.

Samples of planes are 256ths of a gray level, int32.
"""

import numpy as np
from numpy.typing import NDArray

from clustering.kernels.compilation import compiled

# Fractional bits of a sample.
FRACTION = 8
# Samples stay in this range, whatever a damaged file says: well within 32 bits, and beyond any true sample.
LEAST, MOST = -(256 << FRACTION), 512 << FRACTION


@compiled()
def halve(plane: NDArray, means: NDArray) -> None:
    """Take the mean of each 2 x 2 samples, those beyond the edge repeated.

    IN: plane (height, width). OUT: means (half the height, half the width, rounded up).
    """
    height, width = plane.shape
    for r in range(means.shape[0]):
        above, below = 2 * r, min(2 * r + 1, height - 1)
        for c in range(means.shape[1]):
            left, right = 2 * c, min(2 * c + 1, width - 1)
            total = plane[above, left] + plane[above, right] + plane[below, left] + plane[below, right]
            means[r, c] = (total + 2) >> 2


@compiled()
def predict_finer(coarse: NDArray, fine: NDArray, first: int, last: int) -> None:
    """Predict a plane from the means of its 2 x 2 samples: each four slope as their neighbours do and keep their mean.

    The slopes are those of the (2, 6) wavelet in both directions (A. Said and W. A. Pearlman, "An image multiresolution
    representation for lossless and lossy compression", IEEE Transactions on Image Processing 5(9), 1996).

    IN: coarse (height, width); first, last, its rows that are to be refined. OUT: fine (2 * height or one less, 2 *
    width or one less).
    """
    height, width = coarse.shape
    for r in range(first, last):
        north, south = max(r - 1, 0), min(r + 1, height - 1)
        two_rows = 2 * r + 1 < fine.shape[0]
        for c in range(width):
            west, east = max(c - 1, 0), min(c + 1, width - 1)
            mean = coarse[r, c]
            across = 8 * (coarse[r, west] - coarse[r, east])
            down = 8 * (coarse[north, c] - coarse[south, c])
            corner = coarse[north, west] - coarse[north, east] - coarse[south, west] + coarse[south, east]
            two_columns = 2 * c + 1 < fine.shape[1]
            fine[2 * r, 2 * c] = mean + ((across + down + corner + 32) >> 6)
            if two_columns:
                fine[2 * r, 2 * c + 1] = mean + ((down - across - corner + 32) >> 6)
            if two_rows:
                fine[2 * r + 1, 2 * c] = mean + ((across - down - corner + 32) >> 6)
                if two_columns:
                    fine[2 * r + 1, 2 * c + 1] = mean + ((corner - across - down + 32) >> 6)


@compiled()
def to_ycbcr(pixels: NDArray, planes: NDArray) -> None:
    """Luma and the two chroma differences of JFIF (ITU-R BT.601, full range).

    IN: pixels (height, width, 3) uint8. OUT: planes (3, height, width).
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            red, green, blue = np.int64(pixels[r, c, 0]), np.int64(pixels[r, c, 1]), np.int64(pixels[r, c, 2])
            planes[0, r, c] = (19595 * red + 38470 * green + 7471 * blue + 128) >> 8
            planes[1, r, c] = ((-11059 * red - 21709 * green + 32768 * blue + 128) >> 8) + 32768
            planes[2, r, c] = ((32768 * red - 27439 * green - 5329 * blue + 128) >> 8) + 32768


@compiled()
def to_rgb(luma: NDArray, blueness: NDArray, redness: NDArray, pixels: NDArray) -> None:
    """Undo `to_ycbcr`, rounded to the nearest and held to 0 to 255.

    IN: luma, blueness, redness (height, width). OUT: pixels (height, width, 3) uint8.
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            y, b, d = np.int64(luma[r, c]) << 14, np.int64(blueness[r, c]) - 32768, np.int64(redness[r, c]) - 32768
            red = (y + 22970 * d + (1 << 21)) >> 22
            green = (y - 5638 * b - 11700 * d + (1 << 21)) >> 22
            blue = (y + 29032 * b + (1 << 21)) >> 22
            pixels[r, c, 0] = min(max(red, 0), 255)
            pixels[r, c, 1] = min(max(green, 0), 255)
            pixels[r, c, 2] = min(max(blue, 0), 255)


@compiled()
def to_gray(plane: NDArray, pixels: NDArray) -> None:
    """Round a plane to 0 to 255.

    IN: plane (height, width). OUT: pixels (height, width) uint8.
    """
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            pixels[r, c] = min(max((plane[r, c] + 128) >> 8, 0), 255)
