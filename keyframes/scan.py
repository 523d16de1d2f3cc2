"""The first pass: every frame of the range becomes one row."""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keyframes.datatypes import Selection, Settings
from keyframes.features import PrincipalComponents, Thumbnailer, brightness_and_sharpness
from keyframes.progress import progress_bar
from keyframes.video import VideoReader

CHUNK_ROWS = 1024


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
    thumbnails : array (n_frames, n_pixels), uint8
    frames_decoded : int
        Frames of the file that were decoded for this, those outside the range and the stride included.
    """

    frame_index: NDArray[np.int64]
    time_s: NDArray[np.float64]
    brightness: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    thumbnails: NDArray[np.uint8]
    frames_decoded: int


def scan_video(video: VideoReader, settings: Settings, progress: bool) -> Scan:
    """Reduce the frames of a video's range to rows as they come; only their thumbnails stay in memory.

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
    scan = _scan_once(video, settings, progress)
    if scan is None:
        video.threads = 1
        scan = _scan_once(video, settings, progress)
    assert scan is not None
    return scan


def _scan_once(video: VideoReader, settings: Settings, progress: bool) -> Scan | None:
    """Scan, or return None where FFmpeg's threads met a broken picture, which one thread alone must patch up."""
    size = settings.crop or video.header
    thumbnailer = Thumbnailer(size.height, size.width, settings.width, settings.color)
    n_pixels = int(np.prod(thumbnailer.shape))
    figures: list[tuple[int, float, float, float]] = []
    chunks: list[NDArray[np.uint8]] = []
    with progress_bar(video, "scan", video.frames_expected, "frames", progress) as frames:
        for frame in frames:
            if video.log.counts and video.threads > 1:
                video.close()
                return None
            row = len(figures) % CHUNK_ROWS
            if row == 0:
                chunks.append(np.empty((CHUNK_ROWS, n_pixels), np.uint8))
            thumbnail = thumbnailer(frame.image)
            chunks[-1][row] = thumbnail.reshape(-1)
            figures.append((frame.index, frame.time_s, *brightness_and_sharpness(thumbnail)))
    if video.log.counts and video.threads > 1:
        return None
    index, time_s, brightness, sharpness = zip(*figures, strict=True)
    return Scan(
        np.array(index, np.int64),
        np.array(time_s, np.float64),
        np.array(brightness, np.float32),
        np.array(sharpness, np.float32),
        np.concatenate(chunks)[: len(figures)],
        video.frames_decoded,
    )


def save_scan(
    path: Path, scan: Scan, selection: Selection, features: NDArray[np.generic], components: PrincipalComponents
) -> None:
    """Write ``scan.npz``: what another k, a swap or a map needs, so that nothing is decoded twice.

    Its arrays, one row a scanned frame: frame_index, time_s, label, distance, sharpness, brightness, map (n_frames, 2;
    the first two principal components), features (float16 components or uint8 thumbnails). Beside them pca_mean
    (n_pixels,) and pca_basis (n_components, n_pixels), in units of full white.
    """
    place = np.zeros((len(scan.frame_index), 2), np.float32)
    leading = features if features.dtype == np.float16 else components.transform(scan.thumbnails)
    place[:, : leading.shape[1]] = leading[:, :2]
    # Through memory: on a full disk, a zip file that NumPy opened itself complains once more when it is collected.
    archive = io.BytesIO()
    np.savez_compressed(
        archive,
        frame_index=scan.frame_index,
        time_s=scan.time_s,
        label=selection.labels,
        distance=selection.distances,
        sharpness=scan.sharpness,
        brightness=scan.brightness,
        map=place,
        features=features,
        pca_mean=components.mean,
        pca_basis=components.basis,
    )
    path.write_bytes(archive.getvalue())
