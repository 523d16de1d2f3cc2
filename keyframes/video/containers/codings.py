"""What an MP4 or MOV file says of its codec (ISO/IEC 14496-12, 8.5.2; 14496-14; 14496-15)."""

from keyframes.video.containers.annex_b import FORBIDDEN, START_CODE
from keyframes.video.containers.boxes import Box, boxes, number, optional
from keyframes.video.containers.sample_table import UnitFormat, UnusualFileError
from keyframes.video.containers.stored_bytes import Bytes

# Bytes of a sample entry of video before the boxes in it.
_FIXED = 78
_H264, _HEVC, _MPEG4, _JPEG = frozenset({b"avc1"}), frozenset({b"hvc1", b"hev1"}), b"mp4v", b"jpeg"
# MPEG-4 Part 2, and JPEG.
_OBJECTS = (b"\x20", b"\x6c")
_ELEMENTARY_STREAM, _DECODER = 3, 4
_VERSION = 1
_SETS_HEVC, _MESSAGES_HEVC = frozenset({32, 33, 34}), frozenset({39, 40})


def unit_format(data: Bytes, stsd: Box) -> UnitFormat | None:
    """Return how packets hold their units; None of a codec whose packets are handed out as they are.

    An UnusualFileError says that the codec is not known here.
    """
    entries = boxes(data, stsd.start + 8, stsd.end)
    if number(data, stsd.start, 8) != 1 or len(entries) != 1:
        raise UnusualFileError("it has several descriptions of its pictures")
    entry = entries[0]
    if entry.kind == _JPEG:
        return None
    if entry.kind not in {_MPEG4, *_H264, *_HEVC} or entry.end - entry.start < _FIXED:
        raise UnusualFileError(f"its codec is {entry.kind!r}")
    inner = boxes(data, entry.start + _FIXED, entry.end)
    if entry.kind == _MPEG4:
        _check_mpeg4(_bytes_of(data, optional(inner, b"esds")))
        return None
    is_hevc = entry.kind in _HEVC
    config = _bytes_of(data, optional(inner, b"hvcC" if is_hevc else b"avcC"))
    try:
        return _hevc(config) if is_hevc else _h264(config)
    except IndexError:
        raise UnusualFileError("its parameters are cut off") from None


def _bytes_of(data: Bytes, box: Box | None) -> bytes:
    if box is None:
        raise UnusualFileError("the description of its pictures lacks a box")
    return data[box.start : box.end].tobytes()


def _check_mpeg4(descriptor: bytes) -> None:
    """Raise an UnusualFileError unless the codec, a byte in nested descriptors, is MPEG-4 Part 2 or JPEG."""
    stream = _descriptor(descriptor[4:], _ELEMENTARY_STREAM)
    if stream[2:3] != b"\0" or _descriptor(stream[3:], _DECODER)[:1] not in _OBJECTS:
        raise UnusualFileError("its codec is neither MPEG-4 nor JPEG")


def _descriptor(data: bytes, tag: int) -> bytes:
    """Return what is in a descriptor: behind its tag stands its length, seven bits a byte."""
    place = 1
    while place < len(data) and data[place] & 0x80:
        place += 1
    if data[:1] != bytes([tag]) or place > 4:
        raise UnusualFileError("a descriptor is missing")
    return data[place + 1 :]


def _h264(config: bytes) -> UnitFormat:
    if config[0] != _VERSION:
        raise UnusualFileError("its parameters are of another version")
    place, sets = 5, [b"", b""]
    for kind, mask in ((0, 0x1F), (1, 0xFF)):
        n_sets = config[place] & mask
        place += 1
        for _ in range(n_sets):
            one, place = _parameter_set(config, place)
            sets[kind] += one
    return UnitFormat(False, _length_bytes(config[4]), b"".join(sets), all(sets))


def _hevc(config: bytes) -> UnitFormat:
    n_arrays, place, parameters, kinds = config[22], 23, b"", set()
    for _ in range(n_arrays):
        kinds.add(config[place] & 0x3F)
        n_sets = config[place + 1] << 8 | config[place + 2]
        place += 3
        for _ in range(n_sets):
            one, place = _parameter_set(config, place)
            parameters += one
    if not kinds <= _SETS_HEVC | _MESSAGES_HEVC:
        raise UnusualFileError("its parameters are of unknown kinds")
    return UnitFormat(True, _length_bytes(config[21]), parameters, kinds >= _SETS_HEVC)


def _length_bytes(packed: int) -> int:
    return (packed & 3) + 1


def _parameter_set(config: bytes, place: int) -> tuple[bytes, int]:
    """Return a set of parameters behind a start code, and where the next one lies."""
    length, place = config[place] << 8 | config[place + 1], place + 2
    one = config[place : place + length]
    if not 0 < length == len(one) or FORBIDDEN.search(one):
        raise UnusualFileError("its parameters are damaged")
    return START_CODE + one, place + length
