"""NAL units of H.264 and HEVC: as MP4 holds them, each behind its length, and as FFmpeg hands packets out.

FFmpeg puts a start code (Rec. ITU-T H.264 and H.265, annex B) in the place of each length, and the parameters of the
file's header before a picture at which decoding can start, as its filters h264_mp4toannexb and hevc_mp4toannexb do.
Of HEVC, FFmpeg 8 puts them farther ahead of the picture than FFmpeg 5; no size depends on it.
"""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keyframes.video.containers.sample_table import SampleTable, UnitFormat, UnusualFileError
from keyframes.video.containers.stored_bytes import Bytes, ReadBytes, big_endian, first_bytes, one_by_one

# A picture of an ordinary file has at most some dozens of slices.
_MOST_UNITS = 1024
START_CODE = b"\x00\x00\x00\x01"
_SLICE_H264, _IDR_H264, _SEI_H264, _SPS_H264, _PPS_H264 = 1, 5, 6, 7, 8
_BUFFERING_PERIOD = 0
_LAST_SLICE_HEVC, _FIRST_IRAP, _LAST_IRAP = 21, 16, 23
_PARAMETERS_HEVC = (32, 33, 34)
_FIRST_IN_PICTURE = _FORBIDDEN_BIT = 0x80
# Bytes that no unit holds, and the length of the shortest unit that could: with one byte of header before them.
FORBIDDEN = re.compile(rb"\x00\x00[\x00-\x02]")
_FEWEST = 4


@dataclass(frozen=True)
class Units:
    """The NAL units of all packets, those of a packet together and in order.

    Attributes
    ----------
    first : array (n_packets + 1,), int64
        Index of the first unit of each packet, and the number of units.
    starts, sizes : array (n_units,), int64
        Where in the file each one lies, without its length.
    headers : array (n_units, 2), uint8
        Its first bytes.
    pictures : array (n_packets,), int64
        Index of the first unit of each packet that is of its picture: a slice.
    inserted : array (n_units,), bool
        Whether FFmpeg puts the parameters of the file's header before it.
    code_bytes : array (n_units,), uint8
        How long a start code it puts before it.
    parameters : bytes
        The parameters of the file's header.
    repeats_parameters : bool
        Whether these are put before pictures that have some of their own.
    """

    first: NDArray[np.int64]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    headers: NDArray[np.uint8]
    pictures: NDArray[np.int64]
    inserted: NDArray[np.bool_]
    code_bytes: NDArray[np.uint8]
    parameters: bytes
    repeats_parameters: bool

    def unit(self, data: Bytes | ReadBytes, number: int, most: int | None = None) -> bytes:
        """Return a unit, or at most its first `most` bytes."""
        start, size = int(self.starts[number]), int(self.sizes[number])
        return data[start : start + (size if most is None else min(size, most))].tobytes()

    def packet_sizes(self) -> NDArray[np.int64]:
        """Return the size of each packet as FFmpeg hands it out."""
        sizes = self.sizes + self.code_bytes + self.inserted * len(self.parameters)
        return np.asarray(np.add.reduceat(sizes, self.first[:-1]))


def find_units(data: Bytes, table: SampleTable, form: UnitFormat) -> Units:
    """Return the units of all packets of a file."""
    width, fewest = form.length_bytes, 2 if form.is_hevc else 1
    packet, place, end = np.arange(len(table.offsets)), table.offsets, table.offsets + table.sizes
    found: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.uint8]]] = []
    while len(packet):
        if len(found) == _MOST_UNITS:
            raise UnusualFileError("packets have too many units")
        head = first_bytes(data, place, width + 2)
        sizes = big_endian(head[:, :width])
        following = place + width + sizes
        if (sizes < fewest).any() or (following > end).any():
            raise UnusualFileError("units are empty, or longer than their packet")
        found.append((packet, place + width, sizes, head[:, width:]))
        goes_on = following < end
        packet, place, end = packet[goes_on], following[goes_on], end[goes_on]
    packets, starts, sizes, headers = (np.concatenate(parts) for parts in zip(*found, strict=True))
    # For a day of video, each column takes 20 MB.
    found.clear()
    order = np.argsort(packets, kind="stable")
    first = np.append(0, np.cumsum(np.bincount(packets)))
    packets, starts, sizes, headers = packets[order], starts[order], sizes[order], headers[order]
    pictures = _pictures(first, headers, form)
    _check_before(data, starts, sizes, np.arange(len(packets)) < pictures[packets])
    insert = _insert_hevc if form.is_hevc else _insert_h264
    inserted = insert(packets, sizes, headers, form)
    return Units(
        first=first,
        starts=starts,
        sizes=sizes,
        headers=headers,
        pictures=pictures,
        inserted=inserted,
        code_bytes=_code_bytes(first, headers, inserted, form),
        parameters=form.parameters,
        repeats_parameters=form.is_hevc and bool(np.isin(_kinds(headers, form), _PARAMETERS_HEVC).any()),
    )


