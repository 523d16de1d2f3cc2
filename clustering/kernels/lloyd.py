"""Kernels of Lloyd's algorithm: nearest centres, the bounds by groups, and the sums behind the means.

Centres stand in groups of `LANES` neighbours, some places of which may be empty. The tile of a group (n_features + 1,
LANES) holds its centres c as columns and -|c|^2 / 2 below them, so that the product with a row and a 1 behind it is the
row's score x.c - |c|^2 / 2: the nearest centre has the largest, and the squared distance is |x|^2 less twice the score.
Where two scores are too close for their rounding errors, distances proper decide.
"""

import numpy as np
from numpy.typing import NDArray

from clustering.kernels.compilation import FAST_MATH, compiled, squared_distance

LANES = 16
# Rows multiplied with a tile at a time: enough for the product to be quick, few enough to stay in the cache.
GATHERED = 64
# Rows whose doubtful ones are collected before their groups are looked at.
BLOCK_ROWS = 1024


@compiled(fastmath=FAST_MATH)
def assign(
    X: NDArray,
    norms: NDArray,
    centers: NDArray,
    columns: NDArray,
    places: NDArray,
    place_of: NDArray,
    tolerance: float,
    longest: float,
    first: int,
    last: int,
    labels: NDArray,
    upper: NDArray,
    lowest: NDArray,
    lower: NDArray,
) -> None:
    """Find the nearest centre of the rows first:last, the first one where several are equally near.

    IN: X (n_samples, n_features); norms (n_samples,) squared; centers (n_clusters, n_features); columns
    (n_features + 1, n_groups * LANES), the tiles side by side; places (n_groups, LANES) the centre at each place, -1
    for none; place_of (n_clusters,) the place of each centre, counted through all groups; tolerance, the scores' error
    as a share of the squared norms; longest, the largest squared norm of a centre. OUT: labels (n_samples,) int32;
    upper (n_samples,) the distance to the own centre; lower (n_samples, n_groups) at most the distance to any other
    centre of a group, and lowest (n_samples,) of all groups.
    """
    n_features, n_groups = X.shape[1], places.shape[0]
    infinite, zero, two = X.dtype.type(np.inf), X.dtype.type(0), X.dtype.type(2)
    gathered = np.ones((GATHERED, n_features + 1), X.dtype)
    products = np.empty((GATHERED, n_groups * LANES), X.dtype)
    scores = products.reshape((GATHERED * n_groups, LANES))
    tops, bounds = np.empty((2, GATHERED, n_groups), X.dtype)
    errors, best, second = np.empty((3, GATHERED), X.dtype)
    nearest = np.empty(GATHERED, np.int64)
    for start in range(first, last, GATHERED):
        size = min(GATHERED, last - start)
        for t in range(size):
            for j in range(n_features):
                gathered[t, j] = X[start + t, j]
        np.dot(gathered[:size], columns, products[:size])
        for t in range(size):
            i = start + t
            home = 0
            for g in range(n_groups):
                tops[t, g] = greatest(scores, t * n_groups + g)
                home = g if tops[t, g] > tops[t, home] else home
            place = 0
            while scores[t * n_groups + home, place] != tops[t, home]:
                place += 1
            nearest[t] = places[home, place]
            best[t] = tops[t, home]
            scores[t * n_groups + home, place] = -infinite
            tops[t, home] = greatest(scores, t * n_groups + home)
            second[t] = greatest(tops, t)
            errors[t] = tolerance * (norms[i] + longest)
            for g in range(n_groups):
                bounds[t, g] = np.sqrt(max(norms[i] - two * (tops[t, g] + errors[t]), zero))
            settle(X, i, centers, place_of, -1, infinite, t, errors, best, second, nearest, bounds, labels, upper)
            for g in range(n_groups):
                lower[i, g] = bounds[t, g]
            lowest[i] = least(bounds, t)


