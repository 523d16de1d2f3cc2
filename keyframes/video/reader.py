"""The reader: frames in presentation order, and what decoding them shows of the file.

Frames are reached by walking through the file from its start. A seek may land on another frame than the one asked for
(on variable frame rates, B-frames, open GOPs and periodic intra refresh it does), so it counts only where it is proven.
"""

import hashlib
import math
import zlib
from array import array
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.datatypes import Crop, Frame, VideoHeader
from keyframes.decoder_log import DecoderLog
from keyframes.errors import RegionError, VideoError
from keyframes.video.captures import Capture, Discard, open_capture
from keyframes.video.images import image_files, is_image_sequence
from keyframes.video.packets import Packets, read_packets
from keyframes.video.seeking import PAIR_COST, Follower, plan_cost

# More FFmpeg threads than this gain little, and each one holds frames of its own.
MAX_DECODER_THREADS = 16
# For each processor: most of them wait, for the rows of the frame that theirs refers to, or for their turn to hand a
# picture over, and a frame that is left out takes its thread's turn too.
DECODER_THREADS = 4
# Each one holds pictures; large ones keep fewer threads at work as well.
DECODER_BYTES = 16 << 20
HASH_BYTES = 1 << 20
LOG_EVERY = 500
# FFmpeg decodes the slices of their pictures side by side, and then much damage passes without a word.
SILENT_CODECS = {"mpg1", "mpg2"}
# The times of a file are proven on its first group of pictures, or on so many frames of it.
PROBED_FRAMES = 300
# A gap is told where nearly all others are alike and it is this much longer, and half a second.
UNUSUAL_GAP = 5
LONG_GAP_S = 0.5
# Where a file has a single key frame, the frames that are to be spread are so many apart.
SPREAD_STEP = 8


class DisagreementError(Exception):
    """What was found out about a file does not hold everywhere in it; it must be read in the plain way."""


@dataclass(frozen=True)
class View:
    """How the pictures of a file are looked at.

    Attributes
    ----------
    luma : bool
        Their first plane alone, (height, width), instead of blue, green and red.
    discard : {"none", "nonref", "bidir"}
        Which frames are left out undecoded.
    """

    luma: bool = False
    discard: Discard = "none"


PLAIN = View()


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


