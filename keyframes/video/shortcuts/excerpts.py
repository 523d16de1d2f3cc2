"""Excerpts: single frames of a file, decoded from the key frame before each without whatever lies between.

The packets that some frames need are cut out of the file and joined to files of their own
(`keyframes.video.packets.coded_pictures`), in pieces of a fixed size. Each piece is decoded by one thread, so what
comes out does not depend on how many there are. Packets of other frames that nothing refers to are left out.

Which frame a packet gives is known by its time, so this is for files whose packets tell their frames. In a piece each
packet has a time of its own, which FFmpeg hands on to the picture. A piece gives a picture for each packet, in order
and at its time, as far as OpenCV tells it, without a complaint of FFmpeg, or it counts for nothing.
"""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.errors import VideoError
from keyframes.video.captures import (
    PLAIN,
    OpenCVCapture,
    View,
    current_picture,
    header_bytes,
    open_capture,
    open_packets,
    released,
    stamp_ms,
)
from keyframes.video.decoder_log import DecoderLog
from keyframes.video.packets import LONGEST_DELAY, Packets
from keyframes.video.packets.coded_pictures import CutCodec, cut_codec
from keyframes.video.passes import DisagreementError
from keyframes.video.reader import Picture, VideoReader
from keyframes.video.shortcuts.matroska import TimedPacket, matroska
from keyframes.video.shortcuts.side_by_side import side_by_side
from keyframes.video.temporary_files import temporary_errors, temporary_folder

T = TypeVar("T")

# A piece has at most this many packets to decode, and is full from this many bytes on.
MOST_PACKETS = 256
MOST_BYTES = 32 << 20
# A seek aims this many frames before a key frame, because OpenCV before version 5 does not know the time of the packet
# that a seek in an AVI file leads to. If the first one misses the key frame, the second is tried.
EARLIER = (2, 32)
# Milliseconds between the frames of a piece.
FRAME_MS = 10
_START_CODES = (b"\x00\x00\x01", b"\x00\x00\x00\x01")


@dataclass(frozen=True)
class Stretch:
    """Indices of the frames that are wanted, ascending, and of the key frame from which they are decoded."""

    key: int
    wanted: tuple[int, ...]


@dataclass(frozen=True)
class _Piece:
    """A temporary file, and the frames in it, `FRAME_MS` apart; `wanted` are those that are handed out."""

    path: Path
    frames: tuple[int, ...]
    wanted: frozenset[int]


@dataclass
class _Draft:
    """A piece before it is written: its packets in the order of decoding, its frames, and which of them are wanted."""

    packets: list[TimedPacket] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)
    n_bytes: int = 0

    def add(self, packets: Sequence[TimedPacket], frames: Sequence[int], wanted: Sequence[int]) -> None:
        """Add those of a stretch."""
        self.packets += packets
        self.frames += frames
        self.wanted += wanted
        self.n_bytes += sum(len(packet.data) for packet in packets)


def why_no_excerpts(video: VideoReader) -> str:
    """Tell why single frames of a file cannot be decoded apart from the others, or return ""."""
    header = video.header
    if header.backend == "images":
        return "it consists of images"
    if not header.seekable:
        return "OpenCV does not read it"
    if header.rotation:
        return "its pictures are rotated"
    codec, packets = cut_codec(header.codec), video.packets
    if codec is None:
        return f"its codec, {header.codec or 'unknown'}, is not supported"
    if not packets.distinct or not packets.in_order or packets.times_ms[0] < 0 or packets.first_ms < 0:
        return "its packet times do not identify its frames"
    if len(packets.times_ms) != header.frames_claimed:
        return f"its header claims {header.frames_claimed} frames, but it has {len(packets.times_ms)}"
    if packets.changes:
        return "its encoding parameters change"
    if not packets.afresh or packets.first_ms not in packets.key_times_ms[:1]:
        return "decoding cannot start at each of its key frames"
    if not packets.reordered and packets.spare.any() and not packets.spare.all():
        return "its packets may not be stored with the times of their frames"
    if len(packets.zeroed_ms) or packets.sizes.min() < codec.fewest_bytes:
        return "some of its packets are empty or damaged"
    return ""


def needed(packets: Packets, stretch: Stretch) -> NDArray[np.int64]:
    """Return the indices of all frames that must be decoded for a stretch, ascending.

    They go beyond the next key frame where a frame that is shown before it is stored behind it, and refers to both.
    """
    wanted = np.array(stretch.wanted, np.int64)
    if stretch.wanted == (stretch.key,):
        # A key frame needs no other frame. Most stretches of a sparse scan are of this kind.
        return wanted
    last = packets.places[wanted].max()
    behind = np.arange(stretch.key, min(len(packets.times_ms), wanted[-1] + 1 + LONGEST_DELAY))
    places = packets.places[behind]
    is_stored_between = (places >= packets.places[stretch.key]) & (places <= last)
    found = np.asarray(behind[is_stored_between & (~packets.spare[behind] | np.isin(behind, wanted))])
    if not np.isin(wanted, found).all():
        raise DisagreementError("a frame cannot be decoded from the key frame before it")
    return found


