"""Which frames to label: cluster the features, take the member nearest to each centre."""

import numpy as np
from numpy.typing import NDArray

from clustering import KSelection, k_means, representatives, select_k
from clustering.lloyd import nearest_centers
from clustering.workers import Workers
from keyframes.datatypes import MAX_AUTO_K, Keyframe, Selection
from keyframes.scan import Scan

# k-means holds several copies of its rows; of more than so many it sees an even sample.
MOST_ROWS = 1 << 19
ASSIGNED_ROWS = 1 << 16
# Members of a cluster whose distances are computed again in double precision.
N_CANDIDATES = 32


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


def select(scan: Scan, k: int, *, seed: int, threads: int | None = None) -> Selection:
    """Choose k frames, one a cluster.

    A frame whose picture is in doubt is chosen only where its cluster has no other.

    Parameters
    ----------
    scan : Scan
    k : int
        At most the number of different rows of features, or fewer frames than k are chosen.
    seed : int
    threads : int or None

    Returns
    -------
    Selection
        In time order.
    """
    features = scan.features
    if len(features) <= MOST_ROWS:
        X = features.astype(np.float32)
        found = k_means(X, k, random_state=seed, n_threads=threads)
        del X
        labels, squared, centers = found.labels, found.distances, found.centers
    else:
        labels, squared, centers = _cluster_many(features, k, seed, threads)
    candidates = _nearest_members(labels, squared, scan.suspect)
    rows, distances = representatives(features[candidates].astype(np.float32), labels[candidates], centers)
    sizes = np.bincount(labels, minlength=k)
    chosen = [
        Keyframe(
            frame_index=int(scan.frame_index[candidates[row]]),
            time_s=float(scan.time_s[candidates[row]]),
            cluster=cluster,
            cluster_size=int(sizes[cluster]),
            distance=round(float(distance), 6),
            sharpness=round(float(scan.sharpness[candidates[row]]), 3),
        )
        for cluster, (row, distance) in enumerate(zip(rows[:, 0], distances[:, 0], strict=True))
        if row >= 0
    ]
    return Selection(
        keyframes=tuple(sorted(chosen, key=lambda keyframe: keyframe.frame_index)),
        labels=labels,
        distances=np.sqrt(squared),
    )


def _nearest_members(
    labels: NDArray[np.int32], squared: NDArray[np.float32], suspect: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Rows of the few members nearest to each centre, in ascending order; suspect ones only where there is no other."""
    order = np.lexsort((squared, suspect, labels))
    ordered = labels[order]
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    place = np.arange(len(order)) - np.repeat(begins, np.diff(np.append(begins, len(order))))
    first_suspect = np.repeat(suspect[order[begins]], np.diff(np.append(begins, len(order))))
    near = (place < N_CANDIDATES) & (first_suspect | ~suspect[order])
    return np.asarray(np.sort(order[near]), np.int64)


def _cluster_many(
    features: NDArray[np.generic], k: int, seed: int, threads: int | None
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Labels, squared distances and centres of more rows than fit in memory as the algorithm wants them.

    k-means finds the centres on an even sample of the rows; then they move once to the mean of all their members.
    """
    sample = np.linspace(0, len(features) - 1, MOST_ROWS).astype(np.int64)
    centers = k_means(features[sample].astype(np.float32), k, random_state=seed, n_threads=threads).centers
    with Workers(threads) as workers:
        labels, squared, means = _assign(features, centers, workers)
        moved = _assign(features, means, workers)
    # A move that leaves a cluster without members would cost a frame.
    if np.bincount(moved[0], minlength=k).all():
        return moved[0], moved[1], means
    return labels, squared, centers


def _assign(
    features: NDArray[np.generic], centers: NDArray[np.float32], workers: Workers
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Label of the nearest centre of each row, the squared distance to it, and the means of the clusters."""
    k = len(centers)
    labels, squared = np.empty(len(features), np.int32), np.empty(len(features), np.float32)
    sums, counts = np.zeros(centers.shape), np.zeros(k)
    for first in range(0, len(features), ASSIGNED_ROWS):
        chunk = features[first : first + ASSIGNED_ROWS].astype(np.float32)
        near, distances = nearest_centers(chunk, centers, workers)
        labels[first : first + len(chunk)], squared[first : first + len(chunk)] = near, distances
        counts += np.bincount(near, minlength=k)
        for column in range(chunk.shape[1]):
            sums[:, column] += np.bincount(near, chunk[:, column], minlength=k)
    means = np.where(counts[:, None] > 0, sums / np.maximum(counts, 1)[:, None], centers)
    return labels, squared, means.astype(np.float32)
