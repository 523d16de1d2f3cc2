"""The first pass: every frame of the range becomes one row."""

import hashlib
import struct
from array import array
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.datatypes import MAX_AUTO_K, Settings
from keyframes.errors import RegionError
from keyframes.features import PrincipalComponents, Thumbnailer, brightness_and_sharpness, digest, equalized
from keyframes.luma import find_luma_levels, look_alike, luma_pays
from keyframes.progress import progress_bar
from keyframes.rows import ThumbnailRows
from keyframes.video import (
    PLAIN,
    DisagreementError,
    Proof,
    VideoReader,
    View,
    find_discard,
    find_suspects,
    is_incomplete,
    spread_pictures,
    too_few,
)

# Pictures go to the second thread in groups, so that handing them over costs little, but of no more than so many bytes.
GROUP_FRAMES = 32
GROUP_BYTES = 8 << 20
GROUPS_WAITING = 3
SAMPLED_AHEAD = 512
# Pixels of so many thumbnails cannot be clustered in memory; principal components can.
MOST_PIXELS = 1_000_000_000


@dataclass(frozen=True)
class Scan:
    """One row for each frame that was looked at.

    Attributes
    ----------
    frame_index : array (n_frames,), int64
    time_s : array (n_frames,), float64
    brightness : array (n_frames,), float32
        Mean gray level of the thumbnail.
    sharpness : array (n_frames,), float32
        Variance of the Laplacian of the gray thumbnail, in gray levels squared.
    suspect : array (n_frames,), bool
        Whether FFmpeg's complaints leave a doubt about the picture.
    features : array (n_frames, n_features), float16 components or uint8 thumbnails
    components : PrincipalComponents
    place : array (n_frames, 2), float32
        The first two principal components.
    frames_decoded : int
        Frames of the file that were decoded for this, those outside the range and the stride included.
    warnings : tuple of str
        What went otherwise than asked for.
    """

    frame_index: NDArray[np.int64]
    time_s: NDArray[np.float64]
    brightness: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    suspect: NDArray[np.bool_]
    features: NDArray[Any]
    components: PrincipalComponents
    place: NDArray[np.float32]
    frames_decoded: int
    warnings: tuple[str, ...]
    _view: View = field(repr=False)
    _fingerprint: Callable[[NDArray[np.uint8]], bytes] = field(repr=False)
    _agree: Callable[[NDArray[np.uint8], NDArray[np.uint8]], bool] = field(repr=False)
    _prints: NDArray[np.uint64] = field(repr=False)

    def proof(self, frame_indices: Iterable[int]) -> Proof:
        """Return what these frames are held against when a seek fetches them."""
        rows = {index: int(np.searchsorted(self.frame_index, index)) for index in frame_indices}
        prints = {index: self._prints[row].tobytes() for index, row in rows.items()}
        return Proof(self._view, self._fingerprint, prints, self._agree)


def scan_video(video: VideoReader, settings: Settings, progress: bool) -> Scan:
    """Reduce the frames of a video's range to rows as they come.

    Parameters
    ----------
    video : VideoReader
    settings : Settings
    progress : bool
        Show a bar.

    Raises
    ------
    VideoError, RegionError
        Where a picture cannot be decoded, or no frame lies in the range.
    """
    video.count_packets()
    reason = ""
    view, thumbnailer = PLAIN, _thumbnailer(video, settings)
    if settings.scan == "fast":
        discard, reason = find_discard(video, _fewest(settings))
        view = View(discard=discard)
    if view == PLAIN and luma_pays(video, settings) and (levels := find_luma_levels(video, thumbnailer)) is not None:
        view, thumbnailer = View(luma=True), _thumbnailer(video, settings, levels)
    while True:
        try:
            scan, why = _scan_once(video, settings, view, thumbnailer, progress)
        except DisagreementError:
            scan, why = None, "the times of its frames are not those of its packets"
        if scan is not None:
            return scan if settings.scan == "exact" or not reason else _with_warning(scan, reason)
        if why:
            # Only leaving frames out can fail for a reason of its own.
            reason, view = why, View(view.luma)
            continue
        reason = reason or "FFmpeg reports errors in it"
        view, thumbnailer, video.threads = PLAIN, _thumbnailer(video, settings), 1


