"""Kernels of the wavelet transform and of its colours: whole numbers alone, in both directions.

The filters are the 9/7 pair of A. Cohen, I. Daubechies and J.-C. Feauveau, "Biorthogonal bases of compactly supported
wavelets", Communications on Pure and Applied Mathematics 45(5), 1992, as four lifting steps (I. Daubechies and W.
Sweldens, "Factoring wavelet transforms into lifting steps", Journal of Fourier Analysis and Applications 4(3), 1998),
each of them rounded to whole numbers, so that the inverse undoes it exactly. The scaling at its end is left out: it is
in the steps of the bands.

Samples are 8ths of a gray level less 128, int16, and held to that range at every store.
"""

import numpy as np
from numpy.typing import NDArray

from clustering.kernels.compilation import compiled

# Fractional bits of a sample, and of the numbers of a colour matrix.
FRACTION = 3
MATRIX_BITS = 12
# The lifting steps, in 4096ths: odd samples by even ones, even by odd, odd by even, even by odd.
LIFTING = (-6497, -217, 3616, 1817)
LEAST, MOST = -32768, 32767


@compiled()
def held(value: int) -> int:
    """Hold a number to 16 bits."""
    return min(max(value, LEAST), MOST)


@compiled()
def lift_row(row: NDArray, parity: int, factor: int, sign: int) -> None:
    """Change every second sample of a line by its neighbours; beyond the ends the line is mirrored.

    IN: parity, 0 or 1; factor; sign, 1 or, to undo it, -1. INOUT: row (n,) int64, n even.
    """
    n = row.shape[0]
    if parity == 0:
        row[0] = held(row[0] + sign * ((2 * factor * row[1] + 2048) >> 12))
    for i in range(2 - parity, n - 1, 2):
        row[i] = held(row[i] + sign * ((factor * (row[i - 1] + row[i + 1]) + 2048) >> 12))
    if parity == 1:
        row[n - 1] = held(row[n - 1] + sign * ((2 * factor * row[n - 2] + 2048) >> 12))


@compiled()
def lift_rows(plane: NDArray, parity: int, factor: int, sign: int, first: int, last: int) -> None:
    """Change every second row of a plane by the rows beside it, in columns `first` to `last`.

    IN: parity, factor, sign as of `lift_row`. INOUT: plane (height, width) int16, its height even.
    """
    height = plane.shape[0]
    for r in range(parity, height, 2):
        above, below = r - 1 if r > 0 else 1, r + 1 if r + 1 < height else height - 2
        for c in range(first, last):
            sides = np.int64(plane[above, c]) + np.int64(plane[below, c])
            plane[r, c] = held(np.int64(plane[r, c]) + sign * ((factor * sides + 2048) >> 12))


