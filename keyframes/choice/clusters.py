"""Clusters of frames that are alike in their features, by the algorithm that is asked for.

Compiled algorithms are imported where they are called: Numba takes most of a second to load, and the default choice
needs none of them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clustering import Workers, representatives
from keyframes.choice.basis import Basis
from keyframes.choice.distance import FrameDistance
from keyframes.sampling import even_rows
from keyframes.settings import MAX_AUTO_K, Algorithm

if TYPE_CHECKING:
    from clustering import KSelection

# The algorithms hold several copies of their rows; of more than so many they see an even sample.
MOST_ROWS = 1 << 19
ASSIGNED_ROWS = 1 << 16
# Members of a cluster whose distances are computed again in double precision.
N_CANDIDATES = 32


@dataclass(frozen=True)
class Clusters:
    """Clusters of all frames of a scan.

    Attributes
    ----------
    labels : array (n_frames,), int32
        Cluster of each frame.
    squared : array (n_frames,), float32
        Squared distance of each frame from its cluster's centre, or from the frame that represents the cluster.
    distance : FrameDistance
        The distance behind them.
    centers : array (n_clusters, n_features), float32, or None
        None where frames represent the clusters.
    alike : list of array, int64
        For each of the first clusters the rows of which the sharpest is best; of the others some of the nearest ones.
    basis : Basis or None
        What the distance is made of, where the recording decided that.
    """

    labels: NDArray[np.int32]
    squared: NDArray[np.float32]
    distance: FrameDistance
    centers: NDArray[np.float32] | None = None
    alike: list[NDArray[np.int64]] = field(default_factory=list)
    basis: Basis | None = None

    def ranked(
        self, allowed: NDArray[np.bool_], blemish: NDArray[np.uint8], n_clusters: int
    ) -> list[NDArray[np.int64]]:
        """Rank the allowed members of each of the first clusters that have its lowest blemish, nearest first."""
        ranked = ranked_members(np.where(allowed, self.labels, -1), self.squared, blemish, n_clusters)
        # Centres that were found elsewhere may be fewer than the clusters that are asked for.
        for cluster, center in enumerate(() if self.centers is None else self.centers[:n_clusters]):
            ranked[cluster] = _ranked_again(ranked[cluster], self.distance.features, center)
        return ranked

    def distances_of(self, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the distance of some frames from the centres of their clusters, in double precision."""
        if self.centers is None:
            return np.sqrt(self.squared[rows].astype(np.float64))
        centers = self.centers[self.labels[rows]].astype(np.float64)
        return np.asarray(np.linalg.norm(self.distance.features[rows] - centers, axis=1))


def ranked_members(
    labels: NDArray[np.int32], squared: NDArray[np.float32], blemish: NDArray[np.uint8], n_clusters: int
) -> list[NDArray[np.int64]]:
    """Rank the members of each cluster that have its lowest blemish, nearest to the centre first, by row numbers.

    The arrays have a number for each frame. Labels from `n_clusters` on, and below 0, do not count; of equally near
    members the first row comes first.
    """
    order = np.lexsort((squared, blemish, labels))
    bounds = np.searchsorted(labels[order], np.arange(n_clusters + 1))
    members = [order[first:last] for first, last in pairwise(bounds)]
    return [rows[blemish[rows] == blemish[rows[:1]]] for rows in members]


def _ranked_again(
    members: NDArray[np.int64], features: NDArray[np.generic], center: NDArray[np.float32]
) -> NDArray[np.int64]:
    """Rank the nearest few of a cluster's members by their distances in double precision."""
    head = np.sort(members[:N_CANDIDATES])
    if not len(head):
        return members
    rows, _ = representatives(features[head].astype(np.float32), np.zeros(len(head), np.int64), center[None], len(head))
    return np.concatenate([head[rows[0]], members[N_CANDIDATES:]])


def count_different(features: NDArray[np.generic], enough: int, known: NDArray[np.generic] | None = None) -> int:
    """Count the different rows, those of `known` left out, no further than `enough`."""
    seen = set() if known is None else {row.tobytes() for row in known}
    n_known = len(seen)
    for row in features:
        seen.add(row.tobytes())
        if len(seen) - n_known >= enough:
            break
    return len(seen) - n_known


def choose_k(features: NDArray[np.generic], *, seed: int, threads: int | None = None) -> "KSelection":
    """Choose how many frames to label: where the inertia bends, of 2 to 300 clusters and no more than differ."""
    from clustering import select_k

    n_different = count_different(features, MAX_AUTO_K)
    return select_k(features, k_min=min(2, n_different), k_max=n_different, random_state=seed, n_threads=threads)


