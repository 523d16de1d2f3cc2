"""Matroska: a file of one video track, of no more elements than a player needs (RFC 9559; EBML is RFC 8794)."""

import struct
from collections.abc import Iterable
from typing import NamedTuple

_EBML, _DOCTYPE, _DOCTYPE_VERSION, _DOCTYPE_READ_VERSION = 0x1A45DFA3, 0x4282, 0x4287, 0x4285
_SEGMENT, _INFO, _TIMESTAMP_SCALE, _TRACKS, _TRACK = 0x18538067, 0x1549A966, 0x2AD7B1, 0x1654AE6B, 0xAE
_NUMBER, _UID, _TYPE, _CODEC, _CODEC_PRIVATE, _DURATION = 0xD7, 0x73C5, 0x83, 0x86, 0x63A2, 0x23E383
_VIDEO, _WIDTH, _HEIGHT = 0xE0, 0xB0, 0xBA
_CLUSTER, _TIMESTAMP, _SIMPLE_BLOCK = 0x1F43B675, 0xE7, 0xA3
_VIDEO_TYPE, _TRACK_ONE, _IS_KEY = 1, 0x81, 0x80
_NS_A_MS = 1_000_000
# Marks the size of an element as written in eight bytes: the place of the first bit that is set tells how many.
_SIZE = 1 << 56
# What comes before the data of a packet: identifier and size of its cluster, those of the time and itself, those of the
# block, and its track, its time within the cluster and its flags.
_BEFORE = struct.Struct(">IQBQQBQBhB")
_TIME_BYTES, _BLOCK_BYTES, _IDENTIFIED = 8, 4, 9


class TimedPacket(NamedTuple):
    """A packet, the milliseconds at which its picture is shown, and whether it is a key frame."""

    time_ms: int
    is_key: bool
    data: bytes


def matroska(
    codec: str, parameters: bytes, width: int, height: int, frame_ms: int, packets: Iterable[TimedPacket]
) -> bytes:
    """Return a file of packets in the order in which they are decoded.

    Parameters
    ----------
    codec : str
        Matroska's name of it.
    parameters : bytes
        What a decoder must know before a picture, in the form that packets have; b"" if nothing is known. With it
        FFmpeg finds out what the file holds without decoding a picture. Other players may expect another form here.
    width, height : int
        Size of the pictures in pixels.
    frame_ms : int
        How long a frame is shown.
    packets : iterable of TimedPacket
    """
    kind = _element(_DOCTYPE, b"matroska") + _number(_DOCTYPE_VERSION, 4) + _number(_DOCTYPE_READ_VERSION, 2)
    size = _number(_WIDTH, width) + _number(_HEIGHT, height)
    track = _number(_NUMBER, 1) + _number(_UID, 1) + _number(_TYPE, _VIDEO_TYPE) + _element(_CODEC, codec.encode())
    track += _element(_CODEC_PRIVATE, parameters) if parameters else b""
    track += _number(_DURATION, frame_ms * _NS_A_MS) + _element(_VIDEO, size)
    info = _element(_INFO, _number(_TIMESTAMP_SCALE, _NS_A_MS))
    clusters = b"".join(part for packet in packets for part in (_before(packet), packet.data))
    return _element(_EBML, kind) + _element(_SEGMENT, info + _element(_TRACKS, _element(_TRACK, track)) + clusters)


def _before(packet: TimedPacket) -> bytes:
    """Return the head of a packet's own cluster: times within one count from its start in 16 bits."""
    block, key = _BLOCK_BYTES + len(packet.data), _IS_KEY if packet.is_key else 0
    time = _TIMESTAMP, _SIZE | _TIME_BYTES, packet.time_ms
    cluster = _IDENTIFIED + _TIME_BYTES + _IDENTIFIED + block
    return _BEFORE.pack(_CLUSTER, _SIZE | cluster, *time, _SIMPLE_BLOCK, _SIZE | block, _TRACK_ONE, 0, key)


def _number(identifier: int, value: int) -> bytes:
    return _element(identifier, value.to_bytes(max(1, (value.bit_length() + 7) // 8), "big"))


def _element(identifier: int, data: bytes) -> bytes:
    """Return an element: its identifier, its size, and its data."""
    size = (_SIZE | len(data)).to_bytes(8, "big")
    return identifier.to_bytes((identifier.bit_length() + 7) // 8, "big") + size + data
