"""The honest baseline: frames evenly spread over the range, whatever they show."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.choice.selection import Selection, selection_of
from keyframes.sampling import CHUNK_ROWS
from keyframes.scan.scan import Scan


def select_uniform(scan: Scan, k: int) -> Selection:
    """Choose the middle frame of each of k equal stretches of the frames that were looked at.

    The stretches take the place of clusters: a distance is that from the mean of a stretch's features. A frame whose
    picture is in doubt is chosen only where its stretch has no other. `k` is at most the number of frames.
    """
    n_frames = len(scan.frame_index)
    begins = np.arange(k + 1) * n_frames // k
    labels = np.repeat(np.arange(k, dtype=np.int32), np.diff(begins))
    distances = np.empty(n_frames, np.float32)
    rows = np.empty(k, np.int64)
    for part, (first, stop) in enumerate(pairwise(begins)):
        distances[first:stop] = _distances_from_mean(scan.features[first:stop])
        stretch = np.arange(first, stop)
        # The earlier one where two are in the middle.
        off_middle = np.abs(2 * stretch - (first + stop - 1))
        rows[part] = stretch[np.lexsort((stretch, off_middle, scan.suspect[first:stop]))[0]]
    return selection_of(scan, rows, labels, distances, distances[rows])


def _distances_from_mean(features: NDArray[Any]) -> NDArray[np.float64]:
    """Distance of each row from the mean of all of them, a chunk at a time: a stretch may be hours long."""
    chunks = [features[first : first + CHUNK_ROWS] for first in range(0, len(features), CHUNK_ROWS)]
    mean = np.sum([chunk.sum(axis=0, dtype=np.float64) for chunk in chunks], axis=0) / len(features)
    return np.concatenate([np.sqrt(((chunk - mean) ** 2).sum(axis=1)) for chunk in chunks])
