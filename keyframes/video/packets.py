"""What a file's packets say without decoding: when each frame is shown, and which ones are key frames."""

from array import array
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.decoder_log import DecoderLog
from keyframes.video.captures import open_packets

# Most frames that a codec may hold back until it knows what to show next.
LONGEST_DELAY = 16


@dataclass(frozen=True)
class Packets:
    """The packets of a video track.

    Attributes
    ----------
    times_ms : array (n_packets,), float64
        In the order of presentation, as OpenCV gives them.
    key_times_ms : array (n_keys,), float64
        Those of the key frames, growing.
    first_ms : float
        Time of the packet that comes first in the file.
    delay : int
        How many places a packet lies at most before or behind its place in the order of presentation.
    distinct : bool
        Whether no two packets have the same time, so that a time tells a frame.
    """

    times_ms: NDArray[np.float64]
    key_times_ms: NDArray[np.float64]
    first_ms: float
    delay: int
    distinct: bool

    @classmethod
    def none(cls) -> "Packets":
        """Return what is known where there are no packets."""
        return cls(np.empty(0), np.empty(0), 0.0, LONGEST_DELAY, False)

    @property
    def reordered(self) -> bool:
        """Whether the packets are stored in another order than shown, as B-frames want it."""
        return self.distinct and self.delay > 0

    def rank(self, time_ms: float) -> int:
        """Index of the frame of this time; -1 where no packet has it."""
        place = int(np.searchsorted(self.times_ms, time_ms))
        return place if place < len(self.times_ms) and self.times_ms[place] == time_ms else -1

    def key_indices(self, times_ms: NDArray[np.float64]) -> NDArray[np.int64]:
        """Frame indices of the key frames whose times are among those of all frames."""
        if not len(times_ms):
            return np.empty(0, np.int64)
        places = np.minimum(np.searchsorted(times_ms, self.key_times_ms), len(times_ms) - 1)
        return np.asarray(places[times_ms[places] == self.key_times_ms], np.int64)


def read_packets(path: Path) -> Packets:
    """Read the time and the key flag of every video packet of a file."""
    times, keys = array("d"), bytearray()
    with DecoderLog():
        capture = open_packets(path)
        try:
            while capture.grab():
                times.append(capture.get(cv2.CAP_PROP_POS_MSEC))
                keys.append(capture.get(cv2.CAP_PROP_LRF_HAS_KEY_FRAME) != 0)
        finally:
            capture.release()
    stored = np.array(times, np.float64)
    order = np.argsort(stored, kind="stable")
    shown = stored[order]
    distinct = bool(len(shown)) and bool(np.all(np.diff(shown) > 0))
    delay = int(np.abs(order - np.arange(len(order))).max(initial=0)) if distinct else LONGEST_DELAY
    return Packets(
        times_ms=shown,
        key_times_ms=np.sort(stored[np.frombuffer(bytes(keys), bool)]),
        first_ms=float(stored[0]) if len(stored) else 0.0,
        delay=delay,
        distinct=distinct,
    )
