"""How much two frames differ: one distance for the choice, for its guards and for what is reported of a frame.

By default it is that of the scene (`keyframes.choice.covering`): where the animals are and which postures they have.
That is known between the frames of the scan's sample; any other frame is taken for the nearest of them. Features tell
the frames apart that show the same scene, and weigh little beside it. Otherwise the distance is that of the features
alone.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clustering import one_blas_thread
from keyframes.choice.selection import Known
from keyframes.scan.components import spread_of

# Frames of one scene look alike where their features differ by less than this share of the spread of all frames, ...
SIMILAR_SHARE = 0.05
# ... or by fewer gray levels (root mean square) than the rounding of thumbnails alone may make.
SIMILAR_LEVELS = 0.5
# What features as far apart as they spread add to a distance of scenes. Pictures that differ by half as much show
# different things (an animal that has left, say), and two that do not look alike must not count as if they did.
FEATURE_SHARE = 0.15
# The spread that decides what looks alike is measured on at most so many frames.
SAMPLED_ROWS = 1 << 16
CHUNK_BYTES = 16 << 20


class Places(NamedTuple):
    """Where some frames lie.

    Attributes
    ----------
    features : array (n, n_features), float64
    sampled : array (n,), int64
        For each frame the nearest one of the sample, by its place there; zeros where only features count.
    """

    features: NDArray[np.float64]
    sampled: NDArray[np.int64]

    def some(self, first: int, stop: int) -> "Places":
        """Return those of a stretch of the frames."""
        return Places(self.features[first:stop], self.sampled[first:stop])

    def with_room(self, n_more: int) -> "Places":
        """Return these, with room for more behind them."""
        room = np.zeros((n_more, self.features.shape[1])), np.zeros(n_more, np.int64)
        return Places(np.concatenate([self.features, room[0]]), np.concatenate([self.sampled, room[1]]))


@dataclass(frozen=True)
class FrameDistance:
    """Distance between frames of one scan.

    Attributes
    ----------
    features : array (n_frames, n_features)
    alike : float
        Frames that are nearer to each other look alike.
    scene : array (n_sampled, n_sampled), float32, or None
        Distance of scenes; None where only features count.
    sampled : array (n_frames,), int64, or None
        As of `Places`, for every frame.
    feature_weight : float
        What a squared distance of features counts.
    """

    features: NDArray[Any]
    alike: float
    scene: NDArray[np.float32] | None = None
    sampled: NDArray[np.int64] | None = None
    feature_weight: float = 1.0

    @classmethod
    def of_features(cls, features: NDArray[Any], n_pixels: int) -> "FrameDistance":
        """Return the Euclidean distance of features; parameters as of `similar_limit`."""
        return cls(features, similar_limit(features, n_pixels))

    @classmethod
    def of_scenes(
        cls, features: NDArray[Any], alike: float, scene: NDArray[np.float32], sampled: NDArray[np.int64]
    ) -> "FrameDistance":
        """Return the distance of scenes, in which features tell apart what is the same otherwise."""
        return cls(features, alike, scene, sampled, (FEATURE_SHARE / (spread_of(features) or 1.0)) ** 2)

    def places(self, rows: NDArray[np.int64]) -> Places:
        """Return where some frames lie."""
        sampled = np.zeros(len(rows), np.int64) if self.sampled is None else self.sampled[rows]
        return Places(self.features[rows].astype(np.float64), sampled)

    def places_of(self, known: Known) -> Places:
        """Return where frames lie that were labelled or chosen before."""
        if self.scene is not None:
            return self.places(known.rows)
        return Places(known.features.astype(np.float64), np.zeros(len(known.features), np.int64))

    def squared(self, rows: NDArray[np.int64], there: Places) -> NDArray[np.float64]:
        """Squared distance of each of these frames to the nearest of some places; infinite where there is none."""
        nearest = np.full(len(rows), np.inf)
        if not len(there.features):
            return nearest
        if len(rows) == 1:
            # As most calls are: holding BLAS to one thread takes longer than this.
            own = self.places(rows)
            of_features = np.square(there.features - own.features).sum(axis=1)[None]
            return np.asarray(self._combined(of_features, own, there).min(axis=1))
        norms = np.einsum("ij,ij->i", there.features, there.features)
        n_rows = max(1, CHUNK_BYTES // (8 * max(there.features.shape)))
        with one_blas_thread():
            for first in range(0, len(rows), n_rows):
                own = self.places(rows[first : first + n_rows])
                X = own.features
                of_features = np.einsum("ij,ij->i", X, X)[:, None] + norms - 2 * (X @ there.features.T)
                squared = self._combined(np.maximum(of_features, 0), own, there)
                nearest[first : first + n_rows] = squared.min(axis=1)
        return nearest

    def _combined(self, of_features: NDArray[np.float64], own: Places, there: Places) -> NDArray[np.float64]:
        """Squared distances (n_own, n_there), from those of the features."""
        if self.scene is None:
            return of_features
        scene = self.scene[np.ix_(own.sampled, there.sampled)].astype(np.float64)
        return scene**2 + self.feature_weight * of_features


def similar_limit(features: NDArray[Any], n_pixels: int) -> float:
    """Distance below which two rows of features look alike.

    The features (n_frames, n_features) are uint8 thumbnails of `n_pixels` numbers each, or float components of these in
    units of full white.
    """
    level = 1.0 if features.dtype == np.uint8 else 1 / 255
    return max(SIMILAR_SHARE * spread_of(features, SAMPLED_ROWS), SIMILAR_LEVELS * level * float(np.sqrt(n_pixels)))
