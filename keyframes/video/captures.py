"""Captures: opening a file with OpenCV, as pictures, as their luma alone, or as packets.

And what holds for every capture, OpenCV's or another: going on to the next frame, and the picture that it stands on.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.errors import VideoError
from keyframes.video.decoder_log import DecoderLog
from keyframes.video.ffmpeg.capture import FFmpegCapture
from keyframes.video.frames import Backend
from keyframes.video.images import ImageSequence
from keyframes.video.openable import openable_name

OpenCVCapture: TypeAlias = cv2.VideoCapture
Capture = OpenCVCapture | ImageSequence | FFmpegCapture

AnyCapture = TypeVar("AnyCapture", bound=Capture)


@dataclass(frozen=True)
class View:
    """How the pictures of a file are looked at.

    Attributes
    ----------
    luma : bool
        Their first plane alone, (height, width), as the decoder has it, without conversion to blue, green and red:
        OpenCV does not document this, and it must be proven on each file what that plane is.
    excerpts : bool
        Only some of them, each decoded apart from the others (`keyframes.video.shortcuts.excerpts`).
    """

    luma: bool = False
    excerpts: bool = False


PLAIN = View()
# Uncompressed pictures whose last row comes first, as Windows and MATLAB write them: FFmpeg's decoder hands them out
# with a negative step from row to row, and from 4.13 on OpenCV copies those of blue, green and red from outside of
# them, which ends the process.
UPSIDE_DOWN = "its pictures are uncompressed, the last row first"
_MARKED_UPSIDE_DOWN, _BGR24 = b"BottomUp\0", int.from_bytes(b"BGR\x18", "little")
_COPIES_UPSIDE_DOWN = tuple(map(int, cv2.__version__.split(".")[:2])) >= (4, 13)
# FFmpeg's "no time stamp" is -2**63 of the unit of a file; a year before its start is no time of a frame.
EARLIEST_STAMP_MS = -3.2e10


class ConversionError(VideoError):
    """OpenCV decodes a picture and cannot convert it to blue, green and red; `said` is FFmpeg's message."""

    def __init__(self, path: Path, said: str) -> None:
        super().__init__(
            f"{path}: OpenCV {cv2.__version__} decodes its pictures but cannot convert them ({said}); "
            "convert it with ffmpeg, interlaced video with -vf yadif"
        )
        self.said = said


def open_capture(path: Path, threads: int, view: View = PLAIN) -> cv2.VideoCapture:
    """Open a file with OpenCV, to be read from its start with this number of FFmpeg's threads."""
    parameters = [cv2.CAP_PROP_N_THREADS, threads]
    if view.luma:
        parameters += [cv2.CAP_PROP_CONVERT_RGB, 0]
    return _open(path, parameters)


def open_by_backend(
    path: Path, threads: int, backend: Backend, images: ImageSequence | None, view: View = PLAIN
) -> Capture:
    """Open a file, or the images that it is, with what reads it; only OpenCV has other views than the plain one."""
    if images is not None:
        return images.reopen()
    return FFmpegCapture(path, threads) if backend == "ffmpeg" else open_capture(path, threads, view)


def open_packets(path: Path) -> cv2.VideoCapture:
    """Open a file so that each grab reads a packet and decodes nothing."""
    return _open(path, [cv2.CAP_PROP_FORMAT, -1])


def _open(path: Path, parameters: list[int]) -> cv2.VideoCapture:
    with openable_name(path) as name:
        return cv2.VideoCapture(name, cv2.CAP_FFMPEG, parameters)


@contextmanager
def released(capture: AnyCapture) -> Iterator[AnyCapture]:
    """Release a capture at the end of the block."""
    try:
        yield capture
    finally:
        capture.release()


def grab_next(capture: Capture, most_damaged: Callable[[], int]) -> bool:
    """Go to the next frame or packet that can be had, past any that are damaged; whether there is one.

    OpenCV says no both at the end of a file and at a packet that FFmpeg refuses, behind which it goes on when it is
    asked again; `most_damaged`, called after a first no, returns how many damaged packets may follow each other.
    """
    if capture.grab():
        return True
    return any(capture.grab() for _ in range(most_damaged()))


def stamp_ms(capture: Capture) -> float:
    """Return the time stamp in milliseconds of the frame or packet that a capture stands on; 0.0 where it has none.

    OpenCV 4.10 converts FFmpeg's "no time stamp" as though it were one.
    """
    stamp: float = capture.get(cv2.CAP_PROP_POS_MSEC)
    return 0.0 if stamp < EARLIEST_STAMP_MS else stamp


def current_picture(
    capture: Capture, path: Path, index: int | None = None, into: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Return the picture of the frame that a capture stands on, written over `into` where that can be done.

    A VideoError names the file and, where it is known, the index of a frame that cannot be converted.
    """
    try:
        done, image = capture.retrieve(into)
    except cv2.error as error:
        raise VideoError(f"{path}: {_named(index)} cannot be converted to a picture ({error.err})") from None
    if not done or image is None:
        raise VideoError(f"{path}: {_named(index)} was read but cannot be converted to a picture")
    return np.asarray(image, np.uint8)


def _named(index: int | None) -> str:
    return "a frame" if index is None else f"frame {index}"


def header_bytes(capture: OpenCVCapture) -> bytes:
    """Return what a file stores for the decoder apart from its packets."""
    place = int(capture.get(cv2.CAP_PROP_CODEC_EXTRADATA_INDEX))
    found, data = capture.retrieve(None, place) if place > 0 else (False, None)
    return data.tobytes() if found and data is not None else b""


def ends_the_process(capture: Capture) -> bool:
    """Whether OpenCV would crash at the picture that a capture stands on."""
    return (
        _COPIES_UPSIDE_DOWN
        and isinstance(capture, OpenCVCapture)
        and int(capture.get(cv2.CAP_PROP_CODEC_PIXEL_FORMAT)) == _BGR24
        and header_bytes(capture).endswith(_MARKED_UPSIDE_DOWN)
    )


def unconverted(log: DecoderLog) -> str:
    """Return what FFmpeg said of a picture that OpenCV handed out unconverted, which is whatever memory held."""
    return next((text for text in log.counts if "Cannot convert" in text), "")


def check_conversion(path: Path, log: DecoderLog) -> None:
    """Raise a ConversionError of pictures that OpenCV hands out though it could not convert them."""
    if said := unconverted(log):
        raise ConversionError(path, said)
