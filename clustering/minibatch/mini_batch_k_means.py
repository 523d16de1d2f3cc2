"""Mini-batch k-means: the centres follow small batches of rows, so that the data need not be in memory at once.

D. Sculley, "Web-scale k-means clustering", WWW 2010: each row of a batch pulls its nearest centre by one over the
weight that the centre has won so far; a centre is thus the weighted mean of the rows it has won. Where a row comes by a
second time, as in `mini_batch_k_means`, it first leaves the centre that it went to before (Newling and Fleuret, "Nested
mini-batch k-means", NIPS 2016, there mb-f): old, bad assignments weigh on the mean no longer, and a centre is at any
time the mean of the rows that chose it last.
"""

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from clustering.array_type import Array
from clustering.kmeans.k_means import check_centers, check_number
from clustering.kmeans.lloyd import Partition, check_spread, lloyd, nearest_centers
from clustering.kmeans.seeding import choose_start
from clustering.minibatch.centered_rows import CenteredRows
from clustering.minibatch.running_means import RunningMeans
from clustering.workers import Workers

# Seeds are settled by a few moves of Lloyd's algorithm on a sample: so many rows, or so many a cluster if that is more.
SETTLING_MOVES = 10
SETTLING_ROWS = 3072
SETTLING_ROWS_A_CLUSTER = 10


def mini_batch_k_means(
    X: Array,
    weights: Array,
    n_clusters: int,
    *,
    init: str | Array,
    n_init: int,
    max_iter: int,
    batch_size: int,
    tol: float,
    max_no_improvement: int | None,
    reassignment_ratio: float,
    rng: RandomState,
    n_threads: int | None,
) -> tuple[Partition, RunningMeans]:
    """Cluster the rows of X in batches: what `MiniBatchKMeans.fit` does, for arrays and settings that it has checked.

    X (n_samples, n_features) is read in batches and never copied as a whole. Rows of weight 0 only get a label.

    Returns
    -------
    Partition
        All rows assigned to the final centres; `n_iter` counts passes, begun ones included. Where at least k rows of
        positive weight differ, no cluster is empty.
    RunningMeans
        The centres and what they have won, to go on from.
    """
    weighty = np.flatnonzero(weights)
    check_number(n_clusters, weighty)
    with Workers(n_threads) as workers:
        data = CenteredRows(X, weights, workers)
        threshold = tol * data.variance() if tol > 0 else 0.0
        start = _start(data, weighty, n_clusters, init, n_init, rng)
        running = RunningMeans(start, data.origin)
        n_iter, converged = _learn(
            data,
            weighty,
            running,
            rng,
            max_iter=max_iter,
            batch_size=batch_size,
            threshold=threshold,
            max_no_improvement=max_no_improvement,
            ratio=reassignment_ratio,
        )
        labels, distances = _assign_all(data, weighty, running)
    return Partition(labels, distances, running.centers, n_iter, converged), running


def start_stream(
    X: Array, weights: Array, n_clusters: int, init: str | Array, n_init: int, rng: RandomState, workers: Workers
) -> RunningMeans:
    """Choose centres on the first rows of a stream; given ones are taken as they are. They have learnt nothing yet."""
    data, weighty = CenteredRows(X, weights, workers), np.flatnonzero(weights)
    check_number(n_clusters, weighty)
    return RunningMeans(_start(data, weighty, n_clusters, init, n_init, rng), data.origin)


def learn_batch(
    running: RunningMeans, X: Array, weights: Array, ratio: float, rng: RandomState, workers: Workers
) -> tuple[NDArray[np.int32], Array]:
    """Learn from the next rows X (n_samples, n_features) of a stream; those of weight 0 only get a label.

    `ratio` is what `RunningMeans.feed_starved` takes. Returns the nearest of the centres as they are then, for each
    row, and the squared distance to it.
    """
    running.shift(running.centers.mean(axis=0))
    centered, rows = X - running.origin, np.flatnonzero(weights)
    batch, mass = (centered, weights) if len(rows) == len(X) else (centered[rows], weights[rows])
    labels, _ = running.learn(batch, mass, np.full(len(rows), -1, np.int32), workers)
    running.feed_starved(batch, mass, labels, ratio, rng, workers)
    return nearest_centers(centered, running.means, workers)


