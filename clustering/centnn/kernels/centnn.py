"""Kernels of the centroid neural network: epochs that present every row in turn, the split, and the exact means.

All of them compute in float64: a centre that gains and loses members thousands of times must stay their mean.

Four bounds a row tell when its nearest centre cannot have changed, in the manner of Hamerly ("Making k-means even
faster", SDM 2010). After a split two centres move far, the one that was split (the parent) and the new one (the child),
and the others hardly at all: so those two have bounds of their own.
"""

from typing import NamedTuple

import numpy as np

from clustering.array_type import Array
from clustering.kernels.compilation import FAST_MATH, compiled, squared_distance
from clustering.kernels.rows import copy_rows

# Outweighs the rounding errors of a bound; a row between its bounds has the distances compared.
SLACK = 1e-14
# A shift of next to nothing, which has the gaps of a centre measured anew.
TOUCHED = 1e-300
# From this many features on, a centre is skipped where it must be farther than this many times the own one.
MANY_FEATURES = 8
REACH = 1.5


class Clusters(NamedTuple):
    """Rows and their clusters.

    Attributes
    ----------
    X : array (n_samples, n_features)
    labels : array (n_samples,)
    n_clusters : int
        How many of the centres are in use.
    centers : array (n_centers, n_features)
    sizes : array (n_centers,)
        Numbers of members.
    """

    X: Array
    labels: Array
    n_clusters: int
    centers: Array
    sizes: Array


class Bounds(NamedTuple):
    """What is known of the distances of the rows to the centres.

    Attributes
    ----------
    parent, child : int
        The centres of the last split.
    rows : array (n_samples, 4)
        [0] is at least the distance to the own centre, [1] at most the one to any other centre but parent and child,
        [2] and [3] at most those to parent and child, infinity for the own one.
    shifts : array (n_centers,)
        How far the centres moved since the bounds of the rows held.
    gaps : array (n_centers, n_centers)
        At most the distance of each two centres, infinity on the diagonal; right but for those that shifted.
    """

    parent: int
    child: int
    rows: Array
    shifts: Array
    gaps: Array


@compiled(fastmath=FAST_MATH)
def settle(clusters: Clusters, known: Bounds, max_epochs: int, enough: float) -> tuple[int, int, float]:
    """Run epochs until one moves the centres by no more than `enough`.

    Returns how many, and of the last one the changes and the sum of the centres' squared movements.

    A row whose nearest centre is not its own joins it: the winner, a mean, gains the row and the loser loses it, at
    once. Of equally near centres the own one is kept, then the first one; the only member of a cluster stays.

    IN: max_epochs, at least 1; enough, a sum of squared movements, 0 asks for an epoch without changes. INOUT: clusters
    and what is known of them.
    """
    X, labels, n_clusters, centers, sizes = clusters
    parent, child, bounds, shifts, gaps = known
    n_samples = X.shape[0]
    references = np.empty_like(centers)
    moved = np.zeros(n_clusters)
    nearest_other = np.empty(n_clusters)
    raised, lowered = 1.0 + SLACK, 1.0 - SLACK
    n_changed = 0
    movement = 0.0
    epoch = 0
    while epoch < max_epochs:
        epoch += 1
        copy_rows(centers, n_clusters, references)
        update_gaps(clusters, known, nearest_other)
        others_shift = 0.0
        for c in range(n_clusters):
            if c != parent and c != child:
                others_shift = max(others_shift, shifts[c])
        moved[:] = 0.0
        farthest = 0.0
        n_changed = 0
        for i in range(n_samples):
            own = labels[i]
            above = bounds[i, 0] * raised + shifts[own]
            below = bounds[i, 1] * lowered - others_shift
            to_parent = bounds[i, 2] * lowered - shifts[parent]
            to_child = bounds[i, 3] * lowered - shifts[child]
            near = min(below - farthest, to_parent - moved[parent], to_child - moved[child])
            if above + moved[own] >= near:
                shortest = squared_distance(X, i, centers, own)
                distance = np.sqrt(shortest) * raised
                above = min(above, distance + moved[own])
                below = max(below, nearest_other[own] - above)
                to_parent = max(to_parent, gaps[own, parent] - above)
                to_child = max(to_child, gaps[own, child] - above)
                others_near = below - farthest
                if distance >= min(others_near, to_parent - moved[parent], to_child - moved[child]):
                    squared_parent = shortest if own == parent else squared_distance(X, i, centers, parent)
                    squared_child = shortest if own == child else squared_distance(X, i, centers, child)
                    winner = own
                    least = shortest
                    if squared_parent < least:
                        winner = parent
                        least = squared_parent
                    if squared_child < least or (squared_child == least and winner != own and child < winner):
                        winner = child
                        least = squared_child
                    if distance >= others_near:
                        first, nearest, second, spared = nearest_others(clusters, known, moved, i, own, distance)
                        if nearest < least or (nearest == least and winner != own and first < winner):
                            winner = first
                            least = nearest
                            nearest = second
                        below = min(np.sqrt(nearest), spared) * lowered - farthest
                    if winner != own and sizes[own] == 1:
                        winner = own
                        least = shortest
                        below = 0.0
                    to_parent = np.inf if winner == parent else np.sqrt(squared_parent) * lowered - moved[parent]
                    to_child = np.inf if winner == child else np.sqrt(squared_child) * lowered - moved[child]
                    if winner != own:
                        above = np.sqrt(least) * raised + moved[winner]
                        if own != parent and own != child:
                            below = min(below, np.sqrt(shortest) * lowered - farthest)
                        change_over(clusters, i, winner)
                        n_changed += 1
                        for c in (winner, own):
                            moved[c] = np.sqrt(squared_distance(centers, c, references, c)) * raised
                            if c != parent and c != child:
                                farthest = max(farthest, moved[c])
            bounds[i, 0] = above
            bounds[i, 1] = below
            bounds[i, 2] = to_parent
            bounds[i, 3] = to_child
        for c in range(n_clusters):
            shifts[c] = moved[c]
        movement = np.dot(moved, moved)
        if n_changed == 0 or movement <= enough:
            break
    return epoch, n_changed, movement


