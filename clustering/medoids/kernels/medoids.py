"""Kernels of k-medoids on a matrix of distances."""

import numpy as np

from clustering.array_type import Array
from clustering.kernels.compilation import FAST_MATH, compiled


@compiled(fastmath=FAST_MATH)
def gain(distances: Array, c: int, weights: Array, closest: Array) -> float:
    """Return by how much the weighted sum of `closest` falls if row c becomes a medoid.

    IN: distances (n_candidates, n_samples); c; weights, closest (n_samples,).
    """
    total = 0.0
    for i in range(closest.shape[0]):
        total += weights[i] * max(closest[i] - distances[c, i], np.float32(0))
    return total


@compiled()
def pick_medoids(distances: Array, weights: Array, gains: Array, closest: Array, picked: Array) -> int:
    """Pick the row of most gain, again and again; return how many gained anything.

    A gain can only fall as more medoids stand, so that only the largest of the old ones is worked out anew until it
    stays the largest (M. Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978).

    IN: distances (n_candidates, n_samples); weights (n_samples,). OUT: gains (n_candidates,), float64; picked
    (n_picked,). INOUT: closest (n_samples,), distances to the nearest medoid.
    """
    for c in range(gains.shape[0]):
        gains[c] = gain(distances, c, weights, closest)
    as_of = np.zeros(gains.shape[0], np.int64)
    n_picked = 0
    while n_picked < picked.shape[0]:
        c = int(np.argmax(gains))
        if gains[c] <= 0:
            break
        if as_of[c] == n_picked:
            for i in range(closest.shape[0]):
                closest[i] = min(closest[i], distances[c, i])
            picked[n_picked] = c
            n_picked += 1
            gains[c] = 0
        else:
            gains[c] = gain(distances, c, weights, closest)
            as_of[c] = n_picked
    return n_picked