class _EarlyStop:
    """scikit-learn's rule: stop when the smoothed inertia of the batches has not fallen for some steps in a row."""

    def __init__(self, share: float, patience: int | None) -> None:
        # Half the weight of the average lies on about half a pass.
        self.alpha, self.patience = min(1.0, 2 * share), patience
        self.smoothed = self.lowest = np.inf
        self.in_vain = 0
        self.n_steps = 0

    def met(self, inertia: float) -> bool:
        """Take note of a step's inertia a unit of weight; tell whether to stop."""
        self.n_steps += 1
        # The first inertia is that of the seeds.
        if self.n_steps == 1:
            return False
        if np.isinf(self.smoothed):
            self.smoothed = inertia
        else:
            self.smoothed += self.alpha * (inertia - self.smoothed)
        self.in_vain = 0 if self.smoothed < self.lowest else self.in_vain + 1
        self.lowest = min(self.lowest, self.smoothed)
        return self.patience is not None and self.in_vain >= self.patience


def _start(
    data: CenteredRows, weighty: NDArray[np.int64], n_clusters: int, init: str | Array, n_init: int, rng: RandomState
) -> Array:
    """Centres to start from, (n_clusters, n_features).

    Drawn seeds are settled on a sample: rows that a stream gave to a bad centre are never taken back.
    """
    if not isinstance(init, str):
        return check_centers("initial", init, n_clusters, data.X)
    n_rows = min(len(weighty), max(SETTLING_ROWS, SETTLING_ROWS_A_CLUSTER * n_clusters))
    sample = np.sort(rng.permutation(weighty)[:n_rows])
    rows, weights = data.take(sample), data.weights[sample]
    # What overflows is refused once distances are measured.
    with np.errstate(over="ignore"):
        check_spread(rows, np.square(rows).sum())
    none = np.empty((0, data.X.shape[1]), data.X.dtype)

    def attempt() -> Partition:
        if init == "random":
            seeds = rng.permutation(weighty)[:n_clusters]
        else:
            seeds = choose_start(data.X, data.weights, n_clusters, none, rng, data.workers)
        return lloyd(rows, weights, data.take(seeds), SETTLING_MOVES, 0.0, data.workers)

    best = min((attempt() for _ in range(n_init)), key=lambda tried: float(weights @ tried.squared_distances))
    return best.centers.astype(np.float64) + data.origin


def _learn(
    data: CenteredRows,
    weighty: NDArray[np.int64],
    running: RunningMeans,
    rng: RandomState,
    *,
    max_iter: int,
    batch_size: int,
    threshold: float,
    max_no_improvement: int | None,
    ratio: float,
) -> tuple[int, bool]:
    """Run through the rows in random order until it is enough; return the number of passes and whether it converged."""
    n_batches = -(-len(weighty) // batch_size)
    early_stop = _EarlyStop(1 / n_batches, max_no_improvement)
    labels = np.full(len(data.X), -1, np.int32)
    for n_iter in range(1, max_iter + 1):
        n_changed = 0
        for rows in np.array_split(rng.permutation(weighty), n_batches):
            batch, weights, means = data.take(rows), data.weights[rows], running.means.copy()
            chosen, inertia = running.learn(batch, weights, labels[rows], data.workers)
            n_changed += int((chosen != labels[rows]).sum())
            labels[rows] = chosen
            clusters, onto = running.feed_starved(batch, weights, chosen, ratio, rng, data.workers)
            if len(clusters):
                labels[np.isin(labels, clusters)] = -1
                labels[rows[onto]] = clusters
            if early_stop.met(inertia / float(weights.sum(dtype=np.float64))):
                return n_iter, True
            if threshold > 0 and np.square(running.means - means).sum() <= threshold:
                return n_iter, True
        if n_changed == 0:
            return n_iter, True
    return max_iter, False


def _assign_all(
    data: CenteredRows, weighty: NDArray[np.int64], running: RunningMeans
) -> tuple[NDArray[np.int32], Array]:
    """Nearest centre of every row and the squared distance to it; empty clusters are given the farthest rows first."""
    labels, distances = np.empty(len(data.X), np.int32), np.empty(len(data.X), data.X.dtype)
    before: tuple[list[int], list[int]] = [], []
    while True:
        for rows in data.chunks():
            found = nearest_centers(data.take(rows), running.means, data.workers)
            labels[rows], distances[rows] = found
        sizes = np.bincount(labels[weighty], minlength=len(running.means))
        empty = np.flatnonzero(sizes == 0)
        farthest = weighty[np.argsort(-distances[weighty], kind="stable")] if len(empty) else weighty[:0]
        onto: list[int] = []
        for row in farthest:
            if len(onto) == len(empty) or not distances[row] > 0:
                break
            if sizes[labels[row]] > 1:
                sizes[labels[row]] -= 1
                onto.append(int(row))
        turn = empty.tolist(), onto
        # The same turn again has the same end: products with tiny weights vanish, and with them the means of such rows.
        if not onto or turn == before:
            return labels, distances
        before = turn
        alone = np.arange(len(onto))
        nowhere = np.full(len(onto), -1, np.int32)
        running.place(data.take(np.array(onto)), data.weights[onto], nowhere, empty[: len(onto)], alone, data.workers)