def _with_warning(scan: Scan, reason: str) -> Scan:
    values = {name: getattr(scan, name) for name in scan.__dataclass_fields__}
    return Scan(**{**values, "warnings": (f"every frame was looked at, as with --scan exact: {reason}",)})


def _thumbnailer(video: VideoReader, settings: Settings, levels: NDArray[np.uint8] | None = None) -> Thumbnailer:
    size = settings.crop or video.header
    return Thumbnailer(size.height, size.width, settings.width, settings.color, levels)


@dataclass
class _Columns:
    """The columns of a scan while it grows."""

    index: array = field(default_factory=lambda: array("q"))
    time_s: array = field(default_factory=lambda: array("d"))
    brightness: array = field(default_factory=lambda: array("f"))
    sharpness: array = field(default_factory=lambda: array("f"))
    digests: bytearray = field(default_factory=bytearray)
    prints: bytearray = field(default_factory=bytearray)


# Index, time, picture.
Picture = tuple[int, float, NDArray[np.uint8]]


@dataclass(frozen=True)
class Group:
    """The figures of a few frames."""

    index: list[int]
    time_s: list[float]
    brightness: list[float]
    sharpness: list[float]
    digests: bytearray
    prints: bytearray
    thumbnails: NDArray[np.uint8]


def _scan_once(
    video: VideoReader, settings: Settings, view: View, thumbnailer: Thumbnailer, progress: bool
) -> tuple[Scan | None, str]:
    """Scan, or return None and the reason; no reason stands for a complaint of FFmpeg.

    Where FFmpeg's threads met a broken picture, one thread alone must patch it up: only then it is always the same.
    """

    def fingerprint(image: NDArray[np.uint8]) -> bytes:
        return _fingerprint(image, thumbnailer(video.cropped(image)))

    def agree(image: NDArray[np.uint8], luma: NDArray[np.uint8]) -> bool:
        return look_alike(thumbnailer(video.cropped(luma)), thumbnailer(video.cropped(image)))

    def sample() -> NDArray[np.uint8]:
        plain = _thumbnailer(video, settings)
        rows = [plain(video.cropped(image)).reshape(-1) for image in spread_pictures(video, SAMPLED_AHEAD)]
        return np.array(rows, np.uint8).reshape(-1, n_pixels)

    n_pixels = int(np.prod(thumbnailer.shape))
    columns, plain_alone = _Columns(), view == PLAIN and video.threads == 1
    complaint = "" if view.discard == "none" else "FFmpeg reports errors where its B-frames are left out"
    keep = settings.features == "pixels"
    total = video.frames_expected
    with (
        ThumbnailRows(n_pixels, sample, keep) as rows,
        progress_bar(None, "scan", total, "frames", progress) as bar,
    ):
        for group in _reduced(video, view, thumbnailer):
            _add(group, columns, rows)
            if keep and len(columns.index) * n_pixels > MOST_PIXELS:
                raise RegionError(
                    f"{video.path}: the pixels of more than {len(columns.index)} thumbnails do not fit in memory; "
                    "choose --features pca, a smaller --width, or look at fewer frames with --every"
                )
            bar.update((columns.index[-1] - columns.index[0]) // settings.every + 1 - bar.n)
            if video.log.counts and not plain_alone:
                video.close()
                return None, complaint
        # Of frames that are missing, several threads lose more than one does.
        if (video.log.counts or is_incomplete(video.latest_pass, video.header, video.packets)) and not plain_alone:
            return None, complaint
        if view.discard != "none" and (why := _too_few(video, columns, settings)):
            return None, why
        digests = np.frombuffer(columns.digests, np.uint64).reshape(-1, 2)
        components = rows.fit()
        leading = equalized(rows.reduced(), digests)
        place = np.zeros((len(columns.index), 2), np.float32)
        place[:, : leading.shape[1]] = leading[:, :2]
        frame_index = np.frombuffer(columns.index, np.int64)
        return Scan(
            frame_index=frame_index,
            time_s=np.frombuffer(columns.time_s, np.float64),
            brightness=np.frombuffer(columns.brightness, np.float32),
            sharpness=np.frombuffer(columns.sharpness, np.float32),
            suspect=find_suspects(frame_index, video.latest_pass, video.packets),
            features=rows.thumbnails() if keep else leading,
            components=components,
            place=place,
            frames_decoded=video.frames_decoded,
            warnings=(),
            _view=view,
            _fingerprint=fingerprint,
            _agree=agree,
            _prints=np.frombuffer(columns.prints, np.uint64),
        ), ""


def _fewest(settings: Settings) -> int:
    """Fewest frames to choose among."""
    return 4 * (MAX_AUTO_K if settings.k == "auto" else settings.k)


def _too_few(video: VideoReader, columns: _Columns, settings: Settings) -> str:
    """Why the frames that were kept are too few, or ""."""
    if len(columns.index) < _fewest(settings):
        return f"only {len(columns.index)} frames would be looked at"
    last_s = video.packets.times_ms[-1] / 1000 if video.reached_end else columns.time_s[-1]
    return too_few(np.frombuffer(columns.time_s, np.float64), last_s, video.packets, video.every)


def _fingerprint(image: NDArray[np.uint8], thumbnail: NDArray[np.uint8]) -> bytes:
    """Fingerprint of a picture: its thumbnail, and the sum of all of its squared levels, which tells more."""
    whole = struct.pack("<d", cv2.norm(image, cv2.NORM_L2SQR))
    return hashlib.blake2b(thumbnail.tobytes() + whole, digest_size=8).digest()


def _reduced(video: VideoReader, view: View, thumbnailer: Thumbnailer) -> Iterator[Group]:
    """Yield the figures of groups of frames, which a second thread takes while the next ones are decoded."""
    n_pixels = int(np.prod(thumbnailer.shape))
    spare: list[NDArray[np.uint8]] = []

    def figures(group: list[Picture]) -> Group:
        done = Group([], [], [], [], bytearray(), bytearray(), np.empty((len(group), n_pixels), np.uint8))
        for place, (index, time_s, image) in enumerate(group):
            thumbnail = thumbnailer(video.cropped(image))
            light, sharpness = brightness_and_sharpness(thumbnail)
            done.index.append(index)
            done.time_s.append(time_s)
            done.brightness.append(light)
            done.sharpness.append(sharpness)
            done.digests.extend(digest(thumbnail))
            done.prints.extend(_fingerprint(image, thumbnail))
            done.thumbnails[place] = thumbnail.reshape(-1)
            spare.append(image)
        return done

    waiting: deque[Future[Group]] = deque()
    group: list[Picture] = []
    beside = ThreadPoolExecutor(1, thread_name_prefix="keyframes-scan")
    pictures = video.pictures(view, spare)
    try:
        for picture in pictures:
            group.append(picture)
            if len(group) >= min(GROUP_FRAMES, 1 + GROUP_BYTES // picture[2].nbytes):
                waiting.append(beside.submit(figures, group))
                group = []
                if len(waiting) >= GROUPS_WAITING:
                    yield waiting.popleft().result()
        waiting.append(beside.submit(figures, group))
        while waiting:
            if (done := waiting.popleft().result()).index:
                yield done
    finally:
        pictures.close()
        beside.shutdown(cancel_futures=True)


def _add(group: Group, columns: _Columns, rows: ThumbnailRows) -> None:
    """Add the figures of a group of frames to the columns."""
    columns.index.extend(group.index)
    columns.time_s.extend(group.time_s)
    columns.brightness.extend(group.brightness)
    columns.sharpness.extend(group.sharpness)
    columns.digests += group.digests
    columns.prints += group.prints
    rows.append(group.thumbnails)
