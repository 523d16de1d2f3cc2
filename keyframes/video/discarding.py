"""Which frames may be left out undecoded, so that a scan looks at fewer and those are still the frames of the file."""

import math
import zlib

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.video.captures import PLAIN, Discard, View, current_picture, open_capture, released
from keyframes.video.damage import LONG_GAP_S
from keyframes.video.decoder_log import DecoderLog
from keyframes.video.packets import Packets
from keyframes.video.reader import VideoReader

# The times of a file are proven on its first group of pictures, or on so many frames of it.
PROBED_FRAMES = 300
# Leaving out frames that nothing refers to is right by its definition, so it comes first.
MODES: tuple[Discard, ...] = ("nonref", "bidir")

# Time in milliseconds and a hash of each picture.
Probe = list[tuple[float, int]]


def find_discard(video: VideoReader, fewest: int) -> tuple[View, str]:
    """Find which frames can be left out undecoded: "bidir" or "nonref", or "none" and the reason.

    Proven on the first group of pictures: what is left must be the same pictures at the same times as when
    everything is decoded. (Leaving out all B-frames is wrong where others refer to them: then a decoder shows
    stale memory and says nothing.)

    At least `fewest` frames must be left to be looked at.
    """
    if video.header.backend == "images":
        return PLAIN, "a sequence of images has no B-frames"
    if not video.header.seekable:
        return PLAIN, "OpenCV cannot decode the file"
    packets = video.packets
    if not packets.distinct or packets.first_ms < 0:
        return PLAIN, "the file has no times by which to tell its frames"
    until_ms = _probed_until(packets)
    every_one, said = _probe(video, "none", until_ms)
    if said or [time_ms for time_ms, _ in every_one] != packets.times_ms[: len(every_one)].tolist():
        return PLAIN, "the times of its frames are not those of its packets"
    if not packets.reordered:
        return PLAIN, "the file has no B-frames"
    found: list[tuple[int, View]] = []
    reason = ""
    for discard in MODES:
        kept, said = _probe(video, discard, until_ms)
        if kept:
            # OpenCV 4.10 gives the first frame the time of the packet that it read last.
            kept[0] = (packets.first_ms, kept[0][1])
        if why := _differs(kept, every_one, said) or _leaves_too_few(video, kept, every_one, fewest):
            reason = why
        else:
            ranks = [packets.rank(time_ms) for time_ms, _ in kept]
            found.append((len(kept), View(discard=discard, kept_one_in=int(np.diff(ranks).max(initial=1)))))
    # The first of those that keep the fewest.
    return (min(found, key=lambda one: one[0])[1], "") if found else (PLAIN, reason)


def too_few(kept_s: NDArray[np.float64], last_s: float, packets: Packets, every: int) -> str:
    """Tell why the frames kept at these times are too few for all up to a last time, at this stride, or return ""."""
    if not len(kept_s):
        return "nothing would be left"
    times_s = packets.times_ms / 1000
    kept_s = np.append(kept_s, last_s) if last_s > kept_s[-1] else kept_s
    within = times_s[(times_s >= kept_s[0]) & (times_s <= last_s)]
    if len(kept_s) * 8 * every < len(within):
        return f"only {len(kept_s)} of {len(within)} frames would be looked at"
    inside = np.searchsorted(times_s, kept_s[1:]) - np.searchsorted(times_s, kept_s[:-1])
    gaps = np.diff(kept_s)
    if len(gaps) and np.any((gaps > LONG_GAP_S) & (inside > every)):
        return f"{gaps[inside > every].max():.2f} s would go by between two frames"
    return ""


def _probed_until(packets: Packets) -> float:
    """Time of the second key frame, at most that of the last frame that is probed."""
    second_key = packets.key_times_ms[1] if len(packets.key_times_ms) > 1 else math.inf
    # Without a second key frame the rank is -1: the last one.
    last = min(packets.rank(second_key) % len(packets.times_ms), PROBED_FRAMES)
    return float(packets.times_ms[last])


def _probe(video: VideoReader, discard: Discard, until_ms: float) -> tuple[Probe, bool]:
    """Time and a hash of each picture up to a time, and whether FFmpeg complained."""
    found: Probe = []
    with DecoderLog() as log, released(open_capture(video.path, video.threads, View(discard=discard))) as capture:
        while capture.grab() and (time_ms := capture.get(cv2.CAP_PROP_POS_MSEC)) <= until_ms:
            found.append((time_ms, zlib.adler32(current_picture(capture, video.path).tobytes())))
    return found, bool(log.counts)


def _differs(kept: Probe, every_one: Probe, said: bool) -> str:
    """Tell whether what was kept is not what it is when everything is decoded, or nothing was left out; "" if not."""
    pictures = dict(every_one)
    if said or any(pictures.get(time_ms) != picture for time_ms, picture in kept):
        return "its other frames refer to its B-frames"
    return "it has no frames that can be left out" if len(kept) == len(every_one) else ""


def _leaves_too_few(video: VideoReader, kept: Probe, every_one: Probe, fewest: int) -> str:
    """Tell how few frames a scan would look at where it keeps this share of them, or return ""."""
    n_looked_at = video.frames_expected * len(kept)
    if n_looked_at < fewest * len(every_one):
        return f"about {n_looked_at // len(every_one)} frames would be looked at"
    times_s = np.array([time_ms for time_ms, _ in kept]) / 1000
    return too_few(times_s, every_one[-1][0] / 1000, video.packets, video.every)