def _check(log: DecoderLog) -> None:
    log.update()
    if log.counts:
        raise DisagreementError(f"FFmpeg complains: {log.first}")


def stored_behind(packets: Packets, key: int) -> NDArray[np.int64]:
    """Return the indices of a key frame and of those that are decoded from it alone: up to the next one.

    Frames that are shown before the next key frame and stored behind it refer to both.
    """
    following = packets.key_times_ms.searchsorted(packets.times_ms[key], side="right")
    if following == len(packets.key_times_ms):
        return np.arange(key, len(packets.times_ms))
    end = int(packets.times_ms.searchsorted(packets.key_times_ms[following]))
    own = np.arange(key, end)
    places = packets.places[own]
    return np.asarray(own[(places >= packets.places[key]) & (places < packets.places[end])])


def stretches_to(packets: Packets, indices: Iterable[int]) -> list[Stretch]:
    """Return the stretches from which the frames of these ascending indices are decoded."""
    keys = packets.key_frames
    wanted: dict[int, list[int]] = {}
    for index in indices:
        place = int(keys.searchsorted(index, side="right")) - 1
        if place < 0:
            raise DisagreementError("a frame comes before every key frame")
        wanted.setdefault(int(keys[place]), []).append(index)
    return [Stretch(key, tuple(own)) for key, own in wanted.items()]


