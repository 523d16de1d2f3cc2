"""k-medoids: members that represent all rows, by any distance between them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clustering.errors import InvalidInputError
from clustering.whole_numbers import whole_number


def k_medoids(
    distances: ArrayLike,
    n_clusters: int,
    *,
    sample_weight: ArrayLike | None = None,
    covered: ArrayLike | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose rows so that the sum of every column's distance to the nearest chosen one is small.

    Rows are added greedily, each time the one that lowers the sum most, which reaches at least 63 % of what is
    possible (G. L. Nemhauser, L. A. Wolsey and M. L. Fisher, "An analysis of approximations for maximizing submodular
    set functions", 1978). So the first of many chosen rows are those of a choice of fewer. Nothing is random.

    Parameters
    ----------
    distances : array (n_candidates, n_samples), float
        Not negative; row i holds the distances of candidate i to all samples. They need not be Euclidean. Mostly the
        samples themselves are the candidates.
    n_clusters : int
        How many rows to choose at most: none is chosen that lies at distance 0 from another one.
    sample_weight : array (n_samples,), float, or None, default=None
    covered : array (n_samples,), float, or None, default=None
        Distance of each sample to what represents it already.

    Returns
    -------
    medoids : array (at most n_clusters,), int64
    labels : array (n_samples,), int64
        Nearest of the medoids, the first of equals.

    Raises
    ------
    InvalidInputError
        Where the arrays do not fit together, or a number is out of its range.

    Examples
    --------
    >>> medoids, labels = k_medoids([[0, 1, 9], [1, 0, 8], [9, 8, 0]], 2)
    >>> medoids.tolist(), labels.tolist()
    ([1, 2], [0, 0, 1])
    """
    with np.errstate(over="ignore"):
        matrix = np.ascontiguousarray(distances, np.float32)
    if matrix.ndim != 2 or not matrix.size:
        raise InvalidInputError(f"distances {matrix.shape} must be a table with at least one row and one column")
    n_candidates, n_samples = matrix.shape
    if not (np.isfinite(matrix).all() and matrix.min() >= 0):
        raise InvalidInputError("distances must be finite, as float32, and not negative")
    most = min(whole_number("n_clusters", n_clusters), n_candidates)
    weights = _column(sample_weight, n_samples, 1.0, "sample_weight")
    # What nothing represents yet is farther away than everything else.
    farther = 2 * float(matrix.max()) + 1
    if farther * max(1.0, float(weights.max())) > float(np.finfo(np.float32).max):
        raise InvalidInputError("distances, or their products with sample_weight, overflow float32; scale them")
    closest = _column(covered, n_samples, farther, "covered").copy()
    medoids = np.array(_pick(matrix, weights, closest, most), np.int64)
    return medoids, matrix[medoids].argmin(axis=0) if len(medoids) else np.zeros(n_samples, np.int64)


def _pick(
    distances: NDArray[np.float32], weights: NDArray[np.float32], closest: NDArray[np.float32], most: int
) -> list[int]:
    """Pick the row of most gain, again and again; `closest` (n_samples,) ends as the distances to the nearest medoid.

    A gain can only fall as more medoids stand, so that only the largest of the old ones is worked out anew until it
    stays the largest (M. Minoux, "Accelerated greedy algorithms for maximizing submodular set functions", 1978). So few
    are left that Numba would take longer to load than NumPy takes for all of them.
    """
    nearer = np.empty_like(closest)

    def gain(c: int) -> float:
        """By how much the weighted sum of `closest` falls if row c becomes a medoid."""
        np.maximum(np.subtract(closest, distances[c], out=nearer), 0, out=nearer)
        return float(np.multiply(nearer, weights, out=nearer).sum(dtype=np.float64))

    gains = np.array([gain(c) for c in range(len(distances))])
    as_of = np.zeros(len(distances), np.int64)
    picked: list[int] = []
    while len(picked) < most:
        c = int(gains.argmax())
        if gains[c] <= 0:
            break
        if as_of[c] == len(picked):
            np.minimum(closest, distances[c], out=closest)
            picked.append(c)
            gains[c] = 0
        else:
            gains[c] = gain(c)
            as_of[c] = len(picked)
    return picked


def _column(values: ArrayLike | None, n_samples: int, default: float, name: str) -> NDArray[np.float32]:
    with np.errstate(over="ignore"):
        column = np.full(n_samples, default, np.float32) if values is None else np.asarray(values, np.float32)
    if column.shape != (n_samples,) or not (np.isfinite(column).all() and column.min() >= 0):
        raise InvalidInputError(
            f"{name} {column.shape} must hold a number of 0 or more, finite as float32, for each of {n_samples} rows"
        )
    return column
