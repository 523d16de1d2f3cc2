"""Where k-means starts.

Greedy k-means++: Arthur and Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007. Each seed is
drawn with probability proportional to the squared distance to the seeds so far; of 2 + log(k) such draws the one that
lowers the sum most is kept (the variant of their last section, which scikit-learn uses too).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray

from clustering.array_type import Array
from clustering.kmeans.kernels.seeding import greedy_seeds
from clustering.kmeans.lloyd import nearest_centers
from clustering.kmeans.sampling import ROWS_A_SEED, SEED_ROWS, sample_rows
from clustering.workers import BLOCK_ROWS, Workers

PRODUCT_ROWS = 512
# With more features than twice this, the distances are taken in a random projection to so many.
PROJECTED_FEATURES = 64
# With fewer numbers in all seeds together, they cost too little for a projection to pay.
PROJECTED_SIZE = 1 << 16


@dataclass(frozen=True)
class Sample:
    """Rows on which to choose where to start: a sample, and where there are many features, a projection of it.

    Their numbers in the data are `rows`, and `fixed` are the fixed centres in the same space.
    """

    rows: NDArray[np.int64]
    weights: Array
    X: Array
    fixed: Array

    def closest(self, workers: Workers) -> Array:
        """Squared distance of each row to the fixed centres, infinity where there are none."""
        if len(self.fixed):
            return nearest_centers(self.X, self.fixed, workers)[1]
        return np.full(len(self.X), np.inf, self.X.dtype)


def draw_sample(
    X: Array, weights: Array, n_clusters: int, fixed: Array, rng: np.random.RandomState, workers: Workers
) -> Sample:
    """Draw a sample that is large enough for so many clusters; the parameters are those of `choose_start`."""
    rows, counts = sample_rows(weights, max(SEED_ROWS, ROWS_A_SEED * n_clusters), rng)
    if len(rows) < n_clusters:
        rows, counts = np.arange(len(X)), weights
    reduced = X if len(rows) == len(X) else X[rows]
    if X.shape[1] > 2 * PROJECTED_FEATURES and n_clusters * X.shape[1] > PROJECTED_SIZE:
        projection = random_projection(X.shape[1], rng, X.dtype)
        reduced, fixed = (_project(part, projection, workers) for part in (reduced, fixed))
    return Sample(rows, counts, reduced, fixed)


def random_projection(n_features: int, rng: np.random.RandomState, dtype: DTypeLike) -> Array:
    """Gaussian matrix (n_features, PROJECTED_FEATURES), whose products keep squared distances to within a fifth or so.

    Johnson and Lindenstrauss, "Extensions of Lipschitz mappings into a Hilbert space", 1984.
    """
    matrix: Array = rng.standard_normal((n_features, PROJECTED_FEATURES)) / np.sqrt(PROJECTED_FEATURES)
    return matrix.astype(dtype)


def choose_start(
    X: Array,
    weights: Array,
    n_clusters: int,
    fixed: Array,
    rng: np.random.RandomState,
    workers: Workers,
    *,
    n_trials: int | None = None,
) -> NDArray[np.int64]:
    """Draw k seeds by k-means++ on a sample of the rows of X; return their row numbers (n_clusters,).

    They repeat only where the sample has fewer different rows than seeds. The fixed centres (n_fixed, n_features) are
    seeds that are there already. The best of `n_trials` draws becomes a seed; None takes 2 + log(k) of them.
    """
    sample = draw_sample(X, weights, n_clusters, fixed, rng, workers)
    closest = sample.closest(workers)
    return sample.rows[kmeans_plusplus(sample.X, sample.weights, n_clusters, closest, rng, n_trials=n_trials)]


def kmeans_plusplus(
    X: Array,
    weights: Array,
    n_clusters: int,
    closest: Array,
    rng: np.random.RandomState,
    *,
    n_trials: int | None = None,
) -> NDArray[np.int64]:
    """Draw k seeds among the rows of X by greedy k-means++.

    As `choose_start`, but `closest` (n_samples,) is the squared distance of each row to the seeds that are there
    already, infinity where there is none.
    """
    n_samples, n_features = X.shape
    n_blocks = -(-n_samples // BLOCK_ROWS)
    tiles = np.zeros((n_blocks, BLOCK_ROWS, n_features), X.dtype)
    tiles.reshape(-1, n_features)[:n_samples] = X
    seeds = np.empty(n_clusters, np.int64)
    uniforms = rng.uniform(size=(n_clusters, n_trials or 2 + int(np.log(n_clusters))))
    greedy_seeds(X, np.ascontiguousarray(tiles.swapaxes(1, 2)), weights, closest, uniforms, seeds)
    return seeds


def _project(X: Array, projection: Array, workers: Workers) -> Array:
    """Product of all rows with a matrix, in chunks of fixed size."""
    product = np.empty((len(X), projection.shape[1]), X.dtype)

    def multiply(first: int, last: int) -> None:
        np.dot(X[first:last], projection, product[first:last])

    workers.run(multiply, len(X), PRODUCT_ROWS)
    return product
