"""What a finished pass shows of the damage to a file: where frames are missing, and which pictures are in doubt."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from keyframes.video.frames import VideoHeader
from keyframes.video.packets import Packets
from keyframes.video.passes import Pass
from keyframes.wording import counted

# Packets tell frames only if at least this share of the frames' time stamps are those of packets.
STAMPS_FOUND = 0.99
# If more of the packets than this give no frame, none counts as lost: each may hold a field, which is half a frame.
MOST_LOST_PACKETS = 0.4
# A frame comes in time if it comes after the median time between two, give or take this share of it and the rounding:
# containers keep time stamps in milliseconds.
EVEN_TOLERANCE = 0.1
STAMP_ROUNDING_MS = 1.1
# With fewer times between frames, or a smaller share of frames that come in time, gaps are not judged by their length.
FEWEST_TIMES = 20
MOSTLY_EVEN = 0.95
# From this share on, a single missing frame is reported, even without any other sign of a loss.
EVEN = 0.99
# Below it, a gap is reported if it is this long, and this many times as long as most.
LONG_GAP_S = 0.5
UNUSUAL_GAP = 5
# In an AVI file whose sound, such as MP3, begins a little earlier, FFmpeg writes an empty frame or two after the first
# one, which is shown for longer; nothing is missing.
LONGEST_FIRST_MS = 100
# If FFmpeg reports nothing, and more of the frames than this lie beside gaps (or beside a single gap), they are not in
# doubt for it.
MOST_DOUBT, MOST_DOUBT_OF_ONE = 0.05, 0.25
# Damage puts few frames out of order. If more of them are, the file has decoding times in place of presentation times.
MOST_OUT_OF_ORDER = 0.25
# Places that a message lists.
MOST_LISTED = 5


@dataclass(frozen=True)
class Gap:
    """A time without a frame, between the time stamps of two.

    `n_missing` frames belong there, by the packets or by the time. They are lost where packets belong there, or FFmpeg
    complained about what comes behind.
    """

    after_ms: float
    before_ms: float
    n_missing: int
    is_lost: bool


@dataclass(frozen=True)
class Damage:
    """What a pass shows of the damage to a file, beside what its header claims and its packets say."""

    seen: Pass
    header: VideoHeader
    packets: Packets

    def described(self) -> list[str]:
        """Return what went wrong, in one sentence; an empty list if nothing did."""
        found = []
        if self._is_cut_off:
            found.append(
                f"the file is cut off or damaged: only {len(self.seen.times_ms)} of the {self.header.frames_claimed} "
                f"frames that it claims could be decoded, the last one at {self.seen.last_time_s:.3f} s"
            )
        found += [*self._described_gaps(), *self._described_ends()]
        if len(self.packets.zeroed_ms):
            found.append(f"parts of the file are lost, and pictures are damaged from {_places(self.packets)}")
        if self.seen.messages and found:
            found.append(f"FFmpeg: {self.seen.messages}")
        elif self.seen.messages:
            found.append(f"FFmpeg reported errors, so some pictures may be damaged: {self.seen.messages}")
        return ["; ".join(found)] if found else []

    @property
    def is_incomplete(self) -> bool:
        """Whether the pass came to the end and gave fewer frames than there should be."""
        if not self.seen.reached_end:
            return False
        return self._is_cut_off or bool(self._described_ends()) or any(gap.is_lost for gap in self.gaps)

    def suspects(self, frame_index: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which of these frames (n_frames,) may be damaged: those near a loss, up to the next key frame.

        A broken packet shows at the frame that was waited for when FFmpeg complained, or as far before or behind it as
        the codec reorders; so a key frame ends the doubt only where it is farther away than that. Where frames are
        missing, the one before may have lost its end, and those behind refer to what is not there.
        """
        packets, stamps_ms = self.packets, self.seen.times_ms
        keys = packets.key_indices(stamps_ms)
        order = np.maximum.accumulate(stamps_ms)
        reported = np.zeros(len(frame_index), bool)
        lost = np.searchsorted(order, packets.zeroed_ms)
        for place in (*self.seen.complaints, *lost.tolist()):
            reported |= _until_key(frame_index, place - packets.delay, place + packets.delay + 1, keys)
        if not packets.distinct:
            return reported
        if packets.in_order:
            out_of_order = _out_of_order(stamps_ms)
            reported |= out_of_order[frame_index] & (out_of_order.mean() <= MOST_OUT_OF_ORDER)
        beside = np.zeros(len(frame_index), bool)
        for gap in self.gaps:
            before, behind = np.searchsorted(order, [gap.after_ms, gap.before_ms])
            beside |= _until_key(frame_index, int(before) - packets.delay, int(behind), keys)
        # A camera that drops frames now and then damages none; a single gap may well be a loss.
        if not self.seen.messages and beside.mean() > (MOST_DOUBT_OF_ONE if len(self.gaps) == 1 else MOST_DOUBT):
            return reported
        return reported | beside

    @cached_property
    def gaps(self) -> list[Gap]:
        """The times without a frame that are worth reporting, in order.

        Those are the ones with packets in them; where frames come evenly, those in which one is missing; and where they
        come less evenly, those that are far longer than nearly all others.
        """
        stamps = self._stamps
        # Without time stamps of their own, frames tell nothing.
        if len(stamps) < max(2, 0.9 * len(self.seen.times_ms)):
            return []
        n_packets = self._packets_between()
        is_lost = (n_packets > 0) | self._near_complaints()
        was_dropped = not self.seen.messages and self._is_short
        n_fitting, unusual = _unusual(np.diff(stamps), is_lost | was_dropped)
        if self.header.avi_with_sound and stamps[1] - stamps[0] <= LONGEST_FIRST_MS:
            unusual[0] &= is_lost[0]
        if self._lacks_first_stamp:
            n_packets[0], unusual[0] = 0, False
        return [
            Gap(float(stamps[i]), float(stamps[i + 1]), int(max(n_packets[i], n_fitting[i])), bool(is_lost[i]))
            for i in np.flatnonzero((n_packets > 0) | unusual)
        ]

    @cached_property
    def _stamps(self) -> NDArray[np.float64]:
        """The different time stamps of frames, ascending."""
        return np.unique(self.seen.times_ms[~_lacks_stamp(self.seen.times_ms)])

    @property
    def _lacks_first_stamp(self) -> bool:
        """Whether 0 is no time stamp of the first frame: each has that of a later packet, so the last one has none.

        So it is with MPEG-1 that has B-frames, in an AVI file. Each packet gave a frame, so none is missing.
        """
        times_ms = self.seen.times_ms
        return len(times_ms) == len(self.packets.times_ms) and bool(_lacks_stamp(times_ms)[-1])

    @cached_property
    def _packets_tell_frames(self) -> bool:
        """Whether the time stamps of frames are those of packets."""
        stamps, packets = self._stamps, self.packets
        if not packets.distinct or not len(stamps):
            return False
        return bool(np.mean(np.isin(stamps, packets.times_ms)) >= STAMPS_FOUND)

    def _packets_between(self) -> NDArray[np.int64]:
        """Count the packets between neighbouring time stamps of frames; 0 where packets do not tell frames."""
        stamps, times_ms = self._stamps, self.packets.times_ms
        if not self._packets_tell_frames:
            return np.zeros(len(stamps) - 1, np.int64)
        counts = np.searchsorted(times_ms, stamps[1:], "left") - np.searchsorted(times_ms, stamps[:-1], "right")
        return counts if counts.sum() <= MOST_LOST_PACKETS * (counts.sum() + len(stamps)) else np.zeros_like(counts)

    def _near_complaints(self) -> NDArray[np.bool_]:
        """Tell after which times between two stamps FFmpeg complained, as far as that is known."""
        near = np.zeros(len(self._stamps) - 1, bool)
        behind = np.searchsorted(np.maximum.accumulate(self.seen.times_ms), self._stamps[1:])
        for place in self.seen.complaints:
            near |= np.abs(behind - place) <= self.packets.delay + 1
        return near

    def _complains_at(self, place: int) -> bool:
        """Whether FFmpeg complained near a frame, or may have: with several threads, it is not known where."""
        if not self.seen.complaints:
            return bool(self.seen.messages)
        return any(abs(place - complaint) <= self.packets.delay + 1 for complaint in self.seen.complaints)

    @property
    def _complains_at_end(self) -> bool:
        return self._complains_at(len(self.seen.times_ms))

    @property
    def _n_lacking(self) -> int:
        return self.header.frames_claimed - len(self.seen.times_ms)

    @property
    def _is_short(self) -> bool:
        """Whether the container lists more frames than it holds; those that an edit list leaves out are in it."""
        n_packets = len(self.packets.times_ms)
        if not self.header.frames_listed or self.packets.edited:
            return False
        # A pass that was broken off lacks frames in any case.
        is_known = self.seen.reached_end or n_packets > 0
        return is_known and self._n_lacking > 0 and n_packets < self.header.frames_claimed

    @cached_property
    def _is_cut_off(self) -> bool:
        """Whether frames are missing at the end of what the file claims.

        A claim may be an estimate, duration times nominal rate: too high on a variable rate, or where sound lasts
        longer. So it takes missing time, and a complaint of FFmpeg at the end or a container that lists its frames and
        holds fewer.
        """
        seen, rate = self.seen, self.header.frame_rate
        # Images have no rate: they are what they are.
        if not seen.reached_end or rate == 0 or self._n_lacking <= 0:
            return False
        if sum(gap.n_missing for gap in self.gaps if gap.is_lost) >= self._n_lacking:
            return False
        missing_s = self.header.frames_claimed / rate - seen.last_time_s
        # An AVI file may count at a multiple of the rate, with nothing between the frames.
        stamps = self._stamps
        frame_s = max(1 / rate, float(np.median(np.diff(stamps))) / 1000 if len(stamps) > 1 else 0)
        if self._is_short and missing_s > 1.5 * frame_s:
            return True
        return self._complains_at_end and missing_s - seen.longest_gap_s > 0.5 / rate

    def _described_gaps(self) -> list[str]:
        """Tell where frames are missing, or that they were never recorded."""
        gaps, header = self.gaps, self.header
        if not gaps:
            return []
        longest = sorted(gaps, key=lambda gap: gap.after_ms - gap.before_ms)[:MOST_LISTED]
        listed = sorted(longest, key=lambda gap: gap.after_ms)
        places = ", ".join(f"{gap.after_ms / 1000:.3f} to {gap.before_ms / 1000:.3f} s" for gap in listed)
        others = len(gaps) - len(listed)
        where = f"no frame from {places}" + (f" and in {counted(others, 'other place')}" if others else "")
        n_missing = sum(gap.n_missing for gap in gaps)
        # A camera that drops frames leaves no packet of theirs.
        none_lost = not self.seen.messages and not any(gap.is_lost for gap in gaps)
        if none_lost and self._is_short and n_missing == self._n_lacking:
            were = "was" if n_missing == 1 else "were"
            return [f"{n_missing} of {header.frames_claimed} frames {were} dropped during recording: {where}"]
        # A camera may have paused: how many frames would have fitted does not matter then.
        n_lost = sum(gap.n_missing for gap in gaps if gap.is_lost)
        return [f"{where} ({n_lost} missing)" if n_lost else where]

    def _described_ends(self) -> list[str]:
        """Tell of packets before the first frame and after the last one that gave none."""
        if not self._packets_tell_frames:
            return []
        times_ms, first_ms, last_ms = self.packets.times_ms, self._stamps[0], self._stamps[-1]
        found = []
        # An edit list hides what comes before time 0, and some containers have no presentation times.
        if self._complains_at(0) and np.any((times_ms >= 0) & (times_ms < first_ms)):
            found.append(f"no frame before {first_ms / 1000:.3f} s")
        is_early = self.seen.reached_end and times_ms[-1] > last_ms
        if is_early and (self._complains_at_end or not self.header.frames_listed):
            found.append(
                f"decoding ended at {last_ms / 1000:.3f} s, but the last packet is at {times_ms[-1] / 1000:.3f} s"
            )
        return found


