"""What a pass over a file sees: noted while it is under way, and as data once it is over."""

from array import array
from dataclasses import dataclass, field
from math import inf

import numpy as np
from numpy.typing import NDArray

from keyframes.video.decoder_log import DecoderLog
from keyframes.video.packets import Packets
from keyframes.video.picture_sizes import Sizes


class DisagreementError(Exception):
    """What was found out about a file does not hold everywhere in it; it must be read in the plain way."""


@dataclass(frozen=True)
class Pass:
    """What a pass over a file saw.

    Attributes
    ----------
    times_ms : array (n_decoded,), float64
        Time stamps of the frames that were decoded, as OpenCV gives them.
    last_time_s : float
        Time of the last one, by the frame rate where the file has no times.
    longest_gap_s : float
        Longest time between two of them.
    reached_end : bool
        Whether the pass came to the end of what can be decoded.
    messages : str
        FFmpeg's, in summary; "" where it had nothing to say.
    complaints : tuple of int
        Indices of the frames that were waited for when FFmpeg complained; known with one thread only.
    losses : tuple of str
        Of images: what was left out, a sentence each.
    sizes : tuple of (float, int, int)
        Time in seconds, width and height of the first picture and of each one whose size is another than that before
        it; empty where OpenCV reads the file, which does not say.
    excerpts : bool
        Whether only excerpts were decoded, and the times are those of the packets.
    """

    times_ms: NDArray[np.float64]
    last_time_s: float
    longest_gap_s: float
    reached_end: bool
    messages: str
    complaints: tuple[int, ...]
    losses: tuple[str, ...] = ()
    sizes: Sizes = ()
    excerpts: bool = False

    @classmethod
    def of_packets(cls, packets: Packets, *, excerpts: bool = False) -> "Pass":
        """Return a pass over a whole file that is known by its packets."""
        times_ms = packets.times_ms
        return cls(
            times_ms=times_ms,
            last_time_s=float(times_ms[-1]) / 1000,
            longest_gap_s=float(np.diff(times_ms).max(initial=0)) / 1000,
            reached_end=True,
            messages="",
            complaints=(),
            excerpts=excerpts,
        )


@dataclass
class PassRecord:
    """A pass that is under way; `locates` is whether a message of FFmpeg belongs to what is being decoded.

    The other fields are those of `Pass`.
    """

    log: DecoderLog
    locates: bool
    times_ms: "array[float]" = field(default_factory=lambda: array("d"))
    latest_ms: float = -inf
    last_time_s: float = 0.0
    longest_gap_s: float = 0.0
    reached_end: bool = False
    complaints: list[int] = field(default_factory=list)
    sizes: list[tuple[float, int, int]] = field(default_factory=list)
    _n_messages: int = 0

    def add(self, time_ms: float, time_s: float) -> None:
        """Note the next frame, by its time stamp and its time."""
        if self.times_ms:
            self.longest_gap_s = max(self.longest_gap_s, time_s - self.last_time_s)
        self.times_ms.append(time_ms)
        self.latest_ms = max(self.latest_ms, time_ms)
        self.last_time_s = time_s

    def note_complaint(self, index: int) -> None:
        """Note the frame that is waited for, if FFmpeg has complained since the last call."""
        n_messages = self.log.counts.total()
        if self.locates and n_messages > self._n_messages:
            self._n_messages = n_messages
            self.complaints.append(index)

    def finished(self, losses: tuple[str, ...]) -> Pass:
        """Return what was seen so far, as data."""
        return Pass(
            times_ms=np.array(self.times_ms, np.float64),
            last_time_s=self.last_time_s,
            longest_gap_s=self.longest_gap_s,
            reached_end=self.reached_end,
            messages=self.log.summary(),
            complaints=tuple(self.complaints),
            losses=losses,
            sizes=tuple(self.sizes),
        )
