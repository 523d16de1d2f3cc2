"""Which frames stand for all the others: the default choice.

The distance of two frames is how differently the animals are placed plus how different their postures are, and it is
never more than the path between the two frames allows. So a rest is one point, however it flickers, and what cannot be
told from noise cannot be chosen for its variety. The sum of plain distances is minimised, not of squares: frames that
are far from all others must not take the places of many that are nearer.
"""

import numpy as np
from numpy.typing import NDArray

from clustering import k_medoids
from keyframes.choice.animals import find_animals
from keyframes.choice.selection import Known
from keyframes.scan.scan import Scan

# A typical step of the path changes the scene by no more than this share of the mean distance of two frames.
STEP_SHARE = 0.3
# A frame shows the same as the frames beside it, up to so many on each side, from which it is no more steps away.
ALIKE_FRAMES = 4
ALIKE_STEPS = 0.25
# The mean distance is taken between so many frames, evenly spread over the path.
N_SCALED = 300


def covering_rows(scan: Scan, k: int, known: Known | None = None) -> NDArray[np.int64] | None:
    """Choose rows of a scan that cover what its sample shows; None where there is nothing to tell them apart.

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
    array (at most k,), int64, or None
    """
    sample = scan.sample
    if sample is None or len(sample.rows) < 2 or (known is not None and len(known.features) > len(known.rows)):
        return None
    distances = frame_distances(sample.thumbnails, sample.path)
    if distances is None:
        return None
    covered = None
    if known is not None and len(known.rows):
        # A frame that is not in the sample is taken for the one before it that is.
        after = np.searchsorted(sample.rows, known.rows, side="right")
        covered = distances[np.unique(np.maximum(after - 1, 0))].min(axis=0)
    weights = frames_stood_for(sample.rows, len(scan.frame_index))
    medoids, _ = k_medoids(distances, k, sample_weight=weights, covered=covered)
    return sample.rows[medoids]


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
    return np.minimum(distances, bound, out=distances)


def frames_stood_for(rows: NDArray[np.int64], n_frames: int) -> NDArray[np.float32]:
    """How many of all frames each row of an ascending sample is the nearest to."""
    borders = np.concatenate([[-0.5], (rows[1:] + rows[:-1]) / 2, [n_frames - 0.5]])
    return np.diff(borders).astype(np.float32)
