"""The reader: frames in presentation order, and what a pass over the file saw of it.

An index counts the frames that can be decoded, in the order in which the decoder hands them out, from the start of the
file. Reading goes on past damaged packets, which have no index: PyAV and a loop of ``cv2.VideoCapture.grab`` that goes
on after a failed one count alike.

Frames are reached by walking through the file from its start. A seek may land on another frame than the one asked for,
so it counts only where it is proven: see `keyframes.video.shortcuts.seeking`.
"""

import math
import weakref
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.errors import RegionError, VideoError
from keyframes.settings import Crop
from keyframes.video.captures import (
    PLAIN,
    Capture,
    ConversionError,
    View,
    check_conversion,
    current_picture,
    grab_next,
    open_by_backend,
    released,
    stamp_ms,
)
from keyframes.video.clock import Clock
from keyframes.video.damage import Damage
from keyframes.video.decoder_log import DecoderLog
from keyframes.video.decoder_threads import threads_for_decoding, threads_for_opening
from keyframes.video.ffmpeg.capture import FFmpegCapture
from keyframes.video.frames import Frame, known_time
from keyframes.video.header import MOST_BEFORE_FIRST, check_crop, check_image_options, explain, read_header
from keyframes.video.images import ImageSequence, is_image_sequence
from keyframes.video.packets import Packets, read_packets
from keyframes.video.passes import Pass, PassRecord
from keyframes.video.picture_sizes import OPENCV_SCALES, add_size, describe_sizes, sizes_of_key_frames

# Index, time in seconds (NaN where frames have none), picture.
Picture = tuple[int, float, NDArray[np.uint8]]

LOG_EVERY = 500
# Packets that FFmpeg is asked for beyond those that the file is known to have left.
SPARE_ATTEMPTS = 16


