"""Packets by the index of their file, where it names the same as OpenCV reads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.video.captures import OpenCVCapture
from keyframes.video.containers import (
    ReadBytes,
    SampleTable,
    Units,
    UnusualFileError,
    as_annex_b,
    check_keys,
    find_units,
    mapped,
    read_table,
)
from keyframes.video.frames import VideoHeader
from keyframes.video.packets.coded_pictures import WITHOUT_ZEROS, CutCodec, cut_codec

# Packets that are read both ways and compared: more than the first key frame, and cheap.
_COMPARED = 256


@dataclass(frozen=True)
class IndexedPackets:
    """A file, the packets that its index names, and the units in them, if they have any."""

    data: NDArray[np.uint8]
    table: SampleTable
    units: Units | None

    @property
    def layout(self) -> "PacketLayout | None":
        """Where the packets lie; None where OpenCV may hand out some with parameters in another order."""
        if self.units is not None and self.units.repeats_parameters:
            return None
        return PacketLayout(self.table, self.units, len(self.data))

    def packet(self, place: int, most: int | None = None) -> bytes:
        """Return a packet as OpenCV hands it out; if it consists of no units, at most its first `most` bytes."""
        return _packet(self.data, self.table, self.units, place, most)


@dataclass(frozen=True)
class PacketLayout:
    """Where the packets of a file of `n_bytes` lie, without the file itself."""

    table: SampleTable
    units: Units | None
    n_bytes: int

    @contextmanager
    def opened(self, path: Path) -> Iterator[Callable[[int], bytes] | None]:
        """Open the file, and yield what reads the packet at a place as OpenCV hands it out; None if it has changed."""
        try:
            file = path.open("rb")
        except OSError:
            yield None
            return
        with file:
            data = ReadBytes(file)
            is_same = len(data) == self.n_bytes
            yield partial(_packet, data, self.table, self.units) if is_same else None


def _packet(
    data: NDArray[np.uint8] | ReadBytes, table: SampleTable, units: Units | None, place: int, most: int | None = None
) -> bytes:
    if units is not None:
        return as_annex_b(data, units, int(units.first[place]), int(units.first[place + 1]))
    start, size = int(table.offsets[place]), int(table.sizes[place])
    return data[start : start + (size if most is None else min(size, most))].tobytes()


def indexed_packets(path: Path, header: VideoHeader) -> IndexedPackets | None:
    """Return the packets of a file by its index; None where they must be read one by one."""
    try:
        data = mapped(path)
        table = read_table(data)
        if len(table.times_ms) != header.frames_claimed or cut_codec(header.codec) is None:
            return None
        if (header.codec.lower() in WITHOUT_ZEROS) != (table.units is not None):
            return None
        if table.units is None:
            return IndexedPackets(data, table, None)
        units = find_units(data, table, table.units)
        if not table.units.is_hevc:
            check_keys(data, units, table.keys)
        return IndexedPackets(data, table, units)
    except UnusualFileError:
        return None


def compare(capture: OpenCVCapture, indexed: IndexedPackets, codec: str) -> Literal["same", "alike", "different"]:
    """Tell whether the first packets of a capture are those of the index: their times, key flags and bytes.

    They are alike if all that is known of them is the same, and bytes differ before some pictures.
    """
    table, cut = indexed.table, cut_codec(codec)
    found: Literal["same", "alike"] = "same"
    for place in range(min(_COMPARED, len(table.times_ms))):
        if not capture.grab() or capture.get(cv2.CAP_PROP_POS_MSEC) != table.times_ms[place]:
            return "different"
        data, own = capture.retrieve()[1], indexed.packet(place)
        if data is None or (capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME) != 0) != table.keys[place]:
            return "different"
        if (read := data.tobytes()) != own:
            if cut is None or not _say_the_same(read, own, cut):
                return "different"
            found = "alike"
    return found


def _say_the_same(packet: bytes, other: bytes, cut: CutCodec) -> bool:
    """Whether packets differ at most in where before its picture each has the parameters of the file's header.

    FFmpeg 8 puts them elsewhere than FFmpeg 5.
    """
    if cut.parameters is None or len(packet) != len(other):
        return False
    n_before, n_before_other = len(cut.head(packet)), len(cut.head(other))
    return (
        n_before == n_before_other
        and packet[n_before:] == other[n_before:]
        and (cut.picture(packet) == cut.picture(other) and cut.parameters_of(packet) == cut.parameters_of(other))
    )
