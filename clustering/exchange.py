"""A better start: seeds whose least useful ones are drawn again, on a sample, before Lloyd's algorithm sees all rows.

What a centre is worth is the distortion that its members would add if they had to go to their second nearest centre.
Each round takes the centres that are worth least away, draws as many anew by greedy k-means++, and settles all of them
by a few steps of Lloyd's algorithm; the round counts only where it lowers the distortion of the sample. It is the
exchange of the breathing k-means (B. Fritzke, "Breathing k-means: superior k-means solutions through dynamic k-values",
arXiv 2006.15666) with the number of centres held.
"""

import numpy as np
from numpy.typing import NDArray

from clustering.lloyd import Search, Sums
from clustering.seeding import draw_seeds, kmeans_plusplus
from clustering.workers import Workers

ROUNDS = 4
STEPS = 4
# Share of the centres that the first round draws anew; half as many after a round that lowered nothing.
SHARE = 0.1
# Draws for each of the first seeds; the rounds mend what more of them would have found.
FIRST_TRIALS = 2
# With fewer rows a centre, the sample tells the worth of a centre too badly.
ROWS_A_CENTER = 4


def exchanged_start(
    X: NDArray, weights: NDArray, n_clusters: int, fixed: NDArray, rng: np.random.RandomState, workers: Workers
) -> NDArray:
    """Seed by greedy k-means++ on a sample, and improve the seeds there.

    Parameters
    ----------
    X : array (n_samples, n_features), float32 or float64, C order, mean near the origin
    weights : array (n_samples,), of X's dtype
    n_clusters : int
    fixed : array (n_fixed, n_features)
        Centres that are there already and stay where they are.
    rng : RandomState
    workers : Workers
        Entered already.

    Returns
    -------
    array (n_clusters, n_features), of X's dtype
    """
    draw = draw_seeds(X, weights, n_clusters, fixed, rng, workers, n_trials=FIRST_TRIALS)
    if len(draw.sample) < ROWS_A_CENTER * n_clusters:
        return X[draw.rows]
    labels = _exchange(draw.reduced, draw.counts, draw.seeds, draw.fixed, rng, workers)
    # The centres in the space of X, from the labels that were found in the projection.
    sums = Sums(X[draw.sample], draw.counts, n_clusters + len(fixed), workers)
    sums.start(labels)
    return sums.means(np.concatenate([X[draw.rows], fixed]), len(fixed))[:n_clusters]


def _exchange(
    X: NDArray, weights: NDArray, seeds: NDArray, fixed: NDArray, rng: np.random.RandomState, workers: Workers
) -> NDArray[np.int32]:
    """Labels of the rows after all rounds."""
    n_clusters = len(seeds)
    search = _settled(X, weights, seeds, fixed, workers)
    n_drawn = max(1, round(SHARE * n_clusters))
    for _ in range(ROUNDS):
        centers = search.prepared.centers[:n_clusters]
        worth = np.bincount(search.labels, weights * (search.lowest**2 - search.upper**2), n_clusters + len(fixed))
        leaving = np.zeros(n_clusters + len(fixed), bool)
        leaving[np.argsort(worth[:n_clusters], kind="stable")[:n_drawn]] = True
        closest = np.where(leaving[search.labels], search.lowest, search.upper) ** 2
        drawn = X[kmeans_plusplus(X, weights, n_drawn, closest, rng)]
        found = _settled(X, weights, np.concatenate([centers[~leaving[:n_clusters]], drawn]), fixed, workers)
        if _distortion(found, weights) < _distortion(search, weights):
            search = found
        else:
            n_drawn = max(1, n_drawn // 2)
    return search.labels


def _settled(X: NDArray, weights: NDArray, seeds: NDArray, fixed: NDArray, workers: Workers) -> Search:
    """Rows and their two nearest centres after a few steps of Lloyd's algorithm."""
    centers = np.concatenate([seeds, fixed])
    search, sums = Search(X, workers), Sums(X, weights, len(centers), workers)
    search.start(centers)
    sums.start(search.labels)
    for _ in range(STEPS):
        centers, before = sums.means(centers, len(fixed)), search.labels.copy()
        search.follow(centers)
        sums.follow(before, search.labels)
    search.start(sums.means(centers, len(fixed)))
    return search


def _distortion(search: Search, weights: NDArray) -> float:
    return float(np.dot(weights, np.square(search.upper, dtype=np.float64)))
