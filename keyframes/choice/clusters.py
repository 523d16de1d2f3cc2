"""Which frames to label: cluster the features, take a member near each centre."""

from collections.abc import Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering import KSelection, k_means, representatives, select_k
from clustering.lloyd import nearest_centers
from clustering.workers import Workers
from keyframes.choice.guards import (
    Company,
    Limits,
    blemish_effect,
    blemishes,
    blurred_limit,
    choose_members,
    dark_limit,
    ranked_members,
    sharpest_first,
    similar_limit,
)
from keyframes.choice.selection import Keyframe, Known, Selection, keyframe_at
from keyframes.scan.scan import Scan
from keyframes.settings import MAX_AUTO_K, Settings

# k-means holds several copies of its rows; of more than so many it sees an even sample.
MOST_ROWS = 1 << 19
ASSIGNED_ROWS = 1 << 16
# Members of a cluster whose distances are computed again in double precision.
N_CANDIDATES = 32


def count_different(features: NDArray[np.generic], enough: int, known: NDArray[np.generic] | None = None) -> int:
    """Count the different rows, those of `known` left out, no further than `enough`."""
    seen = set() if known is None else {row.tobytes() for row in known}
    n_known = len(seen)
    for row in features:
        seen.add(row.tobytes())
        if len(seen) - n_known >= enough:
            break
    return len(seen) - n_known


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


def select(
    scan: Scan,
    k: int,
    *,
    seed: int,
    threads: int | None = None,
    limits: Limits | None = None,
    known: Known | None = None,
    centers: NDArray[np.float32] | None = None,
    alike: Sequence[NDArray[np.int64]] | None = None,
) -> Selection:
    """Choose k frames, one a cluster.

    A frame whose picture is in doubt is chosen only where there are fewer than k different ones that are intact.

    Parameters
    ----------
    scan : Scan
    k : int
        At most the number of different rows of features, those of known frames left out, or fewer frames than k are
        chosen.
    seed : int
    threads : int or None
    limits : Limits or None, default=None
        Guards of the choice, all off by default.
    known : Known or None, default=None
        Frames that were labelled or chosen before: none of them is chosen, and those that are cover what they do not.
    centers : array (k, n_features), float32, or None, default=None
        Centres that were found elsewhere and stay where they are: frames near these are chosen.
    alike : sequence of arrays, int64, or None, default=None
        For each of these, the rows of which the sharpest is best; None stands for some of its nearest.

    Returns
    -------
    Selection
        In time order.
    """
    X, limits = scan.features, limits or Limits()
    known = known or Known(X[:0], scan.frame_index[:0], np.empty(0, np.int64))
    if centers is None:
        labels, squared, centers = cluster(X, k, known.features.astype(np.float32), seed, threads)
    else:
        with Workers(threads) as workers:
            labels, squared, _ = _assign(X, centers, workers)
    allowed = ~np.isin(scan.frame_index, known.frame_index)
    intact = allowed & ~scan.suspect
    if scan.suspect.any() and count_different(X[intact], k, known.features) == k:
        allowed = intact
    dark, blurred = scan.brightness < limits.dark, scan.sharpness < limits.blurred
    blemish = blemishes(scan.suspect, dark, blurred)
    ranked = ranked_members(np.where(allowed, labels, -1), squared, blemish, k)
    # Centres that were found elsewhere may be fewer than k: what has none is chosen as what a cluster cannot give.
    ranked[: len(centers)] = [
        _ranked_again(members, X, center) for members, center in zip(ranked, centers, strict=False)
    ]
    if limits.blurred:
        groups = [*(alike or ()), *repeat(None, k - len(alike or ()))]
        best = [sharpest_first(members, scan.sharpness, rows) for members, rows in zip(ranked, groups, strict=True)]
    else:
        best = ranked
    company = Company(X, scan.time_s, limits, k, known.features, scan.time_s[known.rows])
    effect = choose_members(best, np.flatnonzero(allowed & (blemish == 0)), np.flatnonzero(allowed), company)
    rows = np.sort(np.array(company.rows, np.int64))
    guards: dict[str, Any] = {name: effect[name] for name in effect if getattr(limits, name)}
    for name, bad in (("dark", dark), ("blurred", blurred)):
        if getattr(limits, name):
            guards[name] = blemish_effect(bad, allowed, labels, squared, rows, k)
    return Selection(
        keyframes=_keyframes(scan, rows, labels, centers),
        labels=labels,
        distances=np.sqrt(squared),
        guards={name: {"limit": float(f"{getattr(limits, name):.6g}"), **told} for name, told in guards.items()},
    )


def find_limits(scan: Scan, settings: Settings) -> Limits:
    """Find what counts as alike, dark and blurred in this recording, of the guards that are on."""
    return Limits(
        similar=0.0 if settings.allow_similar else similar_limit(scan.features, len(scan.components.mean)),
        min_gap_s=settings.min_gap_s,
        dark=0.0 if settings.allow_dark else dark_limit(scan.brightness),
        blurred=0.0 if settings.allow_blurred else blurred_limit(scan.sharpness),
    )


def _keyframes(
    scan: Scan, rows: NDArray[np.int64], labels: NDArray[np.int32], centers: NDArray[np.float32]
) -> tuple[Keyframe, ...]:
    sizes = np.bincount(labels, minlength=len(centers))
    distances = np.linalg.norm(scan.features[rows] - centers[labels[rows]].astype(np.float64), axis=1)
    return tuple(
        keyframe_at(scan, row, labels[row], sizes[labels[row]], distance)
        for row, distance in zip(rows, distances, strict=True)
    )


def _ranked_again(
    members: NDArray[np.int64], features: NDArray[np.generic], center: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Rank the nearest few of a cluster's members by their distances in double precision."""
    head = np.sort(members[:N_CANDIDATES])
    if not len(head):
        return members
    rows, _ = representatives(features[head].astype(np.float32), np.zeros(len(head), np.int64), center[None], len(head))
    return np.concatenate([head[rows[0]], members[N_CANDIDATES:]])


def cluster(
    features: NDArray[np.generic], k: int, fixed: NDArray[np.float32], seed: int, threads: int | None
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Labels, squared distances and centres of k clusters, behind them the fixed centres, which do not move."""
    if len(features) > MOST_ROWS:
        return _cluster_many(features, k, fixed, seed, threads)
    found = k_means(features.astype(np.float32), k, fixed_centers=fixed, random_state=seed, n_threads=threads)
    return found.labels, found.distances, found.centers


def _cluster_many(
    features: NDArray[np.generic], k: int, fixed: NDArray[np.float32], seed: int, threads: int | None
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Labels, squared distances and centres of more rows than fit in memory as the algorithm wants them.

    k-means finds the centres on an even sample of the rows; then they move once to the mean of all their members.
    """
    sample = features[np.linspace(0, len(features) - 1, MOST_ROWS).astype(np.int64)].astype(np.float32)
    centers = k_means(sample, k, fixed_centers=fixed, random_state=seed, n_threads=threads).centers
    del sample
    with Workers(threads) as workers:
        labels, squared, means = _assign(features, centers, workers)
        means[k:] = centers[k:]
        moved = _assign(features, means, workers)
    # A move that leaves a cluster without members would cost a frame.
    if np.bincount(moved[0], minlength=k)[:k].all():
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
