"""The wavelet transform and its colours: whole numbers alone, in both directions.

The filters are the 9/7 pair of A. Cohen, I. Daubechies and J.-C. Feauveau, "Biorthogonal bases of compactly supported
wavelets", Communications on Pure and Applied Mathematics 45(5), 1992, as four lifting steps (I. Daubechies and W.
Sweldens, "Factoring wavelet transforms into lifting steps", Journal of Fourier Analysis and Applications 4(3), 1998),
each of them rounded to whole numbers, so that the inverse undoes it exactly. The scaling at its end is left out: it is
in the steps of the bands.

Samples are 8ths of a gray level less 128, int16, and held to that range at every store.

Only the two inmost loops are compiled. NumPy does the rest, a strip at a time: compiled loops around them take hardly
less time to run, and seconds to compile.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from quantize.multiresolution.kernels.lifting import LEAST, MOST, add_weighted, lift

# Fractional bits of a sample, and of the numbers of a colour matrix.
FRACTION = 3
MATRIX_BITS = 12
# The lifting steps, in 4096ths: odd samples by even ones, even by odd, odd by even, even by odd.
LIFTING = np.array([-6497, -217, 3616, 1817], np.int32)
FORWARD, BACKWARD = np.int32(1), np.int32(-1)
# Samples that are worked on at a time, so that they stay in the processor's cache.
STRIP_SAMPLES = 1 << 15


def strips(first: int, last: int, samples_each: int) -> Iterator[slice]:
    """Part rows or columns `first` to `last`, of so many samples each."""
    n = max(STRIP_SAMPLES // samples_each, 1)
    for start in range(first, last, n):
        yield slice(start, min(start + n, last))


def _split(even: NDArray[np.int16], odd: NDArray[np.int16]) -> None:
    """Turn the samples of even and of odd numbers of lines into low and high halves.

    Lines run down columns: INOUT: even, odd (n, width).
    """
    for step in range(4):
        _lift_columns(even, odd, step, FORWARD)


def _join(low: NDArray[np.int16], high: NDArray[np.int16]) -> None:
    """Undo `_split`."""
    for step in range(3, -1, -1):
        _lift_columns(low, high, step, BACKWARD)


def _lift_columns(even: NDArray[np.int16], odd: NDArray[np.int16], step: int, sign: np.int32) -> None:
    """Change even or odd rows by those beside them; beyond its ends a line is mirrored."""
    if step % 2 == 0:
        lift(odd[:-1].ravel(), even[:-1].ravel(), even[1:].ravel(), LIFTING[step], sign)
        lift(odd[-1], even[-1], even[-1], LIFTING[step], sign)
    else:
        lift(even[1:].ravel(), odd[:-1].ravel(), odd[1:].ravel(), LIFTING[step], sign)
        lift(even[0], odd[0], odd[0], LIFTING[step], sign)


def _lift_rows(even: NDArray[np.int16], odd: NDArray[np.int16], step: int, sign: np.int32) -> None:
    """Change even or odd samples of rows by those beside them.

    The rows (n, width + 1) lie behind each other as one line. Their last sample is room for the mirrored one.
    """
    if step % 2 == 0:
        even[:, -1] = even[:, -2]
        lift(odd.ravel()[:-1], even.ravel()[:-1], even.ravel()[1:], LIFTING[step], sign)
    else:
        odd[:-1, -1] = odd[1:, 0]
        line = odd.ravel()
        lift(even.ravel()[1:], line[:-1], line[1:], LIFTING[step], sign)
        lift(even[0, :1], odd[0, :1], odd[0, :1], LIFTING[step], sign)


def transform_rows(plane: NDArray[np.int16], first: int, last: int) -> None:
    """Split rows `first` to `last` into their low halves, on the left, and their high ones.

    INOUT: plane (height, width).
    """
    half = plane.shape[1] // 2
    for rows in strips(first, last, plane.shape[1]):
        even, odd = np.zeros((2, rows.stop - rows.start, half + 1), np.int16)
        even[:, :half], odd[:, :half] = plane[rows, ::2], plane[rows, 1::2]
        for step in range(4):
            _lift_rows(even, odd, step, FORWARD)
        plane[rows, :half], plane[rows, half:] = even[:, :half], odd[:, :half]


def restore_rows(plane: NDArray[np.int16], first: int, last: int) -> None:
    """Undo `transform_rows`. INOUT: plane."""
    half = plane.shape[1] // 2
    for rows in strips(first, last, plane.shape[1]):
        even, odd = np.zeros((2, rows.stop - rows.start, half + 1), np.int16)
        even[:, :half], odd[:, :half] = plane[rows, :half], plane[rows, half:]
        for step in range(3, -1, -1):
            _lift_rows(even, odd, step, BACKWARD)
        plane[rows, ::2], plane[rows, 1::2] = even[:, :half], odd[:, :half]


def transform_columns(
    halves: NDArray[np.int16],
    low: NDArray[np.int16],
    details: NDArray[np.int16],
    component: int,
    first: int,
    last: int,
) -> None:
    """Split columns, and hand the four quarters out: one is the coarser plane, the others are vectors of three.

    IN: halves (height, width); component, the first one of the three; first, last, columns of `low`. OUT: low
    (height / 2, width / 2); details (height / 2, width / 2, n_components): high across, high down, high in both
    directions.
    """
    half = low.shape[1]
    for columns in strips(first, last, len(halves)):
        left, right = halves[:, columns], halves[:, columns.start + half : columns.stop + half]
        even, odd = left[::2].copy(), left[1::2].copy()
        _split(even, odd)
        low[:, columns], details[:, columns, component + 1] = even, odd
        even, odd = right[::2].copy(), right[1::2].copy()
        _split(even, odd)
        details[:, columns, component], details[:, columns, component + 2] = even, odd


def restore_columns(
    low: NDArray[np.int16],
    details: NDArray[np.int16],
    component: int,
    halves: NDArray[np.int16],
    first: int,
    last: int,
) -> None:
    """Undo `transform_columns`. IN: low, details. OUT: halves."""
    half = low.shape[1]
    for columns in strips(first, last, len(halves)):
        left, right = halves[:, columns], halves[:, columns.start + half : columns.stop + half]
        even, odd = low[:, columns].copy(), details[:, columns, component + 1].copy()
        _join(even, odd)
        left[::2], left[1::2] = even, odd
        even, odd = (details[:, columns, component + k].copy() for k in (0, 2))
        _join(even, odd)
        right[::2], right[1::2] = even, odd


def mix_colors(
    pixels: NDArray[np.uint8], weights: NDArray[np.int64], plane: NDArray[np.int16], first: int, last: int
) -> None:
    """Turn colours into a plane; pixels beyond the edges repeat the last ones.

    IN: pixels (height, width, n); weights (n,); first, last, rows of the plane. OUT: plane (padded height, padded
    width).
    """
    height, width, _ = pixels.shape
    shift = MATRIX_BITS - FRACTION
    for rows in strips(first, min(last, height), width):
        lines = [line.astype(np.int32).ravel() for line in pixels[rows].transpose(2, 0, 1)]
        rest = (1 << (shift - 1)) - 128 * weights.sum()
        plane[rows, :width] = _weighted(lines, weights, rest, shift, LEAST, MOST).reshape(-1, width)
        plane[rows, width:] = plane[rows, width - 1 : width]
    for r in range(max(first, height), last):
        plane[r] = plane[height - 1]


def _weighted(
    lines: list[NDArray[np.int32]], weights: NDArray[np.int64], rest: int, shift: int, least: int, most: int
) -> NDArray[np.int16]:
    """Weighted sum of one line or three, and of a rest."""
    lines, weights = (lines * 3)[:3], np.concatenate([weights, np.zeros(3, np.int64)])[:4]
    weights[3] = rest
    sums = np.empty(len(lines[0]), np.int16)
    add_weighted(*lines, weights, np.int64(shift), np.int64(least), np.int64(most), sums)
    return sums


def unmix_colors(
    planes: NDArray[np.int16], gain: int, matrix: NDArray[np.int64], pixels: NDArray[np.uint8], first: int, last: int
) -> None:
    """Turn planes back into colours.

    IN: planes (n, padded height, padded width); gain, by which they are multiplied, in 65,536ths; matrix (n, n); first,
    last, rows. OUT: pixels (height, width, n).
    """
    width, shift = pixels.shape[1], MATRIX_BITS + FRACTION
    rest = (128 << shift) + (1 << (shift - 1))
    for rows in strips(first, last, width):
        given = planes[:, rows, :width]
        samples = given if gain == 1 << 16 else given.astype(np.int64) * gain + 32768 >> 16
        lines = [line.astype(np.int32).ravel() for line in samples]
        for i, weights in enumerate(matrix):
            pixels[rows, :, i] = _weighted(lines, weights, rest, shift, 0, 255).reshape(-1, width)
