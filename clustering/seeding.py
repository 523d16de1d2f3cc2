"""Where k-means starts.

Greedy k-means++: Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007. Each seed is
drawn with probability proportional to the squared distance to the seeds so far; of 2 + log(k) such draws the one that
lowers the sum most is kept (the variant of their last section, which scikit-learn uses too).
"""

import numpy as np
from numpy.typing import NDArray

from clustering.kernels import BLOCK_ROWS, candidate_potentials, squared_norms
from clustering.workers import Workers


def kmeans_plusplus(X: NDArray, n_clusters: int, rng: np.random.RandomState, workers: Workers) -> NDArray[np.int64]:
    """Draw k seeds among the rows of X by greedy k-means++.

    Parameters
    ----------
    X : array (n_samples, n_features), float32 or float64, C order
    n_clusters : int
        Number of seeds, at most n_samples.
    rng : RandomState
    workers : Workers
        Entered already.

    Returns
    -------
    array (n_clusters,), int64
        Row numbers. They repeat only where X has fewer different rows than seeds.
    """
    n_samples = len(X)
    n_trials = 2 + int(np.log(n_clusters))
    norms = np.empty(n_samples, X.dtype)
    workers.run(lambda first, last: squared_norms(X, first, last, norms), n_samples)
    closest = np.full(n_samples, np.inf, X.dtype)
    seeds = np.empty(n_clusters, np.int64)
    improved = np.empty((n_trials, n_samples), X.dtype)
    potentials = np.empty((-(-n_samples // BLOCK_ROWS), n_trials))
    drawn = np.array([rng.randint(n_samples)])
    for number in range(n_clusters):
        if number:
            drawn = _draw(closest, n_trials, rng)
        candidates = np.ascontiguousarray(X[drawn])
        candidates_T = np.ascontiguousarray(candidates.T)

        def measure(
            first: int, last: int, candidates: NDArray = candidates, candidates_T: NDArray = candidates_T
        ) -> None:
            candidate_potentials(X, norms, candidates, candidates_T, closest, first, last, improved, potentials)

        workers.run(measure, n_samples)
        best = int(potentials[:, : len(drawn)].sum(axis=0).argmin())
        seeds[number] = drawn[best]
        closest[:] = improved[best]
    return seeds


def _draw(closest: NDArray, n_trials: int, rng: np.random.RandomState) -> NDArray[np.int64]:
    """Rows drawn with probability proportional to `closest`; any rows where all of it is zero."""
    cumulative = np.cumsum(closest, dtype=np.float64)
    targets = rng.uniform(size=n_trials) * cumulative[-1]
    # side="right" never lands on a row of distance zero, so a row that is a seed already is not drawn again.
    drawn = np.searchsorted(cumulative, targets, side="right")
    return np.minimum(drawn, len(closest) - 1)
