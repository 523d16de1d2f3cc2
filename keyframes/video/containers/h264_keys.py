"""Which packets of H.264 FFmpeg takes for key frames: it looks at the pictures, whatever the index says.

A picture is one if it is an IDR picture (Rec. ITU-T H.264, 7.4.1.2.4), if a message before it marks a recovery point
(D.2.8), or if it refers to no other and the stream has at most one reference frame; a file where that may be so
counts as unusual.
"""

import numpy as np
from numpy.typing import NDArray

from keyframes.video.containers.annex_b import START_CODE, Units
from keyframes.video.containers.h264_parameters import most_references
from keyframes.video.containers.sample_table import UnusualFileError
from keyframes.video.containers.stored_bytes import Bytes, one_by_one

_IDR, _SEI, _SEQUENCE = 5, 6, 7
_RECOVERY_POINT = 6


def check_keys(data: Bytes, units: Units, keys: NDArray[np.bool_]) -> None:
    """Raise an UnusualFileError unless exactly those packets are key frames to FFmpeg."""
    found = units.headers[units.pictures, 0] & 31 == _IDR
    found[_recovering(data, units)] = True
    if (found != keys).any():
        raise UnusualFileError("other pictures are key frames than the index says")
    openings = units.headers[units.pictures[~found], 1]
    if (units.sizes[units.pictures] < 2).any() or _IS_UNCLEAR[openings].any():
        raise UnusualFileError("pictures do not begin as others do")
    if _REFERS_TO_NONE[openings].any() and min(map(most_references, _sequences(data, units)), default=0) < 2:
        raise UnusualFileError("pictures refer to no other, and are no key frames")


def _sequences(data: Bytes, units: Units) -> set[bytes]:
    """Return all sequence parameter sets, in the header of the file and in packets."""
    found = {one for one in units.parameters.split(START_CODE) if one and one[0] & 31 == _SEQUENCE}
    for unit in one_by_one(data, np.flatnonzero(units.headers[:, 0] & 31 == _SEQUENCE).tolist()):
        found.add(units.unit(data, unit))
    return found


def _recovering(data: Bytes, units: Units) -> list[int]:
    """Return the packets that have the message of a recovery point before their picture."""
    packet = np.repeat(np.arange(len(units.pictures)), np.diff(units.first))
    before = np.arange(len(packet)) < units.pictures[packet]
    known: dict[bytes, bool] = {}
    found = []
    for unit in one_by_one(data, np.flatnonzero(before & (units.headers[:, 0] & 31 == _SEI)).tolist()):
        message = units.unit(data, unit)
        if message not in known:
            known[message] = _tells_recovery(message.replace(b"\x00\x00\x03", b"\x00\x00"))
        if known[message]:
            found.append(int(packet[unit]))
    return found


def _tells_recovery(unit: bytes) -> bool:
    """Whether the first of the messages in a unit is a recovery point; an UnusualFileError where FFmpeg may miss it."""
    kinds, place = [], 1
    while place < len(unit.rstrip(b"\x00")) - 1:
        kind, place = _sum(unit, place)
        size, place = _sum(unit, place)
        kinds.append(kind)
        # It says after how many pictures, in a code that begins with as many zeros as it is long.
        if kind == _RECOVERY_POINT and (len(kinds) > 1 or unit[place : place + 2] in (b"", b"\x00\x00")):
            raise UnusualFileError("a message is not where FFmpeg surely finds it")
        place += size
    if place > len(unit):
        raise UnusualFileError("a message is cut off")
    return kinds[:1] == [_RECOVERY_POINT]


def _sum(unit: bytes, place: int) -> tuple[int, int]:
    """Return a number that is the sum of bytes, the first below 255 being the last, and where the next one begins."""
    number = 0
    for end in range(place, len(unit)):
        number += unit[end]
        if unit[end] < 255:
            return number, end + 1
    raise UnusualFileError("a message is cut off")


# The byte behind the header of a slice begins with the number of its first block, 0, which is a bit of 1, and its kind,
# as a code of up to seven bits; kinds 2 and 7 refer to no other picture.
_BYTES = np.arange(256)
_IS_UNCLEAR = (_BYTES < 0b1000_0000) | (_BYTES & 0b0111_1000 == 0)
_REFERS_TO_NONE = (_BYTES == 0b1000_1000) | (_BYTES >> 4 == 0b1011)
