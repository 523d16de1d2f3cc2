"""What a file says before its streams: codebooks and models, steps, colours, and the weights of the levels."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quantize.container import Container, pack_number, unpack_number
from quantize.errors import ContainerError, check
from quantize.multiresolution.editions import EDITIONS, NEWEST
from quantize.multiresolution.kernels.wavelet import MATRIX_BITS
from quantize.multiresolution.layout import LEAST_STEP, MOST_STEP, PLAIN_WEIGHT, Layout, plain_weights

GRAY = np.array([[1 << MATRIX_BITS]], np.int64)
# Matrices that a file names by their number: those of JPEG's colours and of opponent ones, as of `colors`. They are a
# part of the format; 0 is a matrix that the file holds.
MATRICES = {
    1: np.array([[4096, 0, 5743], [4096, -1410, -2925], [4096, 7258, 0]], np.int64),
    2: np.array([[4096, -460, 4967], [4096, -460, -2119], [4096, 5438, -2119]], np.int64),
}
OWN_MATRIX = 0
# Where the byte of flags has whether there is a map, and how many rows of weights there are.
MAP_FLAG, ROWS_SHIFT = 4, 3
UNFIT = "has weights of levels that do not fit its size"


@dataclass(frozen=True)
class Parameters:
    """What a file says before its streams.

    Attributes
    ----------
    edition : int
        Number of its codebooks and models.
    luma, chroma : int
        Steps, in 256ths of a gray level.
    matrix : array (3, 3) or (1, 1), int64
        From planes to colours, in 4,096ths.
    weights : array (n_levels, 2 or 3), uint8
        As of `Steps`.
    has_map : bool
        Whether there is a map of steps.
    """

    edition: int
    luma: int
    chroma: int
    matrix: NDArray[np.int64]
    weights: NDArray[np.uint8]
    has_map: bool


def pack_parameters(parameters: Parameters) -> bytes:
    """Bytes that a chunk BASE begins with."""
    weights, matrix = parameters.weights, parameters.matrix
    number = next((i for i, known in MATRICES.items() if np.array_equal(known, matrix)), OWN_MATRIX)
    n_rows = _n_rows(weights)
    flags = number | MAP_FLAG * parameters.has_map | n_rows << ROWS_SHIFT
    packed = bytes([parameters.edition]) + pack_number(parameters.luma) + pack_number(parameters.chroma)
    packed += bytes([flags])
    if number == OWN_MATRIX and matrix.size > 1:
        packed += matrix.astype(">i2").tobytes()
    return packed + weights[:n_rows].tobytes()


def unpack_parameters(data: bytes, layout: Layout) -> tuple[Parameters, bytes]:
    """Undo `pack_parameters`: return also what follows; ContainerError where they are damaged."""
    check(len(data) > 0, "has no parameters")
    _check_edition(data[0])
    luma, place = unpack_number(data, 1)
    chroma, place = unpack_number(data, place)
    _check_steps(luma, chroma)
    check(place < len(data), "has parameters of the wrong length")
    flags, place = data[place], place + 1
    matrix, number = GRAY, flags % MAP_FLAG
    if layout.n_planes == 3 and number == OWN_MATRIX:
        check(place + 18 <= len(data), "has parameters of the wrong length")
        matrix, place = _matrix(data, place), place + 18
    elif layout.n_planes == 3:
        check(number in MATRICES, "has colours of an unknown kind")
        matrix = MATRICES[number]
    weights, n_rows = plain_weights(layout), flags >> ROWS_SHIFT
    n_bytes = n_rows * weights.shape[1]
    stored = data[place : place + n_bytes]
    check(n_rows <= layout.n_levels and len(stored) == n_bytes and 0 not in stored, UNFIT)
    if n_rows:
        rows = np.frombuffer(stored, np.uint8).reshape(n_rows, -1)
        weights[:n_rows], weights[n_rows:] = rows, rows[-1]
    has_map = bool(flags & MAP_FLAG)
    return Parameters(data[0], luma, chroma, matrix, weights, has_map), data[place + n_bytes :]


def has_base(container: Container) -> bool:
    """Whether a file has a chunk BASE; earlier ones have MRES. ContainerError where it ends before either."""
    found, earlier = bool(container.all(b"BASE")), bool(container.all(b"MRES"))
    if not earlier and not found:
        raise ContainerError("ends before its coarsest picture; the file is cut off, copy or download it again")
    check(not (earlier and found), "has parameters of two versions")
    return found


def earlier_parameters(container: Container, layout: Layout) -> Parameters:
    """Read the chunks MRES and LEVL of a file without BASE; ContainerError where they are damaged."""
    data, n = container.one(b"MRES"), layout.n_planes
    check(len(data) == (27 if n == 3 else 9), "has parameters of the wrong length")
    edition, luma, chroma = struct.unpack_from(">BII", data)
    _check_edition(edition)
    _check_steps(luma, chroma)
    weights = plain_weights(layout)
    if container.all(b"LEVL"):
        # The first edition has no weights of details in both directions.
        stored, packed = weights if edition > 1 else weights[:, :-1], container.one(b"LEVL")
        check(len(packed) == stored.size and 0 not in packed, UNFIT)
        stored[:] = np.frombuffer(packed, np.uint8).reshape(stored.shape)
    matrix = GRAY if n == 1 else _matrix(data, 9)
    return Parameters(edition, luma, chroma, matrix, weights, bool(container.all(b"CELL")))


def _n_rows(weights: NDArray[np.uint8]) -> int:
    """How many rows of weights a file holds: the last one serves all further levels; none where all are plain."""
    if (weights == PLAIN_WEIGHT).all():
        return 0
    n = len(weights)
    while n > 1 and np.array_equal(weights[n - 1], weights[n - 2]):
        n -= 1
    return n


def _matrix(data: bytes, place: int) -> NDArray[np.int64]:
    return np.frombuffer(data, ">i2", 9, place).astype(np.int64).reshape(3, 3)


def _check_edition(number: int) -> None:
    if number not in EDITIONS:
        raise ContainerError(
            f"needs codebooks number {number}, but this program has only 1 to {NEWEST}; update quantize"
        )


def _check_steps(luma: int, chroma: int) -> None:
    check(LEAST_STEP <= luma <= MOST_STEP and LEAST_STEP <= chroma <= 4 * MOST_STEP, "has a step out of range")
