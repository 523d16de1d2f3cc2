"""Seeking: what it costs against walking on, and reaching a frame of a known time."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.video.captures import Capture

# OpenCV goes back so many frames from the one asked for before it looks for a key frame.
LEAD_FRAMES = 16
# Flushing the decoder and filling its threads again costs about as much as decoding so many frames.
SEEK_COST = 12
# Two captures side by side take so many times as long as one: FFmpeg's threads leave gaps.
PAIR_COST = 1.5
# So many frames before the wanted one the seek aims: where frames come at uneven times it may land a little later.
AIM_BEFORE = 3


def landing(index: int, times_ms: NDArray[np.float64], keys: NDArray[np.int64], frame_rate: float) -> int:
    """Index of the key frame at which OpenCV starts to decode when it seeks for a frame."""
    aim = times_ms[max(0, index - AIM_BEFORE)] - 1000 * LEAD_FRAMES / frame_rate
    before = int(np.searchsorted(times_ms[keys], aim, side="right"))
    return int(keys[before - 1]) if before else 0


def expected_cost(n_wanted: int, n_frames: int, n_keys: int) -> float:
    """Frames to decode, or their equal in time, to seek to so many frames anywhere between so many key frames."""
    return n_wanted * (n_frames / max(1, n_keys) / 2 + LEAD_FRAMES + SEEK_COST)


def plan_cost(indices: Sequence[int], times_ms: NDArray[np.float64], keys: NDArray[np.int64], frame_rate: float) -> int:
    """Frames to decode, or their equal in time, to reach all of these indices by the cheaper of a seek and a walk."""
    cost, position = 0, 0
    for index in indices:
        seek = index + 1 - landing(index, times_ms, keys, frame_rate) + SEEK_COST
        cost += min(seek, index + 1 - position)
        position = index + 1
    return cost


class Follower:
    """A capture that is led to frames of known times."""

    def __init__(self, capture: Capture) -> None:
        self.capture = capture
        self._position = 0

    def reach(self, index: int, times_ms: NDArray[np.float64], keys: NDArray[np.int64], frame_rate: float) -> bool:
        """Stand on a frame, by the cheaper of a seek and a walk; whether a frame of its time was met."""
        seek = index + 1 - landing(index, times_ms, keys, frame_rate) + SEEK_COST
        if seek < index + 1 - self._position:
            self.capture.set(cv2.CAP_PROP_POS_MSEC, float(times_ms[max(0, index - AIM_BEFORE)]))
        self._position = index + 1
        while self.capture.grab():
            time_ms = self.capture.get(cv2.CAP_PROP_POS_MSEC)
            if time_ms >= times_ms[index]:
                return bool(time_ms == times_ms[index])
        return False
