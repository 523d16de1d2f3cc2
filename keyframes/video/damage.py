"""What a finished pass tells of the damage to a file: cut off, packets without a frame, gaps, pictures in doubt."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keyframes.datatypes import VideoHeader
from keyframes.video.captures import Discard
from keyframes.video.packets import Packets
from keyframes.video.picture_sizes import Sizes

# A gap is told where nearly all others are alike and it is this much longer, and half a second.
UNUSUAL_GAP = 5
LONG_GAP_S = 0.5


@dataclass(frozen=True)
class Pass:
    """What a pass over a file saw.

    Attributes
    ----------
    discard : {"none", "nonref", "bidir"}
        Which frames were left out undecoded.
    times_ms : array (n_decoded,), float64
        Of the frames that were decoded, as OpenCV gives them.
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
    sizes : tuple of (float, int, int)
        Time in seconds, width and height of the first picture and of each one whose size is another than that before
        it; empty where OpenCV reads the file, which does not say.
    """

    discard: Discard
    times_ms: NDArray[np.float64]
    last_time_s: float
    longest_gap_s: float
    reached_end: bool
    messages: str
    complaints: tuple[int, ...]
    sizes: Sizes = ()

    def frame_times_ms(self, packets: Packets) -> NDArray[np.float64]:
        """Return the times of all frames, those of the packets where frames were left out."""
        return self.times_ms if self.discard == "none" else packets.times_ms


def describe_damage(seen: Pass, header: VideoHeader, packets: Packets) -> list[str]:
    """Return what went wrong in a pass, in one sentence; an empty list if nothing did."""
    found = []
    # Where frames were left out, missing ones tell nothing.
    if seen.discard == "none":
        if seen.reached_end and _ends_early(seen, header, packets):
            found.append(
                f"only {len(seen.times_ms)} of the {header.frames_claimed} frames that the file claims could be "
                f"decoded, up to {seen.last_time_s:.3f} s: it was cut off or damaged, and only what was decoded is used"
            )
        found += [*_missing_pictures(seen, header, packets), *_unusual_gap(seen)]
    if seen.messages and found:
        found.append(f"FFmpeg: {seen.messages}")
    elif seen.messages:
        found.append(f"FFmpeg reported errors, some pictures may be damaged: {seen.messages}")
    return ["; ".join(found)] if found else []


def is_incomplete(seen: Pass, header: VideoHeader, packets: Packets) -> bool:
    """Tell whether a pass that left nothing out and came to the end gave fewer frames than there should be."""
    if seen.discard != "none" or not seen.reached_end:
        return False
    return _ends_early(seen, header, packets) or bool(_missing_pictures(seen, header, packets))


def find_suspects(frame_index: NDArray[np.int64], seen: Pass, packets: Packets) -> NDArray[np.bool_]:
    """Tell which of these frames FFmpeg complained about, up to the next key frame.

    A broken packet shows at the frame that was waited for when FFmpeg complained, or later by as much as the codec
    reorders; so a key frame ends the doubt only where it is farther away than that.
    """
    doubtful = np.zeros(len(frame_index), bool)
    keys = packets.key_indices(seen.frame_times_ms(packets))
    for place in seen.complaints:
        ends = np.flatnonzero(keys > place + packets.delay)
        end = int(keys[ends[0]]) if len(ends) else np.iinfo(np.int64).max
        doubtful |= (frame_index >= place) & (frame_index < end)
    return doubtful


def _missing_pictures(seen: Pass, header: VideoHeader, packets: Packets) -> list[str]:
    """Packets between the first and the last frame that gave none, and a read that ended before the last packet."""
    times_ms, shown_ms = packets.times_ms, seen.times_ms
    if not len(shown_ms) or not (seen.messages or seen.reached_end) or not packets.distinct:
        return []
    if not np.isin(shown_ms, times_ms).all():
        return []
    between = times_ms[(times_ms >= shown_ms[0]) & (times_ms <= shown_ms[-1])]
    n_missing = len(between) - len(shown_ms)
    found = []
    # Where each packet holds a field, half of them give no frame of their own.
    if 0 < n_missing <= 0.4 * len(between):
        found.append(f"{n_missing} of {len(between)} packets gave no frame")
    if seen.reached_end and times_ms[-1] > shown_ms[-1] and (seen.messages or not header.frames_listed):
        found.append(
            f"decoding ended at {shown_ms[-1] / 1000:.3f} s, the last packet is at {times_ms[-1] / 1000:.3f} s"
        )
    return found


def _unusual_gap(seen: Pass) -> list[str]:
    """Tell the longest time without a frame, where frames come evenly everywhere else."""
    gaps = np.diff(seen.times_ms) / 1000
    if len(gaps) < 20:
        return []
    typical, largest = float(np.median(gaps)), int(gaps.argmax())
    even = np.mean(np.abs(gaps - typical) <= 0.1 * typical + 0.0011) > 0.95
    if not even or gaps[largest] < max(LONG_GAP_S, UNUSUAL_GAP * typical):
        return []
    n_gaps = int(np.sum(gaps >= max(LONG_GAP_S, UNUSUAL_GAP * typical)))
    return [
        f"no frame for {gaps[largest]:.2f} s after {seen.times_ms[largest] / 1000:.3f} s"
        + (f" (the longest of {n_gaps} such gaps)" if n_gaps > 1 else "")
    ]


def _ends_early(seen: Pass, header: VideoHeader, packets: Packets) -> bool:
    """Whether less could be decoded than the file claims; frames that an edit list leaves out are no damage.

    A claim may be an estimate, duration times nominal rate: too high on a variable rate, or where sound lasts longer.
    So it takes a complaint of FFmpeg and missing time, or a container that lists its frames and holds fewer packets.
    """
    claimed, rate = header.frames_claimed, header.frame_rate
    # Images have no rate: they are what they are.
    if len(seen.times_ms) >= claimed or rate == 0:
        return False
    if seen.messages and claimed / rate - (seen.last_time_s + seen.longest_gap_s) > 0.5 / rate:
        return True
    return header.frames_listed and len(packets.times_ms) < claimed
