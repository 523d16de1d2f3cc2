"""The reader: frames in presentation order, and what a pass over the file saw of it.

Frames are reached by walking through the file from its start. A seek may land on another frame than the one asked for
(on variable frame rates, B-frames, open GOPs and periodic intra refresh it does), so it counts only where it is proven.
"""

import math
import zlib
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.datatypes import Crop, Frame
from keyframes.decoder_log import DecoderLog
from keyframes.errors import RegionError, VideoError
from keyframes.video.captures import PLAIN, Capture, Discard, View, check_conversion, current_picture, open_capture
from keyframes.video.damage import LONG_GAP_S, Pass, describe_damage
from keyframes.video.decoder_threads import threads_for_decoding, threads_for_opening
from keyframes.video.header import read_header
from keyframes.video.images import is_image_sequence
from keyframes.video.packets import Packets, read_packets
from keyframes.video.seeking import PAIR_COST, Follower, plan_cost

LOG_EVERY = 500
# The times of a file are proven on its first group of pictures, or on so many frames of it.
PROBED_FRAMES = 300
# Where a file has a single key frame, the frames that are to be spread are so many apart.
SPREAD_STEP = 8


class DisagreementError(Exception):
    """What was found out about a file does not hold everywhere in it; it must be read in the plain way."""


@dataclass(frozen=True)
class Proof:
    """What frames that are reached by a seek are held against.

    Attributes
    ----------
    view : View
        That of the first pass.
    fingerprint : callable
        Gives the fingerprint of a picture in that view, by the first pass's own computation.
    expected : mapping of int to bytes
        Fingerprint of each frame index.
    agree : callable
        Whether a picture in blue, green and red and a luma plane show the same.
    """

    view: View
    fingerprint: Callable[[NDArray[np.uint8]], bytes]
    expected: Mapping[int, bytes]
    agree: Callable[[NDArray[np.uint8], NDArray[np.uint8]], bool]


