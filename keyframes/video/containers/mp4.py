"""The index of MP4 and MOV files (ISO/IEC 14496-12, 8.5 to 8.7): moov, trak, mdia, minf, stbl and the tables in it."""

import numpy as np
from numpy.typing import NDArray

from keyframes.video.containers.boxes import Box, each_box, inside, number, only, optional, table
from keyframes.video.containers.codings import unit_format
from keyframes.video.containers.mp4_times import sample_times_ms
from keyframes.video.containers.sample_table import SampleTable, UnusualFileError
from keyframes.video.containers.stored_bytes import Bytes

# Tables that are known here; others change which samples FFmpeg reads, or what it takes for key frames.
_TABLES = frozenset(
    (b"stsd", b"stts", b"ctts", b"stss", b"stsz", b"stsc", b"stco", b"co64", b"sdtp", b"sgpd", b"sbgp", b"cslg")
)
_KEY_GROUP = b"rap "
_VIDEO = b"vide"
_IN_THIS_FILE = 1
# FFmpeg refuses larger samples.
_MOST_BYTES = 1 << 30


def mp4_table(data: Bytes) -> SampleTable:
    """Return the packets of the one video track of an MP4 or MOV file; an UnusualFileError where it has others too."""
    top = inside(data, Box(b"", 0, len(data)))
    movie = inside(data, only(top, b"moov"))
    if any(box.kind in (b"moof", b"sidx", b"mfra") for box in top) or optional(movie, b"mvex"):
        raise UnusualFileError("it is fragmented")
    tracks = [inside(data, box) for box in movie if box.kind == b"trak"]
    media = [inside(data, only(track, b"mdia")) for track in tracks]
    of_video = [place for place, one in enumerate(media) if _handler(data, only(one, b"hdlr")) == _VIDEO]
    if len(of_video) != 1:
        raise UnusualFileError("it has several video tracks, or none")
    track, medium = tracks[of_video[0]], media[of_video[0]]
    information = inside(data, only(medium, b"minf"))
    tables = inside(data, only(information, b"stbl"))
    _check_tables(data, tables, information)
    sizes = _sizes(data, only(tables, b"stsz"))
    if sizes.min() < 1:
        raise UnusualFileError("samples are empty")
    for other in media:
        if other is not medium:
            _check_other(data, other)
    offsets = _offsets(data, tables, sizes)
    keys = _keys(data, optional(tables, b"stss"), len(sizes))
    scales = _time_scale(data, only(medium, b"mdhd")), _time_scale(data, only(movie, b"mvhd"))
    times_ms = sample_times_ms(data, tables, optional(track, b"edts"), keys, *scales)
    return SampleTable(offsets, sizes, keys, times_ms, unit_format(data, only(tables, b"stsd")))


def is_fragmented(data: Bytes) -> bool:
    """Whether an MP4 or MOV file leaves its samples to fragments, each of which lists its own."""
    for box in each_box(data, 0, len(data)):
        if box.kind == b"moov":
            return optional(inside(data, box), b"mvex") is not None
    return False


def _handler(data: Bytes, box: Box) -> bytes:
    return data[box.start + 8 : min(box.end, box.start + 12)].tobytes()


def _time_scale(data: Bytes, box: Box) -> int:
    """Return the ticks a second of a header, behind two times of four or eight bytes."""
    place = box.start + (20 if number(data, box.start, 1) == 1 else 12)
    return number(data, place, 4) if place + 4 <= box.end else 0


def _check_tables(data: Bytes, tables: list[Box], information: list[Box]) -> None:
    """Raise an UnusualFileError of tables that are not known here, and of samples in other files."""
    if not {box.kind for box in tables} <= _TABLES:
        raise UnusualFileError("it has unknown tables")
    if any(box.kind == b"sbgp" and data[box.start + 4 : box.start + 8].tobytes() == _KEY_GROUP for box in tables):
        raise UnusualFileError("it marks other samples to begin at")
    references = only(inside(data, only(information, b"dinf")), b"dref")
    entries = inside(data, references._replace(start=references.start + 8))
    if len(entries) != 1 or number(data, entries[0].start, 4) & _IN_THIS_FILE != _IN_THIS_FILE:
        raise UnusualFileError("its samples lie in another file")


def _sizes(data: Bytes, box: Box) -> NDArray[np.int64]:
    sizes = table(data, box, 1, before=8)[:, 0]
    if number(data, box.start + 4, 4) or not len(sizes) or sizes.max() >= _MOST_BYTES:
        raise UnusualFileError("samples have no sizes of their own, or are too large")
    return sizes


def _chunks(data: Bytes, tables: list[Box]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return where each chunk begins, in which samples lie one behind the other, and how many there are."""
    short, long = optional(tables, b"stco"), optional(tables, b"co64")
    if short is not None and long is None:
        chunks = table(data, short, 1)[:, 0]
    elif long is not None and short is None:
        chunks = table(data, long, 1, ">u8")[:, 0]
    else:
        raise UnusualFileError("it has two tables of chunks, or none")
    first, n_each, described = table(data, only(tables, b"stsc"), 3).T
    n_chunks = np.diff(np.append(first, len(chunks) + 1))
    if not len(first) or first[0] != 1 or n_chunks.min() < 1 or n_each.min() < 1 or (described != 1).any():
        raise UnusualFileError("samples are spread over chunks in a way that is not known")
    return chunks, np.repeat(n_each, n_chunks)


def _offsets(data: Bytes, tables: list[Box], sizes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where samples begin."""
    chunks, n_each = _chunks(data, tables)
    if int(n_each.sum()) != len(sizes):
        raise UnusualFileError("tables are of different numbers of samples")
    before = np.cumsum(sizes) - sizes
    offsets = np.asarray(np.repeat(chunks - before[np.cumsum(n_each) - n_each], n_each) + before)
    if (offsets + sizes).max() > len(data):
        raise UnusualFileError("samples lie behind the end of the file")
    return offsets


def _check_other(data: Bytes, medium: list[Box]) -> None:
    """Raise an UnusualFileError where another track has samples behind the end of the file: FFmpeg reads no further."""
    tables = inside(data, only(inside(data, only(medium, b"minf")), b"stbl"))
    if size := number(data, only(tables, b"stsz").start + 4, 4):
        chunks, n_each = _chunks(data, tables)
        if size >= _MOST_BYTES or (chunks + n_each * size).max() > len(data):
            raise UnusualFileError("samples lie behind the end of the file")
    else:
        _offsets(data, tables, _sizes(data, only(tables, b"stsz")))


def _keys(data: Bytes, box: Box | None, n_samples: int) -> NDArray[np.bool_]:
    """Return which samples are key frames: all of them where no table tells."""
    if box is None:
        return np.ones(n_samples, bool)
    numbers = table(data, box, 1)[:, 0]
    if not len(numbers) or numbers[0] != 1 or (np.diff(numbers) < 1).any() or numbers[-1] > n_samples:
        raise UnusualFileError("its first sample is no key frame, or others are not in order")
    keys = np.zeros(n_samples, bool)
    keys[numbers - 1] = True
    return keys
