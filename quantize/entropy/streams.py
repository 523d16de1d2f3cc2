"""Streams of the arithmetic coder: beginning, growing, and an end that must come when it should."""

import numpy as np
from numpy.typing import NDArray

from quantize.entropy.kernels.coder import (
    N_INPUTS,
    SPARE_BYTES,
    START_CELL,
    START_WEIGHT,
    finish_encoder,
    start_decoder,
)
from quantize.entropy.kernels.numbers import code_list, list_contexts
from quantize.entropy.kernels.symbols import SYMBOL_BYTES, cells_of, code_symbols
from quantize.errors import ContainerError

ENDS_EARLY = "the coded data end too early; the file is damaged, get it again"
# A first guess of what a symbol takes.
GUESSED_BYTES = 1
# Most that a number takes: 41 decisions of 12 bits.
NUMBER_BYTES = 64


def open_stream(data: bytes, decoding: bool, n_bytes: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Buffer and state of the coder; the encoder's buffer has room for `n_bytes`."""
    coder = np.array([0, 0xFFFFFFFF, 0, 0], np.int64)
    if not decoding:
        return np.empty(n_bytes + SPARE_BYTES, np.uint8), coder
    buffer = np.frombuffer(data, np.uint8).copy()
    start_decoder(coder, buffer)
    return buffer, coder


def grown(coder: NDArray[np.int64], buffer: NDArray[np.uint8], n_bytes: int) -> NDArray[np.uint8]:
    """Return a larger buffer, with what is in this one and room for `n_bytes` at least."""
    larger = np.empty(2 * len(buffer) + n_bytes + SPARE_BYTES, np.uint8)
    larger[: coder[2]] = buffer[: coder[2]]
    return larger


def finished(coder: NDArray[np.int64], buffer: NDArray[np.uint8]) -> bytes:
    """End the encoder's stream."""
    finish_encoder(coder, buffer)
    return buffer[: coder[2]].tobytes()


def check_end(coder: NDArray[np.int64], buffer: NDArray[np.uint8]) -> None:
    """See that the decoder came to the end of its stream: it has read four bytes ahead, of which one to four exist.

    Raises
    ------
    ContainerError
        Where something is missing or left over.
    """
    ahead = coder[2] - len(buffer)
    if ahead > 3:
        raise ContainerError(ENDS_EARLY)
    if ahead < 0:
        raise ContainerError("there are more coded data than belong to the image; the file is damaged, get it again")


def encode_symbols(symbols: NDArray[np.uint8], n_bits: int) -> bytes:
    """Code a plane (height, width) of numbers of `n_bits` without loss."""
    table, weights, bases = _symbol_model(n_bits)
    buffer, coder = open_stream(b"", False, symbols.size * GUESSED_BYTES)
    row = 0
    while (row := code_symbols(False, row, symbols.copy(), n_bits, table, weights, bases, coder, buffer)) < len(
        symbols
    ):
        buffer = grown(coder, buffer, symbols.shape[1] * SYMBOL_BYTES)
    return finished(coder, buffer)


def decode_symbols(data: bytes, height: int, width: int, n_bits: int) -> NDArray[np.uint8]:
    """Undo `encode_symbols`.

    Raises
    ------
    ContainerError
        Where the stream does not end with the plane.
    """
    table, weights, bases = _symbol_model(n_bits)
    buffer, coder = open_stream(data, True, 0)
    symbols = np.zeros((height, width), np.uint8)
    if code_symbols(True, 0, symbols, n_bits, table, weights, bases, coder, buffer) < 0:
        raise ContainerError(ENDS_EARLY)
    check_end(coder, buffer)
    return symbols


def _symbol_model(n_bits: int) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int64]]:
    """Cells, weights, and room for the contexts of a decision."""
    table = np.full(cells_of(n_bits), START_CELL, np.int32)
    return table, np.full((1 << n_bits) * N_INPUTS, START_WEIGHT, np.int32), np.zeros(N_INPUTS, np.int64)


def code_numbers(numbers: NDArray[np.int64], period: int, data: bytes | None) -> bytes:
    """Code a list of numbers, or decode it from `data`; every `period`-th number is of the same kind.

    Raises
    ------
    ContainerError
        Where the stream does not end with the list.
    """
    buffer, coder = open_stream(data or b"", data is not None, numbers.size * NUMBER_BYTES)
    table = np.full(list_contexts(period) * 64, START_CELL, np.int32)
    weights = np.full(3 * N_INPUTS, START_WEIGHT, np.int32)
    code_list(data is not None, numbers, period, table, weights, np.zeros(N_INPUTS, np.int64), coder, buffer)
    if data is not None:
        check_end(coder, buffer)
        return b""
    return finished(coder, buffer)