@compiled(inner=True, fastmath=FAST_MATH)
def nearest_others(
    clusters: Clusters, known: Bounds, moved: Array, i: int, own: int, distance: float
) -> tuple[int, float, float, float]:
    """Find the nearest centre to row i but its own one, parent and child.

    Returns its number, its squared distance and that of the second nearest, and a bound for those that are skipped
    because they are too far away: at most their distances.

    IN: clusters; known, its gaps; moved (n_clusters,), how far the centres moved in this epoch; distance, that to the
    own centre.
    """
    X, _, n_clusters, centers, _ = clusters
    parent, child, _, _, gaps = known
    use_gaps = X.shape[1] >= MANY_FEATURES
    first = -1
    nearest, second, spared = np.inf, np.inf, np.inf
    reach = REACH * distance
    spare = distance + moved[own]
    for c in range(n_clusters):
        if use_gaps:
            apart = gaps[own, c] - spare - moved[c]
            if apart > reach:
                if c != parent and c != child:
                    spared = min(spared, apart)
                continue
        if c != own and c != parent and c != child:
            squared = squared_distance(X, i, centers, c)
            if squared < nearest:
                second = nearest
                nearest = squared
                first = c
            elif squared < second:
                second = squared
    return first, nearest, second, spared


@compiled(inner=True, fastmath=FAST_MATH)
def change_over(clusters: Clusters, i: int, winner: int) -> None:
    """Have row i join another cluster: the winner's centre and the loser's stay the means of their members.

    INOUT: clusters, of which the loser has another member.
    """
    X, labels, _, centers, sizes = clusters
    loser = labels[i]
    labels[i] = winner
    sizes[winner] += 1
    sizes[loser] -= 1
    move_center(X, i, centers, winner, 1.0 / sizes[winner])
    move_center(X, i, centers, loser, -1.0 / sizes[loser])


@compiled(inner=True, fastmath=FAST_MATH)
def move_center(X: Array, i: int, centers: Array, c: int, share: float) -> None:
    """Move a centre by a share of the way to a row.

    IN: X (n_samples, n_features); i, c, the numbers of row and centre. INOUT: centers (n_centers, n_features).
    """
    for j in range(X.shape[1]):
        centers[c, j] += share * (X[i, j] - centers[c, j])


