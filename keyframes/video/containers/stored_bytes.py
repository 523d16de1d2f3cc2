"""The bytes of a file, of which only those are read that are looked at."""

import mmap
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from keyframes.video.containers.sample_table import UnusualFileError

Bytes = NDArray[np.uint8]

# Bytes to look at before they are let go: a limit on a process's memory also counts what it looked at in a mapped file.
_AT_ONCE = 1 << 26
# Places to look at before they are let go: a look at one byte maps all that the system has read around it, up to
# megabytes.
_PLACES_AT_ONCE = 128


def mapped(path: Path) -> Bytes:
    """Return the bytes of a file, mapped into memory."""
    try:
        with path.open("rb") as file:
            return np.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), np.uint8)
    except (OSError, ValueError, OverflowError):
        raise UnusualFileError("it cannot be mapped into memory") from None


class ReadBytes:
    """The bytes of a file, each stretch of which is read when it is asked for: none stays in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def __len__(self) -> int:
        return self._file.seek(0, os.SEEK_END)

    def __getitem__(self, stretch: slice) -> Bytes:
        """Return the bytes from one place up to another; fewer where the file ends."""
        self._file.seek(stretch.start)
        return np.frombuffer(self._file.read(stretch.stop - stretch.start), np.uint8)


def let_go(data: Bytes) -> None:
    """Keep no bytes of a file in memory; those that are looked at again are read again."""
    owner: object = data.base
    if isinstance(owner, memoryview):
        owner = owner.obj
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)


def one_by_one(data: Bytes, places: Iterable[int]) -> Iterator[int]:
    """Yield places in a file, or numbers of what lies there, to look at; little of the file stays in memory."""
    for n_seen, place in enumerate(places):
        if n_seen % _PLACES_AT_ONCE == 0:
            let_go(data)
        yield place
    let_go(data)


def first_bytes(data: Bytes, places: NDArray[np.int64], n_bytes: int) -> NDArray[np.uint8]:
    """Return the bytes at each of some places: array (n_places, n_bytes)."""
    if len(places) and (places.min() < 0 or places.max() > len(data) - n_bytes):
        raise UnusualFileError("it ends too early")
    rows = np.empty((len(places), n_bytes), np.uint8)
    if not len(places):
        return rows
    windows, step = sliding_window_view(data, n_bytes), max(1, len(places) * _AT_ONCE // len(data))
    for start in range(0, len(places), step):
        rows[start : start + step] = windows[places[start : start + step]]
        if step < len(places):
            let_go(data)
    return rows


def big_endian(rows: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the number that each row of bytes is, the most significant first."""
    numbers = np.zeros(len(rows), np.int64)
    for column in rows.T:
        numbers = numbers << 8 | column
    return numbers
