"""Kernels of Lloyd's algorithm: nearest centres, Hamerly's bounds, and the sums behind the means."""

import numpy as np
from numpy.typing import NDArray

from clustering.kernels.compilation import FAST_MATH, compiled, squared_distance
from clustering.workers import BLOCK_ROWS

LANES = 16
# Up to this many features a loop over the centres beats the matrix product.
FEW_FEATURES = 12


@compiled(fastmath=FAST_MATH)
def assign(
    X: NDArray,
    rows: NDArray,
    centers: NDArray,
    centers_T: NDArray,
    half_norms: NDArray,
    tolerance: float,
    labels: NDArray,
    upper: NDArray,
    lower: NDArray,
) -> None:
    """Find the nearest centre of some rows, the first one where several are equally near.

    The products of a block of rows with all centres find the nearest up to rounding; centres within the rounding error
    of the best are then compared by their distances proper. The minimum is kept in `LANES` lanes side by side, which
    the compiler turns into vector instructions.

    IN: X (n_samples, n_features); rows, their numbers; centers (n_clusters, n_features); centers_T (n_features, width)
    transposed, and half_norms (width,) half their squared norms, both padded to whole lanes with 0 and infinity;
    tolerance, the products' error as a share of the squared norms. OUT, at those rows: labels (n_samples,) int32; upper
    (n_samples,) the distance to the own centre; lower (n_samples,) at most the distance to any other centre.
    """
    n_features, width = centers_T.shape
    scores = np.empty((BLOCK_ROWS, width), X.dtype)
    gathered = np.empty((BLOCK_ROWS, n_features), X.dtype)
    least = np.empty(LANES, X.dtype)
    second = np.empty(LANES, X.dtype)
    longest = 2 * half_norms[: centers.shape[0]].max()
    for start in range(0, rows.shape[0], BLOCK_ROWS):
        size = min(BLOCK_ROWS, rows.shape[0] - start)
        for t in range(size):
            gathered[t] = X[rows[start + t]]
        if n_features > FEW_FEATURES:
            np.dot(gathered[:size], centers_T, scores[:size])
        for t in range(size):
            i = rows[start + t]
            x = gathered[t]
            score = scores[t]
            if n_features <= FEW_FEATURES:
                score[:] = 0
                for j in range(n_features):
                    value = x[j]
                    row = centers_T[j]
                    for c in range(width):
                        score[c] += value * row[c]
            least[:] = np.inf
            second[:] = np.inf
            for c in range(0, width, LANES):
                for lane in range(LANES):
                    value = half_norms[c + lane] - score[c + lane]
                    score[c + lane] = value
                    smallest = least[lane]
                    larger = value if value > smallest else smallest
                    least[lane] = value if value < smallest else smallest
                    second[lane] = larger if larger < second[lane] else second[lane]
            lowest = least[0]
            runner_up = second[0]
            for lane in range(1, LANES):
                larger = max(lowest, least[lane])
                lowest = min(lowest, least[lane])
                runner_up = min(runner_up, larger, second[lane])
            norm = x.dtype.type(0)
            for j in range(n_features):
                norm += x[j] * x[j]
            error = tolerance * (norm + longest)
            margin = lowest + error
            if runner_up > margin:
                place = 0
                for c in range(width):
                    place += c if score[c] <= margin else 0
                labels[i] = place
                shortest = squared_distance(x, centers[place])
            else:
                nearest = -1
                shortest = norm
                for c in range(centers.shape[0]):
                    if score[c] <= margin:
                        distance = squared_distance(x, centers[c])
                        if nearest < 0 or distance < shortest:
                            nearest = c
                            shortest = distance
                labels[i] = nearest
            upper[i] = np.sqrt(shortest)
            lower[i] = np.sqrt(max(norm + x.dtype.type(2) * (runner_up - error), x.dtype.type(0)))