@compiled(inner=True, fastmath=FAST_MATH)
def update_gaps(clusters: Clusters, known: Bounds, nearest_other: Array) -> None:
    """Measure the distances of the centres that shifted to all others.

    IN: clusters. INOUT: known, its gaps. OUT: nearest_other (n_clusters,) the distance to the nearest other one but
    parent and child.
    """
    n_clusters, centers = clusters.n_clusters, clusters.centers
    parent, child, _, shifts, gaps = known
    for a in range(n_clusters):
        if shifts[a] > 0:
            for b in range(n_clusters):
                if b != a and not (b < a and shifts[b] > 0):
                    gap = np.sqrt(squared_distance(centers, a, centers, b)) * (1.0 - SLACK)
                    gaps[a, b] = gap
                    gaps[b, a] = gap
    for a in range(n_clusters):
        nearest = np.inf
        for b in range(n_clusters):
            if b != parent and b != child:
                nearest = min(nearest, gaps[a, b])
        nearest_other[a] = nearest


@compiled(fastmath=FAST_MATH)
def split(clusters: Clusters, known: Bounds, worst: int, row: int, epsilon: float) -> None:
    """Put a new centre, without members, a little way from a centre towards one of its members.

    IN: worst, the cluster to split; row, the member; epsilon, the share of the way to it. INOUT: clusters and what is
    known of them, made ready for `settle` with `worst` as parent and the new centre, number n_clusters, as child.
    """
    X, labels, n_clusters, centers, sizes = clusters
    parent, child, bounds, shifts, _ = known
    squared = 0.0
    for j in range(X.shape[1]):
        step = epsilon * (X[row, j] - centers[worst, j])
        centers[n_clusters, j] = centers[worst, j] + step
        squared += step * step
    step = np.sqrt(squared) * (1.0 + SLACK)
    sizes[n_clusters] = 0
    others_shift = 0.0
    for c in range(n_clusters):
        if c != parent and c != child:
            others_shift = max(others_shift, shifts[c])
    for i in range(X.shape[0]):
        own = labels[i]
        bounds[i, 0] = bounds[i, 0] * (1.0 + SLACK) + shifts[own]
        below = min(
            bounds[i, 1] * (1.0 - SLACK) - others_shift,
            bounds[i, 2] * (1.0 - SLACK) - shifts[parent],
            bounds[i, 3] * (1.0 - SLACK) - shifts[child],
        )
        bounds[i, 1] = below
        bounds[i, 2] = np.inf if own == worst else below
        bounds[i, 3] = 0.0 if own == worst else below - step
    # What shifted is in the bounds now.
    for c in range(n_clusters):
        shifts[c] = min(shifts[c], TOUCHED)
    shifts[n_clusters] = TOUCHED


@compiled(fastmath=FAST_MATH)
def refresh(clusters: Clusters, shifts: Array, errors: Array, farthest: Array) -> None:
    """Make each centre the mean of its members, summed anew, so that the updates' rounding errors do not add up.

    INOUT: clusters, of which an empty one stays where it is; shifts (n_centers,), which the movement is added to. OUT:
    errors (n_centers,) the sum of the squared distances of each cluster's members to its centre; farthest (n_centers,)
    the row farthest from it, the first of equals.
    """
    X, labels, n_clusters, centers, sizes = clusters
    n_features = X.shape[1]
    sums = np.zeros((n_clusters, n_features))
    first = np.full(n_clusters, -1)
    differ = np.zeros(n_clusters, np.bool_)
    for i in range(X.shape[0]):
        c = labels[i]
        for j in range(n_features):
            sums[c, j] += X[i, j]
        if first[c] < 0:
            first[c] = i
        elif not differ[c]:
            for j in range(n_features):
                if X[i, j] != X[first[c], j]:
                    differ[c] = True
    for c in range(n_clusters):
        squared = 0.0
        for j in range(n_features):
            before = centers[c, j]
            if differ[c]:
                centers[c, j] = sums[c, j] / sizes[c]
            elif first[c] >= 0:
                # The mean of equal rows, without the rounding that would look like an error worth a split.
                centers[c, j] = X[first[c], j]
            squared += (centers[c, j] - before) ** 2
        shifts[c] += np.sqrt(squared) * (1.0 + SLACK)
    longest = np.full(n_clusters, -1.0)
    errors[:n_clusters] = 0.0
    for i in range(X.shape[0]):
        c = labels[i]
        distance = squared_distance(X, i, centers, c)
        errors[c] += distance
        if distance > longest[c]:
            longest[c] = distance
            farthest[c] = i
