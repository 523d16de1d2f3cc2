"""Growth of a centroid neural network of few centres: epochs and splits in one call, one number a row as its bound.

Each cluster has an odometer: how far its own centre and the farthest-travelled other one have come, in sum. A row whose
nearest other centre was farther by a gap than its own keeps its own one until the odometer has gone on by that gap, and
until then costs one comparison; then the distances to all centres are taken. Rows of few features are not worth it, see
`clustering.kernels.few_features`.
"""

import numpy as np
from numpy.typing import NDArray

from clustering.kernels.compilation import FAST_MATH, compiled, squared_distance
from clustering.kernels.few_features import present_blocks, stack_blocks

# Outweighs the rounding errors that the odometers and the errors gather over many changes.
SLACK = 1e-10
# Up to so many features, comparing all distances takes less than the odometers do.
FEW_FEATURES = 6


@compiled(fastmath=FAST_MATH)
def grow_few(
    X: NDArray,
    n_clusters: int,
    n_wanted: int,
    settled: bool,
    epsilon: float,
    enough: float,
    max_epochs: int,
    centers: NDArray,
    sums: NDArray,
    sizes: NDArray,
    labels: NDArray,
    errors: NDArray,
    measured: NDArray,
    odometers: NDArray,
    until: NDArray,
) -> tuple[int, int, bool, int]:
    """Run epochs, and split wherever one moves the centres by no more than `enough`, up to `n_wanted` clusters.

    Returns the number of clusters, whether they settled, how many epochs were run and the changes of the last one. It
    ends early where no cluster has an error, or a new one is still empty when all settled.

    IN: X (n_samples, n_features); n_clusters, how many of the centres are in use; settled, whether to split first;
    epsilon, the share of the way to the farthest member; enough, a sum of squared movements; max_epochs. INOUT:
    centers; sums (n_centers, n_features) of the members; sizes (n_centers,); labels (n_samples,); errors (n_centers,)
    sums of squared distances, as rounded by the updates or, where measured (n_centers,), summed anew; odometers
    (n_centers,); until (n_samples,) the readings up to which the rows stay where they are.
    """
    n_features = X.shape[1]
    few_features = n_features <= FEW_FEATURES
    blocks = stack_blocks(X) if few_features else np.empty((0, 0, 0))
    before = np.empty_like(centers)
    epoch, n_changed = 0, 0
    while epoch < max_epochs:
        if settled:
            if n_clusters == n_wanted or sizes[n_clusters - 1] == 0:
                break
            worst, row = measure_worst(X, n_clusters, centers, labels, errors, measured)
            if not errors[worst] > 0:
                break
            squared = 0.0
            for j in range(n_features):
                step = epsilon * (X[row, j] - centers[worst, j])
                centers[n_clusters, j] = centers[worst, j] + step
                squared += step * step
            # For the others, the new centre is one that has come from the parent's place.
            odometers[:n_clusters] += np.sqrt(squared)
            odometers[n_clusters] = odometers[worst]
            sums[n_clusters], sizes[n_clusters], errors[n_clusters] = 0.0, 0, 0.0
            until[labels == worst] = -1.0
            n_clusters += 1
            settled = False
        epoch += 1
        before[:n_clusters] = centers[:n_clusters]
        if few_features:
            n_changed = present_blocks(blocks, n_clusters, centers, sums, sizes, labels, errors, measured)
        else:
            n_changed = present(X, n_clusters, centers, sums, sizes, labels, errors, measured, odometers, until)
        movement = 0.0
        for c in range(n_clusters):
            movement += squared_distance(centers, c, before, c)
        settled = n_changed == 0 or movement <= enough
    return n_clusters, epoch, settled, n_changed


@compiled(fastmath=FAST_MATH, error_model="numpy")
def present(
    X: NDArray,
    n_clusters: int,
    centers: NDArray,
    sums: NDArray,
    sizes: NDArray,
    labels: NDArray,
    errors: NDArray,
    measured: NDArray,
    odometers: NDArray,
    until: NDArray,
) -> int:
    """Present every row in turn: one epoch. Returns how many changed clusters.

    Arrays as of `grow_few`.
    """
    squared = np.empty(n_clusters)
    n_changed = 0
    for i in range(X.shape[0]):
        own = labels[i]
        if until[i] > odometers[own]:
            continue
        for c in range(n_clusters):
            squared[c] = squared_distance(X, i, centers, c)
        least, second = squared[0], np.inf
        for c in range(1, n_clusters):
            second = min(second, max(squared[c], least))
            least = min(least, squared[c])
        distance = np.sqrt(least)
        gap = np.sqrt(second) * (1.0 - SLACK) - distance * (1.0 + SLACK)
        if least < squared[own]:
            if sizes[own] == 1:
                until[i] = -1.0
                continue
            winner = 0
            while squared[winner] > least:
                winner += 1
            n_changed += 1
            labels[i] = winner
            # The sum of squared distances to a mean changes by N / (N + 1) or N / (N - 1) of a row's own.
            errors[winner] += least * (sizes[winner] / (sizes[winner] + 1))
            errors[own] -= squared[own] * (sizes[own] / (sizes[own] - 1))
            measured[winner] = measured[own] = False
            move_row(X, i, 1, winner, centers, sums, sizes)
            move_row(X, i, -1, own, centers, sums, sizes)
            gained, lost = distance / sizes[winner], np.sqrt(squared[own]) / sizes[own]
            for c in range(n_clusters):
                odometers[c] += max(gained, lost)
            odometers[winner] += min(gained, lost)
            odometers[own] += min(gained, lost)
            gap -= gained + lost
            own = winner
        until[i] = odometers[own] * (1.0 - SLACK) + gap
    return n_changed


@compiled(fastmath=FAST_MATH, error_model="numpy")
def move_row(X: NDArray, i: int, sign: int, c: int, centers: NDArray, sums: NDArray, sizes: NDArray) -> None:
    """Put a row into a cluster (sign 1) or take it out (-1), and its centre to the mean of the members.

    IN: X (n_samples, n_features); i, c, the numbers of row and cluster. INOUT: centers, sums, sizes, as above.
    """
    sizes[c] += sign
    share = 1.0 / sizes[c]
    for j in range(X.shape[1]):
        sums[c, j] += sign * X[i, j]
    for j in range(X.shape[1]):
        centers[c, j] = sums[c, j] * share


@compiled(fastmath=FAST_MATH)
def measure_worst(
    X: NDArray, n_clusters: int, centers: NDArray, labels: NDArray, errors: NDArray, measured: NDArray
) -> tuple[int, int]:
    """Find the cluster of the largest error, and the member farthest from its centre; each the first of equals.

    Only errors that may be the largest are summed anew. Equal rows have none, whatever rounding makes of their mean.

    IN: X (n_samples, n_features); n_clusters; centers; labels. INOUT: errors, measured (n_centers,).
    """
    rounding = SLACK * np.sum(errors[:n_clusters])
    worst, row = -1, -1
    while True:
        last, largest = worst, -np.inf
        for c in range(n_clusters):
            error = errors[c] if measured[c] else errors[c] + rounding
            if error > largest:
                worst, largest = c, error
        if measured[worst] and worst == last:
            return worst, row
        error, longest, first, differ = 0.0, -1.0, -1, False
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
