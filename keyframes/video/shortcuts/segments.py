"""A pass in segments: several captures side by side, each on a stretch of the file of its own.

FFmpeg's own threads wait for each other, frame by frame; captures of one thread each do not. A capture reaches its
segment by a seek, and a seek may lead elsewhere, or leave the decoder with other pictures to refer to than a walk has.
So each segment is decoded past its end for as many frames as a codec can refer to, and there its pictures must be those
of the next one, to the last bit and at the same times. Every frame's time must be that of its packet, too.
"""

import threading
import zlib
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.errors import VideoError
from keyframes.video.captures import OpenCVCapture, View, current_picture, open_capture, stamp_ms
from keyframes.video.decoder_log import DecoderLog
from keyframes.video.passes import DisagreementError, Pass
from keyframes.video.reader import Picture, VideoReader
from keyframes.video.shortcuts.seeking import AIM_BEFORE, LEAD_FRAMES
from keyframes.video.shortcuts.side_by_side import side_by_side

T = TypeVar("T")

# Most pictures that a decoder keeps to refer to: 16 (H.264 and H.265, Annex A).
OVERLAP = 16
# Size of a segment: with fewer frames the two ends cost too much; with more, or larger ones, the bar stands still long.
FEWEST_FRAMES = 300
MOST_PIXELS = 2_400_000_000
# Most that is kept in memory of its frames until it ends.
MOST_BYTES = 32 << 20
# Each processor's share of what is left is cut into this many segments or more.
SHARES = 3


@dataclass(frozen=True)
class Segment:
    """Consecutive frames, from `first` to before `stop`, and where to seek for them; None is the start of the file."""

    first: int
    stop: int
    aim_ms: float | None


@dataclass(frozen=True)
class _Ends:
    """What the decoding of a segment showed.

    `head` and `tail` are hashes of the pictures of its first frames, and of the first ones past its end, by index.
    """

    head: dict[int, int]
    tail: dict[int, int]


