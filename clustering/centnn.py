"""The centroid neural network: clusters grown one split at a time, each centre the mean of its members throughout.

D.-C. Park, "Centroid neural network for unsupervised competitive learning", IEEE Transactions on Neural Networks 11(2),
2000. Every row is presented in turn; where another centre than its own is nearest, it changes over, and only then the
two centres move: the winner gains it, ``w += (x - w) / (N + 1)``, the loser loses it, ``w -= (x - w) / (N - 1)``. When
an epoch changes nothing, the cluster with the largest sum of squared distances is split, until there are k.

Points that the paper leaves open, as they are here: at first all rows are members of their mean, and the first split is
like any other. A split leaves the centre where it is and puts a new one without members at ``w + epsilon (x - w)``, x
being the member farthest from it: whatever the data look like, at least x is nearer to the new one. A row that is
equally near to its own centre and another stays; of equally near others it joins the first. The only member of a
cluster never leaves it, so that no cluster runs empty. Before each split and at the end the means are summed anew.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clustering.errors import InvalidInputError
from clustering.kernels.centnn import refresh, rehome, second_nearest, settle, settle_few, split
from clustering.kernels.lloyd import cluster_sums, group_by_label, own_distances
from clustering.lloyd import Partition, lloyd
from clustering.seeding import ROWS_A_SEED, sample_rows
from clustering.workers import Workers

# Rounds of splitting past k and dissolving again, and the share of k by which; later rounds find next to nothing.
ROUNDS = 6
SURPLUS = 0.1
# Up to so many features and centres, comparing all distances takes less than the bounds do.
FEW_FEATURES = 4
FEW_CENTERS = 16
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

    history: list[NDArray]
    shortfall: str


def cent_nn(
    X: NDArray,
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
    mode : {"fast", "exact"}, default="fast"
        "exact" presents all rows in their order, as the module says. "fast" grows the network on a sample of the rows
        (all of them, where there are fewer than 40 a cluster), splits early (see `tol`), splits some clusters more than
        asked for and dissolves those that are missed least, a few times over, and ends with epochs over all rows that
        move the centres at once (Lloyd's), until nothing changes.
    epsilon : float, default=0.1
        Distance of a new centre from the one it was split off, as a share of the distance to its farthest member; above
        0, at most 1.
    tol : float, default=0.1
        In the fast mode, split as soon as the squared movement of the centres in an epoch sums up to no more than this
        times the mean variance of a feature.
    max_epochs : int, default=10000
        Most epochs.
    history : bool, default=False
        Whether to keep the centres after each epoch; of the fast mode, the epochs on the sample, and the result.
    random_state : int or RandomState, default=0
        Seed of the sample.
    n_threads : int or None, default=None
        Threads to use, which changes no bit of the result; None takes every processor that this process may use. Only
        the last epochs of the fast mode can use more than one.

    Returns
    -------
    Network
        Each centre is the mean of its members, and no cluster is empty. There are fewer than k where X has fewer
        different rows, or `max_epochs` ended the growth; `shortfall` then says so.

    Raises
    ------
    InvalidInputError
        Where X is not two-dimensional or not of a float type, or the settings do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> found = cent_nn(np.array([[0.0], [1.0], [9.0]]), 2)
    >>> sorted(found.centers.ravel().tolist())
    [0.5, 9.0]
    """
    X = np.ascontiguousarray(X)
    if X.ndim != 2 or X.dtype not in (np.float32, np.float64) or X.shape[1] < 1:
        raise InvalidInputError(f"X must be 2-D, float32 or float64, with a column or more; got {X.dtype} {X.shape}")
    if not 1 <= n_clusters <= len(X):
        raise InvalidInputError(f"n_clusters={n_clusters} must lie in 1 to n_samples={len(X)}")
    if mode not in ("fast", "exact"):
        raise InvalidInputError(f"mode={mode!r} must be 'fast' or 'exact'")
    if not 0 < epsilon <= 1 or max_epochs < 1 or not tol >= 0:
        raise InvalidInputError(
            f"epsilon={epsilon} must lie in 0 to 1, max_epochs={max_epochs} be 1 or more, tol={tol} 0"
        )
    # Around the origin the distances keep the digits that float32 would lose far from it.
    mean = X.mean(axis=0, dtype=np.float64)
    if mode == "exact":
        return _exact(X, mean, n_clusters, epsilon, max_epochs, history)
    rng = random_state if isinstance(random_state, np.random.RandomState) else np.random.RandomState(random_state)
    return _fast(X, mean, n_clusters, epsilon, tol, max_epochs, history, rng, n_threads)


