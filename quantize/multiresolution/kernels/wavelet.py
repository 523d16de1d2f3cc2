"""Kernels of the wavelet transform and of its colours: whole numbers alone, in both directions.

The filters are the 9/7 pair of A. Cohen, I. Daubechies and J.-C. Feauveau, "Biorthogonal bases of compactly supported
wavelets", Communications on Pure and Applied Mathematics 45(5), 1992, as four lifting steps (I. Daubechies and W.
Sweldens, "Factoring wavelet transforms into lifting steps", Journal of Fourier Analysis and Applications 4(3), 1998),
each of them rounded to whole numbers, so that the inverse undoes it exactly. The scaling at its end is left out: it is
in the steps of the bands.

Samples are 8ths of a gray level less 128, int16, and held to that range at every store.
"""

import numpy as np

from clustering import Array, compiled

# Fractional bits of a sample, and of the numbers of a colour matrix.
FRACTION = 3
MATRIX_BITS = 12
# The lifting steps, in 4096ths: odd samples by even ones, even by odd, odd by even, even by odd.
LIFTING = np.array([-6497, -217, 3616, 1817], np.int64)
# Numbers of NumPy's: for each of Python's, Numba would compile what takes it once more.
FORWARD, BACKWARD = np.int64(1), np.int64(-1)
LEAST, MOST = -32768, 32767
# Columns that are transformed at a time, so that they stay in the processor's cache.
PANEL = 128


@compiled(inner=True, forceinline=True, allocates=False)
def held(value: int) -> int:
    """Hold a number to 16 bits."""
    return min(max(value, LEAST), MOST)


@compiled(inner=True, allocates=False)
def lift_row(even: Array, odd: Array, step: int, sign: int) -> None:
    """Change the samples of even or of odd numbers of a line by their neighbours; beyond its ends it is mirrored.

    IN: step, which of `LIFTING`; sign, FORWARD or BACKWARD. INOUT: even, odd (n,) int64, the samples.
    """
    n, factor = even.shape[0], LIFTING[step]
    if step % 2 == 1:
        even[0] = held(even[0] + sign * ((2 * factor * odd[0] + 2048) >> 12))
        for i in range(1, n):
            even[i] = held(even[i] + sign * ((factor * (odd[i - 1] + odd[i]) + 2048) >> 12))
    else:
        for i in range(n - 1):
            odd[i] = held(odd[i] + sign * ((factor * (even[i] + even[i + 1]) + 2048) >> 12))
        odd[n - 1] = held(odd[n - 1] + sign * ((2 * factor * even[n - 1] + 2048) >> 12))


@compiled(inner=True)
def lift_rows(plane: Array, step: int, sign: int, first: int, last: int) -> None:
    """Change every second row of a plane by the rows beside it, in columns `first` to `last`.

    Parts of rows are arrays of their own here: loops over these take a third of the time.

    IN: step, sign as of `lift_row`. INOUT: plane (height, width) int16, its height even.
    """
    height, factor = plane.shape[0], LIFTING[step]
    for r in range(1 - step % 2, height, 2):
        row = plane[r, first:last]
        above = plane[r - 1 if r > 0 else 1, first:last]
        below = plane[r + 1 if r + 1 < height else height - 2, first:last]
        for c in range(row.shape[0]):
            sides = np.int64(above[c]) + np.int64(below[c])
            row[c] = held(np.int64(row[c]) + sign * ((factor * sides + 2048) >> 12))


@compiled()
def transform_rows(plane: Array, first: int, last: int) -> None:
    """Split rows `first` to `last` into their low halves, on the left, and their high ones.

    INOUT: plane (height, width) int16.
    """
    half = plane.shape[1] // 2
    even, odd = np.empty(half, np.int64), np.empty(half, np.int64)
    for r in range(first, last):
        row = plane[r]
        for c in range(half):
            even[c] = row[2 * c]
            odd[c] = row[2 * c + 1]
        for step in range(4):
            lift_row(even, odd, step, FORWARD)
        for c in range(half):
            row[c] = even[c]
        for c in range(half):
            row[half + c] = odd[c]