@compiled()
def transform_rows(plane: NDArray, halves: NDArray, first: int, last: int) -> None:
    """Split rows `first` to `last` into their low halves, on the left, and their high ones.

    IN: plane (height, width) int16. OUT: halves, of that shape.
    """
    width = plane.shape[1]
    row = np.empty(width, np.int64)
    for r in range(first, last):
        for c in range(width):
            row[c] = plane[r, c]
        lift_row(row, 1, LIFTING[0], 1)
        lift_row(row, 0, LIFTING[1], 1)
        lift_row(row, 1, LIFTING[2], 1)
        lift_row(row, 0, LIFTING[3], 1)
        for c in range(width // 2):
            halves[r, c] = row[2 * c]
            halves[r, width // 2 + c] = row[2 * c + 1]


@compiled()
def transform_columns(halves: NDArray, low: NDArray, details: NDArray, component: int, first: int, last: int) -> None:
    """Split columns, and hand the four quarters out: one is the coarser plane, the others are vectors of three.

    IN: component, the first one of the three; first, last, columns of `low`. INOUT: halves (height, width) int16, room
    to work in. OUT: low (height / 2, width / 2) int16; details (height / 2, width / 2, n_components) int16: high
    across, high down, high in both directions.
    """
    half = low.shape[1]
    for side in range(2):
        start, end = side * half + first, side * half + last
        lift_rows(halves, 1, LIFTING[0], 1, start, end)
        lift_rows(halves, 0, LIFTING[1], 1, start, end)
        lift_rows(halves, 1, LIFTING[2], 1, start, end)
        lift_rows(halves, 0, LIFTING[3], 1, start, end)
    for r in range(low.shape[0]):
        for c in range(first, last):
            low[r, c] = halves[2 * r, c]
            details[r, c, component] = halves[2 * r, half + c]
            details[r, c, component + 1] = halves[2 * r + 1, c]
            details[r, c, component + 2] = halves[2 * r + 1, half + c]


@compiled()
def restore_columns(low: NDArray, details: NDArray, component: int, halves: NDArray, first: int, last: int) -> None:
    """Undo `transform_columns`. IN: low, details. OUT: halves."""
    half = low.shape[1]
    for r in range(low.shape[0]):
        for c in range(first, last):
            halves[2 * r, c] = low[r, c]
            halves[2 * r, half + c] = details[r, c, component]
            halves[2 * r + 1, c] = details[r, c, component + 1]
            halves[2 * r + 1, half + c] = details[r, c, component + 2]
    for side in range(2):
        start, end = side * half + first, side * half + last
        lift_rows(halves, 0, LIFTING[3], -1, start, end)
        lift_rows(halves, 1, LIFTING[2], -1, start, end)
        lift_rows(halves, 0, LIFTING[1], -1, start, end)
        lift_rows(halves, 1, LIFTING[0], -1, start, end)


@compiled()
def restore_rows(halves: NDArray, plane: NDArray, first: int, last: int) -> None:
    """Undo `transform_rows`. IN: halves. OUT: plane."""
    width = plane.shape[1]
    row = np.empty(width, np.int64)
    for r in range(first, last):
        for c in range(width // 2):
            row[2 * c] = halves[r, c]
            row[2 * c + 1] = halves[r, width // 2 + c]
        lift_row(row, 0, LIFTING[3], -1)
        lift_row(row, 1, LIFTING[2], -1)
        lift_row(row, 0, LIFTING[1], -1)
        lift_row(row, 1, LIFTING[0], -1)
        for c in range(width):
            plane[r, c] = row[c]


@compiled()
def mix_colors(pixels: NDArray, weights: NDArray, plane: NDArray, first: int, last: int) -> None:
    """Turn colours into a plane; pixels beyond the edges repeat the last ones.

    IN: pixels (height, width, n) uint8; weights (n,) int64; first, last, rows of the plane. OUT: plane (padded height,
    padded width) int16.
    """
    height, width, n = pixels.shape
    shift = MATRIX_BITS - FRACTION
    for r in range(first, last):
        y = min(r, height - 1)
        for c in range(plane.shape[1]):
            x = min(c, width - 1)
            total = 1 << (shift - 1)
            for j in range(n):
                total += weights[j] * (np.int64(pixels[y, x, j]) - 128)
            plane[r, c] = held(total >> shift)


@compiled()
def unmix_colors(planes: NDArray, gain: int, matrix: NDArray, pixels: NDArray, first: int, last: int) -> None:
    """Turn planes back into colours.

    IN: planes (n, padded height, padded width) int16; gain, by which they are multiplied, in 65,536ths; matrix (n, n)
    int64; first, last, rows. OUT: pixels (height, width, n) uint8.
    """
    n = pixels.shape[2]
    shift = MATRIX_BITS + FRACTION
    samples = np.zeros(n, np.int64)
    for r in range(first, last):
        for c in range(pixels.shape[1]):
            for j in range(n):
                samples[j] = (np.int64(planes[j, r, c]) * gain + 32768) >> 16
            for i in range(n):
                total = (128 << shift) + (1 << (shift - 1))
                for j in range(n):
                    total += matrix[i, j] * samples[j]
                pixels[r, c, i] = min(max(total >> shift, 0), 255)
