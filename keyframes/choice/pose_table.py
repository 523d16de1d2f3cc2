"""Distances between the predicted poses of some frames, which represent all of a recording or of several."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from keyframes.choice.poses import pose_distances, sample_of_poses
from keyframes.choice.predicted_video import PredictedVideo
from keyframes.sampling import nearest_of
from keyframes.scan.scan import Scan

# The mean distance, by which places and postures are scaled, is that of so many frames.
N_SCALED = 512


@dataclass(frozen=True)
class PoseTable:
    """Distances between the poses of a sample of the frames.

    Attributes
    ----------
    rows : array (n_sampled,), int64
        Of the scan, ascending.
    weights : array (n_sampled,), int64
        Frames that each represents: those that it is nearest to in time.
    distances : array (n_sampled, n_sampled), float32
        Of places and postures together.
    posture : array (n_sampled, n_sampled), float32
        The part of it that is of postures.
    """

    rows: NDArray[np.int64]
    weights: NDArray[np.int64]
    distances: NDArray[np.float32]
    posture: NDArray[np.float32]

    @classmethod
    def of(cls, views: Sequence[PredictedVideo], scan: Scan, more: NDArray[np.int64]) -> "PoseTable":
        """Sample the frames of a scan, these rows included."""
        own = [view.poses.points[scan.frame_index] for view in views]
        together = own[0] if len(own) == 1 else np.concatenate([part.reshape(len(part), 1, -1, 2) for part in own], 2)
        sampled = sample_of_poses(together)
        del together
        rows = np.union1d(sampled, more)
        distances = np.zeros((len(rows), len(rows)), np.float32)
        posture = np.zeros_like(distances)
        even = np.searchsorted(rows, sampled[:: max(1, len(sampled) // N_SCALED)])
        for view, points in zip(views, own, strict=True):
            blur = view.poses.blur[scan.frame_index[rows]]
            place, turned = scaled_distances(points[rows], view.poses.radius, blur, even)
            for part in (place, turned):
                part /= np.float32(len(views))
                distances += part
            posture += turned
        return cls(rows, np.bincount(nearest_of(rows, len(own[0]))), distances, posture)

    def places(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Places of rows of the scan in the sample."""
        return np.searchsorted(self.rows, np.asarray(rows, np.int64))

    @cached_property
    def parts(self) -> NDArray[np.float32]:
        """Distances to all in place, and beside them those in posture: (n_sampled, 2 * n_sampled).

        Each is covered by itself: one chosen frame may show where an animal is, and another one its posture.
        """
        return np.concatenate([self.distances - self.posture, self.posture], axis=1)


def scaled_distances(
    points: NDArray[np.float32], radius: float, blur: NDArray[np.float32], even: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distances of all pairs in place and posture, and in posture alone, as `pose_distances` has them.

    Each is in units of its mean between `even`, the places of an even sample.
    """
    place, posture = pose_distances(points, radius, blur)
    for part in (place, posture):
        mean = float(part[np.ix_(even, even)].mean())
        # Where all are at one place there is nothing to scale.
        part *= np.float32(1 / mean if mean > 0 else 0)
    return place, posture
