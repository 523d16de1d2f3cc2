"""Which frames represent all the others: the default choice.

The distance of two frames is how differently the animals are placed plus how different their postures are, or, where
animals cannot be told from the background (`keyframes.choice.basis`), how different the pictures are. It is never more
than the path between the two frames allows. So a rest is one point, however it flickers, and what cannot be told from
noise cannot be chosen for its variety. The sum of plain distances is minimised, not of squares: frames that are far
from all others must not take the places of many that are nearer.

The numbers below were chosen by the scores of `benchmarks/coverage.py`, whose ``--ablation`` leaves out one part after
the other.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering import k_medoids, one_blas_thread
from keyframes.choice.animals import find_animals, matched_distances
from keyframes.choice.basis import LEAST_HELD, MOST_UNSEEN, Basis, find_basis, path_of_frames, unseen_share
from keyframes.choice.clusters import Clusters
from keyframes.choice.distance import FrameDistance, similar_limit
from keyframes.choice.selection import Known
from keyframes.sampling import nearest_of
from keyframes.scan.scan import Sample, Scan, represented

# A typical step of the path changes the scene by no more than this share of the mean distance of two frames.
STEP_SHARE = 0.3
# A frame shows the same as the frames beside it, up to so many on each side, from which it is no more steps away.
ALIKE_FRAMES = 4
ALIKE_STEPS = 0.25
# Two frames look alike where their distance is less than this share of the mean one of places, or of postures.
SIMILAR_SHARE = 0.04
# The mean distance is taken between so many frames, evenly spread over the path.
N_SCALED = 300
# Pictures as far apart as they are in the mean count as much as places and postures together.
PICTURE_SCALE = 2.0
# Pictures show more than poses. So that the choice is not much worse than evenly spaced frames where they show little
# else, frames as far apart along the path as evenly spaced ones add this to the distance of pictures. It costs 1 %
# where pictures tell poses well, and gains 3 % where half of what they tell is noise (benchmarks/RESULTS.md).
SPREAD = 0.25


def covering_clusters(scan: Scan, k: int, known: Known | None = None) -> Clusters | None:
    """Choose frames that cover what the sample of a scan shows; None where there is nothing to tell frames apart.

    Each of them represents a cluster: all frames to which it is the nearest one.

    Parameters
    ----------
    scan : Scan
        With a sample.
    k : int
    known : Known or None, default=None
        Frames that cover already what they are near to. Where some are of other recordings, None is returned: their
        places and postures are not known.

    Returns
    -------
    Clusters or None
        At most k of them.
    """
    sample = scan.sample
    if sample is None or len(sample.rows) < 2 or (known is not None and len(known.features) > len(known.rows)):
        return None
    scenes = scene_distances(sample, scan.features[sample.rows], len(scan.components.mean))
    if scenes is None:
        return None
    scene, choosing = scenes.matrix, scenes.spread_over(sample, k)
    sampled = nearest_of(sample.rows, len(scan.frame_index))
    covered = None
    if known is not None and len(known.rows):
        covered = choosing[np.unique(sampled[known.rows])].min(axis=0)
    weights = represented(sample.moments) if scan.view.excerpts else np.bincount(sampled)
    medoids, _ = k_medoids(choosing, k, sample_weight=weights, covered=covered)
    if not len(medoids):
        # As far as scenes tell, the known frames show all there is.
        return None
    distance = FrameDistance.of_scenes(scan.features, scenes.alike, scene, sampled)
    rows = sample.rows[medoids]
    labels = scene[:, medoids].argmin(axis=1).astype(np.int32)[sampled]
    squared = np.empty(len(labels), np.float32)
    for cluster, row in enumerate(rows):
        members = np.flatnonzero(labels == cluster)
        squared[members] = distance.squared(members, distance.places(row[None]))
    return Clusters(labels, squared, distance, alike=alike_rows(scan, rows), basis=scenes.basis)


def alike_rows(scan: Scan, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Find, for each of these rows of a scan with a sample, those beside it that show the same, and itself."""
    path = path_of_frames(scan)
    beside = [np.arange(max(row - ALIKE_FRAMES, 0), min(row + ALIKE_FRAMES + 1, len(path))) for row in rows]
    return [near[np.abs(path[near] - path[row]) <= ALIKE_STEPS] for near, row in zip(beside, rows, strict=True)]


@dataclass(frozen=True)
class SceneDistances:
    """Distances of the frames of a sample.

    Attributes
    ----------
    matrix : array (n, n), float32
    basis : Basis
        What they are made of.
    alike : float
        Frames that are nearer to each other look alike.
    """

    matrix: NDArray[np.float32]
    basis: Basis
    alike: float

    def spread_over(self, sample: Sample, k: int) -> NDArray[np.float32]:
        """Return what k frames are chosen by: distances of pictures pull towards evenly spaced frames."""
        if self.basis.compares == "animals":
            return self.matrix
        along = sample.path if self.basis.bounded else sample.moments
        away = np.abs(along[:, None] - along) * (k / max(along[-1] - along[0], 1e-9))
        return np.asarray(self.matrix + SPREAD * np.minimum(away, 1), np.float32)


def scene_distances(sample: Sample, features: NDArray[Any], n_pixels: int) -> SceneDistances | None:
    """Distances of the frames of a sample; None where nothing moves.

    Parameters
    ----------
    sample : Sample
    features : array (n, n_features)
        Principal components of its thumbnails.
    n_pixels : int
        Numbers a thumbnail.
    """
    path, unseen = sample.path, unseen_share(sample)
    if unseen <= MOST_UNSEEN and not path[-1] > path[0]:
        return None
    along = path if unseen <= MOST_UNSEEN else np.arange(len(path))
    evenly = np.searchsorted(along, np.linspace(along[0], along[-1], N_SCALED))
    evenly = np.unique(np.minimum(evenly, len(along) - 1))

    def mean_of(distances: NDArray[np.float32]) -> float:
        """Mean distance of some frames; 1 where they are all the same."""
        return float(distances.mean()) or 1.0

    features = features[:, None].astype(np.float32)
    with one_blas_thread():
        of_pictures = mean_of(matched_distances(features[evenly]))
    animals, parts = find_animals(sample.thumbnails), []
    if animals is not None and animals.held >= LEAST_HELD:
        parts = [part / np.float32(mean_of(part[np.ix_(evenly, evenly)])) for part in animals.distances()]
    held = 0.0 if animals is None else animals.held
    places, relative = parts[0] if parts else None, np.asarray(features[:, 0] / of_pictures, np.float32)
    basis = find_basis(sample, held, places, relative, unseen)
    if basis.compares == "animals":
        matrix, alike = parts[0] + parts[1], SIMILAR_SHARE
    else:
        scale = PICTURE_SCALE / of_pictures
        with one_blas_thread():
            matrix = matched_distances(features) * np.float32(scale)
        alike = similar_limit(features[:, 0], n_pixels) * scale
    if basis.bounded:
        bound = np.abs(path[:, None] - path).astype(np.float32) * np.float32(STEP_SHARE)
        np.minimum(matrix, bound, out=matrix)
    return SceneDistances(matrix, basis, alike)
