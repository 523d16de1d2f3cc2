"""The coarsest planes: whole multiples of a step, each coded as its difference from what its neighbours suggest."""

import numpy as np
from numpy.typing import NDArray

from quantize.entropy.kernels.coder import N_INPUTS, START_CELL, START_WEIGHT
from quantize.entropy.kernels.numbers import TOP_CONTEXTS, code_top
from quantize.entropy.streams import NUMBER_BYTES, check_end, finished, open_stream
from quantize.multiresolution.kernels.wavelet import LEAST, MOST


def encode_coarse(planes: NDArray[np.int16], step: int) -> bytes:
    """Code planes (n_planes, rows, columns)."""
    numbers = (planes.astype(np.int64) + step // 2) // step
    return _code(numbers, None)


def decode_coarse(data: bytes, shape: tuple[int, int, int], step: int) -> NDArray[np.int16]:
    """Undo `encode_coarse`, but for the rounding.

    Raises
    ------
    ContainerError
        Where the stream does not end with the planes.
    """
    numbers = np.zeros(shape, np.int64)
    _code(numbers, data)
    return np.clip(numbers * step, LEAST, MOST).astype(np.int16)


def _code(numbers: NDArray[np.int64], data: bytes | None) -> bytes:
    buffer, coder = open_stream(data or b"", data is not None, numbers.size * NUMBER_BYTES)
    table = np.full(TOP_CONTEXTS * 64, START_CELL, np.int32)
    weights = np.full(3 * N_INPUTS, START_WEIGHT, np.int32)
    code_top(data is not None, numbers, table, weights, np.zeros(N_INPUTS, np.int64), coder, buffer)
    if data is not None:
        check_end(coder, buffer)
        return b""
    return finished(coder, buffer)
