"""Reading videos: the one module that opens one.

Frames are reached by walking through the file from its start, because a seek may land on another frame than the one
asked for (on variable frame rates, B-frames, open GOPs and periodic intra refresh it does).
"""

import hashlib
import math
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.datatypes import Crop, Frame, VideoHeader
from keyframes.decoder_log import DecoderLog
from keyframes.errors import RegionError, VideoError

# More FFmpeg threads than this gain little, and each one holds frames of its own.
MAX_DECODER_THREADS = 16
HASH_BYTES = 1 << 20
LOG_EVERY = 500


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
        FFmpeg's threads; None takes one a processor.

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
        self.threads = min(threads or cv2.getNumberOfCPUs(), MAX_DECODER_THREADS)
        self._capture: cv2.VideoCapture | None = None
        self._current_walk: Generator[tuple[int, float], None, None] | None = None
        self.frames_decoded = 0
        self.reached_end = False
        self.last_time_s = 0.0
        self._longest_gap_s = 0.0
        self.log = DecoderLog()
        self.header = self._read_header()
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
        first = None
        with closing(self.walk()) as walk:
            for index, time_s in walk:
                if self.stop_s is not None and time_s >= self.stop_s:
                    break
                if time_s < self.start_s:
                    continue
                first = index if first is None else first
                if (index - first) % self.every == 0:
                    yield Frame(index, time_s, self._cropped(self._retrieve(index)))
        if first is None:
            raise RegionError(
                f"{self.path}: no frame between {self.start_s:g} s and "
                f"{'the end' if self.stop_s is None else f'{self.stop_s:g} s'}; "
                f"the video lasts {self.last_time_s:.3f} s, choose --start and --stop within"
            )

    def read_frames(self, indices: Iterable[int]) -> Iterator[Frame]:
        """Yield the frames of these indices, each once, in ascending order, whole: range, stride and crop do not apply.

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
                    yield Frame(index, time_s, self._retrieve(index))
                    target = next(remaining, None)
                    if target is None:
                        return
        raise VideoError(
            f"{self.path}: frame {target} cannot be decoded any more, the video ended after {self.frames_decoded} "
            "frames; was the file changed meanwhile? Run the command again"
        )

    def walk(self) -> Generator[tuple[int, float], None, None]:
        """Return a generator of (index, time_s) over every frame of the file, no picture converted."""
        self.close()
        walk = self._current_walk = self._walk()
        return walk

    @property
    def frames_expected(self) -> int:
        """Number of frames that an iteration will hand out, by the header; 0 where that is not known."""
        rate, claimed = self.header.frame_rate, self.header.frames_claimed
        if rate and self.stop_s is not None:
            claimed = min(claimed, math.ceil(self.stop_s * rate)) if claimed else math.ceil(self.stop_s * rate)
        return max(0, math.ceil((claimed - self.start_s * rate) / self.every))

    def damage(self) -> list[str]:
        """Return what went wrong in the latest iteration, in one sentence; an empty list if nothing did."""
        said = self.log.summary()
        if self.reached_end and self._ends_early(bool(said)):
            text = (
                f"only {self.frames_decoded} of the {self.header.frames_claimed} frames that the file claims could be "
                f"decoded, up to {self.last_time_s:.3f} s: it was cut off or damaged, and only what was decoded is used"
            )
            return [f"{text}; FFmpeg: {said}" if said else text]
        if said:
            return [f"FFmpeg reported errors, some pictures may be damaged: {said}"]
        return []

    def _ends_early(self, complained: bool) -> bool:
        """Whether less could be decoded than the file claims; frames that an edit list leaves out are no damage.

        A claim may be an estimate, duration times nominal rate: too high on a variable rate, or where sound lasts
        longer. So it takes a complaint of FFmpeg and missing time, or a container that lists its frames and holds fewer
        packets.
        """
        claimed, rate = self.header.frames_claimed, self.header.frame_rate
        if self.frames_decoded >= claimed or rate == 0:
            return False
        if complained and claimed / rate - (self.last_time_s + self._longest_gap_s) > 0.5 / rate:
            return True
        return self._lists_its_frames() and self._count_packets() < claimed

    def _lists_its_frames(self) -> bool:
        """Whether the container keeps a list of its frames (MP4, MOV, AVI), so that their claimed number is exact."""
        start = self._read_bytes(0, 12)
        is_avi = start[:4] == b"RIFF" and start[8:] == b"AVI "
        return is_avi or start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free")

    def _count_packets(self) -> int:
        """Count the video packets in the file; nothing is decoded."""
        with DecoderLog():
            capture = cv2.VideoCapture(str(self.path.absolute()), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
            n_packets = 0
            while capture.grab():
                n_packets += 1
            capture.release()
        return n_packets

    def fingerprint(self) -> str:
        """Return a hash of the file's size, first and last MiB: cheap for any length, other for any other recording."""
        digest = hashlib.sha256(str(self.header.size_bytes).encode())
        digest.update(self._read_bytes(0, HASH_BYTES))
        digest.update(self._read_bytes(max(HASH_BYTES, self.header.size_bytes - HASH_BYTES), HASH_BYTES))
        return f"sha256-size-head-tail:{digest.hexdigest()}"

    def _read_bytes(self, first: int, count: int) -> bytes:
        """Bytes of the file itself, from a place on."""
        try:
            with self.path.open("rb") as file:
                file.seek(first)
                return file.read(count)
        except OSError as error:
            raise VideoError(f"{self.path}: cannot be read any more ({error.strerror}); is it still there?") from None

    def _walk(self) -> Generator[tuple[int, float], None, None]:
        """Grab frame after frame from the start; `_retrieve` gives the picture of the one that it stands on."""
        self.frames_decoded, self.reached_end, self.last_time_s, self._longest_gap_s = 0, False, 0.0, 0.0
        self.log = DecoderLog()
        period = 1 / self.header.frame_rate if self.header.frame_rate > 0 else 1 / 30
        previous = -period
        with self.log:
            capture = self._capture = self._open()
            try:
                while capture.grab():
                    time_s = capture.get(cv2.CAP_PROP_POS_MSEC) / 1000
                    # Raw streams and some AVI files carry no times: then the frame rate tells.
                    if not time_s > previous:
                        time_s = previous + period
                    if self.frames_decoded:
                        self._longest_gap_s = max(self._longest_gap_s, time_s - previous)
                    previous = self.last_time_s = round(time_s, 6)
                    self.frames_decoded += 1
                    if self.frames_decoded % LOG_EVERY == 0:
                        self.log.update()
                    yield self.frames_decoded - 1, self.last_time_s
                self.reached_end = True
            finally:
                capture.release()
                self._capture = None

    def _retrieve(self, index: int) -> NDArray[np.uint8]:
        assert self._capture is not None
        try:
            done, image = self._capture.retrieve()
        except cv2.error as error:
            raise VideoError(f"{self.path}: frame {index} cannot be converted to a picture ({error.err})") from None
        if not done or image is None:
            raise VideoError(f"{self.path}: frame {index} was read but cannot be converted to a picture")
        return np.asarray(image, np.uint8)

    def _cropped(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        if self.crop is None:
            return image
        return image[self.crop.y : self.crop.y + self.crop.height, self.crop.x : self.crop.x + self.crop.width]

    def _open(self) -> cv2.VideoCapture:
        # An absolute path, or FFmpeg takes a name such as "10:32.mp4" for a protocol.
        return cv2.VideoCapture(str(self.path.absolute()), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, self.threads])

    def _read_header(self) -> VideoHeader:
        size_bytes = _file_size(self.path)
        log = DecoderLog()
        with log:
            capture = self._open()
            try:
                opened = capture.isOpened()
                decoded, image = capture.read() if opened else (False, None)
                rate = capture.get(cv2.CAP_PROP_FPS)
                claimed = capture.get(cv2.CAP_PROP_FRAME_COUNT)
                rotation = capture.get(cv2.CAP_PROP_ORIENTATION_META)
                fourcc = int(capture.get(cv2.CAP_PROP_FOURCC))
            finally:
                capture.release()
        said = f" (FFmpeg: {log.first})" if log.first else ""
        if not opened:
            raise VideoError(
                f"{self.path}: no video can be opened in this file{said}; it is no video, has no video track, or its "
                "index was never written: copy it again, or convert it with ffmpeg"
            )
        if not decoded or image is None:
            raise VideoError(
                f"{self.path}: not one frame can be decoded{said}; copy it again, or convert it with ffmpeg"
            )
        return VideoHeader(
            name=self.path.name,
            width=image.shape[1],
            height=image.shape[0],
            rotation=int(rotation) % 360,
            frame_rate=round(rate, 6) if 0 < rate < 1e6 else 0.0,
            frames_claimed=int(claimed) if 0 < claimed < 1e12 else 0,
            codec="".join(chr(code) for code in fourcc.to_bytes(4, "little") if 32 <= code < 127),
            size_bytes=size_bytes,
        )

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


def _file_size(path: Path) -> int:
    """Size in bytes of a file that can be read, or a VideoError that says why it cannot."""
    if path.is_dir():
        raise VideoError(f"{path}: is a directory; give the video files in it")
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
    except FileNotFoundError:
        raise VideoError(f"{path}: no such file; check the name and the folder") from None
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    if size == 0:
        raise VideoError(f"{path}: is empty (0 bytes); copy it again")
    return size
