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
    DisagreementError,
    Excerpts,
    Segment,
    SegmentedPass,
    Stretch,
    VideoReader,
    View,
    find_suspects,
    is_incomplete,
    one_opencv_thread,
    plan_segments,
    prove_excerpts,
    spread_pictures,
    why_no_excerpts,
)

SAMPLED_AHEAD = 512
# Pixels of so many thumbnails cannot be clustered in memory; principal components can.
MOST_BYTES = 1_000_000_000
# So many frames are looked at closely, when it is chosen among them.
N_SAMPLED = 2048
NOT_SPARSE = "a sparse scan of this recording is not possible ({}); every frame was scanned"


def scan_video(video: VideoReader, settings: Settings, progress: Progress, also: Iterable[int] = ()) -> Scan:
    """Reduce the frames of a video's range to rows as they come, all of them read by the same reader.

    `also` are indices of frames that a sparse scan looks at in any case, if they are of the range and the stride.

    Raises
    ------
    VideoError, RegionError
        Where a picture cannot be decoded, or no frame lies in the range.
    EncoderError
        Where a network is asked for that cannot be had.
    """
    try:
        return _scan_as_it_is_read(video, settings, progress, also)
    except ConversionError as error:
        video.fall_back(error)
        return _scan_as_it_is_read(video, settings, progress, also)


@dataclass(frozen=True)
class _Way:
    """How a pass goes over a file: by stretches of it, or by segments or, where there are none of both, by walking."""

    view: View
    thumbnailer: Thumbnailer
    segments: list[Segment]
    stretches: list[Stretch] = field(default_factory=list)


class _UnfitError(Exception):
    """A file cannot be scanned in this way."""


def _scan_as_it_is_read(video: VideoReader, settings: Settings, progress: Progress, also: Iterable[int]) -> Scan:
    # What cannot be had is reported before hours of decoding.
    network = network_features(settings)
    plain = thumbnailer_of(video, settings)
    recording_encoder(settings, plain.shape, progress)
    video.count_packets()
    why_not = ""
    if wants_sparse(video, settings):
        try:
            return _scan_sparsely(video, settings, plain, network, progress, also)
        except _UnfitError as error:
            why_not = NOT_SPARSE.format(error)
    view, thumbnailer = PLAIN, plain
    # A network sees whole pictures, in colour.
    if network is None and luma_pays(video, settings) and (levels := find_luma_levels(video, plain)) is not None:
        view, thumbnailer = View(luma=True), thumbnailer_of(video, settings, levels)
    frame_bytes = int(np.prod(plain.shape)) + (network.frame_bytes if network else 0)
    way = _Way(view, thumbnailer, plan_segments(video, frame_bytes=frame_bytes))
    while True:
        try:
            scan = _scan_once(video, settings, way, network, progress)
            release_spare_memory()
            return replace(scan, warnings=(why_not,)) if why_not else scan
        except _UnfitError:
            if way.segments:
                # A walk decides, so that what comes out does not depend on the number of processors.
                way = replace(way, segments=[])
            else:
                # Where FFmpeg's threads met a broken picture, one alone must patch it up: then it is always the same.
                way = _Way(PLAIN, plain, [])
                video.threads = 1


def wants_sparse(video: VideoReader, settings: Settings) -> bool:
    """Whether a scan looks at some frames only, if the file allows it."""
    return settings.scan == "sparse" or (settings.scan == "auto" and sparse_pays(video) and not settings.uniform)


def _scan_sparsely(
    video: VideoReader,
    settings: Settings,
    plain: Thumbnailer,
    network: NetworkFeatures | None,
    progress: Progress,
    also: Iterable[int],
) -> Scan:
    """Scan some frames of a file; an _UnfitError where they cannot be had apart from the others, or a proof fails."""
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
    if network is None and luma_pays_sparsely(video, settings, stretches):
        levels = find_luma_levels_sparsely(video, plain, stretches)
        if levels is not None:
            view, thumbnailer = View(luma=True, excerpts=True), thumbnailer_of(video, settings, levels)
    scan = _scan_once(video, settings, _Way(view, thumbnailer, [], stretches), network, progress)
    release_spare_memory()
    is_partial = len(scan.frame_index) < video.frames_expected
    return replace(scan, warnings=(warning_of_sparse(scan, video),) if is_partial else ())


