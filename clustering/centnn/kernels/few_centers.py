"""Growth of a centroid neural network of few centres: epochs and splits in one call, rows by blocks side by side.

With so few centres the distances of all rows to all of them are kept. Most changes of membership move two centres that
most rows have nothing to do with: when a block of rows has its turn, only the distances to the centres that moved since
its last turn are taken anew, and a block for which none has moved is skipped.
"""

from typing import Any, NamedTuple

import numpy as np

from clustering.array_type import Array
from clustering.centnn.kernels.centnn import Clusters
from clustering.kernels.compilation import FAST_MATH, compiled, squared_distance
from clustering.kernels.rows import copy_rows

# Rows of a block.
BLOCK = 32
# Outweighs the rounding errors that the errors gather over many changes.
SLACK = 1e-10


class Totals(NamedTuple):
    """What updates keep of each cluster.

    Attributes
    ----------
    sums : array (n_centers, n_features)
    errors : array (n_centers,)
        Sums of squared distances, as rounded by the updates.
    measured : array (n_centers,), bool
        Whether the error was summed anew since the cluster changed.
    """

    sums: Array
    errors: Array
    measured: Array


class Distances(NamedTuple):
    """Squared distances of the rows, by blocks, to the centres, and how up to date they are.

    Attributes
    ----------
    squared : array (n_blocks, n_centers, BLOCK)
    moved : array (n_centers,)
        Number of the change that moved a centre last.
    seen : array (n_blocks,)
        Number of the last change that a block's distances know of.
    stirred : array (n_blocks,), bool
        Whether rows changed in its last turn, so that those before them are still to be compared.
    """

    squared: Array
    moved: Array
    seen: Array
    stirred: Array


@compiled(fastmath=FAST_MATH)
def grow_few(
    clusters: Clusters, errors: Array, n_wanted: int, settled: bool, epsilon: float, enough: float, max_epochs: int
) -> tuple[int, int, bool, int]:
    """Run epochs, and split wherever one moves the centres by no more than `enough`, up to `n_wanted` clusters.

    Returns the number of clusters, how many epochs were run, whether the clusters settled and the changes of the last
    epoch. It ends early where no cluster has an error, or a new one is still empty when all settled.

    IN: settled, whether to split first; epsilon, the share of the way to the farthest member; enough, a sum of squared
    movements; max_epochs. INOUT: clusters, whose centres are the means of their members; errors (n_centers,).
    """
    X, labels, n_clusters, centers, sizes = clusters
    n_features = X.shape[1]
    blocks = stack_blocks(X)
    n_blocks = blocks.shape[0]
    moved = np.zeros(n_wanted, np.int64)
    distances = Distances(
        np.empty((n_blocks, n_wanted, BLOCK)), moved, np.full(n_blocks, -1), np.zeros(n_blocks, np.bool_)
    )
    measured = np.zeros(n_wanted, np.bool_)
    sums = np.zeros((n_wanted, n_features))
    totals = Totals(sums, errors, measured)
    for c in range(n_clusters):
        for j in range(n_features):
            sums[c, j] = centers[c, j] * sizes[c]
    before = np.empty((n_wanted, n_features))
    epoch, n_changes, n_changed = 0, 0, 0
    while epoch < max_epochs:
        if settled:
            if n_clusters == n_wanted or sizes[n_clusters - 1] == 0:
                break
            worst, row = measure_worst(X, n_clusters, centers, labels, errors, measured)
            if not errors[worst] > 0:
                break
            for j in range(n_features):
                centers[n_clusters, j] = centers[worst, j] + epsilon * (X[row, j] - centers[worst, j])
            sizes[n_clusters], errors[n_clusters] = 0, 0.0
            n_changes += 1
            moved[n_clusters] = n_changes
            n_clusters += 1
            settled = False
        epoch += 1
        copy_rows(centers, n_clusters, before)
        n_changed = present(blocks, Clusters(X, labels, n_clusters, centers, sizes), totals, distances, n_changes)
        n_changes += n_changed
        movement = 0.0
        for c in range(n_clusters):
            movement += squared_distance(centers, c, before, c)
        settled = n_changed == 0 or movement <= enough
    return n_clusters, epoch, settled, n_changed


