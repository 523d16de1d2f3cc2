"""The first pass: every frame of the range becomes one row."""

from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import RegionError
from keyframes.progress import Progress, progress_bar
from keyframes.sampling import spread_rows
from keyframes.scan.equal_rows import equalized
from keyframes.scan.figures import Figures, measure, measure_walk
from keyframes.scan.luma import find_luma_levels, find_luma_levels_sparsely, luma_pays, luma_pays_sparsely
from keyframes.scan.path import path_of
from keyframes.scan.pretrained_network import NetworkFeatures, network_features
from keyframes.scan.scan import Sample, Scan, thumbnailer_of
from keyframes.scan.spare_memory import release_spare_memory
from keyframes.scan.sparse import plan_sparse, sparse_pays, warning_of_sparse
from keyframes.scan.thumbnail_store import ThumbnailStore, rows_at
from keyframes.scan.thumbnails import Thumbnailer
from keyframes.scan.trained_network import recording_encoder
from keyframes.settings import MAX_AUTO_K, Settings
from keyframes.video import (
    PLAIN,
    ConversionError,
    Damage,
    DisagreementError,
    Excerpts,
    Segment,
    SegmentedPass,
    Stretch,
    VideoReader,
    View,
    one_opencv_thread,
    plan_segments,
    prove_excerpts,
    spread_pictures,
    why_no_excerpts,
)

# Pictures, spread over the range, that stand for what is still to come where PCA is fitted before the end.
SAMPLED_AHEAD = 512
# Most bytes of features that can be clustered in memory.
MOST_BYTES = 1_000_000_000
# Frames whose thumbnails the choice compares.
N_SAMPLED = 2048
NOT_SPARSE = "a sparse scan of this recording is not possible ({}); every frame was scanned"


def scan_video(video: VideoReader, settings: Settings, progress: Progress, also: Iterable[int] = ()) -> Scan:
    """Reduce the frames of a video's range to rows as they come, all of them read by OpenCV, or all by FFmpeg.

    `also` are indices of frames that a sparse scan looks at in any case, if they are in the range and the stride.

    Raises
    ------
    VideoError, RegionError
        Where a picture cannot be decoded, or no frame lies in the range.
    EncoderError
        Where a network that is asked for cannot be had.
    """
    try:
        return _scan_as_it_is_read(video, settings, progress, also)
    except ConversionError as error:
        video.fall_back(error)
        return _scan_as_it_is_read(video, settings, progress, also)


@dataclass(frozen=True)
class _Way:
    """How a pass goes over a file: by stretches of it, by segments or, where it has neither, by walking."""

    view: View
    thumbnailer: Thumbnailer
    segments: list[Segment]
    stretches: list[Stretch] = field(default_factory=list)


class _UnfitError(Exception):
    """A file cannot be scanned in this way."""


def _scan_as_it_is_read(video: VideoReader, settings: Settings, progress: Progress, also: Iterable[int]) -> Scan:
    # What cannot be had is reported before hours of decoding.
    first_pass = _FirstPass(video, settings, progress, network_features(settings))
    recording_encoder(settings, first_pass.plain.shape, progress)
    video.count_packets()
    why_not = ""
    if wants_sparse(video, settings):
        try:
            return first_pass.scan_some(also)
        except _UnfitError as error:
            why_not = NOT_SPARSE.format(error)
    scan = first_pass.scan_all()
    return replace(scan, warnings=(why_not,)) if why_not else scan


def wants_sparse(video: VideoReader, settings: Settings) -> bool:
    """Whether a scan looks at some frames only, if the file allows it."""
    return settings.scan == "sparse" or (settings.scan == "auto" and sparse_pays(video) and not settings.uniform)


