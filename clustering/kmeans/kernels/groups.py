"""Kernel that puts centres into groups of neighbours."""

import numpy as np

from clustering.array_type import Array
from clustering.kernels.compilation import FAST_MATH, compiled

# Steps of the power method towards a direction along which to split; a rough one is enough.
POWER_STEPS = 3


@compiled(fastmath=FAST_MATH)
def bisect(centers: Array, n_groups: int, members: Array, starts: Array) -> None:
    """Split centres into groups of nearly equal size, each time across their direction of largest variance.

    IN: centers (n_clusters, n_features). OUT: members (n_clusters,) numbers of centres; group g is
    members[starts[g]:starts[g + 1]], starts (n_groups + 1,).
    """
    n_features = centers.shape[1]
    for c in range(centers.shape[0]):
        members[c] = c
    starts[0] = 0
    starts[n_groups] = centers.shape[0]
    offsets = np.empty(centers.shape, np.float64)
    direction = np.empty(n_features, np.float64)
    turned = np.empty(n_features, np.float64)
    along = np.empty(centers.shape[0], np.float64)
    behind = np.empty(centers.shape[0], np.int64)
    pending = [(0, n_groups)]
    while pending:
        g_first, g_last = pending.pop()
        if g_last - g_first < 2:
            continue
        first, last = starts[g_first], starts[g_last]
        farthest = center_offsets(centers, members, first, last, offsets)
        for j in range(n_features):
            direction[j] = offsets[farthest, j]
        for _ in range(POWER_STEPS):
            for j in range(n_features):
                turned[j] = 0.0
            project(offsets, first, last, direction, along)
            for m in range(first, last):
                for j in range(n_features):
                    turned[j] += along[m] * offsets[m, j]
            squared = 0.0
            for j in range(n_features):
                squared += turned[j] * turned[j]
            scale = 1.0 / np.sqrt(squared) if squared > 0 else 1.0
            for j in range(n_features):
                direction[j] = turned[j] * scale
        project(offsets, first, last, direction, along)
        g_middle = g_first + (g_last - g_first) // 2
        middle = first + (last - first) * (g_middle - g_first) // (g_last - g_first)
        starts[g_middle] = middle
        # Ranks by counting, as sorting takes ten seconds to compile. The numbers of each half stay in order.
        place, n_behind = first, 0
        for m in range(first, last):
            rank = first
            for other in range(first, last):
                rank += along[other] < along[m] or (along[other] == along[m] and other < m)
            if rank < middle:
                members[place] = members[m]
                place += 1
            else:
                behind[n_behind] = members[m]
                n_behind += 1
        for m in range(n_behind):
            members[middle + m] = behind[m]
        pending.append((g_first, g_middle))
        pending.append((g_middle, g_last))


@compiled(fastmath=FAST_MATH)
def center_offsets(centers: Array, members: Array, first: int, last: int, offsets: Array) -> int:
    """Offsets of the members first:last from their mean, and the place of the farthest.

    IN: centers (n_clusters, n_features); members (n_clusters,). OUT: offsets (n_clusters, n_features) at first:last.
    """
    mean = np.zeros(centers.shape[1], np.float64)
    for m in range(first, last):
        for j in range(mean.shape[0]):
            mean[j] += centers[members[m], j]
    for j in range(mean.shape[0]):
        mean[j] /= last - first
    farthest, most = first, -1.0
    for m in range(first, last):
        squared = 0.0
        for j in range(mean.shape[0]):
            offsets[m, j] = centers[members[m], j] - mean[j]
            squared += offsets[m, j] * offsets[m, j]
        if squared > most:
            farthest, most = m, squared
    return farthest


@compiled(fastmath=FAST_MATH)
def project(offsets: Array, first: int, last: int, direction: Array, along: Array) -> None:
    """Product of the rows first:last with a direction.

    IN: offsets (n_clusters, n_features); direction (n_features,). OUT: along (n_clusters,) at first:last.
    """
    for m in range(first, last):
        total = 0.0
        for j in range(direction.shape[0]):
            total += offsets[m, j] * direction[j]
        along[m] = total
