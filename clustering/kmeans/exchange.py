"""A better start: seeds whose least useful ones are drawn again, on a sample, before Lloyd's algorithm sees all rows.

What a centre is worth is the distortion that its members would add if they had to go to their second nearest centre.
Each round takes the centres that are worth least away, draws as many anew, and moves all of them to the means of their
members; the round counts only where it lowers the distortion of the sample. It is the exchange of the breathing k-means
(B. Fritzke, "Breathing k-means: superior k-means solutions through dynamic k-values", arXiv 2006.15666) with the number
of centres held.
"""

import numpy as np
from numpy.typing import NDArray

from clustering.array_type import Array
from clustering.kmeans.candidates import draw_in_batches
from clustering.kmeans.lloyd import Search, Sums, row_norms
from clustering.kmeans.seeding import Sample, draw_sample
from clustering.workers import Workers

ROUNDS = 9
# In a projection, beside which Lloyd's algorithm on all features takes long, more of them cost little.
PROJECTED_ROUNDS = 12
# Share of the centres that the first round draws anew; half as many after a round that lowered nothing.
SHARE = 0.06
# Batches in which the first seeds are drawn, and candidates for each seed, the first ones and those of the rounds.
FIRST_BATCHES = 16
FIRST_CANDIDATES = 2
CANDIDATES = 4
# So many centres are tried at least, in no more than so many tries: few of them cost little and can go wrong badly.
TRIED = 150
MOST_TRIES = 6
# With fewer rows a centre, the sample tells the worth of a centre too badly.
ROWS_A_CENTER = 4


def exchanged_start(
    X: Array, weights: Array, n_clusters: int, fixed: Array, rng: np.random.RandomState, workers: Workers
) -> Array:
    """Draw seeds on a sample of X, whose mean lies near the origin, and improve them there: (n_clusters, n_features).

    The fixed centres (n_fixed, n_features) are there already and stay where they are.
    """
    sample = draw_sample(X, weights, n_clusters, fixed, rng, workers)
    norms, closest = row_norms(sample.X, workers), sample.closest(workers)
    n_tries = min(MOST_TRIES, -(-TRIED // n_clusters)) if n_clusters > 1 else 1
    n_rounds = PROJECTED_ROUNDS if sample.X.shape[1] < X.shape[1] else ROUNDS
    tries = (_attempt(sample, norms, closest, n_clusters, n_rounds, rng, workers) for _ in range(n_tries))
    seeds, labels, _ = min(tries, key=lambda found: found[2])
    # The centres in the space of X, from the labels that were found in the projection.
    seeds = np.concatenate([X[sample.rows[seeds]], fixed])
    sums = Sums(X[sample.rows], sample.weights, len(seeds), workers)
    sums.start(labels)
    return sums.means(seeds, len(fixed))[:n_clusters]


def exchanged_centers(
    X: Array, weights: Array, centers: Array, most_rounds: int, rng: np.random.RandomState, workers: Workers
) -> tuple[Array, int]:
    """Improve centres in the same way on all rows; return them, and how many rounds they took."""
    n_rounds = min(ROUNDS, most_rounds)
    if n_rounds < 1 or len(centers) < 2 or len(X) < ROWS_A_CENTER * len(centers):
        return centers, 0
    search = _moved_once(X, row_norms(X, workers), weights, centers, np.full(len(X), -1, np.int32), 0, workers)
    return _best_of_rounds(search, weights, n_rounds, 0, rng).prepared.centers, n_rounds


def _attempt(
    sample: Sample,
    norms: Array,
    closest: Array,
    n_clusters: int,
    n_rounds: int,
    rng: np.random.RandomState,
    workers: Workers,
) -> tuple[NDArray[np.int64], NDArray[np.int32], float]:
    """First seeds (rows of the sample), labels after all rounds, and their distortion."""
    X, weights, n_fixed = sample.X, sample.weights, len(sample.fixed)
    seeds, nearest = draw_in_batches(
        X, norms, weights, n_clusters, closest, rng, workers, n_batches=FIRST_BATCHES, candidates=FIRST_CANDIDATES
    )
    search = _moved_once(X, norms, weights, np.concatenate([X[seeds], sample.fixed]), nearest, n_fixed, workers)
    if n_clusters > 1 and len(X) >= ROWS_A_CENTER * n_clusters:
        search = _best_of_rounds(search, weights, n_rounds, n_fixed, rng)
    return seeds, search.labels, _distortion(search, weights)


def _best_of_rounds(search: Search, weights: Array, n_rounds: int, n_fixed: int, rng: np.random.RandomState) -> Search:
    """Draw centres anew round by round, and keep what lowers the distortion."""
    n_drawn = max(1, round(SHARE * (len(search.prepared.centers) - n_fixed)))
    for _ in range(n_rounds):
        found = _exchanged(search, weights, n_drawn, n_fixed, rng)
        if _distortion(found, weights) < _distortion(search, weights):
            search = found
        else:
            n_drawn = max(1, n_drawn // 2)
    return search


def _exchanged(search: Search, weights: Array, n_drawn: int, n_fixed: int, rng: np.random.RandomState) -> Search:
    """Take the centres that are worth least away, draw as many anew, and move all of them."""
    X, norms, workers, centers = search.X, search.norms, search.workers, search.prepared.centers
    n_clusters = len(centers) - n_fixed
    worth = np.bincount(search.labels, weights * (search.lowest**2 - search.upper**2), len(centers))
    leaving = np.zeros(len(centers), bool)
    leaving[np.argsort(worth[:n_clusters], kind="stable")[:n_drawn]] = True
    left = leaving[search.labels]
    closest = np.where(left, search.lowest, search.upper) ** 2
    seeds, nearest = draw_in_batches(
        X, norms, weights, n_drawn, closest, rng, workers, n_batches=1, candidates=CANDIDATES
    )
    # New seeds take the numbers of those that left.
    centers = centers.copy()
    numbers = np.flatnonzero(leaving)
    centers[numbers] = X[seeds]
    labels = np.where(nearest >= 0, numbers[nearest], np.where(left, -1, search.labels))
    return _moved_once(X, norms, weights, centers, labels.astype(np.int32), n_fixed, workers)


def _moved_once(
    X: Array,
    norms: Array,
    weights: Array,
    centers: Array,
    labels: NDArray[np.int32],
    n_fixed: int,
    workers: Workers,
) -> Search:
    """Nearest centres of all rows after one step of Lloyd's algorithm; a label of -1 is not known yet."""
    unknown = np.flatnonzero(labels < 0)
    if len(unknown):
        search = Search(X[unknown], workers, norms[unknown])
        search.start(centers, follow=False)
        labels[unknown] = search.labels
    search, sums = Search(X, workers, norms), Sums(X, weights, len(centers), workers)
    sums.start(labels)
    search.start(sums.means(centers, n_fixed), follow=False)
    return search


def _distortion(search: Search, weights: Array) -> float:
    return float(np.dot(weights, np.square(search.upper, dtype=np.float64)))
