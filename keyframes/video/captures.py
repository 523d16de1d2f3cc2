"""Opening a file with OpenCV: as pictures, as their luma alone, without some of its frames, or as bare packets."""

import os
import threading
from pathlib import Path
from typing import Literal

import cv2

from keyframes.video.images import ImageSequence, is_image_sequence

# Which frames FFmpeg leaves out undecoded: none, those that no other frame refers to, or all B-frames.
Discard = Literal["none", "nonref", "bidir"]
Capture = cv2.VideoCapture | ImageSequence

_OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
_options_lock = threading.Lock()


def open_capture(path: Path, threads: int, *, luma: bool = False, discard: Discard = "none") -> Capture:
    """Open a file for reading from its start.

    Parameters
    ----------
    path : Path
    threads : int
        FFmpeg's threads.
    luma : bool
        Hand out the first plane of the decoder's picture as it is, without conversion to blue, green and red: OpenCV
        does not document this, and it must be proven on each file what that plane is.
    discard : {"none", "nonref", "bidir"}
    """
    if is_image_sequence(path):
        return ImageSequence(path)
    parameters = [cv2.CAP_PROP_N_THREADS, threads]
    if luma:
        parameters += [cv2.CAP_PROP_CONVERT_RGB, 0]
    # An absolute path, or FFmpeg takes a name such as "10:32.mp4" for a protocol.
    name = str(path.absolute())
    if discard == "none":
        return cv2.VideoCapture(name, cv2.CAP_FFMPEG, parameters)
    with _options_lock:
        before = os.environ.get(_OPTIONS)
        os.environ[_OPTIONS] = f"{before}|avdiscard;{discard}" if before else f"avdiscard;{discard}"
        try:
            return cv2.VideoCapture(name, cv2.CAP_FFMPEG, parameters)
        finally:
            if before is None:
                del os.environ[_OPTIONS]
            else:
                os.environ[_OPTIONS] = before


def open_packets(path: Path) -> cv2.VideoCapture:
    """Open a file so that each grab reads a packet and decodes nothing."""
    return cv2.VideoCapture(str(path.absolute()), cv2.CAP_FFMPEG, [cv2.CAP_PROP_FORMAT, -1])
