"""A look at packets that the index of their file names: the same as one by one, at their first bytes alone.

Of H.264 and HEVC all bytes are gone through, for a block that a disk lost.
"""

import re

import numpy as np
from numpy.typing import NDArray

from keyframes.video.containers import (
    SampleTable,
    Units,
    UnusualFileError,
    as_annex_b,
    big_endian,
    first_bytes,
    let_go,
    one_by_one,
)
from keyframes.video.packets.coded_pictures import CodedPicture, CutCodec, cut_codec, holds_lost_block
from keyframes.video.packets.indexed_packets import IndexedPackets
from keyframes.video.packets.stored_packets import StoredPackets

_START_CODE = b"\x00\x00\x01"
# Bytes that say what a picture is: for MPEG-4 from the start code on, for H.264 and HEVC after it.
_MPEG4_BYTES, _HEVC_BYTES, _H264_BYTES = 5, 2, 1
# Parameters and comments before a picture are seldom longer.
_AHEAD = 1024
# A lost block of 64 bytes holds seven whole words of eight bytes or more: every seventh word is enough to find it.
_EVERY = 7
_MOST_WORDS = _EVERY << 18


def look_at(indexed: IndexedPackets, codec: str) -> StoredPackets | None:
    """Return what is known of each packet, or None where its pictures contradict the index."""
    table, units, cut = indexed.table, indexed.units, cut_codec(codec)
    assert cut is not None
    try:
        pictures, parameters = _pictures(indexed, cut)
        zeroed = np.zeros(len(table.keys), bool) if units is None else _zeroed(indexed)
    except UnusualFileError:
        return None
    afresh, referred, layers = pictures.T
    # FFmpeg does not find the picture behind damaged parameters.
    is_plain = len(parameters) < 2 and (afresh == table.keys).all() and referred.all()
    if table.coding_tells_keys and not is_plain:
        return None
    return StoredPackets(
        times_ms=table.times_ms,
        sizes=(table.sizes if units is None else units.packet_sizes()).astype(np.uint32),
        keys=table.keys,
        zeroed=zeroed,
        afresh=afresh.astype(bool),
        referred=referred.astype(bool),
        layers=layers,
        parameters=frozenset(parameters),
    )


def _row(picture: CodedPicture) -> tuple[int, int, int]:
    return int(picture.afresh), int(picture.is_referred), picture.layer & 7


def _pictures(indexed: IndexedPackets, cut: CutCodec) -> tuple[NDArray[np.uint8], set[bytes]]:
    """Return the fields of the picture of each packet, array (n_packets, 3), and the parameters of the key frames."""
    keys = indexed.table.keys
    if cut.start is None:
        if not keys.all():
            raise UnusualFileError("FFmpeg takes every picture for a key frame")
        return np.full((len(keys), 3), _row(cut.picture(b"")), np.uint8), set()
    headers = _mpeg4_headers(indexed) if indexed.units is None else _unit_headers(indexed.units, indexed.table)
    codes, which = np.unique(big_endian(headers), return_inverse=True)
    short = [code.to_bytes(headers.shape[1], "big") for code in codes.tolist()]
    pictures = np.array([_row(cut.picture(one)) for one in short], np.uint8)[which]
    is_start = np.array([cut.start.search(one) is not None for one in short])[which]
    if indexed.table.coding_tells_keys and not (keys | is_start).all():
        raise UnusualFileError("packets lack their picture")
    known: dict[bytes, tuple[tuple[int, int, int], bytes]] = {}
    parameters: set[bytes] = set()
    for place in one_by_one(indexed.data, np.flatnonzero(keys | ~is_start).tolist()):
        opening = _opening(indexed, cut.start, place)
        if opening not in known:
            known[opening] = _row(cut.picture(opening)), cut.parameters_of(opening)
        pictures[place] = known[opening][0]
        if keys[place]:
            parameters.add(known[opening][1])
    return pictures, parameters


def _mpeg4_headers(indexed: IndexedPackets) -> NDArray[np.uint8]:
    """Return the first bytes of each packet, as zeros where it has fewer: array (n_packets, n_bytes)."""
    table = indexed.table
    is_whole = table.sizes >= _MPEG4_BYTES
    rows = first_bytes(indexed.data, np.where(is_whole, table.offsets, 0), _MPEG4_BYTES)
    return np.asarray(np.where(is_whole[:, None], rows, np.uint8(0)))


def _unit_headers(units: Units, table: SampleTable) -> NDArray[np.uint8]:
    """Return the header of the first slice of each packet, behind a start code: array (n_packets, n_bytes)."""
    n_bytes = _HEVC_BYTES if table.units is not None and table.units.is_hevc else _H264_BYTES
    codes = np.tile(np.frombuffer(_START_CODE, np.uint8), (len(units.pictures), 1))
    return np.concatenate([codes, units.headers[units.pictures, :n_bytes]], axis=1)


def _opening(indexed: IndexedPackets, start: re.Pattern[bytes], place: int) -> bytes:
    """Return a packet up to the start of its picture."""
    units = indexed.units
    if units is not None:
        return as_annex_b(indexed.data, units, int(units.first[place]), int(units.pictures[place]) + 1, _HEVC_BYTES)
    found = start.search(opening := indexed.packet(place, _AHEAD)) or start.search(opening := indexed.packet(place))
    return opening if found is None else opening[: found.end()]


def _zeroed(indexed: IndexedPackets) -> NDArray[np.bool_]:
    """Return which packets hold a lost block."""
    offsets, sizes = indexed.table.offsets, indexed.table.sizes
    order = np.argsort(offsets, kind="stable")
    if (offsets[order][:-1] + sizes[order][:-1] > offsets[order][1:]).any():
        raise UnusualFileError("packets overlap")
    zeroed = np.zeros(len(sizes), bool)
    zeros = _zero_words(indexed.data)
    places = order[np.searchsorted(offsets[order], zeros, side="right") - 1]
    is_inside = (zeros >= offsets[places]) & (zeros < offsets[places] + sizes[places])
    for place in np.unique(places[is_inside]).tolist():
        zeroed[place] = holds_lost_block(indexed.packet(place))
    return zeroed


def _zero_words(data: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return places where zeros lie: at least one of any 64 zeros in a row."""
    words = data[: len(data) // 8 * 8].view(np.uint64)
    found = [np.empty(0, np.int64)]
    for start in range(0, len(words), _MOST_WORDS):
        found.append(start + _EVERY * np.flatnonzero(words[start : start + _MOST_WORDS : _EVERY] == 0))
        let_go(data)
    return 8 * np.concatenate(found)
