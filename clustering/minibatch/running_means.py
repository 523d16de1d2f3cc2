"""Centres that are the means of the rows they have won, and follow them a batch at a time.

See `clustering.minibatch.mini_batch_k_means` for the sources.
"""

import numpy as np
from numpy.typing import NDArray

from clustering.array_type import Array
from clustering.kmeans.lloyd import nearest_centers
from clustering.kmeans.seeding import kmeans_plusplus
from clustering.minibatch.kernels.minibatch import transfer_rows
from clustering.workers import Workers

# Columns a task of the sums: whole cache lines, and enough work to be worth a thread.
COLUMN_CHUNK = 256
# Starved centres are looked for each time that so many rows a cluster have come by.
ROWS_A_CLUSTER = 10


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

    def __init__(self, centers: Array, origin: Array) -> None:
        self.origin = origin
        self.means = centers.astype(np.float64) - origin
        self.sums = np.zeros_like(self.means)
        self.totals = np.zeros(len(centers))
        self.sizes = np.zeros(len(centers), np.int64)
        self.won = np.zeros(len(centers))
        self.n_steps = 0
        self._rows_since_check = 0

    @property
    def centers(self) -> Array:
        """The centres in the coordinates and the dtype of the data, (n_clusters, n_features)."""
        return (self.means + self.origin).astype(self.origin.dtype)

    def shift(self, origin: Array) -> None:
        """Count from another origin, where the data may have drifted away from the old one."""
        by = self.origin.astype(np.float64) - origin
        self.means += by
        self.sums += self.totals[:, None] * by
        self.origin = origin

    def learn(self, batch: Array, weights: Array, before: Array, workers: Workers) -> tuple[Array, float]:
        """Give each row of a batch to its nearest centre, and move the centres to their new means.

        The batch (n_rows, n_features) is less the origin, its weights (n_rows,) are positive, and `before` is the
        cluster that each row is counted in already, -1 for none. Returns the labels (n_rows,), int32, and the inertia
        about the centres as they were before this step.
        """
        labels, distances = nearest_centers(batch, self.means, workers)
        self._transfer(batch, weights, before, labels, workers)
        self.won += np.bincount(labels, weights, minlength=len(self.won))
        self.n_steps += 1
        self._rows_since_check += len(batch)
        return labels, float(np.dot(distances.astype(np.float64), weights))

    def feed_starved(
        self,
        batch: Array,
        weights: Array,
        labels: Array,
        ratio: float,
        rng: np.random.RandomState,
        workers: Workers,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Move centres that win hardly anything onto rows of the batch just learnt, now and then.

        scikit-learn draws such rows evenly. Here they are drawn as the seeds were, by greedy k-means++, and a centre
        moves only where the inertia gains by it: by what the batch says of the new place, and by Ward's estimate of
        what giving up the old place costs.

        A centre is starved when it won less than `ratio` of what the most successful one won. The batch, its weights
        and labels are as given to and returned by `learn`.

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
        batch: Array,
        weights: Array,
        labels: Array,
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

    def _transfer(self, X: Array, weights: Array, before: Array, after: Array, workers: Workers) -> None:
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
