"""Kernels that choose seeds among many candidates at once.

Distances stand in tiles, one a block of rows: (n_blocks, n_candidates, BLOCK_ROWS), those past the last row 0.
"""

import numpy as np

from clustering.array_type import Array
from clustering.kernels.compilation import FAST_MATH, compiled, squared_distance
from clustering.workers import BLOCK_ROWS

# Below this share of the squared norms, |x|^2 + |c|^2 - 2 x.c has lost its digits: the distance is taken directly.
CANCELLATION = np.float32(1e-4)


@compiled(fastmath=FAST_MATH | {"nnan"})
def candidate_distances(
    X: Array,
    norms: Array,
    candidates: Array,
    candidate_norms: Array,
    first: int,
    last: int,
    weights: Array,
    closest: Array,
    tiles: Array,
    gains: Array,
) -> None:
    """Squared distance of the rows of some blocks to each candidate, and what each would gain as a seed.

    A candidate gains what the weighted sum of `closest` loses if it becomes a seed.

    IN: X (n_samples, n_features), its squared norms (n_samples,); candidates (n_candidates, n_features), their squared
    norms (n_candidates,); first, last, the blocks; weights (n_samples,); closest (n_samples,) squared distances to the
    seeds so far. OUT: tiles of the distances, and gains (n_blocks, n_candidates), at first:last.
    """
    zero, two = X.dtype.type(0), X.dtype.type(2)
    gathered = np.zeros((BLOCK_ROWS, X.shape[1]), X.dtype)
    for b in range(first, last):
        start = b * BLOCK_ROWS
        size = min(BLOCK_ROWS, X.shape[0] - start)
        # Views: their indices are known not to be negative, which lets the loops below vectorise.
        span = slice(start, start + size)
        block_norms, block_weights, block_closest, tile = norms[span], weights[span], closest[span], tiles[b]
        for t in range(size):
            for j in range(X.shape[1]):
                gathered[t, j] = X[start + t, j]
        np.dot(candidates, gathered.T, tile)
        for c in range(candidates.shape[0]):
            spare = X.dtype.type(1)
            total = zero
            for t in range(size):
                scale = block_norms[t] + candidate_norms[c]
                distance = max(scale - two * tile[c, t], zero)
                tile[c, t] = distance
                spare = min(spare, distance - CANCELLATION * scale)
            if spare < 0:
                for t in range(size):
                    if tile[c, t] < CANCELLATION * (block_norms[t] + candidate_norms[c]):
                        tile[c, t] = squared_distance(X, start + t, candidates, c)
            for t in range(size):
                total += block_weights[t] * max(block_closest[t] - tile[c, t], zero)
            gains[b, c] = total


@compiled(inner=True, fastmath=FAST_MATH | {"nnan"})
def gain(tiles: Array, c: int, weights: Array, closest: Array) -> float:
    """Return what a candidate gains.

    IN: tiles of the distances; c, the candidate; weights, closest (n_samples,).
    """
    zero = tiles.dtype.type(0)
    total = 0.0
    for b in range(tiles.shape[0]):
        start = b * BLOCK_ROWS
        part = zero
        for t in range(min(BLOCK_ROWS, closest.shape[0] - start)):
            part += weights[start + t] * max(closest[start + t] - tiles[b, c, t], zero)
        total += part
    return total


@compiled()
def pick_candidates(
    tiles: Array,
    weights: Array,
    n_seeds: int,
    gains: Array,
    closest: Array,
    nearest: Array,
    picked: Array,
) -> int:
    """Pick the candidate of most gain, again and again; return how many gained anything.

    A gain can only fall as more seeds stand, so that only the largest of the old ones is worked out anew until it stays
    the largest (M. Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978).

    IN: tiles of the distances; weights (n_samples,); n_seeds, the number of the first one picked. INOUT: gains
    (n_candidates,) float64 with the seeds so far; closest (n_samples,) squared distances to these; nearest (n_samples,)
    int32 number of the nearest. OUT: picked (n_picked,) numbers of candidates.
    """
    n_picked = 0
    as_of = np.zeros(gains.shape[0], np.int64)
    while n_picked < picked.shape[0]:
        c = np.argmax(gains)
        if gains[c] <= 0:
            break
        if as_of[c] == n_picked:
            add_seed(tiles, c, np.int32(n_seeds + n_picked), closest, nearest)
            picked[n_picked] = c
            n_picked += 1
            gains[c] = 0
        else:
            gains[c] = gain(tiles, c, weights, closest)
            as_of[c] = n_picked
    return n_picked


@compiled(inner=True)
def add_seed(tiles: Array, c: int, number: int, closest: Array, nearest: Array) -> None:
    """Make a candidate a seed.

    IN: tiles of the distances; c, the candidate; number of the seed, int32. INOUT: closest, nearest (n_samples,).
    """
    for b in range(tiles.shape[0]):
        start = b * BLOCK_ROWS
        for t in range(min(BLOCK_ROWS, closest.shape[0] - start)):
            nearer = tiles[b, c, t] < closest[start + t]
            nearest[start + t] = number if nearer else nearest[start + t]
            closest[start + t] = tiles[b, c, t] if nearer else closest[start + t]