def _scan_once(
    video: VideoReader, settings: Settings, way: _Way, network: NetworkFeatures | None, progress: Progress
) -> Scan:
    """Scan in one way; an _UnfitError where FFmpeg complains, frames are missing, or a proof fails."""

    def ahead() -> NDArray[np.uint8]:
        plain = thumbnailer_of(video, settings)
        rows = [plain(video.cropped(image)).reshape(-1) for image in spread_pictures(video, SAMPLED_AHEAD)]
        return np.array(rows, np.uint8).reshape(-1, n_pixels)

    n_pixels, keep = int(np.prod(way.thumbnailer.shape)), settings.features == "pixels"
    encoder = recording_encoder(settings, way.thumbnailer.shape, progress)
    with one_opencv_thread(), closing(ThumbnailStore(n_pixels, ahead, keep, encoder)) as thumbnails:
        figures = _collect(video, settings, way, network, thumbnails, progress)
        components = thumbnails.fit()
        leading = equalized(thumbnails.reduced(), figures.digests)
        place = np.zeros((len(figures.index), 2), np.float32)
        place[:, : leading.shape[1]] = leading[:, :2]
        frame_index = np.frombuffer(figures.index, np.int64)
        features = thumbnails.all() if keep else leading
        if network is not None:
            features = equalized(network.rows(figures.encoded, leading), figures.digests)
        elif encoder is not None:
            features = equalized(thumbnails.encoded(), figures.digests)
        levels = way.thumbnailer.levels
        return Scan(
            frame_index=frame_index,
            time_s=np.frombuffer(figures.time_s, np.float64),
            brightness=np.frombuffer(figures.brightness, np.float32),
            sharpness=np.frombuffer(figures.sharpness, np.float32),
            suspect=find_suspects(frame_index, video.latest_pass, video.header, video.packets),
            features=features,
            components=components,
            place=place,
            frames_decoded=figures.n_decoded or video.frames_decoded,
            warnings=(),
            fingerprint=np.frombuffer(figures.prints, np.uint64),
            view=way.view,
            levels=np.empty(0, np.uint8) if levels is None else levels,
            sample=_sampled(thumbnails, frame_index, way, settings),
            centers=None if encoder is None else encoder.centers,
        )


def _collect(
    video: VideoReader,
    settings: Settings,
    way: _Way,
    network: NetworkFeatures | None,
    thumbnails: ThumbnailStore,
    progress: Progress,
) -> Figures:
    """Go over the file; put the thumbnails of its frames into the store, and return their figures."""
    if way.stretches:
        return _collect_stretches(video, way, network, thumbnails, progress)
    figures, plain_alone = Figures(), way.view == PLAIN and video.threads == 1 and not way.segments
    complaint = "FFmpeg reports errors"
    kept_bytes = thumbnails.n_pixels if settings.features == "pixels" else network.frame_bytes if network else 0
    in_segments = SegmentedPass(video, way.view, way.segments) if way.segments else None
    groups = (
        in_segments.results(lambda pictures: measure(pictures, video, way.thumbnailer, network))
        if in_segments
        else measure_walk(video, way.view, way.thumbnailer, network)
    )
    with progress_bar(None, "scan", video.frames_expected, "frames", progress) as bar, closing(groups):
        try:
            for group, rows in groups:
                figures.extend(group)
                thumbnails.append(rows)
                if len(figures.index) * kept_bytes > MOST_BYTES:
                    raise RegionError(
                        f"{video.path}: {kept_bytes} bytes for each of more than {len(figures.index)} frames do not "
                        "fit in memory; choose --features pca, a smaller --width, or look at fewer frames with --every"
                    )
                if figures.index:
                    bar.update((figures.index[-1] - figures.index[0]) // settings.every + 1 - bar.n)
                if (in_segments or video).log.counts and not plain_alone:
                    raise _UnfitError(complaint)
        except DisagreementError:
            raise _UnfitError("the times of its frames are not those of its packets") from None
    if in_segments:
        video.adopt(in_segments.seen)
    # Of frames that are missing, several threads lose more than one does.
    seen = video.latest_pass
    if (seen.messages or is_incomplete(seen, video.header, video.packets)) and not plain_alone:
        raise _UnfitError(complaint)
    return figures


def _collect_stretches(
    video: VideoReader, way: _Way, network: NetworkFeatures | None, thumbnails: ThumbnailStore, progress: Progress
) -> Figures:
    """Do the same with stretches of the file."""
    figures, excerpts = Figures(), Excerpts(video, view=way.view)
    n_looks = sum(len(stretch.wanted) for stretch in way.stretches)
    groups = excerpts.results(way.stretches, lambda pictures: measure(pictures, video, way.thumbnailer, network))
    with progress_bar(None, "scan", n_looks, "frames", progress) as bar, closing(groups):
        try:
            for group, rows in groups:
                figures.extend(group)
                thumbnails.append(rows)
                bar.update(len(rows))
        except DisagreementError as error:
            raise _UnfitError(str(error)) from None
    figures.n_decoded = excerpts.n_decoded
    return figures


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