class _Growth:
    """A network on some rows, with the bounds that make its epochs cheap."""

    def __init__(self, X: NDArray[np.float64], capacity: int, epsilon: float, max_epochs: int, history: bool) -> None:
        self.X, self.epsilon, self.max_epochs = X, epsilon, max_epochs
        self.history: list[NDArray] | None = [] if history else None
        self.n_clusters, self.n_epochs, self.settled = 1, 0, True
        self.labels = np.zeros(len(X), np.int64)
        self.centers = np.zeros((capacity, X.shape[1]))
        self.sizes = np.zeros(capacity, np.int64)
        self.sizes[0] = len(X)
        self._gaps = np.full((capacity, capacity), np.inf)
        self._shifts = np.zeros(capacity)
        self.errors = np.zeros(capacity)
        self._farthest = np.zeros(capacity, np.int64)
        self._parent = self._child = 0
        # Of the only cluster, no bound speaks of another one.
        self._bounds = np.full((len(X), 4), np.inf)
        self._has_bounds = True
        self._refresh()

    @property
    def used(self) -> NDArray[np.float64]:
        """The centres in use."""
        return self.centers[: self.n_clusters]

    @property
    def error(self) -> float:
        """Sum of the squared distances of all rows."""
        return float(self.errors[: self.n_clusters].sum())

    def grow(self, n_clusters: int, enough: float) -> bool:
        """Split and settle until there are so many clusters; False where the rows or the epochs do not suffice."""
        while self.n_clusters < n_clusters:
            if self.n_epochs >= self.max_epochs or not self._split():
                return False
            self.settle(enough)
            if self.sizes[self.n_clusters - 1] == 0 and not self._adopt():
                return False
        return True

    def settle(self, enough: float, max_epochs: int | None = None) -> None:
        """Run epochs until one moves the centres by no more than `enough`, a sum of squares."""
        left = self.max_epochs - self.n_epochs
        left = left if max_epochs is None else min(left, max_epochs)
        while left > 0:
            n_epochs, n_changed, movement = self._run(left if self.history is None else 1, enough)
            self.n_epochs += n_epochs
            left -= n_epochs
            self.settled = n_changed == 0
            if self.history is None:
                break
            self.history.append(self.used.copy())
            if n_changed == 0 or movement <= enough:
                break
        self._refresh()

    def _run(self, max_epochs: int, enough: float) -> tuple[int, int, float]:
        if self._are_few(self.n_clusters):
            self._has_bounds = False
            return settle_few(self.X, self.n_clusters, self.centers, self.sizes, self.labels, max_epochs, enough)
        if not self._has_bounds:
            self._forget()
        return settle(
            self.X,
            self.n_clusters,
            self._parent,
            self._child,
            self.centers,
            self.sizes,
            self.labels,
            self._bounds,
            self._shifts,
            self._gaps,
            max_epochs,
            enough,
        )

    def _are_few(self, n_clusters: int) -> bool:
        return n_clusters <= FEW_CENTERS and self.X.shape[1] <= FEW_FEATURES

    def dissolve(self, n_clusters: int) -> None:
        """Remove the centres whose members lose least by it, until so many are left, and no two neighbours at once."""
        losses = np.empty(self.n_clusters)
        seconds = second_nearest(self.X, self.n_clusters, self.centers, self.labels, losses)
        gone, spared = np.zeros(self.n_clusters, bool), np.zeros(self.n_clusters, bool)
        for careful in (True, False):
            for c in np.argsort(losses, kind="stable"):
                if gone.sum() < self.n_clusters - n_clusters and not gone[c] and not (careful and spared[c]):
                    gone[c] = True
                    spared[np.bincount(seconds[self.labels == c]).argmax()] = True
        renumbered = np.where(gone, -1, np.cumsum(~gone) - 1)
        kept = self.used[~gone]
        rehome(self.X, kept, renumbered, self.labels)
        self.n_clusters = n_clusters
        self.centers[:n_clusters] = kept
        self.sizes[:n_clusters] = np.bincount(self.labels, minlength=n_clusters)
        self._forget()

    def _refresh(self) -> None:
        refresh(
            self.X, self.labels, self.sizes, self.n_clusters, self.centers, self._shifts, self.errors, self._farthest
        )

    def _split(self) -> bool:
        worst = int(self.errors[: self.n_clusters].argmax())
        if not self.errors[worst] > 0:
            return False
        if self._are_few(self.n_clusters + 1):
            step = self.X[self._farthest[worst]] - self.centers[worst]
            self.centers[self.n_clusters] = self.centers[worst] + self.epsilon * step
            self.sizes[self.n_clusters] = 0
        else:
            if not self._has_bounds:
                self._forget()
            self._split_bounded(worst)
        self._parent, self._child = worst, self.n_clusters
        self.n_clusters += 1
        return True

    def _split_bounded(self, worst: int) -> None:
        split(
            self.X,
            self.n_clusters,
            self._parent,
            self._child,
            worst,
            self._farthest[worst],
            self.epsilon,
            self.centers,
            self.sizes,
            self.labels,
            self._bounds,
            self._shifts,
        )

    def _adopt(self) -> bool:
        """Give a new centre that no row joined the row farthest from its own; False where all are on their centres.

        Rows joined other centres meanwhile, or differ by hardly more than rounding.
        """
        squared = np.square(self.X - self.centers[self.labels]).sum(axis=1)
        squared[self.sizes[self.labels] == 1] = 0
        row = int(squared.argmax())
        if not squared[row] > 0:
            self.n_clusters -= 1
            return False
        self.sizes[self.labels[row]] -= 1
        self.sizes[self.n_clusters - 1] = 1
        self.labels[row] = self.n_clusters - 1
        self._forget()
        return True

    def _forget(self) -> None:
        """Take the means anew, and void all bounds."""
        self._refresh()
        self._has_bounds = True
        self._parent, self._child = 0, min(1, self.n_clusters - 1)
        self._bounds[:, 0], self._bounds[:, 1:] = np.inf, 0
        self._bounds[self.labels == self._parent, 2] = np.inf
        self._bounds[self.labels == self._child, 3] = np.inf
        # A shift of next to nothing has the gaps measured anew.
        self._shifts[:] = 1e-300


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