@compiled(fastmath=FAST_MATH)
def reassign(
    X: NDArray,
    norms: NDArray,
    centers: NDArray,
    tiles: NDArray,
    places: NDArray,
    place_of: NDArray,
    tolerance: float,
    longest: float,
    half_gaps: NDArray,
    moved: NDArray,
    most_moved: float,
    group_moved: NDArray,
    slack: float,
    first: int,
    last: int,
    labels: NDArray,
    upper: NDArray,
    lowest: NDArray,
    lower: NDArray,
) -> None:
    """Find the nearest centre of the rows first:last again after the centres moved.

    A row keeps its centre while the distance to it is below the distance to any other centre, or below half the gap
    between its centre and the next one (Hamerly, "Making k-means even faster", SDM 2010). Of the others, a group of
    centres is looked at only where the row's bound allows that one of them is nearer (Ding et al., "Yinyang k-means",
    ICML 2015).

    IN: as of `assign`; half_gaps (n_clusters,) at most half the distance to the nearest other centre; moved
    (n_clusters,) how far each centre moved, and most_moved the most of all; group_moved (n_groups,) the sum of the
    largest moves in each group since the start; slack, a share that outweighs rounding. INOUT: labels, upper, lowest,
    lower as `assign` leaves them, but lower with group_moved on top, so that rows whose centre is certain leave it as
    it is.
    """
    n_features, n_groups = X.shape[1], tiles.shape[0]
    raised, lowered = X.dtype.type(1) + slack, X.dtype.type(1) - slack
    half = X.dtype.type(0.5)
    gathered = np.ones((GATHERED, n_features + 1), X.dtype)
    scores = np.empty((GATHERED, LANES), X.dtype)
    own, errors, best, second, reach = np.empty((5, BLOCK_ROWS), X.dtype)
    rows, nearest, batch = np.empty((3, BLOCK_ROWS), np.int64)
    bounds = np.empty((BLOCK_ROWS, n_groups), X.dtype)
    for start in range(first, last, BLOCK_ROWS):
        n_rows = 0
        for i in range(start, min(start + BLOCK_ROWS, last)):
            label = labels[i]
            above = (upper[i] + moved[label]) * raised
            below = lowest[i] * lowered - most_moved
            upper[i] = above
            lowest[i] = below
            if above <= below or above <= half_gaps[label]:
                continue
            squared = squared_distance(X, i, centers, label)
            above = np.sqrt(squared) * raised
            upper[i] = above
            if above <= below or above <= half_gaps[label]:
                continue
            for g in range(n_groups):
                bounds[n_rows, g] = lower[i, g] * lowered - group_moved[g]
            below = least(bounds, n_rows)
            lowest[i] = below
            if above <= below:
                continue
            rows[n_rows] = i
            own[n_rows] = squared
            errors[n_rows] = tolerance * (norms[i] + longest)
            best[n_rows] = half * (norms[i] - squared)
            second[n_rows] = -np.inf
            reach[n_rows] = above
            nearest[n_rows] = label
            n_rows += 1
        for g in range(n_groups):
            n_batch = 0
            for t in range(n_rows):
                batch[n_batch] = t
                n_batch += 1 if bounds[t, g] < reach[t] else 0
            for begin in range(0, n_batch, GATHERED):
                size = min(GATHERED, n_batch - begin)
                for b in range(size):
                    i = rows[batch[begin + b]]
                    for j in range(n_features):
                        gathered[b, j] = X[i, j]
                np.dot(gathered[:size], tiles[g], scores[:size])
                for b in range(size):
                    t = batch[begin + b]
                    i = rows[t]
                    place = place_of[labels[i]]
                    if nearest[t] == labels[i] and place // LANES == g:
                        # The distance to the own centre is known already, and better.
                        scores[b, place % LANES] = -np.inf
                    compare(
                        scores, b, norms[i], errors[t], places, place_of, g, t, best, second, nearest, reach, bounds
                    )
        for t in range(n_rows):
            i = rows[t]
            settle(
                X,
                i,
                centers,
                place_of,
                labels[i],
                own[t],
                t,
                errors,
                best,
                second,
                nearest,
                bounds,
                labels,
                upper,
            )
            for g in range(n_groups):
                lower[i, g] = bounds[t, g] + group_moved[g]
            lowest[i] = least(bounds, t)


