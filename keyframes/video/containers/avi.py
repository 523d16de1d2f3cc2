"""The index of AVI files (Multimedia Programming Interface and Data Specifications 1.0; OpenDML AVI 1.02).

The old index, idx1, stands behind the packets; files beyond a gigabyte have one of OpenDML for each stream. FFmpeg does
not follow either but goes from packet to packet; so the packets must be all that the file has, and lie end to end.
"""

import numpy as np
from numpy.typing import NDArray

from keyframes.video.containers.riff import HEAD, Chunk, check_between, chunk_at, chunks, number
from keyframes.video.containers.sample_table import SampleTable, UnusualFileError, milliseconds
from keyframes.video.containers.stored_bytes import Bytes, first_bytes

_MPEG4 = frozenset((b"FMP4", b"XVID", b"DIVX", b"DX50", b"MP4V"))
_JPEG = b"MJPG"
_KEY, _NOT_KEY = 0x10, 1 << 31
_INDEX_OF_INDEXES, _INDEX_OF_CHUNKS = b"\x04\x00\x00\x00", b"\x02\x00\x00\x01"
_LEAST_HEADER = 48
# Most indexes in a file: there is one for each gigabyte or less.
_MOST_INDEXES = 1 << 14
_MOST_TICKS = 1 << 31

# One row a packet of any stream: where its chunk begins, its size, its four letters as a number, whether it is marked.
Entries = NDArray[np.int64]


def avi_table(data: Bytes) -> SampleTable:
    """Return the packets of the one video stream of an AVI file."""
    outer = chunk_at(data, 0, len(data))
    lists = chunks(data, outer.start, outer.end, until=b"movi")
    if [one.kind for one in lists[:1] + lists[-1:]] != [b"hdrl", b"movi"]:
        raise UnusualFileError("it does not begin as AVI files do")
    movie = lists[-1]
    streams = [
        chunks(data, one.start, one.end) for one in chunks(data, lists[0].start, lists[0].end) if one.kind == b"strl"
    ]
    kinds = [_kind(data, stream) for stream in streams]
    if kinds.count(b"vids") != 1 or not set(kinds) <= {b"vids", b"auds"}:
        raise UnusualFileError("it has several video streams, or others than sound beside it")
    video = kinds.index(b"vids")
    scale, rate, is_mpeg4 = _header(data, streams[video])
    entries = _opendml(data, streams) if _has_indexes(streams) else _idx1(data, movie)
    letters = [f"{video:02d}{kind}".encode() for kind in ("dc", "db")]
    sounds = [f"{place:02d}wb".encode() for place in range(len(streams)) if place != video]
    entries = entries[np.argsort(entries[:, 0], kind="stable")]
    _check(data, entries, movie, [int.from_bytes(one, "little") for one in letters + sounds])
    own = entries[np.isin(entries[:, 2], [int.from_bytes(one, "little") for one in letters])]
    if not len(own) or own[:, 1].min() < 1:
        raise UnusualFileError("packets are empty")
    times_ms = milliseconds(np.arange(len(own)), scale, rate)
    keys = own[:, 3] > 0 if is_mpeg4 else np.ones(len(own), bool)
    return SampleTable(own[:, 0] + HEAD, own[:, 1], keys, times_ms, coding_tells_keys=is_mpeg4)


def _kind(data: Bytes, stream: list[Chunk]) -> bytes:
    if len(stream) < 2 or stream[0].kind != b"strh" or stream[0].end - stream[0].start < _LEAST_HEADER:
        raise UnusualFileError("a stream has no header")
    return data[stream[0].start : stream[0].start + 4].tobytes()


def _header(data: Bytes, stream: list[Chunk]) -> tuple[int, int, bool]:
    """Return how long a frame takes, as a fraction, and whether the codec is MPEG-4 rather than Motion JPEG."""
    header, form = stream[0], stream[1]
    scale, rate, start = (number(data, header.start + place, 4) for place in (20, 24, 28))
    if not (0 < scale < _MOST_TICKS and 0 < rate < _MOST_TICKS) or start or number(data, header.start + 44, 4):
        raise UnusualFileError("its frames have no time, or start late")
    codec = data[form.start + 16 : form.start + 20].tobytes().upper()
    if form.kind != b"strf" or codec not in {*_MPEG4, _JPEG}:
        raise UnusualFileError(f"its codec is {codec!r}")
    return scale, rate, codec != _JPEG