@dataclass(frozen=True)
class _FirstPass:
    """What is scanned: an open video, and a pretrained network for its pictures, if the settings name one."""

    video: VideoReader
    settings: Settings
    progress: Progress
    network: NetworkFeatures | None

    @property
    def plain(self) -> Thumbnailer:
        """What reduces whole pictures."""
        return thumbnailer_of(self.video, self.settings)

    def scan_all(self) -> Scan:
        """Scan every frame of the range and the stride."""
        video, plain = self.video, self.plain
        view, thumbnailer = PLAIN, plain
        # A network sees whole pictures, in colour.
        if self.network is None and luma_pays(video, self.settings):
            levels = find_luma_levels(video, plain)
            if levels is not None:
                view, thumbnailer = View(luma=True), thumbnailer_of(video, self.settings, levels)
        frame_bytes = int(np.prod(plain.shape)) + (self.network.frame_bytes if self.network else 0)
        way = _Way(view, thumbnailer, plan_segments(video, frame_bytes=frame_bytes))
        while True:
            try:
                return self._scan(way)
            except _UnfitError:
                if way.segments:
                    # A walk decides, so that what comes out does not depend on the number of processors.
                    way = replace(way, segments=[])
                else:
                    # A broken picture must be patched up by one thread alone: then it is the same every time.
                    way = _Way(PLAIN, plain, [])
                    video.threads = 1

    def scan_some(self, also: Iterable[int]) -> Scan:
        """Scan some frames; an _UnfitError where they cannot be had apart from the others, or a proof fails."""
        video, settings, plain = self.video, self.settings, self.plain
        if settings.uniform:
            raise _UnfitError("--uniform needs every frame")
        if why := why_no_excerpts(video):
            raise _UnfitError(why)
        try:
            stretches = plan_sparse(video, also)
            n_looks = sum(len(stretch.wanted) for stretch in stretches)
            if n_looks < (MAX_AUTO_K if settings.k == "auto" else 2 * settings.k):
                raise _UnfitError(f"it would look at only {n_looks:,} of the frames, which is too few to choose from")
            prove_excerpts(video)
        except DisagreementError as error:
            raise _UnfitError(str(error)) from None
        view, thumbnailer = View(excerpts=True), plain
        if self.network is None and luma_pays_sparsely(video, settings, stretches):
            levels = find_luma_levels_sparsely(video, plain, stretches)
            if levels is not None:
                view, thumbnailer = View(luma=True, excerpts=True), thumbnailer_of(video, settings, levels)
        scan = self._scan(_Way(view, thumbnailer, [], stretches))
        is_partial = len(scan.frame_index) < video.frames_expected
        return replace(scan, warnings=(warning_of_sparse(scan, video),) if is_partial else ())

    def _scan(self, way: _Way) -> Scan:
        """Scan in one way; an _UnfitError where FFmpeg complains, frames are missing, or a proof fails."""
        scan = self._scan_once(way)
        release_spare_memory()
        return scan

    def _scan_once(self, way: _Way) -> Scan:
        """Go over the file, and make the rows of a scan of what was seen."""
        n_pixels, keep = int(np.prod(way.thumbnailer.shape)), self.settings.features == "pixels"
        encoder = recording_encoder(self.settings, way.thumbnailer.shape, self.progress)
        with one_opencv_thread(), closing(ThumbnailStore(n_pixels, self._ahead, keep, encoder)) as thumbnails:
            figures = self._collect(way, thumbnails)
            components = thumbnails.fit()
            leading = equalized(thumbnails.reduced(), figures.digests)
            place = np.zeros((len(figures.index), 2), np.float32)
            place[:, : leading.shape[1]] = leading[:, :2]
            frame_index = np.frombuffer(figures.index, np.int64)
            features = thumbnails.all() if keep else leading
            if self.network is not None:
                features = equalized(self.network.rows(figures.encoded, leading), figures.digests)
            elif encoder is not None:
                features = equalized(thumbnails.encoded(), figures.digests)
            levels = way.thumbnailer.levels
            return Scan(
                frame_index=frame_index,
                time_s=np.frombuffer(figures.time_s, np.float64),
                brightness=np.frombuffer(figures.brightness, np.float32),
                sharpness=np.frombuffer(figures.sharpness, np.float32),
                suspect=_damage_to(self.video).suspects(frame_index),
                features=features,
                components=components,
                place=place,
                frames_decoded=figures.n_decoded or self.video.frames_decoded,
                warnings=(),
                fingerprint=np.frombuffer(figures.prints, np.uint64),
                view=way.view,
                levels=np.empty(0, np.uint8) if levels is None else levels,
                sample=_sampled(thumbnails, frame_index, way, self.settings),
                centers=None if encoder is None else encoder.centers,
            )

    def _ahead(self) -> NDArray[np.uint8]:
        """Thumbnails (n, n_pixels) of some frames of the whole range."""
        plain = self.plain
        pictures = spread_pictures(self.video, SAMPLED_AHEAD)
        rows = [plain(self.video.cropped(image)).reshape(-1) for image in pictures]
        return np.array(rows, np.uint8).reshape(-1, int(np.prod(plain.shape)))

    def _collect(self, way: _Way, thumbnails: ThumbnailStore) -> Figures:
        """Go over the file; put the thumbnails of its frames into the store, and return their figures."""
        if way.stretches:
            return self._collect_stretches(way, thumbnails)
        video, figures = self.video, Figures()
        in_segments = SegmentedPass(video, way.view, way.segments) if way.segments else None
        groups = (
            in_segments.results(lambda pictures: measure(pictures, video, way.thumbnailer, self.network))
            if in_segments
            else measure_walk(video, way.view, way.thumbnailer, self.network)
        )
        plain_alone = way.view == PLAIN and video.threads == 1 and not way.segments
        complaint = "FFmpeg reports errors"
        with progress_bar(None, "scan", video.frames_expected, "frames", self.progress) as bar, closing(groups):
            try:
                for group, rows in groups:
                    figures.extend(group)
                    thumbnails.append(rows)
                    self._check_memory(len(figures.index), thumbnails.n_pixels)
                    if figures.index:
                        bar.update((figures.index[-1] - figures.index[0]) // self.settings.every + 1 - bar.n)
                    if (in_segments or video).log.counts and not plain_alone:
                        raise _UnfitError(complaint)
            except DisagreementError:
                raise _UnfitError("the times of its frames are not those of its packets") from None
        if in_segments:
            video.adopt(in_segments.seen)
        # Where frames are missing, several threads lose more of them than one does.
        damage = _damage_to(video)
        if (damage.seen.messages or damage.is_incomplete) and not plain_alone:
            raise _UnfitError(complaint)
        return figures

    def _collect_stretches(self, way: _Way, thumbnails: ThumbnailStore) -> Figures:
        """Do the same with stretches of the file."""
        video, figures, excerpts = self.video, Figures(), Excerpts(self.video, view=way.view)
        n_looks = sum(len(stretch.wanted) for stretch in way.stretches)
        groups = excerpts.results(
            way.stretches, lambda pictures: measure(pictures, video, way.thumbnailer, self.network)
        )
        with progress_bar(None, "scan", n_looks, "frames", self.progress) as bar, closing(groups):
            try:
                for group, rows in groups:
                    figures.extend(group)
                    thumbnails.append(rows)
                    bar.update(len(rows))
            except DisagreementError as error:
                raise _UnfitError(str(error)) from None
        figures.n_decoded = excerpts.n_decoded
        return figures

    def _check_memory(self, n_frames: int, n_pixels: int) -> None:
        """Raise a RegionError where the features of `n_frames` frames, which are all kept, do not fit in memory."""
        kept_bytes = self.network.frame_bytes if self.network else 0
        if self.settings.features == "pixels":
            kept_bytes = n_pixels
        if n_frames * kept_bytes > MOST_BYTES:
            raise RegionError(
                f"{self.video.path}: {kept_bytes} bytes for each of more than {n_frames} frames do not fit in memory; "
                "choose --features pca, a smaller --width, or look at fewer frames with --every"
            )


def _damage_to(video: VideoReader) -> Damage:
    """Return what the latest pass of a reader shows of damage."""
    return Damage(video.latest_pass, video.header, video.packets)


def _sampled(
    thumbnails: ThumbnailStore, frame_index: NDArray[np.int64], way: _Way, settings: Settings
) -> Sample | None:
    """Take the sample of a scan."""
    if settings.features != "auto" or not thumbnails.whole:
        return None
    n_frames, shape = len(frame_index), way.thumbnailer.shape
    path = path_of(thumbnails, n_frames, shape, np.diff(frame_index) if way.stretches else None)
    places = spread_rows(path, N_SAMPLED)
    moments = frame_index[places] if way.stretches else places
    return Sample(places, rows_at(thumbnails, places).reshape(-1, *shape), path[places], moments)
