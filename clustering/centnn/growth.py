"""How a centroid neural network grows: epochs until the rows settle, a split, and so on; and how it shrinks again.

The first centres grow in one kernel call (see `kernels.few_centers`), the others a split at a time under
bounds that spare most distances (see `kernels.centnn`).
"""

import numpy as np
from numpy.typing import NDArray

from clustering.array_type import Array
from clustering.centnn.kernels.centnn import TOUCHED, Bounds, Clusters, refresh, settle, split
from clustering.centnn.kernels.dissolving import rehome, second_nearest
from clustering.centnn.kernels.few_centers import grow_few
from clustering.kernels.rows import column_sums

# Up to so many centres, comparing all distances takes less than the bounds do.
FEW_CENTERS = 16
# Rows presented before Python has its turn, and with it Ctrl-C: about a second's work.
ROWS_A_CALL = 10_000_000


class Growth:
    """A network on some rows, whose mean is the origin."""

    def __init__(self, X: NDArray[np.float64], capacity: int, epsilon: float, max_epochs: int, history: bool) -> None:
        self.X, self.epsilon, self.max_epochs = X, epsilon, max_epochs
        self.history: list[Array] | None = [] if history else None
        self.n_clusters, self.n_epochs, self.settled = 1, 0, True
        self.labels = np.zeros(len(X), np.int64)
        self.centers = np.zeros((capacity, X.shape[1]))
        column_sums(X, 0, len(X), self.centers[0])
        self.centers[0] /= len(X)
        self.sizes = np.zeros(capacity, np.int64)
        self.sizes[0] = len(X)
        self.errors = np.zeros(capacity)
        self.errors[0] = np.inf
        self._farthest = np.zeros(capacity, np.int64)
        self._shifts = np.zeros(capacity)
        self._bounds: Bounds | None = None

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
        few = min(n_clusters, FEW_CENTERS)
        while self.n_clusters < n_clusters:
            if self.n_epochs >= self.max_epochs:
                return False
            if self.n_clusters < few:
                self._grow_few(few, enough)
                if self.n_clusters < few and self.sizes[self.n_clusters - 1] > 0:
                    return False
            elif self._split():
                self.settle(enough)
            else:
                return False
            if self.sizes[self.n_clusters - 1] == 0 and not self._adopt():
                return False
        return True

    def settle(self, enough: float, max_epochs: int | None = None) -> None:
        """Run epochs until one moves the centres by no more than `enough`, a sum of squares."""
        left = self.max_epochs - self.n_epochs
        left = left if max_epochs is None else min(left, max_epochs)
        bounds = self._bounded()
        while left > 0:
            n_epochs, n_changed, movement = settle(self._clusters, bounds, min(left, self._epochs_a_call), enough)
            self._count(n_epochs, n_changed)
            left -= n_epochs
            if n_changed == 0 or movement <= enough:
                break
        self._refresh()

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
        self._bounds = None
        self._refresh()

    @property
    def _clusters(self) -> Clusters:
        return Clusters(self.X, self.labels, self.n_clusters, self.centers, self.sizes)

    @property
    def _epochs_a_call(self) -> int:
        return 1 if self.history is not None else max(1, ROWS_A_CALL // len(self.X))

    def _count(self, n_epochs: int, n_changed: int) -> None:
        self.n_epochs += n_epochs
        if n_epochs:
            self.settled = n_changed == 0
            if self.history is not None:
                self.history.append(self.used.copy())

    def _grow_few(self, n_clusters: int, enough: float) -> None:
        """Grow until there are so many, the epochs or errors are used up, or a new centre stays without members."""
        self._bounds = None
        settled = True
        while True:
            most = min(self.max_epochs - self.n_epochs, self._epochs_a_call)
            self.n_clusters, n_epochs, settled, n_changed = grow_few(
                self._clusters, self.errors, n_clusters, settled, self.epsilon, enough, most
            )
            self._count(n_epochs, n_changed)
            if n_epochs < most or self.n_epochs == self.max_epochs:
                break
        self._refresh()

    def _refresh(self) -> None:
        refresh(self._clusters, self._shifts, self.errors, self._farthest)

    def _split(self) -> bool:
        worst = int(self.errors[: self.n_clusters].argmax())
        if not self.errors[worst] > 0:
            return False
        bounds = self._bounded()
        split(self._clusters, bounds, worst, self._farthest[worst], self.epsilon)
        self._bounds = bounds._replace(parent=worst, child=self.n_clusters)
        self.n_clusters += 1
        return True

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
        self._bounds = None
        self._refresh()
        return True

    def _bounded(self) -> Bounds:
        """Return the bounds of the rows and the gaps of the centres, void ones where others were not kept up."""
        if self._bounds is None:
            parent, child = 0, min(1, self.n_clusters - 1)
            rows = np.zeros((len(self.X), 4))
            rows[:, 0] = np.inf
            rows[self.labels == parent, 2] = np.inf
            rows[self.labels == child, 3] = np.inf
            self._shifts[:] = TOUCHED
            gaps = np.full((len(self.centers), len(self.centers)), np.inf)
            self._bounds = Bounds(parent, child, rows, self._shifts, gaps)
        return self._bounds