def _has_indexes(streams: list[list[Chunk]]) -> bool:
    return any(chunk.kind == b"indx" for stream in streams for chunk in stream)


def _words(data: Bytes, start: int, n_entries: int, n_words: int, end: int) -> NDArray[np.int64]:
    """Return the entries of an index, each of `n_words` numbers of 32 bits: array (n_entries, n_words)."""
    last = start + 4 * n_words * n_entries
    if last > end:
        raise UnusualFileError("an index is cut off")
    return np.frombuffer(data[start:last].tobytes(), "<u4").reshape(-1, n_words).astype(np.int64)


def _idx1(data: Bytes, movie: Chunk) -> Entries:
    """Return what the old index says; it counts from the list of packets, or from the start of the file."""
    place = movie.end + movie.end % 2
    index = chunk_at(data, place, len(data))
    if index.kind != b"idx1" or (index.end - index.start) % 16 or index.end == index.start:
        raise UnusualFileError("it has no index behind its packets")
    letters, flags, offsets, sizes = _words(data, index.start, (index.end - index.start) // 16, 4, index.end).T
    base = movie.start - 4
    if number(data, base + int(offsets[0]), 4) != letters[0]:
        base = 0
    return np.stack([base + offsets, sizes, letters, (flags & _KEY) > 0], axis=1)


def _opendml(data: Bytes, streams: list[list[Chunk]]) -> Entries:
    """Return what the indexes of all streams say, each of them an index of indexes."""
    found: list[Entries] = []
    n_left = len(data) // HEAD
    for chunk in (one for stream in streams for one in stream if one.kind == b"indx"):
        if data[chunk.start : chunk.start + 4].tobytes() != _INDEX_OF_INDEXES or chunk.end - chunk.start < 24:
            raise UnusualFileError("it has an index of an unknown kind")
        rows = _words(data, chunk.start + 24, number(data, chunk.start + 4, 4), 4, chunk.end)
        for low, high, _, _ in rows.tolist():
            found.append(_standard_index(data, low | high << 32))
            n_left -= len(found[-1])
            if n_left < 0 or len(found) > _MOST_INDEXES:
                raise UnusualFileError("its indexes name more packets than there can be")
    if not found:
        raise UnusualFileError("its index is empty")
    return np.concatenate(found)


def _standard_index(data: Bytes, place: int) -> Entries:
    index = chunk_at(data, place, len(data))
    if data[index.start : index.start + 4].tobytes() != _INDEX_OF_CHUNKS or index.end - index.start < 24:
        raise UnusualFileError("it has an index of an unknown kind")
    base = number(data, index.start + 12, 8)
    if base > len(data):
        raise UnusualFileError("an index names what lies behind the end of the file")
    offsets, sizes = _words(data, index.start + 24, number(data, index.start + 4, 4), 2, index.end).T
    letters = np.full(len(offsets), number(data, index.start + 8, 4))
    # The index names where the data of a chunk begins, after its head.
    return np.stack([base + offsets - HEAD, sizes & ~_NOT_KEY, letters, sizes < _NOT_KEY], axis=1)


def _check(data: Bytes, entries: Entries, movie: Chunk, known: list[int]) -> None:
    """Raise an UnusualFileError unless packets lie where an index says, and nowhere else."""
    starts, sizes, letters = entries[:, 0], entries[:, 1], entries[:, 2]
    heads = first_bytes(data, starts, HEAD).copy().view("<u4").astype(np.int64)
    if not np.isin(letters, known).all() or (heads != entries[:, [2, 1]]).any():
        raise UnusualFileError("packets do not lie where the index says")
    ends = starts + HEAD + sizes
    is_cut_off = ends.max() > len(data)
    ends += ends % 2
    before, behind = np.append(movie.start, ends), np.append(starts, max(len(data), ends[-1]))
    if is_cut_off or (before > behind).any():
        raise UnusualFileError("packets overlap, or are cut off")
    for place in np.flatnonzero(before < behind):
        check_between(data, int(before[place]), int(behind[place]))
