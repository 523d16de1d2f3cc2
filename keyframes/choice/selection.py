"""What a choice is: the chosen frames, the clusters behind them, and the frames that count as known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, SupportsFloat, TypedDict

import numpy as np
from numpy.typing import NDArray

from keyframes.choice.basis import Basis
from keyframes.scan.scan import Scan
from keyframes.video.frames import known_time

if TYPE_CHECKING:
    from typing_extensions import NotRequired

ChosenFor = Literal["doubt", "coverage"]


@dataclass(frozen=True)
class Keyframe:
    """A chosen frame.

    Attributes
    ----------
    frame_index : int
    time_s : float or None
        None of an image that has no time.
    cluster : int
        Number of the cluster that it represents.
    cluster_size : int
        How many frames were in that cluster.
    distance : float
        From the cluster's centre, or from the frame that represents the cluster.
    sharpness : float
        Variance of the Laplacian of the gray thumbnail, in gray levels squared; 0 where no picture was looked at.
    chosen_for : {"doubt", "coverage"} or None
        Where predictions were looked at: because they are doubtful there, or to cover the poses.
    reason : str
        The same in words; "" without predictions.
    """

    frame_index: int
    time_s: float | None
    cluster: int
    cluster_size: int
    distance: float
    sharpness: float
    chosen_for: ChosenFor | None = None
    reason: str = ""


Index = int | np.integer[Any]


class Scanned(Protocol):
    """The columns of a scan, or of one that was saved, that say what a keyframe is; a row a frame.

    `Scan` and `SavedScan` say what each of them is.
    """

    @property
    def frame_index(self) -> NDArray[np.int64]: ...  # noqa: D102
    @property
    def time_s(self) -> NDArray[np.float64]: ...  # noqa: D102
    @property
    def sharpness(self) -> NDArray[np.float32]: ...  # noqa: D102


def keyframe_at(scan: Scanned, row: Index, cluster: Index, cluster_size: Index, distance: SupportsFloat) -> Keyframe:
    """Return the keyframe of a row of a scan, its figures rounded as they are written down."""
    return Keyframe(
        frame_index=int(scan.frame_index[row]),
        time_s=known_time(scan.time_s[row]),
        cluster=int(cluster),
        cluster_size=int(cluster_size),
        distance=round(float(distance), 6),
        sharpness=round(float(scan.sharpness[row]), 3),
    )


def represents(keyframe: Keyframe) -> str:
    """Say how many frames a chosen one represents."""
    return f"represents {keyframe.cluster_size:,} frame{'s' * (keyframe.cluster_size != 1)}"


class PredictionsEntry(TypedDict):
    """The predictions of ``--predictions``: the name of their file, and what it holds.

    `skeleton` has pairs of `keypoints`, by their places; `labelled` counts the frames that a person labelled there,
    `by_pictures` those that were chosen by their pictures instead, where predictions hardly tell frames apart.
    """

    file: str
    keypoints: list[str]
    skeleton: list[list[int]]
    animals: int
    labelled: int
    by_pictures: NotRequired[int]


@dataclass(frozen=True, eq=False)
class Selection:
    """The chosen frames in time order, and the clusters behind them.

    Attributes
    ----------
    keyframes : tuple of Keyframe
    labels : array (n_frames,), int32
        Cluster of every frame looked at.
    distances : array (n_frames,), float32
        Distance of every frame from its cluster's centre, or from the frame that represents the cluster.
    guards : dict
        For each guard that is on ("similar", "min_gap_s", "dark", "blurred"): its limit, how many clusters' best
        members gave way, and how many frames were chosen all the same ("kept"), because nothing else was left.
    basis : Basis or None
        What the distance is made of, where the recording decided that.
    within_noise : float or None
        Share of the other frames whose predicted poses differ from those of a chosen or known one by no more than the
        noise of the predictions. None without predictions.
    by_pictures : int or None
        How many frames were chosen by their pictures because these predictions hardly tell frames apart: 0 if too few
        of the pictures differ. None where nobody looked at them for that.
    """

    keyframes: tuple[Keyframe, ...]
    labels: NDArray[np.int32] = field(repr=False)
    distances: NDArray[np.float32] = field(repr=False)
    guards: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)
    basis: Basis | None = None
    within_noise: float | None = None
    by_pictures: int | None = None


@dataclass(frozen=True)
class Known:
    """Frames that were labelled or chosen before, as a new choice sees them.

    Attributes
    ----------
    features : array (n_known, n_features)
        Of those whose picture is known, this video's or another's; different rows.
    frame_index : array (n_of_this_video,), int64
        Of those that are frames of this video.
    rows : array (n_rows,), int64
        Rows of the scan of these, as far as they were looked at.
    """

    features: NDArray[Any] = field(repr=False)
    frame_index: NDArray[np.int64] = field(repr=False)
    rows: NDArray[np.int64] = field(repr=False)

    @classmethod
    def nothing(cls, scan: Scan) -> Known:
        """Return that no frame is known."""
        return cls(scan.features[:0], scan.frame_index[:0], np.empty(0, np.int64))


def selection_of(
    scan: Scan,
    rows: NDArray[np.int64],
    labels: NDArray[np.int32],
    distances: NDArray[np.float32],
    own_distances: NDArray[np.floating[Any]],
    guards: dict[str, dict[str, Any]] | None = None,
    basis: Basis | None = None,
) -> Selection:
    """Return the choice of some rows (n_chosen,) of a scan, ascending; the other arguments are as of `Selection`.

    `own_distances` (n_chosen,) are those of the chosen rows, perhaps with more digits.
    """
    sizes = np.bincount(labels)
    keyframes = tuple(
        keyframe_at(scan, row, labels[row], sizes[labels[row]], distance)
        for row, distance in zip(rows, own_distances, strict=True)
    )
    return Selection(keyframes, labels, distances, guards or {}, basis)
