"""Groups of neighbouring centres, which Lloyd's algorithm keeps a bound for each of.

They decide how many distances are taken, and never what is found: no bit of a result depends on them.
"""

import numpy as np
from numpy.typing import NDArray

from clustering.array_type import Array

# Steps of the power method towards a direction along which to split; a rough one is enough.
POWER_STEPS = 3


def group_neighbors(centers: Array, n_groups: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split centres into groups of nearly equal size, each time across their direction of largest variance.

    Returns the numbers of the centres (n_clusters,), group by group, and where each group begins (n_groups + 1,).
    """
    members, starts = np.arange(len(centers)), np.zeros(n_groups + 1, np.int64)
    starts[-1] = len(centers)
    pending = [(0, n_groups)]
    while pending:
        g_first, g_last = pending.pop()
        if g_last - g_first < 2:
            continue
        first, last = starts[g_first], starts[g_last]
        g_middle = (g_first + g_last) // 2
        starts[g_middle] = middle = first + (last - first) * (g_middle - g_first) // (g_last - g_first)
        own = members[first:last]
        offsets = centers[own] - centers[own].mean(axis=0, dtype=np.float64)
        # Third powers follow. A power of two changes no digit, and near 1 they neither overflow nor vanish.
        offsets = np.ldexp(offsets, -np.frexp(np.abs(offsets).max())[1])
        direction = offsets[np.einsum("ij,ij->i", offsets, offsets).argmax()]
        for _ in range(POWER_STEPS):
            direction = (offsets @ direction) @ offsets
            direction /= np.sqrt(direction @ direction) or 1.0
        own = own[np.argsort(offsets @ direction, kind="stable")]
        # The numbers of each half stay in order.
        members[first:middle], members[middle:last] = np.sort(own[: middle - first]), np.sort(own[middle - first :])
        pending += [(g_first, g_middle), (g_middle, g_last)]
    return members, starts