@compiled(inner=True)
def stack_blocks(X: Array) -> Array:
    """Lay the rows side by side by blocks: (n_blocks, n_features, rounded up to be even, BLOCK), the rest zeros.

    IN: X (n_samples, n_features).
    """
    n_samples, n_features = X.shape
    blocks = np.zeros((-(-n_samples // BLOCK), n_features + n_features % 2, BLOCK))
    for i in range(n_samples):
        for j in range(n_features):
            blocks[i // BLOCK, j, i % BLOCK] = X[i, j]
    return blocks


@compiled(inner=True, fastmath=FAST_MATH, error_model="numpy")
def present(blocks: Array, clusters: Clusters, totals: Totals, known: Distances, n_changes: int) -> int:
    """Present every row in turn: one epoch. Returns how many changed clusters.

    IN: blocks as of `stack_blocks`; n_changes, all that came before. INOUT: clusters, totals, known.
    """
    _, labels, n_clusters, centers, sizes = clusters
    sums, errors, measured = totals
    distances, moved, seen, stirred = known
    # All is written out, as a call would count references to its arrays; and a number of rows that the compiler knew
    # would have it unroll the loops, rather than use vectors.
    n_blocks, width, n_rows = blocks.shape
    n_features = centers.shape[1]
    nearest = np.empty(n_rows, np.int64)
    least = np.empty(n_rows)
    owners = np.full(n_rows, -1)
    n_changed = 0
    for b in range(n_blocks):
        start = b * n_rows
        count = min(n_rows, labels.shape[0] - start)
        t = 0
        while t < count:
            n_moved = 0
            for c in range(n_clusters):
                if moved[c] <= seen[b]:
                    continue
                n_moved += 1
                for j in range(0, width, 2):
                    x, y = centers[c, j], centers[c, j + 1] if j + 1 < n_features else 0.0
                    if j == 0:
                        for p in range(n_rows):
                            dx, dy = blocks[b, 0, p] - x, blocks[b, 1, p] - y
                            distances[b, c, p] = dx * dx + dy * dy
                    else:
                        for p in range(n_rows):
                            dx, dy = blocks[b, j, p] - x, blocks[b, j + 1, p] - y
                            distances[b, c, p] += dx * dx + dy * dy
            seen[b] = n_changes + n_changed
            if n_moved == 0 and not stirred[b]:
                break
            stirred[b] = t > 0
            for p in range(n_rows):
                least[p] = distances[b, 0, p]
                nearest[p] = 0
            for c in range(1, n_clusters):
                for p in range(n_rows):
                    nearest[p] = c if distances[b, c, p] < least[p] else nearest[p]
                    least[p] = distances[b, c, p] if distances[b, c, p] < least[p] else least[p]
            if t == 0:
                for p in range(count):
                    owners[p] = labels[start + p]
            n_others = 0
            for p in range(n_rows):
                n_others += nearest[p] != owners[p]
            if n_others == 0:
                break
            while t < count:
                own, winner = owners[t], nearest[t]
                if winner != own and least[t] < distances[b, own, t] and sizes[own] > 1:
                    break
                t += 1
            if t == count:
                break
            stirred[b] = True
            n_changed += 1
            moved[own] = moved[winner] = n_changes + n_changed
            labels[start + t] = owners[t] = winner
            # The sum of squared distances to a mean changes by N / (N + 1) or N / (N - 1) of a row's own.
            errors[winner] += least[t] * (sizes[winner] / (sizes[winner] + 1))
            errors[own] -= distances[b, own, t] * (sizes[own] / (sizes[own] - 1))
            measured[winner] = measured[own] = False
            sizes[winner] += 1
            sizes[own] -= 1
            gained, lost = 1.0 / sizes[winner], 1.0 / sizes[own]
            for j in range(n_features):
                sums[winner, j] += blocks[b, j, t]
                sums[own, j] -= blocks[b, j, t]
                centers[winner, j] = sums[winner, j] * gained
                centers[own, j] = sums[own, j] * lost
            t += 1
    return n_changed


@compiled(inner=True, fastmath=FAST_MATH)
def measure_worst(
    X: Array, n_clusters: int, centers: Array, labels: Array, errors: Array, measured: Array
) -> tuple[int, int]:
    """Find the cluster of the largest error, and the member farthest from its centre; each the first of equals.

    Only errors that may be the largest are summed anew. Equal rows have none, whatever rounding makes of their mean.

    IN: X (n_samples, n_features); n_clusters; centers; labels. INOUT: errors, measured (n_centers,).
    """
    rounding = SLACK * np.sum(errors[:n_clusters])
    # Numbers of NumPy's: for each of Python's, Numba would compile what takes it once more.
    worst: Any = np.int64(-1)
    row: Any = np.int64(-1)
    while True:
        last, largest = worst, -np.inf
        for c in range(n_clusters):
            error = errors[c] if measured[c] else errors[c] + rounding
            if error > largest:
                worst, largest = c, error
        if measured[worst] and worst == last:
            return worst, row
        error, longest, differ = 0.0, -1.0, False
        first: Any = np.int64(-1)
        for i in range(X.shape[0]):
            if labels[i] == worst:
                squared = squared_distance(X, i, centers, worst)
                error += squared
                if squared > longest:
                    longest, row = squared, i
                if first < 0:
                    first = i
                differ = differ or squared_distance(X, i, X, first) > 0
        errors[worst] = error if differ else 0.0
        measured[worst] = True
