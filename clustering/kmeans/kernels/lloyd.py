"""Kernels of Lloyd's algorithm: nearest centres, the bounds by groups, and the sums behind the means.

Centres stand in groups of `LANES` neighbours, some places of which may be empty. The tile of a group (n_features + 1,
LANES) holds its centres c as columns and -|c|^2 / 2 below them, so that the product with a row and a 1 behind it is the
row's score x.c - |c|^2 / 2: the nearest centre has the largest, and the squared distance is |x|^2 less twice the score.
Where two scores are too close for their rounding errors, distances proper decide.
"""

from typing import NamedTuple

import numpy as np

from clustering.array_type import Array
from clustering.kernels.compilation import FAST_MATH, compiled, squared_distance

LANES = 16
# Rows multiplied with a tile at a time: enough for the product to be quick, few enough to stay in the cache.
GATHERED = 128
# Rows among which the doubtful ones are collected before their groups are looked at.
DOUBTFUL_ROWS = 1024
# Room for the rounding of a distance proper, as a share of it.
EXACT = np.float32(1e-4)


class GroupedCenters(NamedTuple):
    """Centres in groups of neighbours, laid out for products.

    Attributes
    ----------
    centers : array (n_clusters, n_features)
    columns : array (n_groups * LANES, n_features + 1)
        The tiles transposed.
    tiles : array (n_groups, n_features + 1, LANES)
    places : array (n_groups, LANES), int64
        The centre at each place, -1 for none.
    place_of : array (n_clusters,), int64
        The place of each centre, counted through all groups.
    longest : float
        Largest squared norm of a centre.
    """

    centers: Array
    columns: Array
    tiles: Array
    places: Array
    place_of: Array
    longest: float


class BoundedRows(NamedTuple):
    """Rows, their labels, and the bounds that tell which rows keep them.

    Attributes
    ----------
    X : array (n_samples, n_features)
    norms : array (n_samples,)
        Squared.
    tolerance : float
        The scores' error as a share of the squared norms.
    labels : array (n_samples,), int32
    upper : array (n_samples,)
        Distance to the own centre.
    lowest : array (n_samples,)
        At most the distance to any other centre.
    lower : array (n_samples, n_groups)
        At most that to any other centre of a group; no rows where it is not wanted.
    """

    X: Array
    norms: Array
    tolerance: float
    labels: Array
    upper: Array
    lowest: Array
    lower: Array


class Moves(NamedTuple):
    """How far centres moved.

    Attributes
    ----------
    by_center : array (n_clusters,)
    most : float
        The largest of these.
    by_group : array (n_groups,)
        Sum of the largest moves in each group since the start.
    slack : float
        A share that outweighs rounding.
    """

    by_center: Array
    most: float
    by_group: Array
    slack: float