@compiled(fastmath=FAST_MATH | {"nnan"}, forceinline=True)
def least(values: NDArray, row: int) -> float:
    """Least number of a row, none of them NaN."""
    found = values[row, 0]
    for p in range(1, values.shape[1]):
        found = min(found, values[row, p])
    return found


@compiled(fastmath=FAST_MATH | {"nnan"}, forceinline=True)
def greatest(values: NDArray, row: int) -> float:
    """Greatest number of a row, none of them NaN."""
    found = values[row, 0]
    for p in range(1, values.shape[1]):
        found = max(found, values[row, p])
    return found


@compiled(fastmath=FAST_MATH, forceinline=True)
def compare(
    scores: NDArray,
    b: int,
    norm: float,
    error: float,
    places: NDArray,
    place_of: NDArray,
    g: int,
    t: int,
    best: NDArray,
    second: NDArray,
    nearest: NDArray,
    reach: NDArray,
    bounds: NDArray,
) -> None:
    """Take the scores of a group's centres into account for a row.

    IN: norm, squared, of the row, and error of its scores; places, place_of; g, the group. INOUT: scores
    (n_rows, LANES) at b. INOUT, at t: best and second, the two largest scores so far; nearest, the centre of the best;
    reach, above the distance to it; bounds (n_rows, n_groups) at g.
    """
    zero, two = scores.dtype.type(0), scores.dtype.type(2)
    top = greatest(scores, b)
    if top <= best[t]:
        second[t] = max(second[t], top)
        bounds[t, g] = np.sqrt(max(norm - two * (top + error), zero))
        return
    place = 0
    while scores[b, place] != top:
        place += 1
    scores[b, place] = -np.inf
    others = greatest(scores, b)
    second[t] = max(second[t], best[t], others)
    bounds[t, g] = np.sqrt(max(norm - two * (others + error), zero))
    if nearest[t] >= 0:
        # What was the nearest so far is one of the others of its group now.
        home = place_of[nearest[t]] // LANES
        bounds[t, home] = min(bounds[t, home], np.sqrt(max(norm - two * (best[t] + error), zero)))
    best[t] = top
    nearest[t] = places[g, place]
    reach[t] = np.sqrt(max(norm - two * (top - error), zero))


@compiled(fastmath=FAST_MATH, forceinline=True)
def settle(
    X: NDArray,
    i: int,
    centers: NDArray,
    place_of: NDArray,
    label: int,
    own: float,
    t: int,
    errors: NDArray,
    best: NDArray,
    second: NDArray,
    nearest: NDArray,
    bounds: NDArray,
    labels: NDArray,
    upper: NDArray,
) -> None:
    """Label row i.

    IN: X, centers, place_of; label, the centre so far (-1 for none), and own, the squared distance to it; at t: errors
    of the row's scores, best, second, nearest as `compare` leaves them. INOUT: bounds (n_rows, n_groups) at t. OUT, at
    i: labels, upper.
    """
    shortest = own
    if second[t] >= best[t] - errors[t]:
        scored, shortest = nearest[t], X.dtype.type(np.inf)
        for c in range(centers.shape[0]):
            distance = squared_distance(X, i, centers, c)
            if distance < shortest:
                nearest[t], shortest = c, distance
        bounds[t, place_of[scored] // LANES] = 0
        bounds[t, place_of[nearest[t]] // LANES] = 0
    elif nearest[t] != label:
        shortest = squared_distance(X, i, centers, nearest[t])
    labels[i] = nearest[t]
    upper[i] = np.sqrt(shortest)


@compiled(fastmath=FAST_MATH)
def own_distances(X: NDArray, centers: NDArray, first: int, last: int, labels: NDArray, distances: NDArray) -> None:
    """Squared distance of each row to its own centre.

    IN: X (n_samples, n_features); centers (n_clusters, n_features); labels (n_samples,). OUT: distances (n_samples,).
    """
    for i in range(first, last):
        distances[i] = squared_distance(X, i, centers, labels[i])


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
