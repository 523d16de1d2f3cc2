"""Kernels of the planes: colour, means, and the prediction of a finer plane from a coarser one.

Samples of planes are 256ths of a gray level, int32.
"""

import numpy as np

from clustering import Array, compiled

# Fractional bits of a sample.
FRACTION = 8
# Samples stay in this range, whatever a damaged file says: well within 32 bits, and beyond any true sample.
LEAST, MOST = -(256 << FRACTION), 512 << FRACTION


@compiled(allocates=False)
def predict_finer(coarse: Array, fine: Array, first: int, last: int) -> None:
    """Predict a plane from the means of its 2 x 2 samples: each four slope as their neighbours do and keep their mean.

    The slopes are those of the (2, 6) wavelet in both directions (A. Said and W. A. Pearlman, "An image multiresolution
    representation for lossless and lossy compression", IEEE Transactions on Image Processing 5(9), 1996).

    IN: coarse (height, width); first, last, its rows that are to be refined. OUT: fine (2 * height or one less, 2 *
    width or one less).
    """
    height, width = coarse.shape
    for r in range(first, last):
        above, row, below = coarse[max(r - 1, 0)], coarse[r], coarse[min(r + 1, height - 1)]
        _refine_edge(above, row, below, fine, r, 0)
        if width < 2:
            continue
        _refine_edge(above, row, below, fine, r, width - 1)
        # Between the ends no sample is missing; whole numbers of 32 bits, in slices, are done eight at a time.
        northwest, north, northeast = above[: width - 2], above[1 : width - 1], above[2:]
        west, mean, east = row[: width - 2], row[1 : width - 1], row[2:]
        southwest, south, southeast = below[: width - 2], below[1 : width - 1], below[2:]
        for k in range(min(2, len(fine) - 2 * r)):
            refined, sign = fine[2 * r + k], np.int32(1 - 2 * k)
            for i in range(len(mean)):
                across = np.int32(8 * np.int32(west[i] - east[i]))
                down = np.int32(np.int32(8 * np.int32(north[i] - south[i])) * sign)
                ends = np.int32(northwest[i] - northeast[i]) - np.int32(southwest[i] - southeast[i])
                corner = np.int32(np.int32(ends) * sign)
                refined[2 * i + 2] = np.int32(mean[i] + (np.int32(across + down + corner + 32) >> 6))
                refined[2 * i + 3] = np.int32(mean[i] + (np.int32(down - across - corner + 32) >> 6))


@compiled(inner=True, forceinline=True, allocates=False)
def _refine_edge(above: Array, row: Array, below: Array, fine: Array, r: int, c: int) -> None:
    """Predict the samples of one mean at the end of a row, as far as there are any; what is beyond repeats the end.

    IN: above, row, below (width,), rows of the coarse plane; r, c, place of the mean. OUT: fine.
    """
    west, east = max(c - 1, 0), min(c + 1, len(row) - 1)
    mean, across, down = row[c], 8 * (row[west] - row[east]), 8 * (above[c] - below[c])
    corner = above[west] - above[east] - below[west] + below[east]
    height, width = fine.shape
    two_rows, two_columns = 2 * r + 1 < height, 2 * c + 1 < width
    fine[2 * r, 2 * c] = mean + ((across + down + corner + 32) >> 6)
    if two_columns:
        fine[2 * r, 2 * c + 1] = mean + ((down - across - corner + 32) >> 6)
    if two_rows:
        fine[2 * r + 1, 2 * c] = mean + ((across - down - corner + 32) >> 6)
        if two_columns:
            fine[2 * r + 1, 2 * c + 1] = mean + ((corner - across - down + 32) >> 6)


@compiled()
def to_ycbcr(pixels: Array, planes: Array) -> None:
    """Luma and the two chroma differences of JFIF (ITU-R BT.601, full range).

    IN: pixels (height, width, 3) uint8. OUT: planes (3, height, width).
    """
    for r in range(len(pixels)):
        for c in range(pixels.shape[1]):
            red, green, blue = np.int64(pixels[r, c, 0]), np.int64(pixels[r, c, 1]), np.int64(pixels[r, c, 2])
            planes[0, r, c] = (19595 * red + 38470 * green + 7471 * blue + 128) >> 8
            planes[1, r, c] = ((-11059 * red - 21709 * green + 32768 * blue + 128) >> 8) + 32768
            planes[2, r, c] = ((32768 * red - 27439 * green - 5329 * blue + 128) >> 8) + 32768


@compiled(allocates=False)
def to_rgb(luma: Array, blueness: Array, redness: Array, room: Array, pixels: Array) -> None:
    """Undo `to_ycbcr`, rounded to the nearest and held to 0 to 255.

    IN: luma, blueness, redness (height, width). OUT: pixels (height, width, 3) uint8; room (3, width) uint8.
    """
    red, green, blue = room[0], room[1], room[2]
    for r in range(len(pixels)):
        ys, bs, ds, row = luma[r], blueness[r], redness[r], pixels[r]
        # First each colour by itself, eight pixels at a time. The sums of the specification are halved, and the luma
        # comes to them after a first shift: so they fit into 32 bits.
        for c in range(len(ys)):
            y, b, d = ys[c], np.int32(bs[c] - 32768), np.int32(ds[c] - 32768)
            more_red = np.int32(np.int32(11485 * d) + (1 << 20)) >> 13
            more_green = np.int32((1 << 20) - np.int32(2819 * b) - np.int32(5850 * d)) >> 13
            more_blue = np.int32(np.int32(14516 * b) + (1 << 20)) >> 13
            red[c] = min(max(np.int32(np.int32(y + more_red) >> 8), np.int32(0)), np.int32(255))
            green[c] = min(max(np.int32(np.int32(y + more_green) >> 8), np.int32(0)), np.int32(255))
            blue[c] = min(max(np.int32(np.int32(y + more_blue) >> 8), np.int32(0)), np.int32(255))
        for c in range(len(ys)):
            row[c, 0], row[c, 1], row[c, 2] = red[c], green[c], blue[c]