class VideoReader:
    """A video file, read in presentation order, one frame in memory at a time.

    Every iteration starts anew. A context manager; `close` ends the last iteration.

    Parameters
    ----------
    path : str or Path
    start_s, stop_s : float, float or None
        Hand out the frames with start <= time < stop, in seconds.
    every : int
        Hand out every n-th of those, the first one included.
    crop : Crop or None
        Hand out this part of each picture.
    threads : int or None
        FFmpeg's threads; None takes up to four for each processor. MPEG-1, MPEG-2 and AV1 are decoded on one.
    levels : (float, float) or None
        For images: the levels that are shown as black and white. None takes 8-bit images as they are, and for deeper
        ones the range in use over all of them.
    rate : float or None
        For images: how many there are per second. Without it they have no times, and ``time_s`` is None.
    backend : {"opencv", "ffmpeg"} or None
        What must read the file; None takes the program FFmpeg where OpenCV cannot.

    Attributes
    ----------
    header : VideoHeader
        What the file says of itself.
    log : DecoderLog
        FFmpeg's messages during the latest iteration.
    workers : int
        Processors to use.
    images : ImageSequence or None
        The images, if the file is not a video.
    threads : int
        FFmpeg's threads from the next iteration on. A broken picture is patched up from what its threads have ready, so
        only one thread gives the same patches every time.

    Raises
    ------
    VideoError
        Where the file is missing, empty, no video, or has no frame that can be decoded.
    RegionError
        Where the crop lies outside the picture, a range in seconds is given of images without a rate, and, when
        iterating, where no frame lies in the range.
    SettingsError
        Where levels or a rate are given of a video.

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
        levels: tuple[float, float] | None = None,
        rate: float | None = None,
        backend: Literal["opencv", "ffmpeg"] | None = None,
    ) -> None:
        self.path = Path(path)
        self.start_s = start_s
        self.stop_s = stop_s
        self.every = every
        self.crop = crop
        self._capture: Capture | None = None
        # If each held the other, both would be collected at any moment: also while this thread has the log's lock.
        self._current_walk: weakref.ref[Generator[tuple[int, float], None, None]] | None = None
        self.images = ImageSequence(self.path, levels, rate) if is_image_sequence(self.path) else None
        self.log = DecoderLog()
        self._seen: Pass | PassRecord = PassRecord(self.log, locates=False)
        self.header = read_header(self.path, threads_for_opening(threads), backend, self.images)
        self._may_fall_back = backend is None
        self.workers = threads_for_opening(threads)
        self.threads = threads_for_decoding(threads, self.header)
        unscaled = not OPENCV_SCALES and self._may_fall_back and self.header.seekable
        if unscaled and len(sizes_of_key_frames(self.path, self.header, self.packets)) > 1:
            self._use_ffmpeg("the picture changes its size")
        check_crop(self.path, crop, self.header)
        check_image_options(self.path, self.header, levels, rate, in_seconds=start_s > 0 or stop_s is not None)

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file and end the iteration that is under way."""
        if self._current_walk is not None and (walk := self._current_walk()) is not None:
            walk.close()
        self._current_walk = None

    def __iter__(self) -> Iterator[Frame]:
        return self._with_fall_back(
            lambda: (Frame(index, known_time(time_s), self.cropped(image)) for index, time_s, image in self.pictures())
        )

    def pictures(
        self, view: View = PLAIN, spare: list[NDArray[np.uint8]] | None = None
    ) -> Generator[Picture, None, None]:
        """Yield the frames of range and stride, whole, in a view.

        Pictures that are done with may be put into `spare`: they are written over, which saves asking for memory.

        Raises
        ------
        RegionError
            Where no frame lies in the range.
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
            stop = "the end" if self.stop_s is None else f"{self.stop_s:g} s"
            last = f" (the last frame is at {self.last_time_s:.3f} s)" if self.reached_end else ""
            raise RegionError(
                f"{self.path}: no frame between {self.start_s:g} s and {stop}{last}; change --start and --stop"
            )

    def read_frames(self, indices: Iterable[int]) -> Iterator[Frame]:
        """Yield the frames of these indices, each once, in ascending order, whole: range, stride and crop do not apply.

        They are reached by walking, which is always right; `keyframes.video.seek_frames` may be quicker.

        Parameters
        ----------
        indices : iterable of int
            0-based places in presentation order.

        Raises
        ------
        VideoError
            After the last one that can be decoded, where not all of them can be.
        """
        wanted = {int(index) for index in indices}
        yield from self._with_fall_back(lambda: self._walk_to(wanted))
        if wanted:
            raise VideoError(
                f"{self.path}: frame {min(wanted)} cannot be decoded ({self.frames_decoded} frames were); did "
                "the file change? Run the command again"
            )

    def _with_fall_back(self, frames: Callable[[], Iterator[Frame]]) -> Iterator[Frame]:
        """Yield frames, with FFmpeg from the first one on that OpenCV cannot convert."""
        last = -1
        try:
            for frame in frames():
                last = frame.index
                yield frame
        except ConversionError as error:
            self.fall_back(error)
            yield from (frame for frame in frames() if frame.index > last)

    def fall_back(self, error: ConversionError) -> None:
        """Read with FFmpeg from the next iteration on, because OpenCV met pictures that it cannot convert.

        Raises the error where FFmpeg must not be used or cannot read the file.
        """
        self.close()
        if not self._may_fall_back:
            raise error
        try:
            self._use_ffmpeg(error.said)
        except VideoError:
            raise error from None

    def _use_ffmpeg(self, said: str) -> None:
        """Read with FFmpeg from the next iteration on, because OpenCV cannot convert all pictures."""
        other = read_header(self.path, self.workers, "ffmpeg")
        self.header = replace(
            self.header,
            backend="ffmpeg",
            backend_reason=explain("convert all of", said),
            codec=other.codec,
            pixel_format=other.pixel_format,
        )

    def _walk_to(self, wanted: set[int]) -> Iterator[Frame]:
        """Yield the frames of these indices, as far as there are any, and take them out of the set."""
        last = max(wanted, default=-1)
        if last < 0:
            return
        with closing(self.walk()) as walk:
            for index, time_s in walk:
                if index in wanted:
                    image = self._picture(index)
                    wanted.remove(index)
                    yield Frame(index, known_time(time_s), image)
                if index >= last:
                    break

    def walk(self, view: View = PLAIN) -> Generator[tuple[int, float], None, None]:
        """Return a generator of (index, time_s) over every frame of the file, no picture converted."""
        self.close()
        walk = self._walk(view)
        self._current_walk = weakref.ref(walk)
        return walk

    def cropped(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the part of a picture that is looked at."""
        if self.crop is None:
            return image
        return image[self.crop.y : self.crop.y + self.crop.height, self.crop.x : self.crop.x + self.crop.width]

    @cached_property
    def packets(self) -> Packets:
        """What the file's packets say; none of images."""
        return read_packets(self.path, self.header) if self.images is None else Packets.none()

    def count_packets(self) -> None:
        """Read the packets, so that the number of frames to expect is more than an estimate."""
        _ = self.packets

    @property
    def frame_range(self) -> tuple[int, int]:
        """Index of the first frame of the range, and one past the last, by the times of the packets."""
        times_s = np.round(self.packets.times_ms / 1000, 6)
        stop = len(times_s) if self.stop_s is None else int(np.searchsorted(times_s, self.stop_s))
        return int(np.searchsorted(times_s, self.start_s)), stop

    @property
    def has_times(self) -> bool:
        """Whether frames have times: images have none unless a rate is given, or an animation tells them."""
        return self.images is None or self.header.frame_rate > 0

    @property
    def frames_expected(self) -> int:
        """Number of frames that an iteration will hand out, by packets or header; 0 where that is not known."""
        if "packets" in self.__dict__ and self.packets.distinct:
            first, stop = self.frame_range
            return max(0, math.ceil((stop - first) / self.every))
        rate, claimed = self.header.frame_rate, self.header.frames_claimed
        if rate and self.stop_s is not None:
            claimed = min(claimed, math.ceil(self.stop_s * rate)) if claimed else math.ceil(self.stop_s * rate)
        return max(0, math.ceil((claimed - self.start_s * rate) / self.every))

    @property
    def frames_decoded(self) -> int:
        """Number of frames that the latest iteration decoded, handed out or not."""
        return len(self._seen.times_ms)

    @property
    def reached_end(self) -> bool:
        """Whether the latest iteration came to the end of what can be decoded."""
        return self._seen.reached_end

    @property
    def last_time_s(self) -> float:
        """Time of the last decoded frame."""
        return self._seen.last_time_s

    @property
    def latest_pass(self) -> Pass:
        """What the latest iteration saw, or what was adopted since."""
        if isinstance(self._seen, Pass):
            return self._seen
        return self._seen.finished(() if self.images is None else self.images.losses())

    def adopt(self, seen: Pass) -> None:
        """Take a pass over the same range that was made elsewhere as the latest iteration."""
        self.close()
        self._seen = seen

    def damage(self) -> list[str]:
        """Return what went wrong in the latest iteration, a sentence for each kind; an empty list if nothing did."""
        seen = self.latest_pass
        if self.images is not None:
            return list(seen.losses)
        says_all = seen.reached_end or bool(seen.messages)
        # For a pass that was broken off without a message packets are not read: that takes its time.
        known = self.packets if says_all or "packets" in self.__dict__ else Packets.none()
        # Such a pass met no lost block.
        packets = known if says_all else replace(known, zeroed_ms=np.empty(0))
        sizes = seen.sizes
        # Excerpts show the sizes of what they give.
        if self.header.seekable and not seen.excerpts:
            sizes = sizes_of_key_frames(self.path, self.header, known, seen.last_time_s)
        return [*Damage(seen, self.header, packets).described(), *describe_sizes(sizes, seen.last_time_s)]

    def _walk(self, view: View) -> Generator[tuple[int, float], None, None]:
        """Grab frame after frame from the start; `_picture` gives the picture of the one that it stands on."""
        self.log = DecoderLog(elsewhere=self.header.backend == "ffmpeg")
        # With one thread, a message belongs to what is being decoded; with more, the pass is not the last one anyway.
        self._seen = seen = PassRecord(self.log, locates=self.threads == 1)
        log_every = 1 if seen.locates else LOG_EVERY
        clock = Clock(self.header.frame_rate, lambda: self.packets)
        with self.log:
            try:
                opened = open_by_backend(self.path, self.threads, self.header.backend, self.images, view)
                with released(opened) as capture:
                    self._capture = capture
                    while grab_next(capture, lambda: self._most_damaged(seen)):
                        index, time_ms = self._current_index(capture), stamp_ms(capture)
                        seen.add(time_ms, clock.time_s(time_ms))
                        if isinstance(capture, FFmpegCapture):
                            add_size(seen.sizes, seen.last_time_s, *capture.size)
                        if len(seen.times_ms) % log_every == 0:
                            self.log.update()
                            check_conversion(self.path, self.log)
                            seen.note_complaint(index)
                        yield index, seen.last_time_s
                    seen.reached_end = True
                    self.log.update()
                    # A complaint about the end of the file.
                    seen.note_complaint(len(seen.times_ms))
            finally:
                self._capture = None
                self.log.update()
        check_conversion(self.path, self.log)

    def _current_index(self, capture: Capture) -> int:
        """Index of the frame that a walk has come to; an image that cannot be decoded keeps its index."""
        return self.frames_decoded if self.images is None else int(capture.get(cv2.CAP_PROP_POS_FRAMES)) - 1

    def _most_damaged(self, seen: PassRecord) -> int:
        """How many damaged packets may follow the latest frame: as many as there are."""
        if not seen.times_ms:
            return MOST_BEFORE_FIRST
        return self.packets.n_after(seen.latest_ms, len(seen.times_ms)) + SPARE_ATTEMPTS

    def _picture(self, index: int, into: NDArray[np.uint8] | None = None) -> NDArray[np.uint8]:
        assert self._capture is not None
        picture = current_picture(self._capture, self.path, index, into)
        self.log.update()
        check_conversion(self.path, self.log)
        return picture