class VideoReader:
    """A video file, read in presentation order, one frame in memory at a time.

    Every iteration starts anew. A context manager; `close` ends the last iteration.

    Parameters
    ----------
    path : str or Path
    start_s, stop_s : float, float or None
        Hand out the frames with start <= time < stop, in seconds.
    every : int
        Of those, every n-th, the first one included.
    crop : Crop or None
        Hand out this part of each picture.
    threads : int or None
        FFmpeg's threads; None takes up to four for each processor. MPEG-1 and MPEG-2 are decoded on one.

    Attributes
    ----------
    header : VideoHeader
        What the file says of itself.
    frames_decoded : int
        Frames decoded by the latest iteration, handed out or not.
    reached_end : bool
        Whether the latest iteration came to the end of what can be decoded.
    last_time_s : float
        Time of the last decoded frame.
    log : DecoderLog
        FFmpeg's messages during the latest iteration.
    threads : int
        FFmpeg's threads from the next iteration on. A broken picture is patched up from what its threads have ready, so
        only one thread gives the same patches every time.

    Raises
    ------
    VideoError
        Where the file is missing, empty, no video, or has no frame that can be decoded.
    RegionError
        Where the crop lies outside the picture, and, when iterating, where no frame lies in the range.

    Examples
    --------
    >>> with VideoReader("sample_data/mouse.mp4", stop_s=1.0, every=10) as video:
    ...     [frame.index for frame in video]
    [0, 10, 20]
    """

    def __init__(
        self,
        path: str | Path,
        *,
        start_s: float = 0.0,
        stop_s: float | None = None,
        every: int = 1,
        crop: Crop | None = None,
        threads: int | None = None,
    ) -> None:
        self.path = Path(path)
        self.start_s = start_s
        self.stop_s = stop_s
        self.every = every
        self.crop = crop
        self.threads = min(threads or cv2.getNumberOfCPUs(), MAX_DECODER_THREADS)
        self._capture: Capture | None = None
        self._current_walk: Generator[tuple[int, float], None, None] | None = None
        self.log = DecoderLog()
        self._begin(PLAIN)
        self.header = self._read_header()
        if self.header.codec in SILENT_CODECS:
            self.threads = 1
        elif threads is None and self.threads > 1:
            fitting = DECODER_BYTES // (3 * self.header.height * self.header.width)
            wanted = min(DECODER_THREADS * self.threads, MAX_DECODER_THREADS)
            self.threads = max(self.threads, min(wanted, fitting))
        self._check_crop()

    def __enter__(self) -> "VideoReader":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Release the file and end the iteration that is under way."""
        if self._current_walk is not None:
            self._current_walk.close()
            self._current_walk = None

    def __iter__(self) -> Iterator[Frame]:
        for index, time_s, image in self.pictures():
            yield Frame(index, time_s, self.cropped(image))

    def pictures(
        self, view: View = PLAIN, spare: list[NDArray[np.uint8]] | None = None
    ) -> Generator[tuple[int, float, NDArray[np.uint8]], None, None]:
        """Yield (index, time_s, picture) of the frames of range and stride, whole, in a view.

        Where frames are left out, the first one there is from each place of the stride on stands for it.
        Pictures that are done with may be put into `spare`: they are written over, which saves asking for memory.

        Raises
        ------
        RegionError
            Where no frame lies in the range.
        DisagreementError
            Where frames are left out and the time of one is not that of a packet.
        """
        first, due = None, 0
        with closing(self.walk(view)) as walk:
            for index, time_s in walk:
                if self.stop_s is not None and time_s >= self.stop_s:
                    break
                if time_s < self.start_s:
                    continue
                first = index if first is None else first
                if index >= due:
                    due = first + ((index - first) // self.every + 1) * self.every
                    yield index, time_s, self._retrieve(index, into=spare.pop() if spare else None)
        if first is None:
            raise RegionError(
                f"{self.path}: no frame between {self.start_s:g} s and "
                f"{'the end' if self.stop_s is None else f'{self.stop_s:g} s'}; "
                f"the video lasts {self.last_time_s:.3f} s, choose --start and --stop within"
            )

    def read_frames(self, indices: Iterable[int]) -> Iterator[Frame]:
        """Yield the frames of these indices, each once, in ascending order, whole: range, stride and crop do not apply.

        They are reached by walking, which is always right; `seek_frames` may be quicker.

        Parameters
        ----------
        indices : iterable of int
            0-based places in presentation order.

        Raises
        ------
        VideoError
            Where decoding ends before the last one.
        """
        wanted = sorted({int(index) for index in indices})
        remaining = iter(wanted)
        target = next(remaining, None)
        if target is None:
            return
        with closing(self.walk()) as walk:
            for index, time_s in walk:
                if index == target:
                    yield Frame(index, time_s, self._retrieve(index))
                    target = next(remaining, None)
                    if target is None:
                        return
        raise VideoError(
            f"{self.path}: frame {target} cannot be decoded any more, the video ended after {self.frames_decoded} "
            "frames; was the file changed meanwhile? Run the command again"
        )

    def seek_frames(self, indices: Iterable[int], proof: Proof) -> Iterator[Frame]:
        """Yield what `read_frames` does, reached by seeks where these cost less; for after a whole pass.

        Every frame that a seek may have led to is proven twice: by its time in the first pass, and by the fingerprint
        of its picture. Where the first pass looked at luma alone, a second capture does exactly the same beside the
        one that gives the pictures, and stands for it.

        Raises
        ------
        DisagreementError
            Where a proof fails: then nothing that was yielded is to be trusted, and `read_frames` is the way.
        """
        wanted = sorted({int(index) for index in indices})
        times_ms, keys, rate = self._frame_times_ms(), self._key_indices(), self.header.frame_rate
        if not self.seeking_pays(wanted, proof.view.luma):
            if proof.view.discard == "none":
                yield from self.read_frames(wanted)
                return
            # A pass that left frames out told indices by times alone: its frames are proven, though no seek is made.
            keys = keys[:0]
        self.close()
        log = DecoderLog()
        with log, ThreadPoolExecutor(1, thread_name_prefix="keyframes-seek") as beside:
            shown = Follower(open_capture(self.path, self.threads))
            other = Follower(open_capture(self.path, self.threads, luma=True)) if proof.view.luma else None
            try:
                for index in wanted:
                    reaching = beside.submit(other.reach, index, times_ms, keys, rate) if other else None
                    met = shown.reach(index, times_ms, keys, rate)
                    met = (reaching is None or reaching.result()) and met
                    log.update()
                    if not met or log.counts:
                        raise DisagreementError(f"a seek to frame {index} led elsewhere")
                    image = self._retrieve(index, shown.capture)
                    seen = image if other is None else self._retrieve(index, other.capture)
                    if proof.fingerprint(seen) != proof.expected[index] or (
                        other is not None and not proof.agree(image, seen)
                    ):
                        raise DisagreementError(f"a seek to frame {index} gave another picture")
                    yield Frame(index, round(float(times_ms[index]) / 1000, 6), image)
            finally:
                shown.capture.release()
                if other is not None:
                    other.capture.release()

    def seeking_pays(self, wanted: list[int], luma: bool) -> bool:
        """Whether seeks are possible after this first pass and cost less than a walk."""
        if not wanted or self.log.counts or self.header.frame_rate <= 0 or is_image_sequence(self.path):
            return False
        times_ms = self._frame_times_ms()
        if wanted[-1] >= len(times_ms) or not np.all(np.diff(times_ms) > 0):
            return False
        cost = plan_cost(wanted, times_ms, self._key_indices(), self.header.frame_rate)
        return cost * (PAIR_COST if luma else 1.0) < wanted[-1]

    def _frame_times_ms(self) -> NDArray[np.float64]:
        """Return the times of all frames by the first pass; by the packets where that left frames out."""
        if self._view.discard != "none":
            return self.packets.times_ms
        return np.array(self._times_ms, np.float64)

    def _key_indices(self) -> NDArray[np.int64]:
        """Frame indices of the key frames whose times are those of frames."""
        times_ms, keys = self._frame_times_ms(), self.packets.key_times_ms
        places = np.minimum(np.searchsorted(times_ms, keys), max(len(times_ms) - 1, 0))
        return np.asarray(places[times_ms[places] == keys] if len(times_ms) else places[:0], np.int64)

    def spread_pairs(self, n_wanted: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
        """Yield about so many frames, spread over the file, as pairs of the picture and its luma plane.

        The captures of both do the same, so it does not matter whether a seek led to the frame that was meant.

        Raises
        ------
        DisagreementError
            Where they part, or FFmpeg complains.
        """
        keys = self.packets.key_times_ms
        chosen = keys[np.linspace(0, len(keys) - 1, min(len(keys), n_wanted)).astype(np.int64)] if len(keys) else keys
        step = 1 if len(chosen) > 1 else SPREAD_STEP
        n_each = -(-n_wanted // max(1, len(chosen)))
        log = DecoderLog()
        with log:
            captures = [open_capture(self.path, self.threads, luma=luma) for luma in (False, True)]
            try:
                for key_ms in chosen:
                    for capture in captures if len(chosen) > 1 else ():
                        capture.set(cv2.CAP_PROP_POS_MSEC, float(key_ms) + 17_000 / self.header.frame_rate)
                    for _ in range(n_each):
                        for _ in range(step):
                            if not all([capture.grab() for capture in captures]):
                                return
                        if len({capture.get(cv2.CAP_PROP_POS_MSEC) for capture in captures}) > 1:
                            raise DisagreementError("two captures of one file part")
                        image, luma = (self._retrieve(-1, capture) for capture in captures)
                        yield image, luma
            finally:
                for capture in captures:
                    capture.release()
        if log.counts:
            raise DisagreementError("FFmpeg complains")

    def sample(self, n_wanted: int) -> Iterator[NDArray[np.uint8]]:
        """Yield so many pictures or fewer, spread over the file, each from soon after a key frame."""
        keys = self.packets.key_times_ms
        if self.stop_s is not None:
            keys = keys[keys < 1000 * self.stop_s]
        keys = keys[keys >= 1000 * self.start_s]
        if len(keys) < n_wanted // 4 or self.header.frame_rate <= 0:
            return
        chosen = keys[np.linspace(0, len(keys) - 1, min(len(keys), n_wanted)).astype(np.int64)]
        with DecoderLog():
            capture = open_capture(self.path, self.threads)
            try:
                for key_ms in chosen:
                    capture.set(cv2.CAP_PROP_POS_MSEC, float(key_ms) + 17_000 / self.header.frame_rate)
                    if capture.grab():
                        yield self._retrieve(-1, capture)
            finally:
                capture.release()

    def find_discard(self, fewest: int) -> tuple[Discard, str]:
        """Find which frames can be left out undecoded: "bidir" or "nonref", or "none" and the reason.

        Proven on the first group of pictures: what is left must be the same pictures at the same times as when
        everything is decoded. (Leaving out all B-frames is wrong where others refer to them: then a decoder shows
        stale memory and says nothing.)

        Parameters
        ----------
        fewest : int
            How many frames must be left to be looked at.
        """
        if is_image_sequence(self.path):
            return "none", "a sequence of images has no B-frames"
        packets = self.packets
        if not packets.distinct:
            return "none", "the file has no times by which to tell its frames"
        second_key = packets.key_times_ms[1] if len(packets.key_times_ms) > 1 else math.inf
        last = min(packets.rank(second_key) % len(packets.times_ms), PROBED_FRAMES)
        every_one, said = self._probe("none", last)
        if said or [time_ms for time_ms, _ in every_one] != packets.times_ms[: len(every_one)].tolist():
            return "none", "the times of its frames are not those of its packets"
        if not packets.reordered:
            return "none", "the file has no B-frames"
        pictures = dict(every_one)
        reason = "nothing refers to other frames than its B-frames"
        found: list[tuple[int, Discard]] = []
        # Leaving out frames that nothing refers to is right by its definition, so it comes first.
        modes: tuple[Discard, ...] = ("nonref", "bidir")
        for discard in modes:
            kept, said = self._probe(discard, last)
            if kept:
                kept[0] = (packets.first_ms, kept[0][1])
            if said or any(pictures.get(time_ms) != picture for time_ms, picture in kept):
                reason = "its other frames refer to its B-frames"
            elif len(kept) == len(every_one):
                reason = "it has no frames that can be left out"
            elif self.frames_expected * len(kept) < fewest * len(every_one):
                reason = f"about {self.frames_expected * len(kept) // len(every_one)} frames would be looked at"
            elif why := self.too_few(np.array([time_ms for time_ms, _ in kept]) / 1000, every_one[-1][0] / 1000):
                reason = why
            else:
                found.append((len(kept), discard))
        # The first of those that keep the fewest.
        return (min(found, key=lambda one: one[0])[1], "") if found else ("none", reason)

    def too_few(self, kept_s: NDArray[np.float64], last_s: float) -> str:
        """Tell why the frames kept up to a time are too few for all, or return ""."""
        if not len(kept_s):
            return "nothing would be left"
        times_s = self.packets.times_ms / 1000
        kept_s = np.append(kept_s, last_s) if last_s > kept_s[-1] else kept_s
        within = times_s[(times_s >= kept_s[0]) & (times_s <= last_s)]
        if len(kept_s) * 8 * self.every < len(within):
            return f"only {len(kept_s)} of {len(within)} frames would be looked at"
        inside = np.searchsorted(times_s, kept_s[1:]) - np.searchsorted(times_s, kept_s[:-1])
        gaps = np.diff(kept_s)
        if len(gaps) and np.any((gaps > LONG_GAP_S) & (inside > self.every)):
            return f"{gaps[inside > self.every].max():.2f} s would go by between two frames"
        return ""

    def _probe(self, discard: Discard, last: int) -> tuple[list[tuple[float, int]], bool]:
        """Time and a hash of each picture up to the packet of an index, and whether FFmpeg complained."""
        found: list[tuple[float, int]] = []
        until_ms = self.packets.times_ms[last]
        log = DecoderLog()
        with log:
            capture = open_capture(self.path, self.threads, discard=discard)
            try:
                while capture.grab() and (time_ms := capture.get(cv2.CAP_PROP_POS_MSEC)) <= until_ms:
                    found.append((time_ms, zlib.adler32(self._retrieve(-1, capture).tobytes())))
            finally:
                capture.release()
        return found, bool(log.counts)

    def walk(self, view: View = PLAIN) -> Generator[tuple[int, float], None, None]:
        """Return a generator of (index, time_s) over every frame of the file, no picture converted."""
        self.close()
        walk = self._current_walk = self._walk(view)
        return walk

    @cached_property
    def packets(self) -> Packets:
        """What the file's packets say; none of images."""
        return Packets.none() if is_image_sequence(self.path) else read_packets(self.path)

    def count_packets(self) -> None:
        """Read the packets, so that the number of frames to expect is more than an estimate."""
        _ = self.packets

    @property
    def frames_expected(self) -> int:
        """Number of frames that an iteration will hand out, by packets or header; 0 where that is not known."""
        if "packets" in self.__dict__ and self.packets.distinct:
            times_s = self.packets.times_ms / 1000
            stop = len(times_s) if self.stop_s is None else int(np.searchsorted(times_s, self.stop_s))
            return max(0, math.ceil((stop - int(np.searchsorted(times_s, self.start_s))) / self.every))
        rate, claimed = self.header.frame_rate, self.header.frames_claimed
        if rate and self.stop_s is not None:
            claimed = min(claimed, math.ceil(self.stop_s * rate)) if claimed else math.ceil(self.stop_s * rate)
        return max(0, math.ceil((claimed - self.start_s * rate) / self.every))

    def damage(self) -> list[str]:
        """Return what went wrong in the latest iteration, in one sentence; an empty list if nothing did."""
        said = self.log.summary()
        found = []
        if self._view.discard == "none" and self.reached_end and self._ends_early(bool(said)):
            found.append(
                f"only {self.frames_decoded} of the {self.header.frames_claimed} frames that the file claims could be "
                f"decoded, up to {self.last_time_s:.3f} s: it was cut off or damaged, and only what was decoded is used"
            )
        if self._view.discard == "none":
            found += [*self._missing_pictures(bool(said)), *self._unusual_gap()]
        if said and found:
            found.append(f"FFmpeg: {said}")
        elif said:
            found.append(f"FFmpeg reported errors, some pictures may be damaged: {said}")
        return ["; ".join(found)] if found else []

    def incomplete(self) -> bool:
        """Tell whether the latest iteration, which left nothing out, gave fewer frames than there should be."""
        if self._view.discard != "none" or not self.reached_end:
            return False
        said = bool(self.log.counts)
        return self._ends_early(said) or bool(self._missing_pictures(said))

    def suspects(self, frame_index: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which of these frames FFmpeg complained about in the latest iteration, up to the next key frame.

        A broken packet shows at the frame that was waited for when FFmpeg complained, or later by as much as the codec
        reorders; so a key frame ends the doubt only where it is farther away than that.
        """
        doubtful = np.zeros(len(frame_index), bool)
        if not self._complaints:
            return doubtful
        keys, delay = self._key_indices(), self.packets.delay
        for place in self._complaints:
            ends = np.flatnonzero(keys > place + delay)
            end = int(keys[ends[0]]) if len(ends) else np.iinfo(np.int64).max
            doubtful |= (frame_index >= place) & (frame_index < end)
        return doubtful

    def _missing_pictures(self, complained: bool) -> list[str]:
        """Packets between the first and the last frame that gave none, and a read that ended before the last packet."""
        if is_image_sequence(self.path) or not self.frames_decoded:
            return []
        if not (complained or self.reached_end) or not self.packets.distinct:
            return []
        times_ms, shown_ms = self.packets.times_ms, np.array(self._times_ms, np.float64)
        if not np.isin(shown_ms, times_ms).all():
            return []
        between = times_ms[(times_ms >= shown_ms[0]) & (times_ms <= shown_ms[-1])]
        n_missing = len(between) - len(shown_ms)
        found = []
        # Where each packet holds a field, half of them give no frame of their own.
        if 0 < n_missing <= 0.4 * len(between):
            found.append(f"{n_missing} of {len(between)} packets gave no frame")
        if self.reached_end and times_ms[-1] > shown_ms[-1] and (complained or not self._lists_its_frames()):
            found.append(
                f"decoding ended at {shown_ms[-1] / 1000:.3f} s, the last packet is at {times_ms[-1] / 1000:.3f} s"
            )
        return found

    def _unusual_gap(self) -> list[str]:
        """Tell the longest time without a frame, where frames come evenly everywhere else."""
        gaps = np.diff(np.array(self._times_ms, np.float64)) / 1000
        if len(gaps) < 20:
            return []
        typical, largest = float(np.median(gaps)), int(gaps.argmax())
        even = np.mean(np.abs(gaps - typical) <= 0.1 * typical + 0.0011) > 0.95
        if not even or gaps[largest] < max(LONG_GAP_S, UNUSUAL_GAP * typical):
            return []
        n_gaps = int(np.sum(gaps >= max(LONG_GAP_S, UNUSUAL_GAP * typical)))
        return [
            f"no frame for {gaps[largest]:.2f} s after {self._times_ms[largest] / 1000:.3f} s"
            + (f" (the longest of {n_gaps} such gaps)" if n_gaps > 1 else "")
        ]

    def _ends_early(self, complained: bool) -> bool:
        """Whether less could be decoded than the file claims; frames that an edit list leaves out are no damage.

        A claim may be an estimate, duration times nominal rate: too high on a variable rate, or where sound lasts
        longer. So it takes a complaint of FFmpeg and missing time, or a container that lists its frames and holds fewer
        packets.
        """
        claimed, rate = self.header.frames_claimed, self.header.frame_rate
        if self.frames_decoded >= claimed or rate == 0 or is_image_sequence(self.path):
            return False
        if complained and claimed / rate - (self.last_time_s + self._longest_gap_s) > 0.5 / rate:
            return True
        return self._lists_its_frames() and len(self.packets.times_ms) < claimed

    def _lists_its_frames(self) -> bool:
        """Whether the container keeps a list of its frames (MP4, MOV, AVI), so that their claimed number is exact."""
        start = self._read_bytes(0, 12)
        is_avi = start[:4] == b"RIFF" and start[8:] == b"AVI "
        return is_avi or start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free")

    def fingerprint(self) -> str:
        """Return a hash of the file's size, first and last MiB: cheap for any length, other for any other recording."""
        digest = hashlib.sha256(str(self.header.size_bytes).encode())
        if self.path.is_dir():
            files = image_files(self.path)
            digest.update("".join(f"{file.name}\0{file.stat().st_size}\0" for file in files).encode())
            digest.update(files[0].read_bytes() + files[-1].read_bytes())
            return f"sha256-names-sizes-first-last:{digest.hexdigest()}"
        digest.update(self._read_bytes(0, HASH_BYTES))
        digest.update(self._read_bytes(max(HASH_BYTES, self.header.size_bytes - HASH_BYTES), HASH_BYTES))
        return f"sha256-size-head-tail:{digest.hexdigest()}"

    def _read_bytes(self, first: int, count: int) -> bytes:
        """Bytes of the file itself, from a place on."""
        try:
            with self.path.open("rb") as file:
                file.seek(first)
                return file.read(count)
        except OSError as error:
            raise VideoError(f"{self.path}: cannot be read any more ({error.strerror}); is it still there?") from None

    def _begin(self, view: View) -> None:
        """Forget the last iteration."""
        self._view = view
        self.frames_decoded, self.reached_end, self.last_time_s, self._longest_gap_s = 0, False, 0.0, 0.0
        self._times_ms = array("d")
        self._complaints: list[int] = []
        self.log = DecoderLog()

    def _walk(self, view: View) -> Generator[tuple[int, float], None, None]:
        """Grab frame after frame from the start; `_retrieve` gives the picture of the one that it stands on."""
        self._begin(view)
        period = 1 / self.header.frame_rate if self.header.frame_rate > 0 else 1 / 30
        previous = -period
        # With one thread, a message belongs to what is being decoded; with more, the pass is not the last one anyway.
        log_every = 1 if self.threads == 1 else LOG_EVERY
        n_messages = 0
        with self.log:
            capture = self._capture = open_capture(self.path, self.threads, luma=view.luma, discard=view.discard)
            try:
                while capture.grab():
                    time_ms = capture.get(cv2.CAP_PROP_POS_MSEC)
                    index = self.frames_decoded
                    if view.discard != "none":
                        # OpenCV 4.10 gives the first frame the time of the packet that it read last.
                        time_ms = self.packets.first_ms if index == 0 else time_ms
                        index = self.packets.rank(time_ms)
                        if index < 0:
                            raise DisagreementError(f"no packet has the time {time_ms} ms")
                    time_s = time_ms / 1000
                    # Raw streams and some AVI files carry no times: then the frame rate tells.
                    if not time_s > previous:
                        time_s = previous + period
                    if self.frames_decoded:
                        self._longest_gap_s = max(self._longest_gap_s, time_s - previous)
                    previous = self.last_time_s = round(time_s, 6)
                    self._times_ms.append(time_ms)
                    self.frames_decoded += 1
                    if self.frames_decoded % log_every == 0:
                        self.log.update()
                        self._check_conversion(self.log)
                        if log_every == 1 and self.log.total() > n_messages:
                            n_messages = self.log.total()
                            self._complaints.append(index)
                    yield index, self.last_time_s
                self.reached_end = True
            finally:
                capture.release()
                self._capture = None
                self.log.update()
        self._check_conversion(self.log)

    def _retrieve(
        self, index: int, capture: Capture | None = None, into: NDArray[np.uint8] | None = None
    ) -> NDArray[np.uint8]:
        capture = capture or self._capture
        assert capture is not None
        name = f"frame {index}" if index >= 0 else "a frame"
        try:
            done, image = capture.retrieve(into)
        except cv2.error as error:
            raise VideoError(f"{self.path}: {name} cannot be converted to a picture ({error.err})") from None
        if not done or image is None:
            raise VideoError(f"{self.path}: {name} was read but cannot be converted to a picture")
        return np.asarray(image, np.uint8)

    def cropped(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Return the part of a picture that is looked at."""
        if self.crop is None:
            return image
        return image[self.crop.y : self.crop.y + self.crop.height, self.crop.x : self.crop.x + self.crop.width]

    def _read_header(self) -> VideoHeader:
        size_bytes = _file_size(self.path)
        log = DecoderLog()
        with log:
            capture = open_capture(self.path, self.threads)
            try:
                opened = capture.isOpened()
                decoded, image = capture.read() if opened else (False, None)
                rate = capture.get(cv2.CAP_PROP_FPS)
                claimed = capture.get(cv2.CAP_PROP_FRAME_COUNT)
                rotation = capture.get(cv2.CAP_PROP_ORIENTATION_META)
                fourcc = int(capture.get(cv2.CAP_PROP_FOURCC))
            finally:
                capture.release()
        said = f" (FFmpeg: {log.first})" if log.first else ""
        if not opened:
            raise VideoError(
                f"{self.path}: no video can be opened in this file{said}; it is no video, has no video track, or its "
                "index was never written: copy it again, or convert it with ffmpeg"
            )
        if not decoded or image is None:
            raise VideoError(
                f"{self.path}: not one frame can be decoded{said}; copy it again, or convert it with ffmpeg"
            )
        self._check_conversion(log)
        return VideoHeader(
            name=self.path.name,
            width=image.shape[1],
            height=image.shape[0],
            rotation=int(rotation) % 360,
            frame_rate=round(rate, 6) if 0 < rate < 1e6 else 0.0,
            frames_claimed=int(claimed) if 0 < claimed < 1e12 else 0,
            codec="".join(chr(code) for code in fourcc.to_bytes(4, "little") if 32 <= code < 127),
            size_bytes=size_bytes,
        )

    def _check_conversion(self, log: DecoderLog) -> None:
        """Refuse pictures that OpenCV hands out though it could not convert them: they are whatever memory held."""
        if any("Cannot convert" in text for text in log.counts):
            raise VideoError(
                f"{self.path}: OpenCV {cv2.__version__} decodes its pictures but cannot convert them ({log.first}); "
                "interlaced video needs OpenCV 4, or convert it with ffmpeg -vf yadif"
            )

    def _check_crop(self) -> None:
        if self.crop is None:
            return
        inside_x = self.crop.x + self.crop.width <= self.header.width
        inside_y = self.crop.y + self.crop.height <= self.header.height
        if not (inside_x and inside_y):
            raise RegionError(
                f"{self.path}: the crop {self.crop} reaches outside the picture of "
                f"{self.header.width} x {self.header.height} pixels; choose --crop X,Y,WIDTH,HEIGHT within"
            )


def _file_size(path: Path) -> int:
    """Size in bytes of a file that can be read, or a VideoError that says why it cannot."""
    if is_image_sequence(path) and path.is_dir():
        return sum(file.stat().st_size for file in image_files(path))
    if path.is_dir():
        raise VideoError(f"{path}: is a directory without images; give the video files in it")
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
    except FileNotFoundError:
        raise VideoError(f"{path}: no such file; check the name and the folder") from None
    except OSError as error:
        raise VideoError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    if size == 0:
        raise VideoError(f"{path}: is empty (0 bytes); copy it again")
    return size