def _out_of_order(times_ms: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which frames came before or after the place that their time stamps give them: their times are not known."""
    found = np.zeros(len(times_ms), bool)
    has_stamp = ~_lacks_stamp(times_ms)
    stamps = times_ms[has_stamp]
    earliest_behind = np.minimum.accumulate(stamps[::-1])[::-1]
    found[has_stamp] = (stamps < np.maximum.accumulate(stamps)) | (stamps > earliest_behind)
    return found


def _until_key(
    frame_index: NDArray[np.int64], first: int, earliest_end: int, keys: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which frames lie from `first` on, and before the first key frame at `earliest_end` or later."""
    ends = keys[np.searchsorted(keys, earliest_end) :]
    until = int(ends[0]) if len(ends) else np.iinfo(np.int64).max
    return (frame_index >= first) & (frame_index < until)


def _places(packets: Packets) -> str:
    """Tell which pictures lost blocks damage: from each one to the next key frame."""
    ends = np.append(packets.key_times_ms, np.inf)[np.searchsorted(packets.key_times_ms, packets.zeroed_ms, "right")]
    begins = {float(end): float(begin) for begin, end in zip(packets.zeroed_ms[::-1], ends[::-1], strict=True)}
    listed = [
        f"{begin / 1000:.3f} s to {'the end' if end == np.inf else f'{end / 1000:.3f} s'}"
        for end, begin in sorted(begins.items())
    ]
    more = f" and {len(listed) - MOST_LISTED} more" if len(listed) > MOST_LISTED else ""
    return ", ".join(listed[:MOST_LISTED]) + more


def _lacks_stamp(times_ms: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell which frames have no time stamp: OpenCV gives 0, which is that of a first frame alone."""
    lacking: NDArray[np.bool_] = times_ms == 0
    lacking[:1] = False
    return lacking


def _unusual(lengths: NDArray[np.float64], suspected: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Tell how many frames are missing in each time between two, as far as is known, and which times are unusual.

    Where a loss is suspected, any time that is longer than most is unusual.
    """
    typical = float(np.median(lengths))
    even = float(np.mean(np.abs(lengths - typical) <= EVEN_TOLERANCE * typical + STAMP_ROUNDING_MS))
    if len(lengths) < FEWEST_TIMES or even <= MOSTLY_EVEN:
        return np.zeros(len(lengths), np.int64), np.zeros(len(lengths), bool)
    longer = (lengths >= 1.5 * typical) & (lengths > typical + 2 * STAMP_ROUNDING_MS)
    n_missing = np.where(longer, np.round(lengths / typical) - 1, 0).astype(np.int64)
    if even >= EVEN:
        return n_missing, longer
    return n_missing, (longer & suspected) | (lengths >= max(1000 * LONG_GAP_S, UNUSUAL_GAP * typical))
