"""A decoded frame, and what a file says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Backend = Literal["opencv", "ffmpeg", "images"]


@dataclass(frozen=True, eq=False)
class Frame:
    """A decoded frame.

    Attributes
    ----------
    index : int
        0-based place in presentation order: what a loop of ``cv2.VideoCapture.read()`` counts.
    time_s : float or None
        Time from the start of the video in seconds; None of an image that has none.
    image : array (height, width, 3), uint8
        Blue, green, red.
    """

    index: int
    time_s: float | None
    image: NDArray[np.uint8]


def known_time(time_s: float) -> float | None:
    """Return a time as plain data tell it: None where it is NaN, as in arrays."""
    return None if isnan(time_s) else float(time_s)


@dataclass(frozen=True)
class VideoHeader:
    """What a file says of itself, and the size of its first picture.

    Attributes
    ----------
    name : str
        File name.
    width, height : int
        Size of the pictures as a player shows them, rotation applied.
    rotation : int
        Degrees clockwise by which the stored pictures are turned to be shown.
    frame_rate : float
        Average frames a second; 0.0 where the file does not say.
    frames_claimed : int
        Number of frames by the header, which may be an estimate; 0 where the file does not say.
    frames_listed : bool
        Whether the container keeps a list of its frames (MP4 and MOV without fragments, AVI), so that their claimed
        number is exact.
    codec : str
        Four-character code; FFmpeg's name of the codec where FFmpeg reads the file.
    size_bytes : int
    backend : {"opencv", "ffmpeg", "images"}
        What reads the file: OpenCV, the program FFmpeg where OpenCV cannot, or a reader of image files.
    backend_reason : str
        Which FFmpeg reads the file, and why OpenCV does not; "" otherwise.
    pixel_format : str
        FFmpeg's four-character code of the planes that the decoder gives; "" where OpenCV does not read the file.
    avi_with_sound : bool
        Whether it is an AVI file that holds sound, too.
    """

    name: str
    width: int
    height: int
    rotation: int
    frame_rate: float
    frames_claimed: int
    frames_listed: bool
    codec: str
    size_bytes: int
    backend: Backend = "opencv"
    backend_reason: str = ""
    pixel_format: str = ""
    avi_with_sound: bool = False

    @property
    def seekable(self) -> bool:
        """Whether a capture of the file can seek, leave frames out and show luma planes; otherwise it is walked."""
        return self.backend == "opencv"
