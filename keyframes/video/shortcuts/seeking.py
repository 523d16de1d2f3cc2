"""Seeking: what it costs against walking on, reaching a frame of a known time, and proving that it is the right one.

A seek may land on another frame than the one asked for: on variable frame rates, B-frames, open GOPs and periodic intra
refresh it does.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.video.captures import PLAIN, OpenCVCapture, View, current_picture, open_capture, stamp_ms
from keyframes.video.clock import ROUNDING_S
from keyframes.video.decoder_log import DecoderLog
from keyframes.video.frames import Frame
from keyframes.video.passes import DisagreementError, Pass
from keyframes.video.reader import VideoReader
from keyframes.video.shortcuts.side_by_side import side_by_side

# Frames that OpenCV goes back from the one asked for before it looks for a key frame.
LEAD_FRAMES = 16
# What it costs to flush the decoder and to fill its threads again, in frames to decode.
SEEK_COST = 12
# Where the first pass looked at luma alone, each frame is fetched twice.
PAIR_COST = 2
# How many times as quick a walk is with several of FFmpeg's threads as with one.
WALK_SPEED = 1.35
# Memory for fetched pictures that wait for those before them.
WAITING_BYTES = 64 << 20
# Each capture holds an index of the file, some sixty bytes a packet; this many packets are the most for all captures.
INDEXED_PACKETS = 4_000_000
# A seek aims this many frames before the wanted one: where frames come at uneven times, it may land a little later.
AIM_BEFORE = 3


@dataclass(frozen=True)
class Timeline:
    """When each frame of a file is shown, and the indices of the key frames, at which decoding can start."""

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

    def groups(self, indices: Sequence[int], most: int) -> list[list[int]]:
        """Put ascending indices into groups of at most `most`, in which only the first is worth a seek."""
        found: list[list[int]] = []
        for index in indices:
            if not found or len(found[-1]) == most or self.seek_cost(index) < index - found[-1][-1]:
                found.append([])
            found[-1].append(index)
        return found

    def plan_cost(self, groups: Sequence[Sequence[int]]) -> int:
        """Frames to decode, or their equal in time, to reach all of these by a seek for each group."""
        return sum(min(self.seek_cost(group[0]), group[0] + 1) + group[-1] - group[0] for group in groups)


@dataclass(frozen=True)
class Proof:
    """What frames that are reached by a seek are held against.

    `fingerprint` is the first pass's own computation on a picture in its view, `expected` what that gave for each frame
    index, and `agree` tells whether a picture in blue, green and red and a luma plane show the same.
    """

    view: View
    fingerprint: Callable[[NDArray[np.uint8]], bytes]
    expected: Mapping[int, bytes]
    agree: Callable[[NDArray[np.uint8], NDArray[np.uint8]], bool]


def seeking_pays(video: VideoReader, wanted: Sequence[int], luma: bool) -> bool:
    """Whether seeks to these ascending indices are possible after a reader's whole pass and cost less than a walk.

    With `luma`, each seek is made twice.
    """
    if not wanted or video.latest_pass.messages or not video.header.seekable or video.header.frame_rate <= 0:
        return False
    timeline = _timeline(video)
    if wanted[-1] >= len(timeline.times_ms) or not np.all(np.diff(timeline.times_ms) > 0) or timeline.times_ms[0] < 0:
        return False
    cost = timeline.plan_cost(_groups(video, timeline, wanted)) * (PAIR_COST if luma else 1)
    return cost / _n_seekers(video, timeline, luma) < wanted[-1] / (WALK_SPEED if video.workers > 1 else 1)


def _n_seekers(video: VideoReader, timeline: Timeline, luma: bool) -> int:
    """How many fetch side by side; with `luma`, each has two captures."""
    n_packets = len(timeline.times_ms) * (2 if luma else 1)
    return max(1, min(video.workers, INDEXED_PACKETS // n_packets))


def _groups(video: VideoReader, timeline: Timeline, wanted: Sequence[int]) -> list[list[int]]:
    n_bytes = 3 * video.header.height * video.header.width * (video.workers + 1)
    return timeline.groups(wanted, max(1, WAITING_BYTES // n_bytes))


def adopt_packets(video: VideoReader, frame_index: NDArray[np.int64], time_s: NDArray[np.float64]) -> bool:
    """Take a file's packets for a reader's latest iteration if they give frames the times that an earlier one gave.

    Then frames can be sought without another pass over the file. Returns whether that is so.

    Parameters
    ----------
    video : VideoReader
    frame_index : array (n_frames,), int64
        Ascending.
    time_s : array (n_frames,), float64
        The times that an earlier iteration gave these frames.
    """
    times_ms = video.packets.times_ms
    if not video.packets.distinct or not len(frame_index) or frame_index[-1] >= len(times_ms):
        return False
    if np.abs(times_ms[frame_index] / 1000 - time_s).max() > ROUNDING_S:
        return False
    video.adopt(Pass.of_packets(video.packets))
    return True


def seek_frames(video: VideoReader, indices: Iterable[int], proof: Proof) -> Iterator[Frame]:
    """Yield what `VideoReader.read_frames` does, by seeks where these cost less; to be called after a whole pass.

    Every frame that a seek may have led to is proven twice: by its time in the first pass, and by the fingerprint
    of its picture. Where the first pass looked at luma alone, a second capture gives luma planes, is led exactly as the
    one that gives the pictures, and is proven in its place. The reader's latest iteration is the first pass.

    Raises
    ------
    DisagreementError
        Where a proof fails: then nothing that was yielded is to be trusted, and `read_frames` is the way.
    """
    wanted = sorted({int(index) for index in indices})
    timeline = _timeline(video)
    if seeking_pays(video, wanted, proof.view.luma):
        yield from _seek_side_by_side(video, _groups(video, timeline, wanted), timeline, proof)
    else:
        yield from video.read_frames(wanted)


def _seek_side_by_side(
    video: VideoReader, groups: Sequence[Sequence[int]], timeline: Timeline, proof: Proof
) -> Iterator[Frame]:
    """Yield the frames of groups that several captures fetch, in their order."""
    video.close()
    n_seekers = _n_seekers(video, timeline, proof.view.luma)
    seekers: list[Seeker] = []
    mine = threading.local()

    def fetch(group: Sequence[int]) -> list[Frame]:
        if not hasattr(mine, "seeker"):
            mine.seeker = Seeker(video, proof, timeline=timeline, log=log)
            seekers.append(mine.seeker)
        return [mine.seeker.frame(index) for index in group]

    with DecoderLog() as log:
        try:
            with closing(side_by_side(fetch, groups, n_seekers, "keyframes-seek")) as fetched:
                for frames in fetched:
                    yield from frames
        finally:
            for seeker in seekers:
                seeker.close()


class Seeker:
    """Fetches one frame after another by seeks, in any order, each proven; to be used after a whole pass.

    Its captures stay open, so that the next frame comes at once however long the file is. The reader's latest iteration
    is the first pass, whose timeline is taken unless another one is given. Several may share a log: after a complaint
    of FFmpeg none of them is to be trusted.
    """

    def __init__(
        self,
        video: VideoReader,
        proof: Proof,
        *,
        timeline: Timeline | None = None,
        log: DecoderLog | None = None,
    ) -> None:
        self._path, self._proof, self._log = video.path, proof, log or DecoderLog()
        self._timeline = timeline or _timeline(video)
        views = (PLAIN, View(luma=True)) if proof.view.luma else (PLAIN,)
        with self._log:
            self._followers = [_Follower(open_capture(video.path, 1, view), self._timeline) for view in views]

    def close(self) -> None:
        """Release the file."""
        for follower in self._followers:
            follower.capture.release()

    def frame(self, index: int) -> Frame:
        """Return a frame; a DisagreementError where its proof fails: then `VideoReader.read_frames` is the way."""
        with self._log:
            met = all(follower.reach(index) for follower in self._followers)
            self._log.update()
            if not met or self._log.counts:
                raise DisagreementError(f"a seek to frame {index} led elsewhere")
            pictures = [current_picture(follower.capture, self._path, index) for follower in self._followers]
        image, *luma = pictures
        same = self._proof.fingerprint(pictures[-1]) == self._proof.expected[index]
        if not same or not all(self._proof.agree(image, plane) for plane in luma):
            raise DisagreementError(f"a seek to frame {index} gave another picture")
        return Frame(index, round(float(self._timeline.times_ms[index]) / 1000, 6), image)


def _timeline(video: VideoReader) -> Timeline:
    """Return the times of all frames by a reader's latest pass."""
    times_ms = video.latest_pass.times_ms
    return Timeline(times_ms, video.packets.key_indices(times_ms), video.header.frame_rate)


class _Follower:
    """A capture that is led along a timeline."""

    def __init__(self, capture: OpenCVCapture, timeline: Timeline) -> None:
        self.capture = capture
        self._timeline = timeline
        self._position = 0

    def reach(self, index: int) -> bool:
        """Go to a frame, by a seek or a walk, whichever costs less; whether a frame of its time was met."""
        times_ms = self._timeline.times_ms
        if index < self._position or self._timeline.seek_cost(index) < index + 1 - self._position:
            self.capture.set(cv2.CAP_PROP_POS_MSEC, float(times_ms[max(0, index - AIM_BEFORE)]))
        self._position = index + 1
        while self.capture.grab():
            time_ms = stamp_ms(self.capture)
            if time_ms >= times_ms[index]:
                return bool(time_ms == times_ms[index])
        return False
