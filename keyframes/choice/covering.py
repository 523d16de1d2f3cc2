"""Which frames represent all the others: the default choice.

The distance of two frames is how differently the animals are placed plus how different their postures are, and it is
never more than the path between the two frames allows. So a rest is one point, however it flickers, and what cannot be
told from noise cannot be chosen for its variety. The sum of plain distances is minimised, not of squares: frames that
are far from all others must not take the places of many that are nearer.

The numbers below were chosen by the scores of `benchmarks/coverage.py`, whose ``--ablation`` leaves out one part after
the other.
"""

import numpy as np
from numpy.typing import NDArray

from clustering import k_medoids
from keyframes.choice.animals import find_animals
from keyframes.choice.clusters import Clusters
from keyframes.choice.distance import FrameDistance
from keyframes.choice.selection import Known
from keyframes.scan.scan import Scan

# A typical step of the path changes the scene by no more than this share of the mean distance of two frames.
STEP_SHARE = 0.3
# A frame shows the same as the frames beside it, up to so many on each side, from which it is no more steps away.
ALIKE_FRAMES = 4
ALIKE_STEPS = 0.25
# Two frames look alike where their distance is less than this share of the mean one of places, or of postures.
SIMILAR_SHARE = 0.02
# The mean distance is taken between so many frames, evenly spread over the path.
N_SCALED = 300


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
    scene = frame_distances(sample.thumbnails, sample.path)
    if scene is None:
        return None
    sampled = nearest_of_sample(sample.rows, len(scan.frame_index))
    covered = None
    if known is not None and len(known.rows):
        covered = scene[np.unique(sampled[known.rows])].min(axis=0)
    medoids, _ = k_medoids(scene, k, sample_weight=np.bincount(sampled), covered=covered)
    if not len(medoids):
        # As far as scenes tell, the known frames show all there is.
        return None
    distance = FrameDistance.of_scenes(scan.features, SIMILAR_SHARE, scene, sampled)
    rows = sample.rows[medoids]
    labels = scene[:, medoids].argmin(axis=1).astype(np.int32)[sampled]
    squared = np.empty(len(labels), np.float32)
    for cluster, row in enumerate(rows):
        members = np.flatnonzero(labels == cluster)
        squared[members] = distance.squared(members, distance.places(row[None]))
    return Clusters(labels, squared, distance, alike=alike_rows(scan, rows))


def alike_rows(scan: Scan, rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Find, for each of these rows of a scan with a sample, those beside it that show the same, and itself."""
    assert scan.sample is not None
    path = np.interp(np.arange(len(scan.frame_index)), scan.sample.rows, scan.sample.path)
    beside = [np.arange(max(row - ALIKE_FRAMES, 0), min(row + ALIKE_FRAMES + 1, len(path))) for row in rows]
    return [near[np.abs(path[near] - path[row]) <= ALIKE_STEPS] for near, row in zip(beside, rows, strict=True)]


def frame_distances(thumbnails: NDArray[np.uint8], path: NDArray[np.float64]) -> NDArray[np.float32] | None:
    """Distances (n, n) of frames; None where no animal can be seen or nothing moves.

    Parameters
    ----------
    thumbnails : array (n, height, width) or (n, height, width, 3), uint8
    path : array (n,), float64
        Length of the path to each frame, in typical steps.
    """
    if not path[-1] > path[0]:
        return None
    animals = find_animals(thumbnails)
    if animals is None:
        return None
    evenly = np.searchsorted(path, np.linspace(path[0], path[-1], N_SCALED))
    evenly = np.unique(np.minimum(evenly, len(path) - 1))
    distances = np.zeros((len(path), len(path)), np.float32)
    for part in animals.distances():
        mean = float(part[np.ix_(evenly, evenly)].mean())
        if mean > 0:
            distances += part / np.float32(mean)
    bound = np.abs(path[:, None] - path).astype(np.float32) * np.float32(STEP_SHARE)
    return np.asarray(np.minimum(distances, bound, out=distances))


def nearest_of_sample(rows: NDArray[np.int64], n_frames: int) -> NDArray[np.int64]:
    """Return, for each frame, the nearest one of an ascending sample, by its place there; the earlier of two."""
    return np.searchsorted((rows[1:] + rows[:-1]) / 2, np.arange(n_frames))