@compiled(fastmath=FAST_MATH)
def doubtful_rows(
    X: NDArray,
    centers: NDArray,
    half_gaps: NDArray,
    moved: NDArray,
    others_moved: NDArray,
    slack: float,
    first: int,
    last: int,
    labels: NDArray,
    upper: NDArray,
    lower: NDArray,
) -> NDArray:
    """Return the rows among first:last whose nearest centre may have changed since the centres moved.

    Hamerly's bounds ("Making k-means even faster", SDM 2010): a row keeps its centre while the distance to it is below
    the distance to any other centre, or below half the gap between its centre and the next one.

    IN: X (n_samples, n_features); centers (n_clusters, n_features) after the move; half_gaps (n_clusters,) at most half
    the distance to the nearest other centre; moved (n_clusters,) how far each centre moved; others_moved (n_clusters,)
    the largest move of any other; slack, a share that outweighs rounding; labels (n_samples,). INOUT: upper, lower
    (n_samples,) bounds as `assign` leaves them.
    """
    raised, lowered = X.dtype.type(1) + slack, X.dtype.type(1) - slack
    rows = np.empty(last - first, np.int64)
    n_rows = 0
    for i in range(first, last):
        label = labels[i]
        above = (upper[i] + moved[label]) * raised
        below = lower[i] * lowered - others_moved[label]
        bound = max(half_gaps[label], below)
        if above > bound:
            above = np.sqrt(squared_distance(X[i], centers[label])) * raised
            if above > bound:
                rows[n_rows] = i
                n_rows += 1
        upper[i] = above
        lower[i] = below
    return rows[:n_rows]


@compiled(fastmath=FAST_MATH)
def own_distances(X: NDArray, centers: NDArray, first: int, last: int, labels: NDArray, distances: NDArray) -> None:
    """Squared distance of each row to its own centre.

    IN: X (n_samples, n_features); centers (n_clusters, n_features); labels (n_samples,). OUT: distances (n_samples,).
    """
    for i in range(first, last):
        distances[i] = squared_distance(X[i], centers[labels[i]])


@compiled()
def group_by_label(labels: NDArray, starts: NDArray, members: NDArray) -> None:
    """Order rows by label, and by row within a label (a counting sort).

    IN: labels (n_samples,). OUT: starts (n_clusters + 1,), the members of cluster c stand at starts[c]:starts[c + 1];
    members (n_samples,) row numbers.
    """
    starts[:] = 0
    for i in range(labels.shape[0]):
        starts[labels[i] + 1] += 1
    for c in range(1, starts.shape[0]):
        starts[c] += starts[c - 1]
    place = starts[:-1].copy()
    for i in range(labels.shape[0]):
        c = labels[i]
        members[place[c]] = i
        place[c] += 1


@compiled()
def cluster_sums(
    X: NDArray,
    weights: NDArray,
    starts: NDArray,
    members: NDArray,
    first: int,
    last: int,
    sums: NDArray,
    totals: NDArray,
) -> None:
    """Weighted sums of the members of the clusters first:last, in row order.

    IN: X (n_samples, n_features); weights (n_samples,); starts, members from `group_by_label`. OUT: sums (n_clusters,
    n_features) float64; totals (n_clusters,) float64 sums of the weights.
    """
    for c in range(first, last):
        sums[c] = 0.0
        totals[c] = 0.0
        for m in range(starts[c], starts[c + 1]):
            i = members[m]
            weight = np.float64(weights[i])
            totals[c] += weight
            for j in range(X.shape[1]):
                sums[c, j] += weight * X[i, j]


@compiled()
def move_members(
    X: NDArray, weights: NDArray, rows: NDArray, before: NDArray, labels: NDArray, sums: NDArray, totals: NDArray
) -> None:
    """Take rows that changed clusters out of the old sums and into the new ones.

    IN: X (n_samples, n_features); weights (n_samples,); rows, the numbers of those that changed; before, labels
    (n_samples,). INOUT: sums (n_clusters, n_features), totals (n_clusters,), float64.
    """
    for r in range(rows.shape[0]):
        i = rows[r]
        old, new = before[i], labels[i]
        weight = np.float64(weights[i])
        totals[old] -= weight
        totals[new] += weight
        for j in range(X.shape[1]):
            value = weight * X[i, j]
            sums[old, j] -= value
            sums[new, j] += value
