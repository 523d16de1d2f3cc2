"""Opening a file with OpenCV: as pictures, as their luma alone, without some of its frames, or as bare packets.

Or with FFmpeg, as pictures, where OpenCV cannot read it. And the picture that a capture stands on.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.errors import VideoError
from keyframes.video.decoder_log import DecoderLog
from keyframes.video.ffmpeg.capture import FFmpegCapture
from keyframes.video.frames import Backend
from keyframes.video.images import ImageSequence
from keyframes.video.openable import openable_name

# Which frames FFmpeg leaves out undecoded: none, those that no other frame refers to, or all B-frames.
Discard = Literal["none", "nonref", "bidir"]
Capture = cv2.VideoCapture | ImageSequence | FFmpegCapture

_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_options_lock = threading.Lock()


@dataclass(frozen=True)
class View:
    """How the pictures of a file are looked at.

    Attributes
    ----------
    luma : bool
        Their first plane alone, (height, width), as the decoder has it, without conversion to blue, green and red:
        OpenCV does not document this, and it must be proven on each file what that plane is.
    discard : {"none", "nonref", "bidir"}
        Which frames are left out undecoded.
    kept_one_in : int
        How many places lie at most from one frame that stays to the next, as far as is known.
    """

    luma: bool = False
    discard: Discard = "none"
    kept_one_in: int = 1


PLAIN = View()


class ConversionError(VideoError):
    """OpenCV decodes a picture and cannot convert it to blue, green and red; `said` is FFmpeg's message."""

    def __init__(self, message: str, said: str) -> None:
        super().__init__(message)
        self.said = said


def open_capture(
    path: Path,
    threads: int,
    view: View = PLAIN,
    backend: Backend = "opencv",
    images: ImageSequence | None = None,
) -> Capture:
    """Open a file for reading from its start.

    Parameters
    ----------
    path : Path
    threads : int
        FFmpeg's threads.
    view : View
        With FFmpeg there is no other than the plain one.
    backend : {"opencv", "ffmpeg", "images"}
    images : ImageSequence or None
        Where the file is one.
    """
    if images is not None:
        return images.reopen()
    if backend == "ffmpeg":
        return FFmpegCapture(path, threads)
    parameters = [cv2.CAP_PROP_N_THREADS, threads]
    if view.luma:
        parameters += [cv2.CAP_PROP_CONVERT_RGB, 0]
    if view.discard == "none":
        return _open(path, parameters)
    with _options_lock:
        before, option = os.environ.get(_OPTIONS), f"avdiscard;{view.discard}"
        os.environ[_OPTIONS] = f"{before}|{option}" if before else option
        try:
            return _open(path, parameters)
        finally:
            if before is None:
                del os.environ[_OPTIONS]
            else:
                os.environ[_OPTIONS] = before


def open_packets(path: Path) -> cv2.VideoCapture:
    """Open a file so that each grab reads a packet and decodes nothing."""
    return _open(path, [cv2.CAP_PROP_FORMAT, -1])


def _open(path: Path, parameters: list[int]) -> cv2.VideoCapture:
    with openable_name(path) as name:
        return cv2.VideoCapture(name, cv2.CAP_FFMPEG, parameters)


def grab_next(capture: Capture, most_damaged: Callable[[], int]) -> bool:
    """Go to the next frame or packet that can be had, past any that are damaged; whether there is one.

    OpenCV says no both at the end of a file and at a packet that FFmpeg refuses, behind which it goes on when it is
    asked again.

    Parameters
    ----------
    capture : Capture
    most_damaged : callable
        Returns how many damaged packets may follow each other; called after a first no.
    """
    if capture.grab():
        return True
    return any(capture.grab() for _ in range(most_damaged()))


def current_picture(
    capture: Capture, path: Path, index: int | None = None, into: NDArray[np.uint8] | None = None
) -> NDArray[np.uint8]:
    """Return the picture of the frame that a capture stands on.

    Parameters
    ----------
    capture : Capture
    path : Path
        File and, where it is known, index of the frame that an error names.
    index : int or None
    into : array or None
        A picture that is done with, to be written over.

    Raises
    ------
    VideoError
        Where the frame cannot be converted.
    """
    name = "a frame" if index is None else f"frame {index}"
    try:
        done, image = capture.retrieve(into)
    except cv2.error as error:
        raise VideoError(f"{path}: {name} cannot be converted to a picture ({error.err})") from None
    if not done or image is None:
        raise VideoError(f"{path}: {name} was read but cannot be converted to a picture")
    return np.asarray(image, np.uint8)


def unconverted(log: DecoderLog) -> str:
    """Return what FFmpeg said of a picture that OpenCV handed out unconverted, which is whatever memory held."""
    return next((text for text in log.counts if "Cannot convert" in text), "")


def check_conversion(path: Path, log: DecoderLog) -> None:
    """Refuse pictures that OpenCV hands out though it could not convert them.

    Raises
    ------
    ConversionError
    """
    if said := unconverted(log):
        raise ConversionError(conversion_failure(path, said), said)


def conversion_failure(path: Path, said: str) -> str:
    """Return the error of pictures that OpenCV cannot convert."""
    return (
        f"{path}: OpenCV {cv2.__version__} decodes its pictures but cannot convert them ({said}); "
        "convert it with ffmpeg, interlaced video with -vf yadif"
    )
