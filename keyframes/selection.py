"""Which frames to label: cluster the features, take the member nearest to each centre."""

import numpy as np
from numpy.typing import NDArray

from clustering import KSelection, k_means, representatives, select_k
from keyframes.datatypes import MAX_AUTO_K, Keyframe, Selection
from keyframes.scan import Scan


def count_different(features: NDArray[np.generic], enough: int) -> int:
    """Count the different rows, no further than `enough`."""
    seen: set[bytes] = set()
    for row in features:
        seen.add(row.tobytes())
        if len(seen) >= enough:
            break
    return len(seen)


def choose_k(features: NDArray[np.generic], *, seed: int, threads: int | None = None) -> KSelection:
    """Choose how many frames to label: where the inertia bends, of 2 to 300 clusters and no more than differ.

    Parameters
    ----------
    features : array (n_frames, n_features), float16 or uint8
    seed : int
    threads : int or None
    """
    n_different = count_different(features, MAX_AUTO_K)
    return select_k(features, k_min=min(2, n_different), k_max=n_different, random_state=seed, n_threads=threads)


def select(features: NDArray[np.generic], scan: Scan, k: int, *, seed: int, threads: int | None = None) -> Selection:
    """Choose k frames, one a cluster.

    Parameters
    ----------
    features : array (n_frames, n_features), float16 or uint8
    scan : Scan
        The rows that the features stand for.
    k : int
        At most the number of different rows of `features`, or fewer frames than k are chosen.
    seed : int
    threads : int or None

    Returns
    -------
    Selection
        In time order.
    """
    X = features.astype(np.float32)
    found = k_means(X, k, random_state=seed, n_threads=threads)
    rows, distances = representatives(X, found.labels, found.centers)
    sizes = np.bincount(found.labels, minlength=k)
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
        labels=found.labels,
        distances=np.sqrt(found.distances),
    )
