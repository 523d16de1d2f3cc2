"""The boxes of MP4 and MOV (ISO/IEC 14496-12, 4.2): a size, four letters, and what is inside, maybe boxes again."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from keyframes.video.containers.sample_table import UnusualFileError
from keyframes.video.containers.stored_bytes import Bytes

_HEAD, _LONG_HEAD = 8, 16
_TO_THE_END, _LONG = 0, 1
# In QuickTime files (QuickTime File Format Specification, user data).
_END_OF_LIST = bytes(4)
# An index has some dozens on each level; a file of empty boxes alone could have millions.
_MOST = 4096


class Box(NamedTuple):
    """A box, and where in the file its content starts and ends."""

    kind: bytes
    start: int
    end: int


def boxes(data: Bytes, start: int, end: int) -> list[Box]:
    """Return the boxes that a stretch of a file consists of."""
    return list(each_box(data, start, end))


def each_box(data: Bytes, start: int, end: int) -> Iterator[Box]:
    """Yield the boxes that a stretch of a file consists of."""
    n_found = 0
    while start < end:
        if end - start == len(_END_OF_LIST) and data[start:end].tobytes() == _END_OF_LIST:
            break
        if end - start < _HEAD or n_found == _MOST:
            raise UnusualFileError("it does not consist of boxes")
        size, kind, inside = number(data, start, 4), data[start + 4 : start + 8].tobytes(), start + _HEAD
        if size == _LONG:
            size, inside = number(data, start + _HEAD, 8), start + _LONG_HEAD
        elif size == _TO_THE_END:
            size = end - start
        if not inside <= start + size <= end:
            raise UnusualFileError("a box is longer than what it lies in")
        yield Box(kind, inside, start + size)
        n_found += 1
        start += size


def inside(data: Bytes, box: Box) -> list[Box]:
    """Return the boxes in a box."""
    return boxes(data, box.start, box.end)


def only(found: list[Box], kind: bytes) -> Box:
    """Return the box of a kind, of which there must be one."""
    if (box := optional(found, kind)) is None:
        raise UnusualFileError(f"it has no {kind!r}")
    return box


def optional(found: list[Box], kind: bytes) -> Box | None:
    """Return the box of a kind, of which there may be one."""
    matching = [box for box in found if box.kind == kind]
    if len(matching) > 1:
        raise UnusualFileError(f"it has several {kind!r}")
    return matching[0] if matching else None


def number(data: Bytes, start: int, n_bytes: int) -> int:
    """Return the unsigned big-endian number at a place of a file."""
    return int.from_bytes(data[start : start + n_bytes].tobytes(), "big")


def table(data: Bytes, box: Box, n_columns: int, kind: str = ">u4", before: int = 4) -> NDArray[np.int64]:
    """Return the rows of a box that is a version, its flags and maybe more, a count of rows, and the rows.

    `before` is how many bytes come before the count.
    """
    width = n_columns * np.dtype(kind).itemsize
    first = box.start + before + 4
    if first > box.end or number(data, first - 4, 4) * width != box.end - first:
        raise UnusualFileError(f"{box.kind!r} has another length than it says")
    rows = np.frombuffer(data[first : box.end].tobytes(), kind).reshape(-1, n_columns)
    if kind == ">u8" and len(rows) and rows.max() >= 1 << 62:
        raise UnusualFileError(f"{box.kind!r} has numbers that no file reaches")
    return rows.astype(np.int64)