def _exact(
    X: NDArray, mean: NDArray[np.float64], n_clusters: int, epsilon: float, max_epochs: int, history: bool
) -> Network:
    growth = _Growth(X - mean, n_clusters, epsilon, max_epochs, history)
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
    X: NDArray,
    mean: NDArray[np.float64],
    n_clusters: int,
    epsilon: float,
    tol: float,
    max_epochs: int,
    history: bool,
    rng: np.random.RandomState,
    n_threads: int | None,
) -> Network:
    mean = mean.astype(X.dtype)
    centered = X - mean
    ones = np.ones(len(X), X.dtype)
    surplus = max(1, int(SURPLUS * n_clusters))
    # Where the sample has too few different rows, all of them may have enough.
    for rows in (sample_rows(ones, ROWS_A_SEED * n_clusters, rng)[0], np.arange(len(X))):
        sample = centered[rows].astype(np.float64)
        growth = _Growth(sample, n_clusters + surplus, epsilon, max_epochs, history)
        enough = tol * float(np.square(sample).mean())
        grown = growth.grow(n_clusters, enough)
        if grown or len(rows) == len(X) or growth.n_epochs >= max_epochs:
            break
    start = _improve(growth, n_clusters, surplus, enough) if grown else growth.used.copy()
    with Workers(n_threads) as workers:
        found = lloyd(centered, ones, start.astype(X.dtype), max(1, max_epochs - growth.n_epochs), 0.0, workers)
        # Different rows can fall together where the sums are rounded; a cluster without members is none.
        filled, numbers = np.unique(found.labels, return_inverse=True)
        labels: NDArray[np.int32] = np.asarray(numbers, np.int32)
        means, distances = _means(centered, ones, labels, len(filled), workers)
    centers = (means + mean).astype(X.dtype)
    n_epochs = growth.n_epochs + found.n_iter
    return Network(
        labels,
        distances,
        centers,
        n_epochs,
        found.converged,
        _dated(growth.history, mean, centers),
        _shortfall(len(centers), n_clusters, n_epochs >= max_epochs and not (grown and found.converged), max_epochs),
    )


def _improve(growth: _Growth, n_clusters: int, surplus: int, enough: float) -> NDArray[np.float64]:
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


def _means(
    X: NDArray, weights: NDArray, labels: NDArray[np.int32], n_clusters: int, workers: Workers
) -> tuple[NDArray[np.float64], NDArray]:
    """Means of the members in float64, and the squared distance of each row to its own."""
    starts, members = np.empty(n_clusters + 1, np.int64), np.empty(len(X), np.int64)
    group_by_label(labels, starts, members)
    sums, totals = np.empty((n_clusters, X.shape[1])), np.empty(n_clusters)
    cluster_sums(X, weights, starts, members, 0, n_clusters, sums, totals)
    means = sums / totals[:, None]
    rounded, distances = means.astype(X.dtype), np.empty(len(X), X.dtype)
    workers.run(lambda first, last: own_distances(X, rounded, first, last, labels, distances), len(X))
    return means, distances


def _dated(history: list[NDArray] | None, mean: NDArray, centers: NDArray) -> list[NDArray]:
    """Return the history in the place and dtype of the data, with the result as its end."""
    if history is None:
        return []
    return [*((past + mean).astype(centers.dtype) for past in history[:-1]), centers.copy()]
