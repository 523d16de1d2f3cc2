"""Streams of the arithmetic coder: beginning, growing, and an end that must come when it should."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantize.entropy.kernels.coder import (
    N_INPUTS,
    PLACE,
    SPARE_BYTES,
    Coder,
    finish_encoder,
    new_cells,
    start_decoder,
)
from quantize.entropy.kernels.numbers import NUMBER_CELLS, TOP_CONTEXTS, code_list, code_top, list_contexts
from quantize.entropy.kernels.symbols import SYMBOL_BYTES, cells_of, code_symbols
from quantize.errors import check

ENDS_EARLY = "the coded data end too early"
# Most that a number takes: 41 decisions of 12 bits.
NUMBER_BYTES = 64


class Stream:
    """A stream at work, in either direction.

    Its kernels take the coder and their own arguments. Those that code rows also take the row to start at, and return
    the one before which the encoder's buffer must grow, or -1 where the decoder's has ended too early.

    Parameters
    ----------
    data : bytes or None
        What to decode; None encodes.
    n_bytes : int
        Room that the encoder begins with.
    """

    def __init__(self, data: bytes | None, n_bytes: int) -> None:
        state = np.array([0, 0xFFFFFFFF, 0, 0], np.int64)
        if data is None:
            self._coder = Coder(False, state, np.empty(n_bytes + SPARE_BYTES, np.uint8))
        else:
            self._coder = Coder(True, state, np.frombuffer(data, np.uint8).copy())
            start_decoder(self._coder)

    def code(self, kernel: Callable[..., None], *arguments: Any) -> None:
        """Code what fits the buffer for certain."""
        kernel(self._coder, *arguments)

    def code_rows(self, kernel: Callable[..., int], n_rows: int, row_bytes: int, *arguments: Any) -> None:
        """Code rows of up to `row_bytes` each; ContainerError where the stream ends before them."""
        row = 0
        while (row := kernel(self._coder, row, *arguments)) < n_rows:
            check(row >= 0, ENDS_EARLY)
            written = self._coder.buffer[: self._coder.state[PLACE]]
            larger = np.empty(2 * len(self._coder.buffer) + row_bytes + SPARE_BYTES, np.uint8)
            larger[: len(written)] = written
            self._coder = Coder(False, self._coder.state, larger)

    def end(self) -> bytes:
        """End the encoder's stream and return it; or check that the decoder's ends here, and return nothing."""
        coder = self._coder
        if not coder.decoding:
            finish_encoder(coder)
            return coder.buffer[: coder.state[PLACE]].tobytes()
        # The decoder has read four bytes ahead, of which one to four exist.
        ahead = coder.state[PLACE] - len(coder.buffer)
        check(ahead <= 3, ENDS_EARLY)
        check(ahead >= 0, "there are more coded data than belong to the image")
        return b""


def encode_symbols(symbols: NDArray[np.uint8], n_bits: int) -> bytes:
    """Code a plane (height, width) of numbers of `n_bits` without loss."""
    # A first guess: a byte each.
    stream = Stream(None, symbols.size)
    code_symbol_plane(stream, symbols.copy(), n_bits)
    return stream.end()


def decode_symbols(data: bytes, height: int, width: int, n_bits: int) -> NDArray[np.uint8]:
    """Undo `encode_symbols`; ContainerError where the stream does not end with the plane."""
    symbols, stream = np.zeros((height, width), np.uint8), Stream(data, 0)
    code_symbol_plane(stream, symbols, n_bits)
    stream.end()
    return symbols


def code_symbol_plane(stream: Stream, symbols: NDArray[np.uint8], n_bits: int) -> None:
    """Code a plane (height, width) of numbers of `n_bits` as a part of a stream; a decoder replaces them."""
    row_bytes = symbols.shape[1] * SYMBOL_BYTES
    cells, bases = new_cells(cells_of(n_bits), 1 << n_bits), np.zeros(N_INPUTS, np.uint64)
    stream.code_rows(code_symbols, len(symbols), row_bytes, symbols, n_bits, cells, bases)


def code_numbers(numbers: NDArray[np.int64], period: int, data: bytes | None) -> bytes:
    """Code a list of numbers, or decode it from `data`; every `period`-th number is of the same kind.

    ContainerError where the stream does not end with the list.
    """
    stream = Stream(data, numbers.size * NUMBER_BYTES)
    cells = new_cells(list_contexts(period) * NUMBER_CELLS, 3)
    stream.code(code_list, numbers, period, cells, np.zeros(N_INPUTS, np.uint64))
    return stream.end()


def planes_stream(data: bytes | None, planes: NDArray[np.int64]) -> Stream:
    """Stream that begins with coarsest planes, see `code_planes`."""
    return Stream(data, planes.size * NUMBER_BYTES)


def code_planes(stream: Stream, planes: NDArray[np.int64], steps: list[int]) -> None:
    """Code the coarsest planes (n_planes, rows, columns) as whole multiples of a step each, as a part of a stream.

    The planes are replaced by what is decoded.
    """
    factors = np.array(steps, np.int64)[:, None, None]
    numbers = (planes + factors // 2) // factors
    stream.code(code_top, numbers, new_cells(TOP_CONTEXTS * NUMBER_CELLS, 3), np.zeros(N_INPUTS, np.uint64))
    planes[:] = numbers * factors