class Excerpts:
    """Decodes stretches of a file.

    Parameters
    ----------
    video : VideoReader
        One of which `why_no_excerpts` says "".
    most_pictures : int
        How many frames a piece may hand out.
    view : View
        How the pictures are looked at.
    """

    def __init__(self, video: VideoReader, most_pictures: int = MOST_PACKETS, view: View = PLAIN) -> None:
        self._video, self._packets, self._view = video, video.packets, view
        codec = cut_codec(video.header.codec)
        assert codec is not None
        self._codec: CutCodec = codec
        self._most_pictures = most_pictures
        self._ended = threading.Event()
        self.n_decoded = 0

    def results(
        self, stretches: Sequence[Stretch], reduce: Callable[[Iterator[Picture]], T]
    ) -> Generator[T, None, None]:
        """Yield what a function makes of the wanted frames of each piece, in their order.

        It is called in several threads; each picture is written over by the next.

        Raises
        ------
        DisagreementError
            Where FFmpeg complains, or an excerpt has other frames than its packets say.
        """
        with (
            temporary_folder() as folder,
            DecoderLog() as log,
            released(open_packets(self._video.path)) as source,
            self._stored() as stored,
        ):

            def decoded(piece: _Piece) -> T:
                pictures = self._pictures(piece)
                result = reduce(pictures)
                for _ in pictures:
                    raise AssertionError("a piece must be read to its end")
                piece.path.unlink()
                return result

            pieces = self._pieces(source, stored, stretches, Path(folder))
            done = side_by_side(decoded, pieces, self._video.workers, "keyframes-excerpt", self._ended)
            try:
                with closing(done):
                    for result in done:
                        _check(log)
                        yield result
            except VideoError as error:
                raise DisagreementError(str(error)) from None
            _check(log)

    def _stored(self) -> AbstractContextManager[Callable[[int], bytes] | None]:
        """Return what reads the packet at a place of the file, where it is known how they lie in it."""
        layout = self._packets.layout
        return nullcontext() if layout is None else layout.opened(self._video.path)

    def _pieces(
        self,
        source: OpenCVCapture,
        stored: Callable[[int], bytes] | None,
        stretches: Sequence[Stretch],
        folder: Path,
    ) -> Iterator[_Piece]:
        """Write the pieces, one at a time."""
        head, numbers = self._head(source), count(1)
        draft = _Draft()
        for stretch in stretches:
            frames = needed(self._packets, stretch)
            if draft.frames and self._is_full(draft, len(frames), len(stretch.wanted)):
                yield self._written(draft, folder / f"{next(numbers)}.mkv")
                draft = _Draft()
            n_before, before = len(draft.frames), b"" if draft.frames else head
            if stored is None:
                packets = self._cut(source, frames, n_before, before)
            else:
                packets = self._copy(stored, frames, n_before, before)
            draft.add(packets, frames.tolist(), stretch.wanted)
        if draft.frames:
            yield self._written(draft, folder / f"{next(numbers)}.mkv")

    def _is_full(self, draft: _Draft, n_frames: int, n_wanted: int) -> bool:
        """Whether `n_frames` more, `n_wanted` of which are wanted, must go into another piece."""
        return (
            len(draft.frames) + n_frames > MOST_PACKETS
            or len(draft.wanted) + n_wanted > self._most_pictures
            or draft.n_bytes > MOST_BYTES
            or not self._codec.joins_keys
        )

    def _written(self, draft: _Draft, path: Path) -> _Piece:
        """Write a piece."""
        header, packets = self._video.header, draft.packets
        parameters = self._codec.parameters_of(packets[0].data)
        with temporary_errors():
            path.write_bytes(matroska(self._codec.name, parameters, header.width, header.height, FRAME_MS, packets))
        self.n_decoded += len(draft.frames)
        return _Piece(path, tuple(draft.frames), frozenset(draft.wanted))

    def _head(self, source: OpenCVCapture) -> bytes:
        """Return what a codec must know before a picture, from the file's own store and from its first packet."""
        once = header_bytes(source)
        first = source.retrieve()[1].tobytes() if source.grab() else b""
        return (once if once.startswith(_START_CODES) else b"") + self._codec.head(first)

    def _cut(self, source: OpenCVCapture, frames: NDArray[np.int64], n_before: int, head: bytes) -> list[TimedPacket]:
        """Return the packets of some frames, the first of them a key frame, in the order in which they are decoded.

        In their piece, `n_before` frames come before them, and `head` comes before their first picture.
        """
        packets = self._packets
        self._reach(source, int(frames[0]))
        places = packets.places[frames]
        times_ms = {place: FRAME_MS * (n_before + rank) for rank, place in enumerate(places.tolist())}
        key, last = int(places[0]), int(places.max())
        cut = [TimedPacket(times_ms[key], True, head + source.retrieve()[1].tobytes())]
        for place in range(key + 1, last + 1):
            if not source.grab():
                raise DisagreementError("a packet cannot be read again")
            if place in times_ms:
                cut.append(TimedPacket(times_ms[place], False, source.retrieve()[1].tobytes()))
        if packets.rank(stamp_ms(source)) != int(frames[places.argmax()]):
            raise DisagreementError("the packets came in another order")
        return cut

    def _copy(
        self, stored: Callable[[int], bytes], frames: NDArray[np.int64], n_before: int, head: bytes
    ) -> list[TimedPacket]:
        """Return what `_cut` does, from where the packets lie in the file."""
        places = self._packets.places[frames]
        key, order = int(places[0]), np.argsort(places)
        return [
            TimedPacket(FRAME_MS * (n_before + rank), place == key, (head if place == key else b"") + stored(place))
            for rank, place in zip(order.tolist(), places[order].tolist(), strict=True)
        ]

    def _reach(self, source: OpenCVCapture, key: int) -> None:
        """Lead a capture of packets to that of a key frame."""
        packets = self._packets
        key_ms, place = packets.times_ms[key], packets.places[key]
        for aim in (max(0, key - earlier) for earlier in EARLIER):
            source.set(cv2.CAP_PROP_POS_MSEC, float(packets.times_ms[aim]))
            if aim > 0 and not source.grab():
                continue
            while source.grab():
                time_ms = stamp_ms(source)
                if time_ms == key_ms:
                    return
                # Which packet it is takes longer to find than to read it.
                if time_ms > key_ms and ((index := packets.rank(time_ms)) < 0 or packets.places[index] > place):
                    break
        raise DisagreementError("a seek to a packet led elsewhere")

    def _pictures(self, piece: _Piece) -> Iterator[Picture]:
        """Decode a piece, and yield what is wanted of it."""
        times_ms, shape = self._packets.times_ms, (self._video.header.height, self._video.header.width)
        picture: NDArray[np.uint8] | None = None
        with released(open_capture(piece.path, 1, self._view)) as capture:
            for place, index in enumerate(piece.frames):
                if self._ended.is_set():
                    return
                if not capture.grab():
                    raise DisagreementError("an excerpt has fewer frames than packets")
                # OpenCV 4.10 gives the first frame the time of the packet that it read last, and the others none, which
                # is 0 here, in a piece shorter than what a decoder may hold back.
                if place and round(stamp_ms(capture)) not in (0, place * FRAME_MS):
                    raise DisagreementError("an excerpt has frames in another order than packets")
                if index in piece.wanted:
                    picture = current_picture(capture, self._video.path, index, picture)
                    if picture.shape[:2] != shape:
                        raise DisagreementError("the picture changes its size")
                    yield index, round(float(times_ms[index]) / 1000, 6), picture
            if capture.grab():
                raise DisagreementError("an excerpt has more frames than packets")