@compiled(fastmath=FAST_MATH)
def assign(rows: BoundedRows, grouped: GroupedCenters, first: int, last: int) -> None:
    """Find the nearest centre of the rows first:last, the first one where several are equally near.

    IN: rows, their X, norms and tolerance; grouped. OUT: rows, their labels and bounds.
    """
    X, norms, tolerance, labels, upper, lowest, lower = rows
    centers, columns, _, places, _, longest = grouped
    n_features, n_groups = X.shape[1], places.shape[0]
    keeps_bounds = lower.shape[0] > 0
    zero, two = X.dtype.type(0), X.dtype.type(2)
    gathered = np.ones((GATHERED, n_features + 1), X.dtype)
    scores = np.empty((n_groups * LANES, GATHERED), X.dtype)
    tops = np.empty((n_groups, GATHERED), X.dtype)
    bounds = np.empty((GATHERED, n_groups), X.dtype)
    block_norms, errors, best, second, beyond = np.zeros((5, GATHERED), X.dtype)
    home = np.empty(GATHERED, np.int32)
    nearest = np.empty(GATHERED, np.int64)
    for start in range(first, last, GATHERED):
        size = min(GATHERED, last - start)
        for t in range(size):
            block_norms[t] = norms[start + t]
            for j in range(n_features):
                gathered[t, j] = X[start + t, j]
        np.dot(columns, gathered.T, scores)
        best[:] = -np.inf
        home[:] = 0
        for g in range(n_groups):
            greatest_by_row(scores, g, size, tops)
            for t in range(size):
                home[t] = np.int32(g) if tops[g, t] > best[t] else home[t]
                best[t] = max(tops[g, t], best[t])
        for t in range(size):
            g = home[t]
            place = g * LANES
            # Scores are no NaN, which would equal none: see `check_norms`.
            while scores[place, t] != best[t]:
                place += 1
            nearest[t] = places[g, place - g * LANES]
            scores[place, t] = -np.inf
            tops[g, t] = scores[g * LANES, t]
            for p in range(1, LANES):
                tops[g, t] = max(tops[g, t], scores[g * LANES + p, t])
        second[:] = -np.inf
        for g in range(n_groups):
            for t in range(size):
                second[t] = max(second[t], tops[g, t])
        for t in range(size):
            errors[t] = tolerance * (block_norms[t] + longest)
            beyond[t] = np.sqrt(max(block_norms[t] - two * (second[t] + errors[t]), zero))
        for g in range(n_groups):
            for t in range(size):
                tops[g, t] = np.sqrt(max(block_norms[t] - two * (tops[g, t] + errors[t]), zero))
        if keeps_bounds:
            for t in range(size):
                for g in range(n_groups):
                    lower[start + t, g] = tops[g, t]
        for t in range(size):
            i = start + t
            squared = squared_distance(X, i, centers, nearest[t])
            lowest[i] = beyond[t]
            if second[t] >= best[t] - errors[t]:
                for g in range(n_groups):
                    bounds[t, g] = tops[g, t]
                squared = break_tie(X, i, grouped, t, nearest, bounds)
                lowest[i] = 0
                for g in range(n_groups if keeps_bounds else 0):
                    lower[i, g] = bounds[t, g]
            labels[i] = nearest[t]
            upper[i] = np.sqrt(squared)


@compiled(fastmath=FAST_MATH)
def reassign(rows: BoundedRows, grouped: GroupedCenters, moves: Moves, first: int, last: int) -> None:
    """Find the nearest centre of the rows first:last again after the centres moved.

    A row keeps its centre while the distance to it is below the distance to any other centre (Hamerly, "Making k-means
    even faster", SDM 2010; half the gap between two centres, his other bound, skips too few rows more to pay). Of the
    others, a group of centres is looked at only where the row's bound allows that one of them is nearer (Ding et al.,
    "Yinyang k-means", ICML 2015).

    IN: grouped, the centres as they are now; moves. INOUT: rows, as `assign` leaves them, but lower with the groups'
    moves on top, so that rows whose centre is certain leave it as it is.
    """
    X, norms, tolerance, labels, upper, lowest, lower = rows
    centers, _, tiles, places, place_of, longest = grouped
    # All is one kernel: with its steps in functions of their own, many centres of few features take a sixth longer.
    moved, most_moved, group_moved, slack = moves
    n_features, n_groups = X.shape[1], tiles.shape[0]
    raised, lowered = X.dtype.type(1) + slack, X.dtype.type(1) - slack
    half, zero, two = X.dtype.type(0.5), X.dtype.type(0), X.dtype.type(2)
    gathered = np.ones((GATHERED, n_features + 1), X.dtype)
    scores = np.empty((GATHERED, LANES), X.dtype)
    own, errors, best, second, reach = np.empty((5, DOUBTFUL_ROWS), X.dtype)
    doubtful, batch = np.empty((2, DOUBTFUL_ROWS), np.int64)
    nearest = np.empty(DOUBTFUL_ROWS, np.int64)
    bounds = np.empty((DOUBTFUL_ROWS, n_groups), X.dtype)
    for start in range(first, last, DOUBTFUL_ROWS):
        n_rows = 0
        for i in range(start, min(start + DOUBTFUL_ROWS, last)):
            label = np.int64(labels[i])
            above = (upper[i] + moved[label]) * raised
            below = lowest[i] * lowered - most_moved
            upper[i] = above
            lowest[i] = below
            if above <= below:
                continue
            for g in range(n_groups):
                bounds[n_rows, g] = lower[i, g] * lowered - group_moved[g]
            below = least(bounds, np.int64(n_rows))
            lowest[i] = below
            if above <= below:
                continue
            squared = squared_distance(X, i, centers, label)
            above = np.sqrt(squared) * raised
            upper[i] = above
            if above <= below:
                continue
            doubtful[n_rows] = i
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
                    i = doubtful[batch[begin + b]]
                    for j in range(n_features):
                        gathered[b, j] = X[i, j]
                np.dot(gathered[:size], tiles[g], scores[:size])
                for b in range(size):
                    t = batch[begin + b]
                    i = doubtful[t]
                    place = place_of[labels[i]]
                    if nearest[t] == labels[i] and place // LANES == g:
                        # The distance to the own centre is known already, and better.
                        scores[b, place % LANES] = -np.inf
                    top = others = greatest(scores, b)
                    if top > best[t]:
                        place = 0
                        while scores[b, place] != top:
                            place += 1
                        scores[b, place] = -np.inf
                        others = greatest(scores, b)
                    bounds[t, g] = np.sqrt(max(norms[i] - two * (others + errors[t]), zero))
                    second[t] = max(second[t], others)
                    if top > best[t]:
                        # What was the nearest so far is one of the others of its group now.
                        home = place_of[nearest[t]] // LANES
                        passed = np.sqrt(max(norms[i] - two * (best[t] + errors[t]), zero))
                        bounds[t, home] = min(bounds[t, home], passed)
                        second[t] = max(second[t], best[t])
                        best[t] = top
                        nearest[t] = places[g, place]
                        reach[t] = np.sqrt(max(norms[i] - two * (top - errors[t]), zero))
        for t in range(n_rows):
            i = doubtful[t]
            squared = own[t]
            if second[t] >= best[t] - errors[t]:
                squared = break_tie(X, i, grouped, t, nearest, bounds)
            elif nearest[t] != labels[i]:
                squared = squared_distance(X, i, centers, nearest[t])
            labels[i] = nearest[t]
            upper[i] = np.sqrt(squared)
            for g in range(n_groups):
                lower[i, g] = bounds[t, g] + group_moved[g]
            lowest[i] = least(bounds, t)


