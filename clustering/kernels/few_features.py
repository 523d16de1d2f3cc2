"""An epoch of a centroid neural network of few centres and few features: rows by blocks, which lie side by side.

With so little to a distance, taking all of a block's at once costs less than bounds that would spare some. A row that
changes clusters moves two centres; the distances of its block to those two are taken anew.
"""

import numpy as np
from numpy.typing import NDArray

from clustering.kernels.compilation import FAST_MATH, compiled

# Rows of a block.
BLOCK = 32


@compiled()
def stack_blocks(X: NDArray) -> NDArray:
    """Lay the rows side by side by blocks: (n_blocks, n_features, rounded up to be even, BLOCK), the rest zeros.

    IN: X (n_samples, n_features).
    """
    n_samples, n_features = X.shape
    blocks = np.zeros((-(-n_samples // BLOCK), n_features + n_features % 2, BLOCK))
    for i in range(n_samples):
        for j in range(n_features):
            blocks[i // BLOCK, j, i % BLOCK] = X[i, j]
    return blocks


@compiled(fastmath=FAST_MATH, error_model="numpy")
def present_blocks(
    blocks: NDArray,
    n_clusters: int,
    centers: NDArray,
    sums: NDArray,
    sizes: NDArray,
    labels: NDArray,
    errors: NDArray,
    measured: NDArray,
) -> int:
    """Present every row in turn: one epoch. Returns how many changed clusters.

    IN: blocks as of `stack_blocks`; n_clusters, how many of the centres are in use. INOUT: centers, sums (n_centers,
    n_features); sizes (n_centers,); labels (n_samples,); errors, measured (n_centers,); all as of `grow_few`.
    """
    # All is written out, as a call would count references to its arrays; and a number of rows that the compiler knew
    # would have it unroll the loops, rather than use vectors.
    n_blocks, width, n_rows = blocks.shape
    n_features = centers.shape[1]
    squared = np.empty((n_clusters, n_rows))
    nearest = np.empty(n_rows, np.int64)
    least = np.empty(n_rows)
    owners = np.full(n_rows, -1)
    n_changed = 0
    for b in range(n_blocks):
        start = b * n_rows
        count = min(n_rows, labels.shape[0] - start)
        for p in range(count):
            owners[p] = labels[start + p]
        # All centres at first, then the two that a change has moved.
        first, last, stride = 0, n_clusters, 1
        t = 0
        while t < count:
            for c in range(first, last, stride):
                for j in range(0, width, 2):
                    x, y = centers[c, j], centers[c, j + 1] if j + 1 < n_features else 0.0
                    if j == 0:
                        for p in range(n_rows):
                            dx, dy = blocks[b, 0, p] - x, blocks[b, 1, p] - y
                            squared[c, p] = dx * dx + dy * dy
                    else:
                        for p in range(n_rows):
                            dx, dy = blocks[b, j, p] - x, blocks[b, j + 1, p] - y
                            squared[c, p] += dx * dx + dy * dy
            for p in range(n_rows):
                least[p] = squared[0, p]
                nearest[p] = 0
            for c in range(1, n_clusters):
                for p in range(n_rows):
                    nearest[p] = c if squared[c, p] < least[p] else nearest[p]
                    least[p] = squared[c, p] if squared[c, p] < least[p] else least[p]
            n_others = 0
            for p in range(n_rows):
                n_others += nearest[p] != owners[p]
            if n_others == 0:
                break
            while t < count:
                own, winner = owners[t], nearest[t]
                if winner != own and least[t] < squared[own, t] and sizes[own] > 1:
                    break
                t += 1
            if t == count:
                break
            n_changed += 1
            labels[start + t] = owners[t] = winner
            # The sum of squared distances to a mean changes by N / (N + 1) or N / (N - 1) of a row's own.
            errors[winner] += least[t] * (sizes[winner] / (sizes[winner] + 1))
            errors[own] -= squared[own, t] * (sizes[own] / (sizes[own] - 1))
            measured[winner] = measured[own] = False
            sizes[winner] += 1
            sizes[own] -= 1
            gained, lost = 1.0 / sizes[winner], 1.0 / sizes[own]
            for j in range(n_features):
                sums[winner, j] += blocks[b, j, t]
                sums[own, j] -= blocks[b, j, t]
                centers[winner, j] = sums[winner, j] * gained
                centers[own, j] = sums[own, j] * lost
            first, last, stride = min(own, winner), max(own, winner) + 1, abs(own - winner)
            t += 1
    return n_changed
