"""Codecs whose packets can be cut out of a file and joined to a stream of their own, and what a packet says of itself.

The first bytes of a coded picture say what others may refer to: of H.264 the header of a NAL unit (Rec. ITU-T H.264,
7.4.1), of HEVC too (Rec. ITU-T H.265, 7.4.2.2), of MPEG-4 Part 2 the coding type of a VOP (ISO/IEC 14496-2, 6.3.5).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple, TypeAlias

Packet: TypeAlias = bytes | memoryview

_SLICE_H264 = re.compile(rb"\x00\x00\x01([\x01\x05\x21\x25\x41\x45\x61\x65])")
_SLICE_HEVC = re.compile(rb"\x00\x00\x01([\x00-\x2b][\x00-\xff])")
_VOP = re.compile(rb"\x00\x00\x01\xb6([\x00-\xff])")
# What a decoder must know before a picture, up to the next start code: sets of parameters, and a layer of MPEG-4.
_PARAMETERS_H264 = re.compile(rb"\x00\x00\x01[\x07\x08\x27\x28\x47\x48\x67\x68].*?(?=\x00\x00\x01|\Z)", re.DOTALL)
_PARAMETERS_HEVC = re.compile(rb"\x00\x00\x01[\x40-\x45].*?(?=\x00\x00\x01|\Z)", re.DOTALL)
_PARAMETERS_MPEG4 = re.compile(rb"\x00\x00\x01[\x20-\x2f].*?(?=\x00\x00\x01|\Z)", re.DOTALL)
_VOP_B = 2
# Pictures of these codecs never have three zero bytes in a row (Rec. ITU-T H.264, 7.4.1.1, and H.265, 7.4.2.3:
# emulation prevention), except as stuffing before a start code, 00 00 01. A longer run is a block that a disk lost, and
# a decoder may well make a picture of it without a complaint.
WITHOUT_ZEROS = frozenset({"h264", "avc1", "x264", "hevc", "hvc1", "hev1"})
_ZEROS = bytes(64)
_LOST_BLOCK = re.compile(_ZEROS + rb"[^\x00\x01]")
# An MPEG-4 picture of fewer bytes has no content: it repeats the one before, or takes its place.
_CONTENT_MPEG4 = 16


class CodedPicture(NamedTuple):
    """What a packet says of its picture.

    `afresh`: no picture that follows it in time refers to one before it. `is_referred` is whether pictures of its
    temporal layer or of a lower one may refer to it; those of a higher `layer` always may.
    """

    afresh: bool
    is_referred: bool
    layer: int


UNKNOWN = CodedPicture(afresh=False, is_referred=True, layer=0)


def unknown_picture(_packet: Packet) -> CodedPicture:
    """Say that nothing is known of a packet's picture."""
    return UNKNOWN


def _h264(packet: Packet) -> CodedPicture:
    found = _SLICE_H264.search(packet)
    return UNKNOWN if found is None else _of_h264(found[1])


@cache
def _of_h264(header: bytes) -> CodedPicture:
    return CodedPicture(header[0] & 31 == 5, header[0] >> 5 > 0, 0)


def _hevc(packet: Packet) -> CodedPicture:
    found = _SLICE_HEVC.search(packet)
    return UNKNOWN if found is None else _of_hevc(found[1])


@cache
def _of_hevc(header: bytes) -> CodedPicture:
    kind, layer = header[0] >> 1, (header[1] & 7) - 1
    return CodedPicture(16 <= kind <= 21, kind > 14 or kind % 2 == 1, layer)


def _mpeg4(packet: Packet) -> CodedPicture:
    found = _VOP.search(packet)
    return UNKNOWN if found is None else _of_mpeg4(found[1])


@cache
def _of_mpeg4(header: bytes) -> CodedPicture:
    kind = header[0] >> 6
    return CodedPicture(kind == 0, kind != _VOP_B, 0)


_JPEG = CodedPicture(afresh=True, is_referred=False, layer=0)


def _jpeg(_packet: Packet) -> CodedPicture:
    return _JPEG


@dataclass(frozen=True)
class CutCodec:
    """A codec whose packets can be cut out of a file and joined.

    Attributes
    ----------
    name : str
        Matroska's name of it.
    picture : callable
        Says of a packet what picture it holds.
    start : pattern or None
        Matches the start of the picture in a packet. Before it come the parameters of the stream, and the name of the
        encoder, whose faults FFmpeg knows. None where every packet has all that it needs.
    parameters : pattern or None
        Matches each of the parameters before the picture.
    joins_keys : bool
        Whether key frames from anywhere in a file may follow each other. In HEVC, FFmpeg takes two open ones whose
        counts of pictures are equal for the same picture, and drops one, even where they are marked as following a cut.
    fewest_bytes : int
        A packet with fewer bytes has a picture without content of its own.
    """

    name: str
    picture: Callable[[Packet], CodedPicture]
    start: re.Pattern[bytes] | None
    parameters: re.Pattern[bytes] | None = None
    joins_keys: bool = True
    fewest_bytes: int = 1

    def head(self, packet: bytes) -> bytes:
        """Return what a packet has before its picture, which a stream must have before its first one."""
        found = None if self.start is None else self.start.search(packet)
        return b"" if found is None else packet[: found.start()]

    def parameters_of(self, packet: bytes) -> bytes:
        """Return the parameters that a key frame's packet has, each once; b"" where it has none."""
        found = [] if self.parameters is None else self.parameters.findall(self.head(packet))
        return b"".join(dict.fromkeys(one.rstrip(b"\0") for one in found))


_H264 = CutCodec("V_MPEG4/ISO/AVC", _h264, _SLICE_H264, _PARAMETERS_H264)
_HEVC = CutCodec("V_MPEGH/ISO/HEVC", _hevc, _SLICE_HEVC, _PARAMETERS_HEVC, joins_keys=False)
_MPEG4 = CutCodec("V_MPEG4/ISO/ASP", _mpeg4, _VOP, _PARAMETERS_MPEG4, fewest_bytes=_CONTENT_MPEG4)
_MJPEG = CutCodec("V_MJPEG", _jpeg, None)
_BY_CODE = {
    **dict.fromkeys(("h264", "avc1", "x264"), _H264),
    **dict.fromkeys(("hevc", "hvc1", "hev1"), _HEVC),
    **dict.fromkeys(("fmp4", "mp4v", "xvid", "divx", "dx50"), _MPEG4),
    **dict.fromkeys(("mjpg", "mjpeg", "jpeg"), _MJPEG),
}


def cut_codec(code: str) -> CutCodec | None:
    """Return how packets of a codec, by its four-character code, are joined; None where that is not known."""
    return _BY_CODE.get(code.lower())


def holds_lost_block(packet: bytes) -> bool:
    """Whether there is a block of zeros in a packet of one of the codecs `WITHOUT_ZEROS`."""
    return _ZEROS in packet and _LOST_BLOCK.search(packet) is not None
