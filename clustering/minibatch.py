"""Mini-batch k-means: the centres follow small batches of rows, so that the data need not be in memory at once.

D. Sculley, "Web-scale k-means clustering", WWW 2010: each row of a batch pulls its nearest centre by one over the
weight that the centre has won so far; a centre is thus the weighted mean of the rows it has won. Where a row comes by a
second time, as in `mini_batch_k_means`, it first leaves the centre that it went to before (Newling and Fleuret, "Nested
mini-batch k-means", NIPS 2016, there mb-f): old, bad assignments weigh on the mean no longer, and a centre is at any
time the mean of the rows that chose it last.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clustering.errors import InvalidInputError
from clustering.kernels.minibatch import take_rows, transfer_rows
from clustering.kernels.rows import column_sums
from clustering.lloyd import Partition, lloyd, nearest_centers
from clustering.seeding import choose_start, kmeans_plusplus
from clustering.workers import Workers

# Columns a task of the sums: whole cache lines, and enough work to be worth a thread.
COLUMN_CHUNK = 256
MEAN_ROWS = 1024
# Rows at a time where all are assigned: the copy without the mean stays small beside the data.
ASSIGNED_ROWS = 16_384
# Starved centres are looked for each time that so many rows a cluster have come by.
ROWS_A_CLUSTER = 10
# Seeds are settled by a few moves of Lloyd's algorithm on a sample: so many rows, or so many a cluster if that is more.
SETTLING_MOVES = 10
SETTLING_ROWS = 3072
SETTLING_ROWS_A_CLUSTER = 10


class RunningMeans:
    """Centres as the weighted means of the rows that they have won.

    All is kept about an origin near the data, because float32 loses digits far from it; sums and weights in float64.

    Parameters
    ----------
    centers : array (n_clusters, n_features)
        Where the centres start. They weigh nothing: the first row that a centre wins replaces it.
    origin : array (n_features,), in the dtype of the data to come

    Attributes
    ----------
    means : array (n_clusters, n_features), float64
        The centres, less the origin.
    sums : array (n_clusters, n_features), float64
        Weighted sums of the rows of each cluster, less the origin.
    totals : array (n_clusters,), float64
        Weights of the rows of each cluster.
    sizes : array (n_clusters,), int64
        Number of rows of positive weight of each cluster.
    won : array (n_clusters,), float64
        Weight of all rows that came to each centre, those included that left again. A centre moved elsewhere is given
        the least of the others', so that it is not starved at once.
    n_steps : int
        Number of batches learnt from.
    """

    def __init__(self, centers: NDArray, origin: NDArray) -> None:
        self.origin = origin
        self.means = centers.astype(np.float64) - origin
        self.sums = np.zeros_like(self.means)
        self.totals = np.zeros(len(centers))
        self.sizes = np.zeros(len(centers), np.int64)
        self.won = np.zeros(len(centers))
        self.n_steps = 0
        self._rows_since_check = 0

    @property
    def centers(self) -> NDArray:
        """The centres in the coordinates and the dtype of the data, (n_clusters, n_features)."""
        return (self.means + self.origin).astype(self.origin.dtype)

    def shift(self, origin: NDArray) -> None:
        """Count from another origin, where the data may have drifted away from the old one."""
        by = self.origin.astype(np.float64) - origin
        self.means += by
        self.sums += self.totals[:, None] * by
        self.origin = origin

    def learn(self, batch: NDArray, weights: NDArray, before: NDArray, workers: Workers) -> tuple[NDArray, float]:
        """Give each row of a batch to its nearest centre, and move the centres to their new means.

        Parameters
        ----------
        batch : array (n_rows, n_features), float32 or float64, C order
            Less the origin.
        weights : array (n_rows,), positive, of the batch's dtype
        before : array (n_rows,), int32
            The cluster that each row is counted in already, -1 for none.
        workers : Workers
            Entered already.

        Returns
        -------
        labels : array (n_rows,), int32
        inertia : float
            Weighted sum of the squared distances to the centres as they were before this step.
        """
        labels, distances = nearest_centers(batch, self.means, workers)
        self._transfer(batch, weights, before, labels, workers)
        self.won += np.bincount(labels, weights, minlength=len(self.won))
        self.n_steps += 1
        self._rows_since_check += len(batch)
        return labels, float(np.dot(distances.astype(np.float64), weights))

    def feed_starved(
        self,
        batch: NDArray,
        weights: NDArray,
        labels: NDArray,
        ratio: float,
        rng: np.random.RandomState,
        workers: Workers,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Move centres that win hardly anything onto rows of the batch just learnt, now and then.

        scikit-learn draws such rows evenly. Here they are drawn as the seeds were, by greedy k-means++, and a centre
        moves only where the inertia gains by it: by what the batch says of the new place, and by Ward's estimate of
        what giving up the old place costs.

        Parameters
        ----------
        batch, weights, labels
            As given to and returned by `learn`.
        ratio : float
            A centre is starved when it won less than this share of what the most successful one won.
        rng : RandomState
        workers : Workers

        Returns
        -------
        clusters : array (n_moved,), int64
            The centres that were moved. All rows that were counted in them are so no longer.
        rows : array (n_moved,), int64
            Row of the batch that each of them stands on, and counts alone.
        """
        nothing = np.empty(0, np.int64), np.empty(0, np.int64)
        if ratio == 0 or self._rows_since_check < ROWS_A_CLUSTER * len(self.won):
            return nothing
        self._rows_since_check = 0
        starved = np.flatnonzero((self.won < ratio * self.won.max()) | (self.sizes == 0))[: len(batch) // 2]
        _, closest = nearest_centers(batch, self.means, workers)
        if len(starved) == 0 or not np.dot(closest, weights) > 0:
            return nothing
        costs = np.array([self._cost_without(cluster) for cluster in starved])
        order = np.argsort(costs, kind="stable")
        drawn = kmeans_plusplus(batch, weights, len(starved), closest, rng)
        scale = self.won.sum() / weights.sum(dtype=np.float64)
        clusters, rows = [], []
        for cluster, cost, row in zip(starved[order], costs[order], drawn, strict=True):
            nearer = np.minimum(closest, np.square(batch - batch[row]).sum(axis=1))
            saved = (closest - nearer).astype(np.float64)
            # That a row is near itself says nothing of the rows to come.
            saved[row] = 0
            gain = scale * float(np.dot(saved, weights))
            if not gain > cost:
                break
            clusters.append(cluster)
            rows.append(row)
            closest = nearer
        moved = np.array(clusters, np.int64), np.array(rows, np.int64)
        self.place(batch, weights, labels, *moved, workers)
        return moved

    def place(
        self,
        batch: NDArray,
        weights: NDArray,
        labels: NDArray,
        clusters: NDArray[np.int64],
        rows: NDArray[np.int64],
        workers: Workers,
    ) -> None:
        """Let clusters start anew, each with one row of a batch, which leaves the cluster of its label."""
        if len(clusters) == 0:
            return
        kept = np.delete(self.won, clusters)
        self.sums[clusters], self.totals[clusters], self.sizes[clusters] = 0, 0, 0
        self.won[clusters] = kept.min() if len(kept) else 0
        before = np.where(np.isin(labels[rows], clusters), -1, labels[rows])
        self._transfer(batch[rows], weights[rows], before, clusters, workers)

    def _transfer(self, X: NDArray, weights: NDArray, before: NDArray, after: NDArray, workers: Workers) -> None:
        """Move rows between clusters, and the centres with them."""
        mass, n_clusters = weights.astype(np.float64), len(self.totals)
        workers.run(
            lambda first, last: transfer_rows(X, mass, before, after, first, last, self.sums), X.shape[1], COLUMN_CHUNK
        )
        counted = before >= 0
        self.totals -= np.bincount(before[counted], mass[counted], minlength=n_clusters)
        self.totals += np.bincount(after, mass, minlength=n_clusters)
        self.sizes -= np.bincount(before[counted], minlength=n_clusters)
        self.sizes += np.bincount(after, minlength=n_clusters)
        # What rounding left in the sums of a cluster without rows is no mean.
        empty = self.sizes == 0
        self.sums[empty], self.totals[empty] = 0, 0
        self.means[~empty] = self.sums[~empty] / self.totals[~empty, None]

    def _cost_without(self, cluster: int) -> float:
        """How much the inertia would grow if the rows of a cluster went to the nearest other centre (Ward)."""
        if self.sizes[cluster] == 0:
            return 0.0
        gaps = np.square(self.means - self.means[cluster]).sum(axis=1)
        gaps[cluster] = np.inf
        other = int(gaps.argmin())
        both = self.won[cluster] + self.won[other]
        return float(self.won[cluster] * self.won[other] / both * gaps[other]) if both > 0 else 0.0


def mini_batch_k_means(
    X: NDArray,
    n_clusters: int,
    *,
    sample_weight: ArrayLike | None = None,
    init: str | NDArray = "k-means++",
    n_init: int = 1,
    max_iter: int = 100,
    batch_size: int = 1024,
    tol: float = 0.0,
    max_no_improvement: int | None = 10,
    reassignment_ratio: float = 0.01,
    random_state: int | np.random.RandomState = 0,
    n_threads: int | None = None,
) -> tuple[Partition, RunningMeans]:
    """Cluster the rows of X in batches: what `MiniBatchKMeans.fit` does, for arrays that are known to be good.

    Parameters
    ----------
    X : array (n_samples, n_features), float32 or float64, finite, C order
        Read in batches and never copied as a whole.
    n_clusters : int
        At most the number of rows of positive weight.
    sample_weight : array (n_samples,) or None, default=None
        How much each row counts, not negative and not all 0; rows of weight 0 only get a label. None: all the same.
    init : {"k-means++", "random"} or array (n_clusters, n_features), default="k-means++"
    n_init : int, default=1
        How many starts to try; the run goes on from the one of lowest inertia on a sample.
    max_iter : int, default=100
        Most passes over the rows.
    batch_size : int, default=1024
        Rows a batch, about: each pass is cut into batches of equal size.
    tol : float, default=0.0
        Stop when the squared movement of the centres in one step, summed up, is at most `tol` times the mean variance
        of a feature. With 0 the movement does not count.
    max_no_improvement : int or None, default=10
        Stop after so many steps in a row in which the smoothed inertia of the batches did not fall. None: never.
    reassignment_ratio : float, default=0.01
        A centre that won less than this share of what the most successful one won may be moved elsewhere.
    random_state : int or RandomState, default=0
        Seed of the start and of the batches.
    n_threads : int or None, default=None
        Threads to use, which changes no bit of the result; None takes every processor that this process may use.

    Returns
    -------
    Partition
        All rows assigned to the final centres; `n_iter` counts passes, begun ones included. Where at least k rows of
        positive weight differ, no cluster is empty.
    RunningMeans
        The centres and what they have won, to go on from.
    """
    weights = np.ones(len(X), X.dtype) if sample_weight is None else np.asarray(sample_weight, X.dtype)
    weighty = np.flatnonzero(weights)
    _check_number(n_clusters, weighty)
    rng = random_state if isinstance(random_state, np.random.RandomState) else np.random.RandomState(random_state)
    with Workers(n_threads) as workers:
        data = _Data(X, weights, workers)
        threshold = tol * data.variance() if tol > 0 else 0.0

        start = _start(data, weighty, n_clusters, init, n_init, rng)
        running = RunningMeans(start, data.origin)
        n_iter, converged = _learn(
            data, weighty, running, max_iter, batch_size, threshold, max_no_improvement, reassignment_ratio, rng
        )
        labels, distances = _assign_all(data, weighty, running)
    return Partition(labels, distances, running.centers, n_iter, converged), running


def start_stream(
    X: NDArray,
    weights: NDArray,
    n_clusters: int,
    init: str | NDArray,
    n_init: int,
    rng: np.random.RandomState,
    workers: Workers,
) -> RunningMeans:
    """Choose centres on the first rows of a stream.

    Parameters
    ----------
    X : array (n_samples, n_features), float32 or float64, C order
    weights : array (n_samples,), of X's dtype, at least n_clusters of them positive
    n_clusters : int
    init : {"k-means++", "random"} or array (n_clusters, n_features)
        Given centres are taken as they are.
    n_init : int
        How many starts to try; the one of lowest inertia on a sample of X is kept.
    rng : RandomState
    workers : Workers
        Entered already.

    Returns
    -------
    RunningMeans
        They have learnt nothing yet.
    """
    data, weighty = _Data(X, weights, workers), np.flatnonzero(weights)
    _check_number(n_clusters, weighty)
    return RunningMeans(_start(data, weighty, n_clusters, init, n_init, rng), data.origin)


class _Data:
    """Rows and weights, read a batch at a time, less their mean."""

    def __init__(self, X: NDArray, weights: NDArray, workers: Workers) -> None:
        self.X, self.weights, self.workers = X, weights, workers
        sums = np.empty((-(-len(X) // MEAN_ROWS), X.shape[1]))
        workers.run(lambda first, last: column_sums(X, first, last, sums[first // MEAN_ROWS]), len(X), MEAN_ROWS)
        self.origin = (sums.sum(axis=0) / len(X)).astype(X.dtype)

    def take(self, rows: NDArray[np.int64]) -> NDArray:
        """Copy of some rows, less the mean of all."""
        taken = np.empty((len(rows), self.X.shape[1]), self.X.dtype)
        self.workers.run(
            lambda first, last: take_rows(self.X, rows, self.origin, first, last, taken),
            len(rows),
        )
        return taken

    def variance(self) -> float:
        """Mean variance of a feature."""
        squares = (np.square(self.take(rows), dtype=np.float64).sum() for rows in self.chunks())
        return float(sum(squares) / self.X.size)

    def chunks(self) -> list[NDArray[np.int64]]:
        """Numbers of all rows, some at a time."""
        rows = np.arange(len(self.X))
        return [rows[first : first + ASSIGNED_ROWS] for first in range(0, len(rows), ASSIGNED_ROWS)]


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


def _check_number(n_clusters: int, weighty: NDArray[np.int64]) -> None:
    if not 1 <= n_clusters <= len(weighty):
        raise InvalidInputError(
            f"n_clusters={n_clusters} must lie in 1 to n_samples={len(weighty)}, the rows of positive weight"
        )


def _start(
    data: _Data,
    weighty: NDArray[np.int64],
    n_clusters: int,
    init: str | NDArray,
    n_init: int,
    rng: np.random.RandomState,
) -> NDArray:
    """Centres to start from, (n_clusters, n_features).

    Drawn seeds are settled on a sample: rows that a stream gave to a bad centre are never taken back.
    """
    if not isinstance(init, str):
        if init.shape != (n_clusters, data.X.shape[1]):
            raise InvalidInputError(
                f"The shape of the initial centers {init.shape} does not match "
                f"(n_clusters, n_features) = ({n_clusters}, {data.X.shape[1]})."
            )
        return init
    if init not in ("k-means++", "random"):
        raise InvalidInputError(f"init={init!r} must be 'k-means++', 'random' or an array of centres")
    n_rows = min(len(weighty), max(SETTLING_ROWS, SETTLING_ROWS_A_CLUSTER * n_clusters))
    sample = np.sort(rng.permutation(weighty)[:n_rows])
    rows, weights = data.take(sample), data.weights[sample]
    none = np.empty((0, data.X.shape[1]), data.X.dtype)

    def attempt() -> Partition:
        if init == "random":
            seeds = rng.permutation(weighty)[:n_clusters]
        else:
            seeds = choose_start(data.X, data.weights, n_clusters, none, rng, data.workers)
        return lloyd(rows, weights, data.take(seeds), SETTLING_MOVES, 0.0, data.workers)

    best = min((attempt() for _ in range(n_init)), key=lambda tried: float(weights @ tried.distances))
    return best.centers.astype(np.float64) + data.origin


def _learn(
    data: _Data,
    weighty: NDArray[np.int64],
    running: RunningMeans,
    max_iter: int,
    batch_size: int,
    threshold: float,
    max_no_improvement: int | None,
    ratio: float,
    rng: np.random.RandomState,
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


def _assign_all(data: _Data, weighty: NDArray[np.int64], running: RunningMeans) -> tuple[NDArray[np.int32], NDArray]:
    """Nearest centre of every row and the squared distance to it; empty clusters are given the farthest rows first."""
    labels, distances = np.empty(len(data.X), np.int32), np.empty(len(data.X), data.X.dtype)
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
        if not onto:
            return labels, distances
        alone = np.arange(len(onto))
        nowhere = np.full(len(onto), -1, np.int32)
        running.place(data.take(np.array(onto)), data.weights[onto], nowhere, empty[: len(onto)], alone, data.workers)