@compiled(inner=True, fastmath=FAST_MATH | {"nnan"}, forceinline=True)
def least(values: Array, row: int) -> float:
    """Least number of a row, none of them NaN."""
    found = values[row, 0]
    for p in range(1, values.shape[1]):
        found = min(found, values[row, p])
    return found


@compiled(inner=True, fastmath=FAST_MATH | {"nnan"}, forceinline=True)
def greatest(values: Array, row: int) -> float:
    """Greatest number of a row, none of them NaN."""
    found = values[row, 0]
    for p in range(1, values.shape[1]):
        found = max(found, values[row, p])
    return found


@compiled(inner=True, fastmath=FAST_MATH | {"nnan"}, forceinline=True)
def greatest_by_row(scores: Array, g: int, size: int, tops: Array) -> None:
    """Greatest score of each row in a group, none of them NaN.

    IN: scores (n_groups * LANES, GATHERED), of group g; size, the number of rows. OUT: tops (n_groups, GATHERED) at g.
    """
    for t in range(size):
        top = scores[g * LANES, t]
        for p in range(1, LANES):
            top = max(top, scores[g * LANES + p, t])
        tops[g, t] = top


@compiled(inner=True, fastmath=FAST_MATH)
def break_tie(X: Array, i: int, grouped: GroupedCenters, t: int, nearest: Array, bounds: Array) -> float:
    """Find the nearest centre of row i by distances proper, and return the squared distance to it.

    IN: X; grouped. INOUT, at t: nearest, of the largest score so far; bounds (n_rows, n_groups), at most the distance
    to any other centre of a group.
    """
    centers, _, _, places, place_of, _ = grouped
    scored = nearest[t]
    shortest = squared_distance(X, i, centers, scored)
    for g in range(places.shape[0]):
        if bounds[t, g] * bounds[t, g] <= shortest * (1 + EXACT):
            for p in range(LANES):
                c = places[g, p]
                if c >= 0:
                    distance = squared_distance(X, i, centers, c)
                    if distance < shortest or (distance == shortest and c < nearest[t]):
                        nearest[t], shortest = c, distance
    bounds[t, place_of[scored] // LANES] = 0
    bounds[t, place_of[nearest[t]] // LANES] = 0
    return shortest


@compiled()
def group_by_label(labels: Array, starts: Array, members: Array) -> None:
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
    X: Array, weights: Array, starts: Array, members: Array, first: int, last: int, sums: Array, totals: Array
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
    X: Array, weights: Array, rows: Array, before: Array, labels: Array, sums: Array, totals: Array
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