class VideoReader:
    """A video file, read in presentation order, one frame in memory at a time.

    Every iteration starts anew. A context manager; `close` ends the last iteration.

    Parameters
    ----------
    path : str or Path
    start_s, stop_s : float, float or None
        Hand out the frames with start <= time < stop, in seconds.
    every : int
        Of those, every n-th, the first one included.
    crop : Crop or None
        Hand out this part of each picture.
    threads : int or None
        FFmpeg's threads; None takes up to four for each processor. MPEG-1 and MPEG-2 are decoded on one.

    Attributes
    ----------
    header : VideoHeader
        What the file says of itself.
    frames_decoded : int
        Frames decoded by the latest iteration, handed out or not.
    reached_end : bool
        Whether the latest iteration came to the end of what can be decoded.
    last_time_s : float
        Time of the last decoded frame.
    log : DecoderLog
        FFmpeg's messages during the latest iteration.
    threads : int
        FFmpeg's threads from the next iteration on. A broken picture is patched up from what its threads have ready, so
        only one thread gives the same patches every time.

    Raises
    ------
    VideoError
        Where the file is missing, empty, no video, or has no frame that can be decoded.
    RegionError
        Where the crop lies outside the picture, and, when iterating, where no frame lies in the range.

    Examples
    --------
    >>> with VideoReader("sample_data/mouse.mp4", stop_s=1.0, every=10) as video:
    ...     [frame.index for frame in video]
    [0, 10, 20]
    """

    def __init__(
        self,
        path: str | Path,
        *,
        start_s: float = 0.0,
        stop_s: float | None = None,
        every: int = 1,
        crop: Crop | None = None,
        threads: int | None = None,
    ) -> None:
        self.path = Path(path)
        self.start_s = start_s
        self.stop_s = stop_s
        self.every = every
        self.crop = crop
        self._capture: Capture | None = None
        self._current_walk: Generator[tuple[int, float], None, None] | None = None
        self._begin(PLAIN)
        self.header = read_header(self.path, threads_for_opening(threads))
        self.threads = threads_for_decoding(threads, self.header)
        self._check_crop()

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file and end the iteration that is under way."""
        if self._current_walk is not None:
            self._current_walk.close()
            self._current_walk = None

    def __iter__(self) -> Iterator[Frame]:
        for index, time_s, image in self.pictures():
            yield Frame(index, time_s, self.cropped(image))

    def pictures(
        self, view: View = PLAIN, spare: list[NDArray[np.uint8]] | None = None
    ) -> Generator[tuple[int, float, NDArray[np.uint8]], None, None]:
        """Yield (index, time_s, picture) of the frames of range and stride, whole, in a view.

        Where frames are left out, the first one there is from each place of the stride on stands for it.
        Pictures that are done with may be put into `spare`: they are written over, which saves asking for memory.

        Raises
        ------
        RegionError
            Where no frame lies in the range.
        DisagreementError
            Where frames are left out and the time of one is not that of a packet.
        """
        first, due = None, 0
        with closing(self.walk(view)) as walk:
            for index, time_s in walk:
                if self.stop_s is not None and time_s >= self.stop_s:
                    break
                if time_s < self.start_s:
                    continue
                first = index if first is None else first
                if index >= due:
                    due = first + ((index - first) // self.every + 1) * self.every
                    yield index, time_s, self._picture(index, spare.pop() if spare else None)
        if first is None:
            raise RegionError(
                f"{self.path}: no frame between {self.start_s:g} s and "
                f"{'the end' if self.stop_s is None else f'{self.stop_s:g} s'}; "
                f"the video lasts {self.last_time_s:.3f} s, choose --start and --stop within"
            )

    def read_frames(self, indices: Iterable[int]) -> Iterator[Frame]:
        """Yield the frames of these indices, each once, in ascending order, whole: range, stride and crop do not apply.

        They are reached by walking, which is always right; `seek_frames` may be quicker.

        Parameters
        ----------
        indices : iterable of int
            0-based places in presentation order.

        Raises
        ------
        VideoError
            Where decoding ends before the last one.
        """
        wanted = sorted({int(index) for index in indices})
        remaining = iter(wanted)
        target = next(remaining, None)
        if target is None:
            return
        with closing(self.walk()) as walk:
            for index, time_s in walk:
                if index == target:
                    yield Frame(index, time_s, self._picture(index))
                    target = next(remaining, None)
                    if target is None:
                        return
        raise VideoError(
            f"{self.path}: frame {target} cannot be decoded any more, the video ended after {self.frames_decoded} "
            "frames; was the file changed meanwhile? Run the command again"
        )

    def seek_frames(self, indices: Iterable[int], proof: Proof) -> Iterator[Frame]:
        """Yield what `read_frames` does, reached by seeks where these cost less; for after a whole pass.

        Every frame that a seek may have led to is proven twice: by its time in the first pass, and by the fingerprint
        of its picture. Where the first pass looked at luma alone, a second capture does exactly the same beside the
        one that gives the pictures, and stands for it.

        Raises
        ------
        DisagreementError
            Where a proof fails: then nothing that was yielded is to be trusted, and `read_frames` is the way.
        """
        wanted = sorted({int(index) for index in indices})
        times_ms, keys, rate = (
            self.latest_pass.frame_times_ms(self.packets),
            self._key_indices(),
            self.header.frame_rate,
        )
        if not self.seeking_pays(wanted, proof.view.luma):
            if proof.view.discard == "none":
                yield from self.read_frames(wanted)
                return
            # A pass that left frames out told indices by times alone: its frames are proven, though no seek is made.
            keys = keys[:0]
        self.close()
        log = DecoderLog()
        with log, ThreadPoolExecutor(1, thread_name_prefix="keyframes-seek") as beside:
            shown = Follower(open_capture(self.path, self.threads))
            other = Follower(open_capture(self.path, self.threads, View(luma=True))) if proof.view.luma else None
            try:
                for index in wanted:
                    reaching = beside.submit(other.reach, index, times_ms, keys, rate) if other else None
                    met = shown.reach(index, times_ms, keys, rate)
                    met = (reaching is None or reaching.result()) and met
                    log.update()
                    if not met or log.counts:
                        raise DisagreementError(f"a seek to frame {index} led elsewhere")
                    image = current_picture(shown.capture, self.path, index)
                    seen = image if other is None else current_picture(other.capture, self.path, index)
                    if proof.fingerprint(seen) != proof.expected[index] or (
                        other is not None and not proof.agree(image, seen)
                    ):
                        raise DisagreementError(f"a seek to frame {index} gave another picture")
                    yield Frame(index, round(float(times_ms[index]) / 1000, 6), image)
            finally:
                shown.capture.release()
                if other is not None:
                    other.capture.release()

    def seeking_pays(self, wanted: list[int], luma: bool) -> bool:
        """Whether seeks are possible after this first pass and cost less than a walk."""
        if not wanted or self.log.counts or self.header.frame_rate <= 0 or is_image_sequence(self.path):
            return False
        times_ms = self.latest_pass.frame_times_ms(self.packets)
        if wanted[-1] >= len(times_ms) or not np.all(np.diff(times_ms) > 0):
            return False
        cost = plan_cost(wanted, times_ms, self._key_indices(), self.header.frame_rate)
        return cost * (PAIR_COST if luma else 1.0) < wanted[-1]

    def _key_indices(self) -> NDArray[np.int64]:
        """Frame indices of the key frames whose times are those of frames."""
        return self.packets.key_indices(self.latest_pass.frame_times_ms(self.packets))

    def spread_pairs(self, n_wanted: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """Yield about so many frames, spread over the file, as pairs of the picture and its luma plane.

        The captures of both do the same, so it does not matter whether a seek led to the frame that was meant.

        Raises
        ------
        DisagreementError
            Where they part, or FFmpeg complains.
        """
        keys = self.packets.key_times_ms
        chosen = keys[np.linspace(0, len(keys) - 1, min(len(keys), n_wanted)).astype(np.int64)] if len(keys) else keys
        step = 1 if len(chosen) > 1 else SPREAD_STEP
        n_each = -(-n_wanted // max(1, len(chosen)))
        log = DecoderLog()
        with log:
            captures = [open_capture(self.path, self.threads, View(luma)) for luma in (False, True)]
            try:
                for key_ms in chosen:
                    for capture in captures if len(chosen) > 1 else ():
                        capture.set(cv2.CAP_PROP_POS_MSEC, float(key_ms) + 17_000 / self.header.frame_rate)
                    for _ in range(n_each):
                        for _ in range(step):
                            if not all([capture.grab() for capture in captures]):
                                return
                        if len({capture.get(cv2.CAP_PROP_POS_MSEC) for capture in captures}) > 1:
                            raise DisagreementError("two captures of one file part")
                        image, luma = (current_picture(capture, self.path) for capture in captures)
                        yield image, luma
            finally:
                for capture in captures:
                    capture.release()
        if log.counts:
            raise DisagreementError("FFmpeg complains")

    def sample(self, n_wanted: int) -> Iterator[NDArray[np.uint8]]:
        """Yield so many pictures or fewer, spread over the file, each from soon after a key frame."""
        keys = self.packets.key_times_ms
        if self.stop_s is not None:
            keys = keys[keys < 1000 * self.stop_s]
        keys = keys[keys >= 1000 * self.start_s]
        if len(keys) < n_wanted // 4 or self.header.frame_rate <= 0:
            return
        chosen = keys[np.linspace(0, len(keys) - 1, min(len(keys), n_wanted)).astype(np.int64)]
        with DecoderLog():
            capture = open_capture(self.path, self.threads)
            try:
                for key_ms in chosen:
                    capture.set(cv2.CAP_PROP_POS_MSEC, float(key_ms) + 17_000 / self.header.frame_rate)
                    if capture.grab():
                        yield current_picture(capture, self.path)
            finally:
                capture.release()

    def find_discard(self, fewest: int) -> tuple[Discard, str]:
        """Find which frames can be left out undecoded: "bidir" or "nonref", or "none" and the reason.

        Proven on the first group of pictures: what is left must be the same pictures at the same times as when
        everything is decoded. (Leaving out all B-frames is wrong where others refer to them: then a decoder shows
        stale memory and says nothing.)

        Parameters
        ----------
        fewest : int
            How many frames must be left to be looked at.
        """
        if is_image_sequence(self.path):
            return "none", "a sequence of images has no B-frames"
        packets = self.packets
        if not packets.distinct:
            return "none", "the file has no times by which to tell its frames"
        second_key = packets.key_times_ms[1] if len(packets.key_times_ms) > 1 else math.inf
        last = min(packets.rank(second_key) % len(packets.times_ms), PROBED_FRAMES)
        every_one, said = self._probe("none", last)
        if said or [time_ms for time_ms, _ in every_one] != packets.times_ms[: len(every_one)].tolist():
            return "none", "the times of its frames are not those of its packets"
        if not packets.reordered:
            return "none", "the file has no B-frames"
        pictures = dict(every_one)
        reason = "nothing refers to other frames than its B-frames"
        found: list[tuple[int, Discard]] = []
        # Leaving out frames that nothing refers to is right by its definition, so it comes first.
        modes: tuple[Discard, ...] = ("nonref", "bidir")
        for discard in modes:
            kept, said = self._probe(discard, last)
            if kept:
                kept[0] = (packets.first_ms, kept[0][1])
            if said or any(pictures.get(time_ms) != picture for time_ms, picture in kept):
                reason = "its other frames refer to its B-frames"
            elif len(kept) == len(every_one):
                reason = "it has no frames that can be left out"
            elif self.frames_expected * len(kept) < fewest * len(every_one):
                reason = f"about {self.frames_expected * len(kept) // len(every_one)} frames would be looked at"
            elif why := self.too_few(np.array([time_ms for time_ms, _ in kept]) / 1000, every_one[-1][0] / 1000):
                reason = why
            else:
                found.append((len(kept), discard))
        # The first of those that keep the fewest.
        return (min(found, key=lambda one: one[0])[1], "") if found else ("none", reason)

    def too_few(self, kept_s: NDArray[np.float64], last_s: float) -> str:
        """Tell why the frames kept up to a time are too few for all, or return ""."""
        if not len(kept_s):
            return "nothing would be left"
        times_s = self.packets.times_ms / 1000
        kept_s = np.append(kept_s, last_s) if last_s > kept_s[-1] else kept_s
        within = times_s[(times_s >= kept_s[0]) & (times_s <= last_s)]
        if len(kept_s) * 8 * self.every < len(within):
            return f"only {len(kept_s)} of {len(within)} frames would be looked at"
        inside = np.searchsorted(times_s, kept_s[1:]) - np.searchsorted(times_s, kept_s[:-1])
        gaps = np.diff(kept_s)
        if len(gaps) and np.any((gaps > LONG_GAP_S) & (inside > self.every)):
            return f"{gaps[inside > self.every].max():.2f} s would go by between two frames"
        return ""

    def _probe(self, discard: Discard, last: int) -> tuple[list[tuple[float, int]], bool]:
        """Time and a hash of each picture up to the packet of an index, and whether FFmpeg complained."""
        found: list[tuple[float, int]] = []
        until_ms = self.packets.times_ms[last]
        log = DecoderLog()
        with log:
            capture = open_capture(self.path, self.threads, View(discard=discard))
            try:
                while capture.grab() and (time_ms := capture.get(cv2.CAP_PROP_POS_MSEC)) <= until_ms:
                    found.append((time_ms, zlib.adler32(current_picture(capture, self.path).tobytes())))
            finally:
                capture.release()
        return found, bool(log.counts)

    def walk(self, view: View = PLAIN) -> Generator[tuple[int, float], None, None]:
        """Return a generator of (index, time_s) over every frame of the file, no picture converted."""
        self.close()
        walk = self._current_walk = self._walk(view)
        return walk

    def cropped(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the part of a picture that is looked at."""
        if self.crop is None:
            return image
        return image[self.crop.y : self.crop.y + self.crop.height, self.crop.x : self.crop.x + self.crop.width]

    @cached_property
    def packets(self) -> Packets:
        """What the file's packets say; none of images."""
        return Packets.none() if is_image_sequence(self.path) else read_packets(self.path)

    def count_packets(self) -> None:
        """Read the packets, so that the number of frames to expect is more than an estimate."""
        _ = self.packets

    @property
    def frames_expected(self) -> int:
        """Number of frames that an iteration will hand out, by packets or header; 0 where that is not known."""
        if "packets" in self.__dict__ and self.packets.distinct:
            times_s = self.packets.times_ms / 1000
            stop = len(times_s) if self.stop_s is None else int(np.searchsorted(times_s, self.stop_s))
            return max(0, math.ceil((stop - int(np.searchsorted(times_s, self.start_s))) / self.every))
        rate, claimed = self.header.frame_rate, self.header.frames_claimed
        if rate and self.stop_s is not None:
            claimed = min(claimed, math.ceil(self.stop_s * rate)) if claimed else math.ceil(self.stop_s * rate)
        return max(0, math.ceil((claimed - self.start_s * rate) / self.every))

    @property
    def latest_pass(self) -> Pass:
        """What the latest iteration saw."""
        return Pass(
            discard=self._view.discard,
            times_ms=np.array(self._times_ms, np.float64),
            last_time_s=self.last_time_s,
            longest_gap_s=self._longest_gap_s,
            reached_end=self.reached_end,
            messages=self.log.summary(),
            complaints=tuple(self._complaints),
        )

    def damage(self) -> list[str]:
        """Return what went wrong in the latest iteration, in one sentence; an empty list if nothing did."""
        seen = self.latest_pass
        # To one that was broken off without a message the packets say nothing, and reading them takes its time.
        packets = self.packets if seen.reached_end or seen.messages else Packets.none()
        return describe_damage(seen, self.header, packets)

    def _begin(self, view: View) -> None:
        """Forget the last iteration."""
        self._view = view
        self.frames_decoded, self.reached_end, self.last_time_s, self._longest_gap_s = 0, False, 0.0, 0.0
        self._times_ms = array("d")
        self._complaints: list[int] = []
        self.log = DecoderLog()

    def _walk(self, view: View) -> Generator[tuple[int, float], None, None]:
        """Grab frame after frame from the start; `_picture` gives the picture of the one that it stands on."""
        self._begin(view)
        period = 1 / self.header.frame_rate if self.header.frame_rate > 0 else 1 / 30
        previous = -period
        # With one thread, a message belongs to what is being decoded; with more, the pass is not the last one anyway.
        log_every = 1 if self.threads == 1 else LOG_EVERY
        n_messages = 0
        with self.log:
            capture = self._capture = open_capture(self.path, self.threads, view)
            try:
                while capture.grab():
                    time_ms = capture.get(cv2.CAP_PROP_POS_MSEC)
                    index = self.frames_decoded
                    if view.discard != "none":
                        # OpenCV 4.10 gives the first frame the time of the packet that it read last.
                        time_ms = self.packets.first_ms if index == 0 else time_ms
                        index = self.packets.rank(time_ms)
                        if index < 0:
                            raise DisagreementError(f"no packet has the time {time_ms} ms")
                    time_s = time_ms / 1000
                    # Raw streams and some AVI files carry no times: then the frame rate tells.
                    if not time_s > previous:
                        time_s = previous + period
                    if self.frames_decoded:
                        self._longest_gap_s = max(self._longest_gap_s, time_s - previous)
                    previous = self.last_time_s = round(time_s, 6)
                    self._times_ms.append(time_ms)
                    self.frames_decoded += 1
                    if self.frames_decoded % log_every == 0:
                        self.log.update()
                        check_conversion(self.path, self.log)
                        if log_every == 1 and self.log.total() > n_messages:
                            n_messages = self.log.total()
                            self._complaints.append(index)
                    yield index, self.last_time_s
                self.reached_end = True
            finally:
                capture.release()
                self._capture = None
                self.log.update()
        check_conversion(self.path, self.log)

    def _picture(self, index: int, into: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        assert self._capture is not None
        return current_picture(self._capture, self.path, index, into)

    def _check_crop(self) -> None:
        if self.crop is None:
            return
        inside_x = self.crop.x + self.crop.width <= self.header.width
        inside_y = self.crop.y + self.crop.height <= self.header.height
        if not (inside_x and inside_y):
            raise RegionError(
                f"{self.path}: the crop {self.crop} reaches outside the picture of "
                f"{self.header.width} x {self.header.height} pixels; choose --crop X,Y,WIDTH,HEIGHT within"
            )
