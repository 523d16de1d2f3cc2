"""Seeds drawn in batches: many candidates at once by their chance, of which those that gain most are kept.

The candidates are drawn as in k-means|| (Bahmani et al., "Scalable k-means++", VLDB 2012), with a chance proportional
to the squared distance to the seeds so far, so that the distances to all of them come from one matrix product.
"""

import numpy as np
from numpy.typing import NDArray

from clustering.array_type import Array
from clustering.kmeans.kernels.candidates import candidate_distances, pick_candidates
from clustering.kmeans.sampling import sample_rows
from clustering.workers import BLOCK_ROWS, Workers

# Distances kept at a time.
MOST_DISTANCES = 1 << 24
# Blocks of rows a task.
BLOCK_CHUNK = 4


def draw_in_batches(
    X: Array,
    norms: Array,
    weights: Array,
    n_seeds: int,
    closest: Array,
    rng: np.random.RandomState,
    workers: Workers,
    *,
    n_batches: int,
    candidates: int,
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Draw seeds among the rows of X (n_samples, n_features), of which `norms` are the squared norms.

    Of the seeds that are there already, `closest` (n_samples,) is the squared distance of each row to the nearest,
    infinity where there is none. The seeds are drawn in `n_batches`, or more where the distances would fill too much
    memory, from so many candidates for each.

    Returns
    -------
    rows : array (n_seeds,), int64
        Row numbers of the seeds. They repeat only where there are fewer different rows than seeds.
    nearest : array (n_samples,), int32
        Number of the nearest of these seeds, -1 where one that was there before is nearer.
    """
    rows = np.zeros(n_seeds, np.int64)
    nearest = np.full(len(X), -1, np.int32)
    found = 0
    if np.isinf(closest[0]):
        rows[0] = sample_rows(weights, 1, rng)[0][0]
        closest = np.square(X - X[rows[0]]).sum(axis=1)
        nearest[:] = 0
        found = 1
    closest = closest.copy()
    most = max(1, min(-(-n_seeds // n_batches), MOST_DISTANCES // (candidates * len(X))))
    while found < n_seeds:
        n_wanted = min(most, n_seeds - found)
        tried = sample_rows(weights * closest, candidates * n_wanted, rng)[0]
        tiles, gains = _measure(X, norms, weights, closest, tried, workers)
        picked = np.empty(n_wanted, np.int64)
        n_picked = pick_candidates(tiles, weights, found, gains, closest, nearest, picked)
        if n_picked == 0:
            break
        rows[found : found + n_picked] = tried[picked[:n_picked]]
        found += n_picked
    return rows, nearest


def _measure(
    X: Array, norms: Array, weights: Array, closest: Array, rows: NDArray[np.int64], workers: Workers
) -> tuple[Array, NDArray[np.float64]]:
    """Distances of all rows of X to some of them, in tiles, and what each of these would gain as a seed."""
    n_blocks = -(-len(X) // BLOCK_ROWS)
    tiles = np.empty((n_blocks, len(rows), BLOCK_ROWS), X.dtype)
    gains = np.empty((n_blocks, len(rows)))
    candidates, candidate_norms = X[rows], norms[rows]

    def measure(first: int, last: int) -> None:
        candidate_distances(X, norms, candidates, candidate_norms, first, last, weights, closest, tiles, gains)

    workers.run(measure, n_blocks, BLOCK_CHUNK)
    return tiles, gains.sum(axis=0)
