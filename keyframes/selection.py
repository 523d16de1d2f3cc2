"""Which frames to label: cluster the features, take the member nearest to each centre."""

import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from clustering import KMeans, representatives
from keyframes.datatypes import Keyframe, Selection
from keyframes.scan import Scan


def count_different(features: NDArray[np.generic], enough: int) -> int:
    """Count the different rows, no further than `enough`."""
    seen: set[bytes] = set()
    for row in features:
        seen.add(row.tobytes())
        if len(seen) >= enough:
            break
    return len(seen)


def select(features: NDArray[np.generic], scan: Scan, k: int, *, seed: int, n_threads: int | None = None) -> Selection:
    """Choose k frames, one a cluster.

    Parameters
    ----------
    features : array (n_frames, n_features), float16 or uint8
    scan : Scan
        The rows that the features stand for.
    k : int
        At most the number of different rows of `features`, or fewer frames than k are chosen.
    seed : int
    n_threads : int or None

    Returns
    -------
    Selection
        In time order.
    """
    X = features.astype(np.float32)
    model = KMeans(k, random_state=seed, n_threads=n_threads)
    with warnings.catch_warnings():
        # Fewer clusters than k are told by the caller, with the reason, in its own words.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X)
    labels, centers = model.labels_, model.cluster_centers_
    rows, distances = representatives(X, labels, centers)
    sizes = np.bincount(labels, minlength=k)
    chosen = [
        Keyframe(
            frame_index=int(scan.frame_index[row]),
            time_s=float(scan.time_s[row]),
            cluster=cluster,
            cluster_size=int(sizes[cluster]),
            distance=round(float(distance), 6),
            sharpness=round(float(scan.sharpness[row]), 3),
        )
        for cluster, (row, distance) in enumerate(zip(rows[:, 0], distances[:, 0], strict=True))
        if row >= 0
    ]
    return Selection(
        keyframes=tuple(sorted(chosen, key=lambda keyframe: keyframe.frame_index)),
        labels=labels,
        distances=_distances(X, labels, centers),
    )


def _distances(X: NDArray[np.float32], labels: NDArray[np.int32], centers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance of every row from its own centre."""
    distances = np.empty(len(X), np.float32)
    for cluster, center in enumerate(centers):
        members = np.flatnonzero(labels == cluster)
        distances[members] = np.sqrt(np.square(X[members] - center).sum(axis=1))
    return distances
