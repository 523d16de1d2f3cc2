"""The chunks of AVI files: four letters, a size, and what is inside, to an even number of bytes."""

from typing import NamedTuple

from keyframes.video.containers.sample_table import UnusualFileError
from keyframes.video.containers.stored_bytes import Bytes

HEAD = 8
# Most chunks that are gone through: besides pictures and sound, a file has a few for each gigabyte.
_MOST = 1 << 14


class Chunk(NamedTuple):
    """A chunk, and where in the file its content starts and ends; of a list, `kind` is what it is a list of."""

    kind: bytes
    start: int
    end: int


def chunk_at(data: Bytes, start: int, end: int) -> Chunk:
    """Return the chunk at a place of a file."""
    if end - start < HEAD:
        raise UnusualFileError("a chunk is cut off")
    kind, inside = data[start : start + 4].tobytes(), start + HEAD
    last = inside + number(data, start + 4, 4)
    if kind in (b"LIST", b"RIFF"):
        kind, inside = data[inside : inside + 4].tobytes(), inside + 4
    if not inside <= last <= end:
        raise UnusualFileError("a chunk is longer than what it lies in")
    return Chunk(kind, inside, last)


def chunks(data: Bytes, start: int, end: int, until: bytes = b"") -> list[Chunk]:
    """Return the chunks that a stretch of a file consists of, up to the first of a kind where one is named."""
    found: list[Chunk] = []
    while start < end and not (found and found[-1].kind == until):
        if len(found) == _MOST:
            raise UnusualFileError("it has too many chunks")
        found.append(chunk_at(data, start, end))
        start = found[-1].end + found[-1].end % 2
    return found


def check_between(data: Bytes, start: int, end: int) -> None:
    """Raise an UnusualFileError where FFmpeg could find packets in a stretch of a file that no index names.

    It looks for them from one end to the other, and passes over indexes, space left free and the beginnings of lists.
    """
    for _ in range(_MOST):
        if start >= end:
            return
        kind = data[start : start + 4].tobytes()
        if kind in (b"RIFF", b"LIST"):
            if data[start + HEAD : start + HEAD + 4].tobytes() not in (b"AVIX", b"movi"):
                break
            start += HEAD + 4
        elif kind in (b"JUNK", b"idx1") or (kind[:2] == b"ix" and kind[2:].isdigit()):
            last = chunk_at(data, start, len(data)).end
            start = last + last % 2
        else:
            break
    if start != end and not start == end + 1 == len(data) + 1:
        raise UnusualFileError("packets may lie where no index says")


def number(data: Bytes, start: int, n_bytes: int) -> int:
    """Return the unsigned little-endian number at a place of a file."""
    return int.from_bytes(data[start : start + n_bytes].tobytes(), "little")
