"""The centroid neural network: clusters grown one split at a time, each centre the mean of its members throughout.

D.-C. Park, "Centroid neural network for unsupervised competitive learning", IEEE Transactions on Neural Networks 11(2),
2000. Every row is presented in turn; where another centre than its own is nearest, it changes over, and only then the
two centres move: the winner gains it, ``w += (x - w) / (N + 1)``, the loser loses it, ``w -= (x - w) / (N - 1)``. When
an epoch changes nothing, the cluster with the largest sum of squared distances is split, until there are k.

Points that the paper leaves open, as they are here: at first all rows are members of their mean, and the first split is
like any other. A split leaves the centre where it is and puts a new one without members at ``w + epsilon (x - w)``, x
being the member farthest from it: whatever the data look like, at least x is nearer to the new one. A row that is
equally near to its own centre and another stays; of equally near others it joins the first. The only member of a
cluster never leaves it, so that no cluster runs empty. Members are summed anew wherever rounding could add up: of few
centres at the end, of many before each split too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clustering.array_type import Array
from clustering.centnn.growth import Growth
from clustering.errors import InvalidInputError
from clustering.kernels.rows import column_sums, subtract_mean
from clustering.kmeans.exchange import exchanged_centers
from clustering.kmeans.k_means import check_rows
from clustering.kmeans.kernels.distances import own_distances
from clustering.kmeans.kernels.seeding import squared_norms
from clustering.kmeans.lloyd import Partition, Sums, check_norms, check_spread, lloyd, squared_distances
from clustering.kmeans.sampling import as_random_state, sample_rows
from clustering.whole_numbers import whole_number
from clustering.workers import Workers

# The fast mode grows on a sample of so many rows, and no fewer a cluster.
FEWEST_ROWS = 4096
ROWS_A_CLUSTER = 30
# Rounds of splitting past k and dissolving again, and the share of k by which, half as much after each vain one.
ROUNDS = 12
SURPLUS = 0.2
# Epochs after dissolving, which hardly ever takes so many.
ROUND_EPOCHS = 10


@dataclass(frozen=True)
class Network(Partition):
    """Clusters that a centroid neural network found; `n_iter` counts its epochs.

    Attributes
    ----------
    history : list of array (n_clusters so far, n_features)
        Centres after each epoch, where they were asked for; the last entry is the result.
    shortfall : str
        Why there are fewer clusters than were asked for, or why they still changed; empty where all went well.
    """

    history: list[Array]
    shortfall: str


def cent_nn(
    X: Array,
    n_clusters: int,
    *,
    mode: str = "fast",
    epsilon: float = 0.1,
    tol: float = 0.1,
    max_epochs: int = 10_000,
    history: bool = False,
    random_state: int | np.random.RandomState = 0,
    n_threads: int | None = None,
) -> Network:
    """Cluster the rows of X: what `CentNN` does, for arrays that are known to be good, without loading scikit-learn.

    Parameters
    ----------
    X : array (n_samples, n_features), float32 or float64, finite
    n_clusters : int
        At most n_samples.
    mode, epsilon, tol, max_epochs, history, random_state, n_threads
        As of `CentNN`, but `random_state` is an int or a RandomState.

    Returns
    -------
    Network
        Each centre is the mean of its members, and no cluster is empty. There are fewer than k where X has fewer
        different rows, or `max_epochs` ended the growth; `shortfall` then says so.

    Raises
    ------
    InvalidInputError
        Where X is not two-dimensional, not of a float type or not finite, or its numbers are too large for
        sums of squares; or the settings do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> found = cent_nn(np.array([[0.0], [1.0], [9.0]]), 2)
    >>> sorted(found.centers.ravel().tolist())
    [0.5, 9.0]
    """
    X = check_rows(X)
    if not 1 <= whole_number("n_clusters", n_clusters) <= len(X):
        raise InvalidInputError(f"n_clusters={n_clusters} must lie in 1 to n_samples={len(X)}")
    if mode not in ("fast", "exact"):
        raise InvalidInputError(f"mode={mode!r} must be 'fast' or 'exact'")
    whole_number("max_epochs", max_epochs)
    if not 0 < epsilon <= 1 or not tol >= 0:
        raise InvalidInputError(f"epsilon={epsilon} must lie in 0 to 1, and tol={tol} be 0 or more")
    if mode == "exact":
        return _exact(X, n_clusters, epsilon, max_epochs, history)
    rng = as_random_state(random_state)
    return _fast(
        X, n_clusters, rng, epsilon=epsilon, tol=tol, max_epochs=max_epochs, history=history, n_threads=n_threads
    )


def _shortfall(n_reached: int, n_clusters: int, out_of_epochs: bool, max_epochs: int) -> str:
    if n_reached < n_clusters:
        reason = (
            f"max_epochs={max_epochs} ended the growth; raise it"
            if out_of_epochs
            else "X has no more different rows: possibly duplicate points"
        )
        return f"Number of clusters reached ({n_reached}) smaller than n_clusters ({n_clusters}): {reason}."
    if out_of_epochs:
        return f"Rows still changed clusters after max_epochs={max_epochs} epochs. Raise max_epochs to let them settle."
    return ""


def _center(X: Array, dtype: type) -> tuple[Array, Array]:
    """Mean of the rows, and the rows less it: around the origin float32 keeps the digits it would lose far from it."""
    sums = np.empty(X.shape[1])
    column_sums(X, 0, len(X), sums)
    mean: Array = (sums / len(X)).astype(dtype)
    centered: Array = np.empty(X.shape, dtype)
    subtract_mean(X, mean, 0, len(X), centered)
    norms: Array = np.empty(len(X), dtype)
    squared_norms(centered, 0, len(X), norms)
    check_norms(norms, X.dtype, "X holds")
    check_spread(centered, norms.sum())
    return mean, centered


def _exact(X: Array, n_clusters: int, epsilon: float, max_epochs: int, history: bool) -> Network:
    mean, centered = _center(X, np.float64)
    growth = Growth(centered, n_clusters, epsilon, max_epochs, history)
    grown = growth.grow(n_clusters, 0.0)
    out_of_epochs = growth.n_epochs >= max_epochs and not (grown and growth.settled)
    centers = (growth.used + mean).astype(X.dtype)
    distances = np.empty(len(X))
    own_distances(growth.X, growth.centers, 0, len(X), growth.labels, distances)
    return Network(
        growth.labels.astype(np.int32),
        distances.astype(X.dtype),
        centers,
        growth.n_epochs,
        growth.settled,
        _dated(growth.history, mean, centers),
        _shortfall(len(centers), n_clusters, out_of_epochs, max_epochs),
    )


def _fast(
    X: Array,
    n_clusters: int,
    rng: np.random.RandomState,
    *,
    epsilon: float,
    tol: float,
    max_epochs: int,
    history: bool,
    n_threads: int | None,
) -> Network:
    mean, centered = _center(X, X.dtype.type)
    ones = np.ones(len(X), X.dtype)
    surplus = max(1, int(SURPLUS * n_clusters))
    # Where the sample has too few different rows, all of them may have enough.
    n_sampled = max(FEWEST_ROWS, ROWS_A_CLUSTER * n_clusters)
    for rows in (sample_rows(ones, n_sampled, rng)[0], np.arange(len(X))):
        sample = centered[rows].astype(np.float64)
        growth = Growth(sample, n_clusters + surplus, epsilon, max_epochs, history)
        enough = tol * float(np.square(sample).mean())
        grown = growth.grow(n_clusters, enough)
        if grown or len(rows) == len(X) or growth.n_epochs >= max_epochs:
            break
    start = _improve(growth, n_clusters, surplus, enough) if grown else growth.used.copy()
    with Workers(n_threads) as workers:
        left = max_epochs - growth.n_epochs if grown else 0
        start, n_rounds = exchanged_centers(centered, ones, start.astype(X.dtype), left - 1, rng, workers)
        found = lloyd(centered, ones, start, max(1, max_epochs - growth.n_epochs - n_rounds), 0.0, workers)
        # Different rows can fall together where the sums are rounded; a cluster without members is none.
        filled, numbers = np.unique(found.labels, return_inverse=True)
        labels: NDArray[np.int32] = np.asarray(numbers, np.int32)
        sums = Sums(centered, ones, len(filled), workers)
        sums.start(labels)
        means = sums.sums / sums.totals[:, None]
        distances = squared_distances(centered, means.astype(X.dtype), labels, workers)
    centers = (means + mean).astype(X.dtype)
    n_epochs = growth.n_epochs + n_rounds + found.n_iter
    return Network(
        labels,
        distances,
        centers,
        n_epochs,
        found.converged,
        _dated(growth.history, mean, centers),
        _shortfall(len(centers), n_clusters, n_epochs >= max_epochs and not (grown and found.converged), max_epochs),
    )


def _improve(growth: Growth, n_clusters: int, surplus: int, enough: float) -> NDArray[np.float64]:
    """Split some clusters more and dissolve as many, as long as the error shrinks by it; return the best centres.

    What an early split put in the wrong place is so undone (B. Fritzke, "Breathing k-means", arXiv 2006.15666, 2020).
    """
    best, lowest = growth.used.copy(), growth.error
    for _ in range(ROUNDS):
        if n_clusters == 1 or surplus == 0 or not growth.grow(n_clusters + surplus, enough):
            break
        growth.dissolve(n_clusters)
        growth.settle(enough, ROUND_EPOCHS)
        if growth.error < lowest:
            best, lowest = growth.used.copy(), growth.error
        else:
            surplus //= 2
    return best


def _dated(history: list[Array] | None, mean: Array, centers: Array) -> list[Array]:
    """Return the history in the place and dtype of the data, with the result as its end."""
    if history is None:
        return []
    return [*((past + mean).astype(centers.dtype) for past in history[:-1]), centers.copy()]
