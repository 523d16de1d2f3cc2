"""What a scan is: a row for every frame that was looked at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.scan.components import PrincipalComponents
from keyframes.scan.figures import energy, fingerprint
from keyframes.scan.luma import look_alike
from keyframes.scan.thumbnails import Thumbnailer
from keyframes.settings import Settings
from keyframes.video import Proof, VideoReader, View

# The fields that hold one row a frame.
COLUMNS = ("frame_index", "time_s", "brightness", "sharpness", "suspect", "features", "place", "fingerprint")
PREDICTED_COLUMNS = ("doubt", "points")


@dataclass(frozen=True)
class Sample:
    """Thumbnails of some frames, half of them evenly spread over the time, half over what moves.

    Attributes
    ----------
    rows : array (n,), int64
        Rows of the scan, ascending.
    thumbnails : array (n, height, width) or (n, height, width, 3), uint8
    path : array (n,), float64
        How far the scene has moved up to each frame, in typical steps.
    moments : array (n,), int64
        Where each frame lies in time: in frames of the recording where only some of these were looked at, or in rows.
    """

    rows: NDArray[np.int64]
    thumbnails: NDArray[np.uint8]
    path: NDArray[np.float64]
    moments: NDArray[np.int64]


@dataclass(frozen=True)
class Scan:
    """One row for each frame that was looked at.

    Attributes
    ----------
    frame_index : array (n_frames,), int64
    time_s : array (n_frames,), float64
        NaN where frames have no times.
    brightness : array (n_frames,), float32
        Mean gray level of the thumbnail.
    sharpness : array (n_frames,), float32
        Variance of the Laplacian of the gray thumbnail, in gray levels squared.
    suspect : array (n_frames,), bool
        Whether FFmpeg's complaints leave a doubt about the picture.
    features : array (n_frames, n_features), float16 or uint8
        Principal components or features of a network, float16; or thumbnails, uint8.
    components : PrincipalComponents
    place : array (n_frames, 2), float32
        The first two principal components.
    frames_decoded : int
        Frames of the file that were decoded for this, those outside the range and the stride included.
    warnings : tuple of str
        What went otherwise than asked for.
    fingerprint : array (n_frames,), uint64
        Fingerprint of each picture as it was looked at.
    view : View
        How the pictures were looked at.
    levels : array (256,) or (0,), uint8
        What the levels of the luma planes mean in gray, where these alone were looked at; empty otherwise.
    sample : Sample or None
        None where the thumbnails were too many to be kept, or are not those of one recording.
    centers : array (n_clusters, n_features), float32, or None
        Of clusters that were learned with the features.
    doubt : array (n_frames,), float32, or None
        Where predictions were looked at: how doubtful they are, in digits (`find_doubt`).
    points : array (n_frames, n_animals, n_nodes, 2), float32, or None
        Their points, in pixels of the whole picture; NaN where missing.
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
    fingerprint: NDArray[np.uint64] = field(repr=False)
    view: View = field(repr=False)
    sample: Sample | None = field(repr=False)
    levels: NDArray[np.uint8] = field(repr=False)
    centers: NDArray[np.float32] | None = field(default=None, repr=False)
    doubt: NDArray[np.float32] | None = field(default=None, repr=False)
    points: NDArray[np.float32] | None = field(default=None, repr=False)

    @property
    def weights(self) -> NDArray[np.int64] | None:
        """How many frames of the recording each row represents; None where it is one each."""
        return represented(self.frame_index) if self.view.excerpts else None

    def proof(self, video: VideoReader, settings: Settings, frame_indices: Iterable[int]) -> Proof:
        """Return what these frames of the video are compared with when a seek fetches them; settings of the scan."""
        rows = {index: int(np.searchsorted(self.frame_index, index)) for index in frame_indices}
        prints = {index: self.fingerprint[row].tobytes() for index, row in rows.items()}
        return make_proof(video, thumbnailer_of(video, settings, self.levels), self.view, prints)


def represented(frame_index: NDArray[np.int64]) -> NDArray[np.int64]:
    """Count the frames that each of some ascending indices is nearest to; of two as near, the earlier one counts."""
    middles = (frame_index[1:] + frame_index[:-1]) // 2
    return np.diff(np.concatenate([frame_index[:1] - 1, middles, frame_index[-1:]]))


def at_frames(scan: Scan, frame_indices: NDArray[np.int64]) -> Scan:
    """Return the rows of a scan at some of its frames, in ascending order."""
    rows = np.searchsorted(scan.frame_index, frame_indices)
    columns = {name: getattr(scan, name) for name in (*COLUMNS, *PREDICTED_COLUMNS)}
    # Fingerprints are missing where nobody has looked at pictures.
    there = {name: column[rows] for name, column in columns.items() if column is not None and len(column)}
    return replace(scan, sample=None, **there)


def make_proof(video: VideoReader, thumbnailer: Thumbnailer, view: View, prints: Mapping[int, bytes]) -> Proof:
    """Return what frames are held against: the fingerprint of each index in the scan, computed the same way once more.

    The thumbnailer and the view are those of the scan.
    """

    def print_of(image: NDArray[np.uint8]) -> bytes:
        return fingerprint(energy(image), thumbnailer(video.cropped(image)))

    def agree(image: NDArray[np.uint8], luma: NDArray[np.uint8]) -> bool:
        # In vivid colours luma is not gray; then a walk tells which frame it is. After a sparse scan there is none, but
        # there both are reached by the same seeks.
        return view.excerpts or look_alike(thumbnailer, video.cropped(image), video.cropped(luma), thumbnailer.levels)

    return Proof(view, print_of, prints, agree)


def thumbnailer_of(video: VideoReader, settings: Settings, levels: NDArray[np.uint8] | None = None) -> Thumbnailer:
    """Return what reduces the pictures of a video, or, with `levels` that are not empty, its luma planes."""
    size = settings.crop or video.header
    used = levels if levels is not None and len(levels) else None
    return Thumbnailer(size.height, size.width, settings.width, settings.color, used)
