"""Seeking: what it costs against walking on, reaching a frame of a known time, and proving that it is the right one."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.datatypes import Frame
from keyframes.decoder_log import DecoderLog
from keyframes.video.captures import Capture, View, current_picture, open_capture
from keyframes.video.reader import DisagreementError, VideoReader

# OpenCV goes back so many frames from the one asked for before it looks for a key frame.
LEAD_FRAMES = 16
# Flushing the decoder and filling its threads again costs about as much as decoding so many frames.
SEEK_COST = 12
# Two captures side by side take so many times as long as one: FFmpeg's threads leave gaps.
PAIR_COST = 1.5
# So many frames before the wanted one the seek aims: where frames come at uneven times it may land a little later.
AIM_BEFORE = 3


@dataclass(frozen=True)
class Timeline:
    """When each frame of a file is shown, and at which ones decoding can start.

    Attributes
    ----------
    times_ms : array (n_frames,), float64
    keys : array (n_keys,), int64
        Frame indices of the key frames.
    frame_rate : float
    """

    times_ms: NDArray[np.float64]
    keys: NDArray[np.int64]
    frame_rate: float

    def landing(self, index: int) -> int:
        """Index of the key frame at which OpenCV starts to decode when it seeks for a frame."""
        aim = self.times_ms[max(0, index - AIM_BEFORE)] - 1000 * LEAD_FRAMES / self.frame_rate
        before = int(np.searchsorted(self.times_ms[self.keys], aim, side="right"))
        return int(self.keys[before - 1]) if before else 0

    def seek_cost(self, index: int) -> int:
        """Frames to decode, or their equal in time, to seek to a frame."""
        return index + 1 - self.landing(index) + SEEK_COST

    def plan_cost(self, indices: Sequence[int]) -> int:
        """Frames to decode, or their equal in time, to reach all of these by the cheaper of a seek and a walk."""
        cost, position = 0, 0
        for index in indices:
            cost += min(self.seek_cost(index), index + 1 - position)
            position = index + 1
        return cost


@dataclass(frozen=True)
class Proof:
    """What frames that are reached by a seek are held against.

    Attributes
    ----------
    view : View
        That of the first pass.
    fingerprint : callable
        Gives the fingerprint of a picture in that view, by the first pass's own computation.
    expected : mapping of int to bytes
        Fingerprint of each frame index.
    agree : callable
        Whether a picture in blue, green and red and a luma plane show the same.
    """

    view: View
    fingerprint: Callable[[NDArray[np.uint8]], bytes]
    expected: Mapping[int, bytes]
    agree: Callable[[NDArray[np.uint8], NDArray[np.uint8]], bool]


def expected_cost(n_wanted: int, n_frames: int, n_keys: int) -> float:
    """Frames to decode, or their equal in time, to seek to so many frames anywhere between so many key frames."""
    return n_wanted * (n_frames / max(1, n_keys) / 2 + LEAD_FRAMES + SEEK_COST)


def seeking_pays(video: VideoReader, wanted: Sequence[int], luma: bool) -> bool:
    """Whether seeks to these growing indices are possible after a reader's whole pass and cost less than a walk.

    With `luma`, each seek is made twice.
    """
    # Images have no frame rate.
    if not wanted or video.latest_pass.messages or video.header.frame_rate <= 0:
        return False
    timeline = _timeline(video)
    if wanted[-1] >= len(timeline.times_ms) or not np.all(np.diff(timeline.times_ms) > 0):
        return False
    return timeline.plan_cost(wanted) * (PAIR_COST if luma else 1.0) < wanted[-1]


def seek_frames(video: VideoReader, indices: Iterable[int], proof: Proof) -> Iterator[Frame]:
    """Yield what `VideoReader.read_frames` does, reached by seeks where these cost less; for after a whole pass.

    Every frame that a seek may have led to is proven twice: by its time in the first pass, and by the fingerprint
    of its picture. Where the first pass looked at luma alone, a second capture does exactly the same beside the
    one that gives the pictures, and stands for it.

    Parameters
    ----------
    video : VideoReader
        Its latest iteration is the first pass.
    indices : iterable of int
        0-based places in presentation order.
    proof : Proof

    Raises
    ------
    DisagreementError
        Where a proof fails: then nothing that was yielded is to be trusted, and `read_frames` is the way.
    """
    wanted = sorted({int(index) for index in indices})
    timeline = _timeline(video)
    if not seeking_pays(video, wanted, proof.view.luma):
        if proof.view.discard == "none":
            yield from video.read_frames(wanted)
            return
        # A pass that left frames out told indices by times alone: its frames are proven, though no seek is made.
        timeline = Timeline(timeline.times_ms, timeline.keys[:0], timeline.frame_rate)
    video.close()
    log = DecoderLog()
    with log, ThreadPoolExecutor(1, thread_name_prefix="keyframes-seek") as beside:
        shown = _Follower(open_capture(video.path, video.threads), timeline)
        luma = View(luma=True)
        other = _Follower(open_capture(video.path, video.threads, luma), timeline) if proof.view.luma else None
        try:
            for index in wanted:
                reaching = beside.submit(other.reach, index) if other else None
                met = shown.reach(index)
                met = (reaching is None or reaching.result()) and met
                log.update()
                if not met or log.counts:
                    raise DisagreementError(f"a seek to frame {index} led elsewhere")
                image = current_picture(shown.capture, video.path, index)
                seen = image if other is None else current_picture(other.capture, video.path, index)
                if proof.fingerprint(seen) != proof.expected[index] or (
                    other is not None and not proof.agree(image, seen)
                ):
                    raise DisagreementError(f"a seek to frame {index} gave another picture")
                yield Frame(index, round(float(timeline.times_ms[index]) / 1000, 6), image)
        finally:
            shown.capture.release()
            if other is not None:
                other.capture.release()


def _timeline(video: VideoReader) -> Timeline:
    """Return the times of all frames by a reader's latest pass; by the packets where that left frames out."""
    times_ms = video.latest_pass.frame_times_ms(video.packets)
    return Timeline(times_ms, video.packets.key_indices(times_ms), video.header.frame_rate)


class _Follower:
    """A capture that is led along a timeline."""

    def __init__(self, capture: Capture, timeline: Timeline) -> None:
        self.capture = capture
        self._timeline = timeline
        self._position = 0

    def reach(self, index: int) -> bool:
        """Stand on a frame, by the cheaper of a seek and a walk; whether a frame of its time was met."""
        times_ms = self._timeline.times_ms
        if self._timeline.seek_cost(index) < index + 1 - self._position:
            self.capture.set(cv2.CAP_PROP_POS_MSEC, float(times_ms[max(0, index - AIM_BEFORE)]))
        self._position = index + 1
        while self.capture.grab():
            time_ms = self.capture.get(cv2.CAP_PROP_POS_MSEC)
            if time_ms >= times_ms[index]:
                return bool(time_ms == times_ms[index])
        return False