def _pictures(first: NDArray[np.int64], headers: NDArray[np.uint8], form: UnitFormat) -> NDArray[np.int64]:
    """Return the index of the first slice of each packet."""
    if (headers[:, 0] >= _FORBIDDEN_BIT).any():
        raise UnusualFileError("units are damaged")
    kinds = _kinds(headers, form)
    is_slice = kinds <= _LAST_SLICE_HEVC if form.is_hevc else (kinds == _SLICE_H264) | (kinds == _IDR_H264)
    slices = np.append(np.flatnonzero(is_slice), len(kinds))
    pictures = slices[slices.searchsorted(first[:-1])]
    if (pictures >= first[1:]).any():
        raise UnusualFileError("packets lack their picture")
    return pictures


def _kinds(headers: NDArray[np.uint8], form: UnitFormat) -> NDArray[np.uint8]:
    return np.asarray(headers[:, 0] >> 1 & 63 if form.is_hevc else headers[:, 0] & 31)


def _check_before(data: Bytes, starts: NDArray[np.int64], sizes: NDArray[np.int64], chosen: NDArray[np.bool_]) -> None:
    """Raise an UnusualFileError where some units hold what looks like the start of another."""
    for unit in one_by_one(data, np.flatnonzero(chosen & (sizes >= _FEWEST)).tolist()):
        start = int(starts[unit])
        if FORBIDDEN.search(data[start : start + int(sizes[unit])].tobytes()):
            raise UnusualFileError("units are damaged")


def as_annex_b(data: Bytes | ReadBytes, units: Units, begin: int, end: int, most_of_last: int | None = None) -> bytes:
    """Return some units of a packet as FFmpeg hands them out, the last with at most `most_of_last` bytes if given."""
    parts: list[bytes] = []
    for unit in range(begin, end):
        if units.inserted[unit]:
            parts.append(units.parameters)
        most = most_of_last if unit == end - 1 else None
        parts += (START_CODE[-int(units.code_bytes[unit]) :], units.unit(data, unit, most))
    return b"".join(parts)


def _first_of(packets: NDArray[np.int64], chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each packet the index of the first of its units that are chosen; the number of units where none is."""
    first = np.full(packets[-1] + 1, len(packets))
    np.minimum.at(first, packets[chosen], np.flatnonzero(chosen))
    return first


def _insert_h264(
    packets: NDArray[np.int64], sizes: NDArray[np.int64], headers: NDArray[np.uint8], form: UnitFormat
) -> NDArray[np.bool_]:
    """Return before which units parameters are put: before each IDR picture, if packets have none.

    Versions of FFmpeg differ where packets have some of their own, unless none of them would have to put any, and
    where a message tells of a buffering period, before which FFmpeg 8 puts them.
    """
    kinds = _kinds(headers, form)
    is_idr = kinds == _IDR_H264
    first_idr, first_sps, first_pps = (_first_of(packets, kinds == kind) for kind in (_IDR_H264, _SPS_H264, _PPS_H264))
    has_idr = first_idr < len(packets)
    if (has_idr & (_first_of(packets, kinds == _SLICE_H264) < len(packets))).any():
        raise UnusualFileError("IDR pictures are mixed with others")
    if (kinds == _SPS_H264).any() or (kinds == _PPS_H264).any():
        if (first_pps < first_sps).any() or ((first_pps > first_idr) | (first_sps > first_pps))[has_idr].any():
            raise UnusualFileError("some IDR pictures have parameters, others have none")
        return np.zeros(len(packets), bool)
    if not form.complete or (sizes[is_idr] < 2).any():
        raise UnusualFileError("it has no parameters")
    inserted = np.asarray(is_idr & (headers[:, 1] & _FIRST_IN_PICTURE > 0))
    if not inserted[first_idr[has_idr]].all() or np.bincount(packets[inserted]).max(initial=0) > 1:
        raise UnusualFileError("a picture begins in its middle")
    buffering = (kinds == _SEI_H264) & (headers[:, 1] == _BUFFERING_PERIOD)
    if has_idr[packets[buffering]].any():
        raise UnusualFileError("it has buffering periods")
    return inserted


def _insert_hevc(
    packets: NDArray[np.int64], _sizes: NDArray[np.int64], headers: NDArray[np.uint8], form: UnitFormat
) -> NDArray[np.bool_]:
    """Return before which units parameters are put: before the first one of each IRAP picture."""
    kinds = _kinds(headers, form)
    first = _first_of(packets, (kinds >= _FIRST_IRAP) & (kinds <= _LAST_IRAP))
    inserted = np.zeros(len(packets), bool)
    inserted[first[first < len(packets)]] = True
    return inserted


def _code_bytes(
    first: NDArray[np.int64], headers: NDArray[np.uint8], inserted: NDArray[np.bool_], form: UnitFormat
) -> NDArray[np.uint8]:
    """Return the length of the start code of each unit: H.264 has shorter ones in the middle of a packet."""
    if form.is_hevc:
        return np.full(len(headers), 4, np.uint8)
    is_long = np.isin(headers[:, 0] & 31, (_SPS_H264, _PPS_H264))
    is_long[first[:-1]] |= ~inserted[first[:-1]]
    return np.where(is_long, np.uint8(4), np.uint8(3))
