"""A video decoded by the program FFmpeg, with the methods of OpenCV's capture that the reader calls."""

import subprocess
import threading
import weakref
from pathlib import Path
from queue import SimpleQueue
from typing import IO

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.errors import VideoError
from keyframes.video import decoder_log
from keyframes.video.ffmpeg.log import About, Shown, read_log
from keyframes.video.ffmpeg.process import ffmpeg_version, start_ffmpeg, stop_ffmpeg

# Texts, which FFmpeg shows as pictures of a terminal.
TEXT_CODECS = {"ansi", "bintext", "idf", "xbin"}
# Pictures of the format PPM, one after the other. On the way out they are merely numbered, or equal times in the file
# would be reported as errors. The colours of each field of an interlaced picture are its own.
OUTPUT = (
    *("-vf", "scale=interl=-1", "-filter_threads", "1", "-threads", "1", "-c:v", "ppm", "-pix_fmt", "rgb24"),
    *("-bsf:v", "setts=ts=N", "-f", "rawvideo", "pipe:1"),
)


class FFmpegCapture:
    """A video with the methods of ``cv2.VideoCapture`` that the reader calls, decoded by FFmpeg in its own process.

    It can be read from start to end alone. The process ends with the object, with `release`, or at the end of the file.
    A VideoError where there is no FFmpeg.
    """

    def __init__(self, path: Path, threads: int) -> None:
        self._path = path
        process = start_ffmpeg(path, ("-threads", str(threads)), OUTPUT)
        assert process.stdout is not None
        assert process.stderr is not None
        self._process, self._pictures = process, process.stdout
        # What is read from the log is no more than FFmpeg is ahead, and that is bounded by the pipe of the pictures.
        self._said: SimpleQueue[About | Shown | bytes] = SimpleQueue()
        thread = threading.Thread(
            target=_listen, args=(process.stderr, self._said), name="keyframes-ffmpeg", daemon=True
        )
        thread.start()
        self._end = weakref.finalize(self, _end, process, thread)
        about = self._said.get()
        self.about = about if isinstance(about, About) else About()
        self._shown: Shown | None = None
        self._rgb: NDArray[np.uint8] | None = None

    def isOpened(self) -> bool:  # noqa: D102
        return bool(self.about.codec)

    def grab(self) -> bool:
        """Read the next picture; False at the end, when what FFmpeg reported last is handed to the decoder log too."""
        if not self._end.alive:
            return False
        if not self._read_picture():
            self._shown = self._rgb = None
            self._finish()
            return False
        shown = self._said.get()
        if not isinstance(shown, Shown):
            raise VideoError(
                f"{self._path}: FFmpeg {ffmpeg_version()} does not report the times of its frames; "
                "install imageio-ffmpeg 0.8 or later, and leave IMAGEIO_FFMPEG_EXE unset"
            )
        decoder_log.hand_in(shown.messages)
        self._shown = shown
        return True

    def retrieve(self, image: NDArray[np.uint8] | None = None) -> tuple[bool, NDArray[np.uint8] | None]:
        """Return the picture in blue, green and red, of the size of the first one."""
        if self._rgb is None:
            return False, None
        if image is not None and image.shape != self._rgb.shape:
            image = None
        return True, np.asarray(cv2.cvtColor(self._rgb, cv2.COLOR_RGB2BGR, dst=image), np.uint8)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the current picture before it was scaled."""
        return (0, 0) if self._shown is None else (self._shown.width, self._shown.height)

    def get(self, prop: int) -> float:
        """Return a property; 0.0 where it is not known."""
        about, shown = self.about, self._shown
        known = {
            cv2.CAP_PROP_FPS: about.frame_rate,
            cv2.CAP_PROP_FRAME_COUNT: float(round(about.duration_s * about.frame_rate)),
            cv2.CAP_PROP_ORIENTATION_META: float(about.rotation),
        }
        if shown is not None:
            known[cv2.CAP_PROP_POS_MSEC] = shown.time_ms
        return known.get(prop, 0.0)

    def release(self) -> None:
        """End the process."""
        self._end()

    def _read_picture(self) -> bool:
        """Read a picture of the format PPM: "P6", width and height, the highest level, and the pixels."""
        header = [self._pictures.readline() for _ in range(3)]
        size = header[1].split()
        if header[0] != b"P6\n" or header[2] != b"255\n" or len(size) != 2:
            return False
        shape = int(size[1]), int(size[0]), 3
        if self._rgb is None or self._rgb.shape != shape:
            self._rgb = np.empty(shape, np.uint8)
        pixels = self._rgb.data.cast("B")
        n_read = 0
        while n_read < len(pixels):
            if not (n_more := self._pictures.readinto(pixels[n_read:])):  # type: ignore[attr-defined]
                return False
            n_read += n_more
        return True

    def _finish(self) -> None:
        """Hand in what was reported after the last picture, and whether the program failed."""
        self._process.wait()
        while not isinstance(messages := self._said.get(), bytes):
            pass
        if not messages and self._process.returncode:
            messages = b"[ffmpeg @ 0] [fatal] exit status %d\n" % self._process.returncode
        decoder_log.hand_in(messages)
        self._end()


def _listen(log: IO[bytes], said: "SimpleQueue[About | Shown | bytes]") -> None:
    """Read FFmpeg's log to its end."""
    try:
        for thing in read_log(iter(log)):
            said.put(thing)
    finally:
        # Neither the reader nor the process must wait for a thread that has failed.
        said.put(b"")
        for _ in log:
            pass


def _end(process: "subprocess.Popen[bytes]", thread: threading.Thread) -> None:
    """End a process and leave nothing of it behind."""
    process.kill()
    # Garbage is collected in any thread, maybe in this one.
    if thread is not threading.current_thread():
        thread.join()
    stop_ffmpeg(process)
