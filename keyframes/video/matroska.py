"""Matroska: a file of one video track, of no more elements than a player needs (RFC 9559; EBML is RFC 8794)."""

import struct
from collections.abc import Iterable
from typing import NamedTuple

_EBML, _DOCTYPE, _DOCTYPE_VERSION, _DOCTYPE_READ_VERSION = 0x1A45DFA3, 0x4282, 0x4287, 0x4285
_SEGMENT, _INFO, _TIMESTAMP_SCALE, _TRACKS, _TRACK = 0x18538067, 0x1549A966, 0x2AD7B1, 0x1654AE6B, 0xAE
_NUMBER, _UID, _TYPE, _CODEC, _DURATION, _VIDEO, _WIDTH, _HEIGHT = 0xD7, 0x73C5, 0x83, 0x86, 0x23E383, 0xE0, 0xB0, 0xBA
_CLUSTER, _TIMESTAMP, _SIMPLE_BLOCK = 0x1F43B675, 0xE7, 0xA3
_VIDEO_TYPE, _TRACK_ONE, _IS_KEY = 1, 0x81, 0x80
_NS_A_MS = 1_000_000


class TimedPacket(NamedTuple):
    """A packet, the milliseconds at which its picture is shown, and whether it is a key frame."""

    time_ms: int
    is_key: bool
    data: bytes


def matroska(codec: str, width: int, height: int, frame_ms: int, packets: Iterable[TimedPacket]) -> bytes:
    """Return a file of packets in the order in which they are decoded.

    Parameters
    ----------
    codec : str
        Matroska's name of it.
    width, height : int
        Size of the pictures in pixels.
    frame_ms : int
        How long a frame is shown.
    packets : iterable of TimedPacket
    """
    kind = _element(_DOCTYPE, b"matroska") + _number(_DOCTYPE_VERSION, 4) + _number(_DOCTYPE_READ_VERSION, 2)
    size = _number(_WIDTH, width) + _number(_HEIGHT, height)
    track = _number(_NUMBER, 1) + _number(_UID, 1) + _number(_TYPE, _VIDEO_TYPE) + _element(_CODEC, codec.encode())
    track += _number(_DURATION, frame_ms * _NS_A_MS) + _element(_VIDEO, size)
    info = _element(_INFO, _number(_TIMESTAMP_SCALE, _NS_A_MS))
    clusters = b"".join(map(_cluster, packets))
    return _element(_EBML, kind) + _element(_SEGMENT, info + _element(_TRACKS, _element(_TRACK, track)) + clusters)


def _cluster(packet: TimedPacket) -> bytes:
    """Put a packet into a cluster of its own, for times within one count from its start in 16 bits."""
    header = struct.pack(">BhB", _TRACK_ONE, 0, _IS_KEY if packet.is_key else 0)
    return _element(_CLUSTER, _number(_TIMESTAMP, packet.time_ms) + _element(_SIMPLE_BLOCK, header + packet.data))


def _number(identifier: int, value: int) -> bytes:
    return _element(identifier, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _element(identifier: int, data: bytes) -> bytes:
    """Return an element: its identifier, its size in eight bytes of which the first bit set says so, and its data."""
    size = (1 << 56 | len(data)).to_bytes(8, "big")
    return identifier.to_bytes((identifier.bit_length() + 7) // 8, "big") + size + data
