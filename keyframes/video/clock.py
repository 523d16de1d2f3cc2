"""The time of each frame, which grows from frame to frame even where the file's own time stamps do not."""

from collections.abc import Callable
from math import isnan

from keyframes.video.packets import LONGEST_DELAY, Packets

# Times in seconds are rounded to a millionth.
ROUNDING_S = 1e-6
# Frames a second of a file that does not say.
USUAL_RATE = 30


class Clock:
    """Turns the time stamps of frames, in the order in which they are decoded, into times.

    A stamp that is later than the time before it is the time. Other stamps are equal to the one before, because the
    container rounds them (whole milliseconds at 2000 frames a second), out of order, next to damage, or not there at
    all. Such frames are spread over the time up to the next stamp of the file, so that the first frame with a later
    stamp is shown at its own time again; where there is no next stamp, they follow at the frame rate. Where the first
    stamp is negative, which that of a frame that is shown never should be, times count from it.

    The frame rate may be 0, where the file does not say. The packets of the file are asked for once they are needed.
    """

    def __init__(self, frame_rate: float, packets: Callable[[], Packets]) -> None:
        self._period_s = 1 / (frame_rate or USUAL_RATE)
        self._packets = packets
        self._latest_s = -self._period_s
        self._start_ms: float | None = None
        # Frames since the last one that had a time of its own, and how many frames have the stamp of that one.
        self._n_behind, self._n_equal = 0, 0

    def time_s(self, stamp_ms: float) -> float:
        """Return the time in seconds of the next frame, which has this stamp; NaN of images, which have no times."""
        if self._start_ms is None:
            self._start_ms = min(stamp_ms, 0.0)
        time_s = (stamp_ms - self._start_ms) / 1000
        if isnan(time_s):
            return time_s
        if stamp_ms < 0 == self._start_ms == self._latest_s:
            # The first frame came without its stamp, which is earlier still.
            self._start_ms = stamp_ms - 1000 * self._period_s
            time_s = self._period_s
        if time_s > self._latest_s + ROUNDING_S:
            self._n_behind = 0
        else:
            self._n_behind += 1
            time_s = self._latest_s + self._step_s()
        self._latest_s = round(time_s, 6)
        return self._latest_s

    def _step_s(self) -> float:
        """Time from the latest frame to one whose stamp is no later."""
        packets = self._packets()
        latest_ms = 1000 * self._latest_s + (self._start_ms or 0.0)
        next_ms = packets.next_stamp_ms(latest_ms + 1000 * ROUNDING_S)
        if next_ms is None or not packets.in_order:
            return self._period_s
        if self._n_behind == 1:
            self._n_equal = packets.count_at(latest_ms, 1000 * ROUNDING_S)
        # How many frames out of order are still to come is not known.
        n_to_come = self._n_equal - self._n_behind if self._n_equal > self._n_behind else LONGEST_DELAY
        return max(ROUNDING_S, min(self._period_s, (next_ms - latest_ms) / 1000 / (n_to_come + 1)))