def clusters_around(distance: FrameDistance, centers: NDArray[np.float32], threads: int | None) -> Clusters:
    """Return the clusters of centres that stay where they are: the frames nearest to each."""
    with Workers(threads) as workers:
        labels, squared, _ = assign(distance.features, centers, workers)
    return Clusters(labels, squared, distance, centers)


def cluster_features(
    features: NDArray[Any],
    k: int,
    *,
    algorithm: Algorithm = "kmeans",
    fixed: NDArray[np.float32] | None = None,
    weights: NDArray[np.int64] | None = None,
    seed: int,
    threads: int | None,
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Cluster rows of features (n_rows, n_features), into at most as many clusters as rows differ.

    Of more rows than fit in memory as the algorithms want them, these find the centres on an even sample; then each
    centre moves once to the mean of all its members. Those of `fixed` (n_fixed, n_features) stay where they are; only
    "kmeans" takes any.

    Each row counts as often as its weight (n_rows,) says, except with "centnn".

    Returns
    -------
    labels : array (n_rows,), int32
    squared : array (n_rows,), float32
        Squared distances from the centres.
    centers : array (k + n_fixed, n_features), float32
        The fixed ones last.
    """
    is_sample = len(features) > MOST_ROWS
    seen = even_rows(len(features), MOST_ROWS) if is_sample else slice(None)
    rows = features[seen].astype(np.float32)
    of_rows = None if weights is None else weights[seen].astype(np.float32)
    if algorithm == "kmeans":
        from clustering import k_means

        found = k_means(
            rows,
            k,
            sample_weight=of_rows,
            fixed_centers=rows[:0] if fixed is None else fixed,
            random_state=seed,
            n_threads=threads,
        )
        if not is_sample:
            return found.labels, found.squared_distances, found.centers
        centers = found.centers
    else:
        centers = _CENTERS[algorithm](rows, k, of_rows, seed, threads)
    del rows
    with Workers(threads) as workers:
        as_floats = None if weights is None else weights.astype(np.float32)
        labels, squared, means = assign(features, centers, workers, as_floats)
        if not is_sample:
            return labels, squared, centers
        means[k:] = centers[k:]
        moved = assign(features, means, workers)
    # A move that leaves a cluster without members would cost a frame.
    if np.bincount(moved[0], minlength=k)[:k].all():
        return moved[0], moved[1], means
    return labels, squared, centers


def _of_minibatch(
    rows: NDArray[np.float32], k: int, weights: NDArray[np.float32] | None, seed: int, threads: int | None
) -> NDArray[np.float32]:
    # scikit-learn takes a second to load.
    from clustering import MiniBatchKMeans

    model = MiniBatchKMeans(k, random_state=seed, n_threads=threads).fit(rows, sample_weight=weights)
    return np.asarray(model.cluster_centers_)


def _of_centnn(
    rows: NDArray[np.float32], k: int, _weights: NDArray[np.float32] | None, seed: int, threads: int | None
) -> NDArray[np.float32]:
    from clustering import cent_nn

    return np.asarray(cent_nn(rows, k, random_state=seed, n_threads=threads).centers)


_Centers = Callable[[NDArray[np.float32], int, NDArray[np.float32] | None, int, int | None], NDArray[np.float32]]
_CENTERS: dict[str, _Centers] = {
    "minibatch": _of_minibatch,
    "centnn": _of_centnn,
}


def assign(
    features: NDArray[np.generic],
    centers: NDArray[np.float32],
    workers: Workers,
    weights: NDArray[np.float32] | None = None,
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Return the nearest centre of each row, the squared distance to it, and the (weighted) means of the clusters."""
    from clustering import nearest_centers

    k = len(centers)
    labels, squared = np.empty(len(features), np.int32), np.empty(len(features), np.float32)
    sums, counts = np.zeros(centers.shape), np.zeros(k)
    for first in range(0, len(features), ASSIGNED_ROWS):
        chunk = slice(first, first + ASSIGNED_ROWS)
        rows = features[chunk].astype(np.float32)
        own = np.ones(len(rows), np.float32) if weights is None else weights[chunk]
        labels[chunk], squared[chunk] = nearest_centers(rows, centers, workers)
        counts += np.bincount(labels[chunk], own, minlength=k)
        for column in range(rows.shape[1]):
            sums[:, column] += np.bincount(labels[chunk], own * rows[:, column], minlength=k)
    means = np.where(counts[:, None] > 0, sums / np.where(counts > 0, counts, 1)[:, None], centers)
    return labels, squared, means.astype(np.float32)
