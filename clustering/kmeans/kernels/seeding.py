"""Kernels of greedy k-means++."""

import numpy as np

from clustering.array_type import Array
from clustering.kernels.compilation import FAST_MATH, compiled, squared_distance
from clustering.workers import BLOCK_ROWS

# Below this share of the squared norms, |x|^2 + |c|^2 - 2 x.c has lost its digits: the distance is taken directly.
CANCELLATION = 1e-3


@compiled(fastmath=FAST_MATH)
def greedy_seeds(X: Array, tiles: Array, weights: Array, already: Array, uniforms: Array, seeds: Array) -> None:
    """Draw seeds by greedy k-means++.

    IN: X (n_samples, n_features); tiles (n_blocks, n_features, BLOCK_ROWS) the same rows transposed block by block,
    with zeros after the last; weights (n_samples,); already (n_samples,) the squared distance of each row to seeds that
    are there already, infinity where there is none; uniforms (n_clusters, n_trials) random numbers from 0 to 1, of the
    first row only the first, if no seed is there already. OUT: seeds (n_clusters,) row numbers.
    """
    n_samples, n_features = X.shape
    n_blocks = tiles.shape[0]
    n_trials = uniforms.shape[1]
    padded = n_blocks * BLOCK_ROWS
    norms = np.zeros(padded, X.dtype)
    squared_norms(X, 0, n_samples, norms)
    mass = np.zeros(padded, X.dtype)
    closest = np.zeros(padded, X.dtype)
    for i in range(n_samples):
        mass[i], closest[i] = weights[i], already[i]
    improved = np.empty((n_trials, padded), X.dtype)
    block_chances = np.empty(n_blocks, np.float64)
    fresh = np.isinf(already[0])
    for b in range(n_blocks):
        span = slice(b * BLOCK_ROWS, (b + 1) * BLOCK_ROWS)
        block_chances[b] = mass[span].sum() if fresh else np.dot(mass[span], closest[span])
    candidates = np.empty((n_trials, n_features), X.dtype)
    products = np.empty(BLOCK_ROWS, X.dtype)
    drawn = np.empty(n_trials, np.int64)
    potentials = np.empty((n_trials, n_blocks), np.float64)
    for number in range(seeds.shape[0]):
        by_weight = fresh and number == 0
        tried = 1 if by_weight else n_trials
        for t in range(tried):
            drawn[t] = draw_row(closest, mass, block_chances, uniforms[number, t], n_samples, by_weight)
            for j in range(n_features):
                candidates[t, j] = X[drawn[t], j]
        for b in range(n_blocks):
            first = b * BLOCK_ROWS
            for t in range(tried):
                multiply_tile(candidates[t], tiles[b], products)
                squared_to_candidate(
                    X, norms, candidates, t, norms[drawn[t]], products, closest, first, n_samples, improved[t]
                )
                potentials[t, b] = np.dot(mass[first : first + BLOCK_ROWS], improved[t, first : first + BLOCK_ROWS])
        best = 0
        lowest = potentials[0].sum()
        for t in range(1, tried):
            total = potentials[t].sum()
            if total < lowest:
                lowest = total
                best = t
        seeds[number] = drawn[best]
        for i in range(padded):
            closest[i] = improved[best, i]
        for i in range(n_blocks):
            block_chances[i] = potentials[best, i]


@compiled(fastmath=FAST_MATH)
def squared_norms(X: Array, first: int, last: int, norms: Array) -> None:
    """Squared norm of each row.

    IN: X (n_samples, n_features). OUT: norms (n_samples,).
    """
    for i in range(first, last):
        total = X.dtype.type(0)
        for j in range(X.shape[1]):
            total += X[i, j] * X[i, j]
        norms[i] = total


@compiled(fastmath=FAST_MATH)
def multiply_tile(candidate: Array, tile: Array, products: Array) -> None:
    """Product of one vector with a tile; quicker than BLAS, whose blocks are made for more vectors at once.

    IN: candidate (n_features,); tile (n_features, BLOCK_ROWS). OUT: products (BLOCK_ROWS,).
    """
    n_features = tile.shape[0]
    products[:] = 0
    whole = n_features // 4 * 4
    for j in range(0, whole, 4):
        a, b, c, d = candidate[j], candidate[j + 1], candidate[j + 2], candidate[j + 3]
        row_a, row_b, row_c, row_d = tile[j], tile[j + 1], tile[j + 2], tile[j + 3]
        for i in range(BLOCK_ROWS):
            products[i] += (a * row_a[i] + b * row_b[i]) + (c * row_c[i] + d * row_d[i])
    for j in range(whole, n_features):
        a = candidate[j]
        row_a = tile[j]
        for i in range(BLOCK_ROWS):
            products[i] += a * row_a[i]


@compiled(fastmath=FAST_MATH)
def squared_to_candidate(
    X: Array,
    norms: Array,
    candidates: Array,
    t: int,
    candidate_norm: float,
    products: Array,
    closest: Array,
    first: int,
    n_samples: int,
    improved: Array,
) -> None:
    """Squared distance of a block of rows to their nearest seed if a candidate became one.

    IN: X, norms; candidates (n_trials, n_features), the one in question t, and its squared norm; products (BLOCK_ROWS,)
    of the rows with it; closest, the squared distances so far; first, the block's first row. OUT: improved (n_samples
    and more,) at the block's rows.
    """
    # Numba computes in float64 as soon as a plain number takes part.
    two, share = X.dtype.type(2), X.dtype.type(CANCELLATION)
    block = slice(first, first + BLOCK_ROWS)
    block_norms, block_closest, block_improved = norms[block], closest[block], improved[block]
    closeness = X.dtype.type(np.inf)
    for i in range(BLOCK_ROWS):
        scale = block_norms[i] + candidate_norm
        distance = scale - two * products[i]
        spare = distance - share * scale
        closeness = spare if spare < closeness else closeness
        block_improved[i] = distance if distance < block_closest[i] else block_closest[i]
    if closeness < 0:
        for i in range(first, min(first + BLOCK_ROWS, n_samples)):
            scale = norms[i] + candidate_norm
            if scale - two * products[i - first] < share * scale:
                improved[i] = min(squared_distance(X, i, candidates, t), closest[i])


@compiled()
def draw_row(closest: Array, mass: Array, block_chances: Array, uniform: float, n_samples: int, is_first: bool) -> int:
    """Row drawn by its chance, mass times squared distance to the seeds so far (of the first seed, mass alone).

    IN: closest, mass (n_samples and more,); block_chances (n_blocks,) float64, sums of the chances over each block of
    rows; uniform, a random number from 0 to 1.
    """
    target = uniform * block_chances.sum()
    block = 0
    while block < block_chances.shape[0] - 1 and target >= block_chances[block]:
        target -= block_chances[block]
        block += 1
    last = block * BLOCK_ROWS
    for i in range(block * BLOCK_ROWS, min((block + 1) * BLOCK_ROWS, n_samples)):
        chance = np.float64(mass[i]) if is_first else np.float64(mass[i]) * closest[i]
        # A row of no chance, a seed already, is never drawn while another is left.
        if chance > 0:
            last = i
            if target < chance:
                return i
            target -= chance
    return last
