"""When each frame of a file is shown, without decoding where the packets tell it."""

import numpy as np
from numpy.typing import NDArray

from keyframes.video.clock import Clock
from keyframes.video.reader import VideoReader


def frame_times(video: VideoReader) -> NDArray[np.float64]:
    """Return the time in seconds of each frame of a file; NaN of images that have none.

    Where two packets have the same time they do not tell the frames, and the file is decoded once.
    """
    stamps = video.packets.times_ms
    if not (video.packets.distinct and video.packets.in_order):
        return np.array([time_s for _, time_s in video.walk()], np.float64)
    clock = Clock(video.header.frame_rate, lambda: video.packets)
    return np.array([clock.time_s(stamp) for stamp in stamps.tolist()], np.float64)