@compiled()
def transform_columns(halves: Array, low: Array, details: Array, component: int, first: int, last: int) -> None:
    """Split columns, and hand the four quarters out: one is the coarser plane, the others are vectors of three.

    IN: component, the first one of the three; first, last, columns of `low`. INOUT: halves (height, width) int16, room
    to work in. OUT: low (height / 2, width / 2) int16; details (height / 2, width / 2, n_components) int16: high
    across, high down, high in both directions.
    """
    half = low.shape[1]
    for start in range(first, last, PANEL):
        end = min(start + PANEL, last)
        for side in range(2):
            left, right = side * half + start, side * half + end
            for step in range(4):
                lift_rows(halves, step, FORWARD, left, right)
        for r in range(low.shape[0]):
            upper_left, upper_right = halves[2 * r, start:end], halves[2 * r, half + start : half + end]
            lower_left, lower_right = halves[2 * r + 1, start:end], halves[2 * r + 1, half + start : half + end]
            coarse, vectors = low[r, start:end], details[r, start:end]
            for c in range(coarse.shape[0]):
                coarse[c] = upper_left[c]
                vectors[c, component] = upper_right[c]
                vectors[c, component + 1] = lower_left[c]
                vectors[c, component + 2] = lower_right[c]


@compiled()
def restore_columns(low: Array, details: Array, component: int, halves: Array, first: int, last: int) -> None:
    """Undo `transform_columns`. IN: low, details. OUT: halves."""
    half = low.shape[1]
    for start in range(first, last, PANEL):
        end = min(start + PANEL, last)
        for r in range(low.shape[0]):
            upper_left, upper_right = halves[2 * r, start:end], halves[2 * r, half + start : half + end]
            lower_left, lower_right = halves[2 * r + 1, start:end], halves[2 * r + 1, half + start : half + end]
            coarse, vectors = low[r, start:end], details[r, start:end]
            for c in range(coarse.shape[0]):
                upper_left[c] = coarse[c]
                upper_right[c] = vectors[c, component]
                lower_left[c] = vectors[c, component + 1]
                lower_right[c] = vectors[c, component + 2]
        for side in range(2):
            left, right = side * half + start, side * half + end
            for step in range(3, -1, -1):
                lift_rows(halves, step, BACKWARD, left, right)


@compiled()
def restore_rows(plane: Array, first: int, last: int) -> None:
    """Undo `transform_rows`. INOUT: plane."""
    half = plane.shape[1] // 2
    even, odd = np.empty(half, np.int64), np.empty(half, np.int64)
    for r in range(first, last):
        row = plane[r]
        for c in range(half):
            even[c] = row[c]
        for c in range(half):
            odd[c] = row[half + c]
        for step in range(3, -1, -1):
            lift_row(even, odd, step, BACKWARD)
        for c in range(half):
            row[2 * c] = even[c]
            row[2 * c + 1] = odd[c]


@compiled()
def mix_colors(pixels: Array, weights: Array, plane: Array, first: int, last: int) -> None:
    """Turn colours into a plane; pixels beyond the edges repeat the last ones.

    IN: pixels (height, width, n) uint8; weights (n,) int64; first, last, rows of the plane. OUT: plane (padded height,
    padded width) int16.
    """
    height, width, n = pixels.shape
    shift = MATRIX_BITS - FRACTION
    totals = np.zeros(width, np.int64)
    for r in range(first, last):
        y = min(r, height - 1)
        for c in range(width):
            totals[c] = 1 << (shift - 1)
        for j in range(n):
            weight = weights[j]
            for c in range(width):
                totals[c] += weight * (np.int64(pixels[y, c, j]) - 128)
        for c in range(width):
            plane[r, c] = held(totals[c] >> shift)
        for c in range(width, plane.shape[1]):
            plane[r, c] = plane[r, width - 1]


@compiled()
def unmix_colors(planes: Array, gain: int, matrix: Array, pixels: Array, first: int, last: int) -> None:
    """Turn planes back into colours.

    IN: planes (n, padded height, padded width) int16; gain, by which they are multiplied, in 65,536ths; matrix (n, n)
    int64; first, last, rows. OUT: pixels (height, width, n) uint8.
    """
    n, width = pixels.shape[2], pixels.shape[1]
    shift = MATRIX_BITS + FRACTION
    half = (128 << shift) + (1 << (shift - 1))
    # A row at a time: each of these loops works on several pixels at once.
    samples, totals = np.zeros((n, width), np.int32), np.zeros(width, np.int64)
    for r in range(first, last):
        for j in range(n):
            for c in range(width):
                samples[j, c] = (np.int64(planes[j, r, c]) * gain + 32768) >> 16
        for i in range(n):
            for c in range(width):
                totals[c] = half
            for j in range(n):
                weight = np.int64(np.int32(matrix[i, j]))
                for c in range(width):
                    totals[c] += weight * np.int64(samples[j, c])
            for c in range(width):
                pixels[r, c, i] = min(max(totals[c] >> shift, 0), 255)