def plan_segments(video: VideoReader, *, frame_bytes: int = 1, fewest: int = FEWEST_FRAMES) -> list[Segment]:
    """Cut a reader's range into segments; an empty list where a walk is the only way, or as quick.

    A segment starts soon after a key frame: OpenCV goes back some frames from where a seek aims before it looks for
    one. What comes before the segment in which the range begins does not matter, but for one segment, whose end proves
    the start of that.

    A segment has at least `fewest` frames, and `frame_bytes` are kept of each frame until the segment ends.
    """
    packets, rate = video.packets, video.header.frame_rate
    if video.workers < 2 or not video.header.seekable or not packets.distinct or rate <= 0:
        return []
    times_ms = packets.times_ms
    begin, end = video.frame_range
    if times_ms[0] < 0 or begin >= end:
        return []
    aims_ms = packets.key_times_ms + 1000 * (LEAD_FRAMES + 1) / rate
    most = max(fewest, min(MOST_PIXELS // (video.header.height * video.header.width), MOST_BYTES // frame_bytes))
    segments, first, aim_ms = [], 0, None
    for next_aim_ms, place in zip(aims_ms, np.searchsorted(times_ms, aims_ms) + AIM_BEFORE, strict=True):
        # Segments get shorter towards the end, so that no processor is left with a long one.
        length = min(max((end - max(begin, first)) // (SHARES * video.workers), fewest), most)
        if place - first >= length and end - place >= fewest:
            segments.append(Segment(first, int(place), aim_ms))
            first, aim_ms = int(place), float(next_aim_ms)
    segments.append(Segment(first, end, aim_ms))
    # Packets that FFmpeg cannot take apart are not counted, and may cost other frames, too: only decoding tells.
    before = 0 if packets.complaints else sum(segment.stop <= begin for segment in segments)
    segments = segments[max(0, before - 1) :]
    # What comes before the range may have B-frames where it has none, or the other way round (see `_prove_indices`).
    if segments[0].aim_ms is not None and packets.changes:
        return []
    return segments if len(segments) > 1 else []


class SegmentedPass:
    """A pass over a reader's range in segments."""

    def __init__(self, video: VideoReader, view: View, segments: list[Segment]) -> None:
        self._video, self._view, self._segments = video, view, segments
        self.log = DecoderLog()
        self._begin, self._end = video.frame_range
        self._ended = threading.Event()
        self._captures: list[OpenCVCapture] = []
        self._mine = threading.local()

    def results(self, reduce: Callable[[Iterator[Picture]], T]) -> Generator[T, None, None]:
        """Yield what a function makes of each segment's frames, in their order, as soon as its start is proven.

        It is called in several threads with the frames of range and stride; each picture is written over by the next.

        Raises
        ------
        DisagreementError
            Where a frame is not that of its packet, or two segments differ where they overlap.
        """
        previous: _Ends | None = None
        workers = self._video.workers
        done = side_by_side(partial(self._read, reduce), self._segments, workers, "keyframes-segment", self._ended)
        try:
            with closing(done), self.log:
                self._prove_indices()
                for result, ends in done:
                    self.log.update()
                    if previous is not None and not (ends.head and ends.head == previous.tail):
                        raise DisagreementError("a seek gave other pictures")
                    previous = ends
                    yield result
        except VideoError as error:
            raise DisagreementError(str(error)) from None
        finally:
            for capture in self._captures:
                capture.release()

    @property
    def seen(self) -> Pass:
        """What a reader's walk over the same range would have seen; after the last result."""
        # What came before the range was not all decoded, but it was all there.
        n_decoded = min(self._end + 1, len(self._video.packets.times_ms))
        times_ms = self._video.packets.times_ms[:n_decoded]
        times_s = np.round(times_ms / 1000, 6)
        return Pass(
            times_ms=times_ms,
            last_time_s=float(times_s[-1]),
            longest_gap_s=float(np.diff(times_s).max(initial=0)),
            reached_end=self._video.stop_s is None or self._end == len(self._video.packets.times_ms),
            messages=self.log.summary(),
            complaints=(),
        )

    def _prove_indices(self) -> None:
        """Compare the times of the file's first frames with those of its packets, if no segment does so.

        Where an AVI file holds B-frames, every frame has the time of another packet, and a time tells another index.
        """
        if self._segments[0].aim_ms is not None:
            for _ in self._frames(Segment(0, OVERLAP, None), OVERLAP):
                pass

    def _read(self, reduce: Callable[[Iterator[Picture]], T], segment: Segment) -> tuple[T, _Ends]:
        ends = _Ends({}, {})
        pictures = self._pictures(segment, ends)
        result = reduce(pictures)
        for _ in pictures:
            raise AssertionError("a segment must be read to its end")
        return result, ends

    def _pictures(self, segment: Segment, ends: _Ends) -> Iterator[Picture]:
        """Yield what is looked at of a segment, and take the hashes of its ends."""
        picture: NDArray[np.uint8] | None = None
        due = self._begin + -(-max(0, segment.first - self._begin) // self._video.every) * self._video.every
        # The last one goes on to the first frame past the range, as a walk does.
        at_end = segment.stop == self._end
        for index, time_ms in self._frames(segment, segment.stop + (1 if at_end else OVERLAP)):
            if index >= segment.stop:
                if not at_end and index < segment.stop + OVERLAP:
                    picture = current_picture(self._mine.capture, self._video.path, index, picture)
                    ends.tail[index] = zlib.crc32(picture.data)
                continue
            at_head = index < segment.first + OVERLAP and segment.aim_ms is not None
            if at_head or index >= due:
                picture = current_picture(self._mine.capture, self._video.path, index, picture)
                if at_head:
                    ends.head[index] = zlib.crc32(picture.data)
            if index >= due:
                assert picture is not None
                due = self._begin + ((index - self._begin) // self._video.every + 1) * self._video.every
                yield index, round(time_ms / 1000, 6), picture

    def _frames(self, segment: Segment, stop: int) -> Iterator[tuple[int, float]]:
        """Yield index and time of the frames from the start of a segment to the first one from `stop` - 1 on."""
        packets, capture = self._video.packets, self._reach(segment)
        stop = min(stop, len(packets.times_ms))
        expected_ms = packets.times_ms[segment.first : stop].tolist()
        from_start, index = segment.aim_ms is None, segment.first - 1
        while index < stop - 1 and capture.grab():
            if self._ended.is_set():
                return
            # OpenCV 4.10 gives the first frame the time of the packet that it read last.
            time_ms = packets.first_ms if from_start else stamp_ms(capture)
            from_start = False
            if time_ms < expected_ms[0] and index < segment.first:
                continue
            if time_ms != expected_ms[index + 1 - segment.first]:
                raise DisagreementError(f"a frame at {time_ms} ms came where another one belongs")
            index += 1
            yield index, time_ms
        if index < stop - 1:
            raise DisagreementError(f"decoding ended after frame {index}")

    def _reach(self, segment: Segment) -> OpenCVCapture:
        """Lead this thread's capture to a segment."""
        if segment.aim_ms is None or not hasattr(self._mine, "capture"):
            self._mine.capture = open_capture(self._video.path, 1, self._view)
            self._captures.append(self._mine.capture)
        capture: OpenCVCapture = self._mine.capture
        if segment.aim_ms is not None:
            capture.set(cv2.CAP_PROP_POS_MSEC, segment.aim_ms)
        return capture
