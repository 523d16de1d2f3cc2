"""k-means of rows of a few bytes, such as colours, with nothing to compile.

Rows are whole numbers of 8 bits and centres are held to quarters while they are sought: the scores x.c - |c|^2 / 2 that
tell the nearest centre are then exact in float32, whatever BLAS computes them and on however many threads. So the same
rows give the same centres on every machine.

Seeds whose least useful ones are drawn anew (see `exchange`) lead to a lower distortion than splitting by variance
(X. Wu, "Color quantization by dynamic programming and principal analysis", ACM Transactions on Graphics 11(4), 1992).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clustering.array_type import Array
from clustering.kmeans.sampling import ROWS_A_SEED, SEED_ROWS, sample_rows

# Parts of a level in which centres are held, and what keeps pinned rows away from free centres.
PARTS = 4
# More than scores differ by: those of bytes in float32, and those of rows up to 255 times as large in float64.
FORBIDDEN = {np.dtype(np.float32): 2.0**20, np.dtype(np.float64): 2.0**40}
# Scores that are taken at a time: they stay in the processor's cache, and BLAS starts no threads for so few. Threads
# would change no bit here, but take several times as long where other work keeps the processors busy.
CHUNK_SCORES = 1 << 15
# Rows on which Lloyd's algorithm runs, by weight.
LLOYD_ROWS = 1 << 16
SEED_BATCHES = 16
# Rounds of exchange of each try, and more of the best one; share of the centres that the first round draws anew.
FIRST_ROUNDS, MORE_ROUNDS, SHARE = 8, 20, 0.08
# So many centres are tried at least, in no more than so many tries: few of them cost little and can go wrong badly.
TRIED, MOST_TRIES = 150, 6
TURNS = 20
# Lloyd's algorithm ends when a turn lowers the distortion by a smaller share.
LEAST_GAIN = 1e-4


@dataclass(frozen=True)
class _Centers:
    """Centres, and which of them are free to have any last feature."""

    places: NDArray[np.float64]
    free: NDArray[np.bool_]


@dataclass(frozen=True)
class _Rows:
    """Rows, how much each counts, which are pinned, and to what."""

    X: NDArray[np.float32]
    weights: NDArray[np.float64]
    pinned: NDArray[np.bool_]
    pin: float

    def take(self, rows: NDArray[np.int64], weights: NDArray[np.float64]) -> "_Rows":
        return _Rows(self.X[rows], weights, self.pinned[rows], self.pin)


def byte_row_k_means(
    X: NDArray[np.uint8],
    weights: NDArray[np.float64],
    n_clusters: int,
    *,
    pinned: NDArray[np.bool_] | None = None,
    random_state: int = 0,
) -> NDArray[np.float64]:
    """Find centres of weighted rows of bytes.

    Parameters
    ----------
    X : array (n_samples, n_features), uint8
        At most four features.
    weights : array (n_samples,), float64
        Whole numbers above 0.
    n_clusters : int
        At most n_samples; 2 at least if some rows are pinned and others are not.
    pinned : array (n_samples,), bool, or None, default=None
        Rows that must keep their last feature, which is the same in all of them: the centres that serve them have it
        exactly. None: no row.
    random_state : int, default=0

    Returns
    -------
    array (n_clusters, n_features), float64
        Not all different where so few centres are hard to tell apart in quarters of a level.
    """
    rng = np.random.RandomState(random_state)
    pinned = np.zeros(len(X), bool) if pinned is None else pinned
    pin = float(X[pinned.argmax(), -1])
    rows = _Rows(X.astype(np.float32), weights.astype(np.float64), pinned, pin)
    sample = _sampled(rows, max(SEED_ROWS, ROWS_A_SEED * n_clusters), rng)
    tries = (_started(sample, n_clusters, rng) for _ in range(min(MOST_TRIES, -(-TRIED // n_clusters))))
    found = _exchanged(sample, min(tries, key=lambda tried: tried.distortion), MORE_ROUNDS, rng)
    return _lloyd(_sampled(rows, LLOYD_ROWS, rng), found.centers).places


def nearest_byte_rows(
    X: Array, centers: Array, forbidden: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None = None
) -> tuple[NDArray[np.int64], Array]:
    """Nearest centre of each row, the first one of several, and its score x.c - |c|^2 / 2.

    Parameters
    ----------
    X : array (n_samples, n_features), float32 or float64
    centers : array (n_clusters, n_features)
    forbidden : pair of arrays (n_samples,) and (n_clusters,), bool, or None, default=None
        Which rows may not go to which centres.

    Returns
    -------
    labels : array (n_samples,), int64
    scores : array (n_samples,), dtype of X
        The larger, the nearer; the squared distance is |x|^2 less twice the score.
    """
    labels, best, _ = _search(X, centers, forbidden, False)
    return labels, best


def _search(
    X: Array, centers: Array, forbidden: tuple[NDArray[np.bool_], NDArray[np.bool_]] | None, second: bool
) -> tuple[NDArray[np.int64], Array, Array]:
    """Labels, and scores of the nearest centre and (if wanted) of the second nearest one."""
    norms = np.einsum("ij,ij->i", centers, centers)
    columns, rows = [*centers.T, -0.5 * norms], [*X.T, np.ones(len(X), X.dtype)]
    if forbidden is not None:
        columns.append(forbidden[1] * -FORBIDDEN[X.dtype])
        rows.append(forbidden[0])
    table = np.ascontiguousarray(np.stack(columns), X.dtype)
    wide = np.ascontiguousarray(np.stack(rows, axis=1), X.dtype)
    labels = np.empty(len(X), np.int64)
    best, others = np.empty(len(X), X.dtype), np.empty(len(X) if second else 0, X.dtype)
    n_rows = max(1, CHUNK_SCORES // len(centers))
    scores, places = np.empty((n_rows, len(centers)), X.dtype), np.arange(n_rows)
    for first in range(0, len(X), n_rows):
        span = slice(first, min(first + n_rows, len(X)))
        part, at = scores[: span.stop - first], places[: span.stop - first]
        np.dot(wide[span], table, out=part)
        labels[span] = part.argmax(axis=1)
        best[span] = part[at, labels[span]]
        if second:
            part[at, labels[span]] = -np.inf
            others[span] = part.max(axis=1)
    return labels, best, others


def _squared(rows: _Rows, scores: NDArray[np.float32]) -> NDArray[np.float64]:
    norms = np.einsum("ij,ij->i", rows.X, rows.X)
    return np.asarray(norms - 2.0 * scores.astype(np.float64))


def _sampled(rows: _Rows, n_rows: int, rng: np.random.RandomState) -> _Rows:
    """Draw a systematic sample by weight, in which each kind of rows is that there is."""
    numbers, weights = sample_rows(rows.weights, n_rows, rng)
    for kind in (rows.pinned, ~rows.pinned):
        if kind.any() and not kind[numbers].any():
            first = int(kind.argmax())
            numbers, weights = np.append(numbers, first), np.append(weights, 1.0)
    return rows.take(numbers, weights)


def _forbidden(rows: _Rows, centers: _Centers) -> tuple[NDArray[np.bool_], NDArray[np.bool_]] | None:
    return (rows.pinned, centers.free) if rows.pinned.any() and centers.free.any() else None


def _means(rows: _Rows, labels: NDArray[np.int64], centers: _Centers) -> _Centers:
    """Means of the members, in quarters; the old centre where there are none."""
    n = len(centers.places)
    totals = np.bincount(labels, rows.weights, n)
    known = totals > 0
    places = centers.places.copy()
    for j, column in enumerate(rows.X.T):
        places[known, j] = np.bincount(labels, rows.weights * column, n)[known] / totals[known]
    places = np.rint(places * PARTS) / PARTS
    if rows.pinned.any():
        places[~centers.free, -1] = rows.pin
    return _Centers(places, centers.free)


@dataclass(frozen=True)
class _Found:
    centers: _Centers
    labels: NDArray[np.int64]
    nearest: NDArray[np.float64]
    second: NDArray[np.float64]
    distortion: float


def _found(rows: _Rows, centers: _Centers, second: bool) -> _Found:
    labels, best, others = _search(rows.X, centers.places, _forbidden(rows, centers), second)
    nearest = np.maximum(_squared(rows, best), 0)
    return _Found(
        centers, labels, nearest, _squared(rows, others) if second else nearest, float(np.sum(rows.weights * nearest))
    )


def _drawn(chances: NDArray[np.float64], n: int, rng: np.random.RandomState) -> NDArray[np.int64]:
    """Draw rows, evenly spread by their chance."""
    ends = np.cumsum(chances)
    if not ends[-1] > 0:
        return rng.randint(len(chances), size=n)
    targets = (np.arange(n) + rng.uniform(size=n)) * (ends[-1] / n)
    return np.minimum(np.searchsorted(ends, targets, side="right"), len(chances) - 1)


def _seeds(rows: _Rows, numbers: NDArray[np.int64]) -> _Centers:
    return _Centers(rows.X[numbers].astype(np.float64), ~rows.pinned[numbers])


def _joined(one: _Centers, other: _Centers) -> _Centers:
    return _Centers(np.concatenate([one.places, other.places]), np.concatenate([one.free, other.free]))


def _first_seeds(rows: _Rows, n_clusters: int, rng: np.random.RandomState) -> _Centers:
    """Seeds drawn in batches by their squared distance to the earlier ones; each kind of rows gets one first."""
    first = _drawn(rows.weights, 1, rng)
    if rows.pinned.any() and not rows.pinned.all() and n_clusters > 1:
        kinds = [_drawn(rows.weights * kind, 1, rng) for kind in (rows.pinned, ~rows.pinned)]
        first = np.concatenate(kinds)
    elif rows.pinned.any():
        first = _drawn(rows.weights * rows.pinned, 1, rng)
    centers = _seeds(rows, first)
    closest = np.full(len(rows.X), np.inf)
    fresh = centers
    while True:
        # Only the seeds of the last batch can have come closer.
        known = _found(rows, fresh, False).nearest
        closest = np.minimum(closest, known)
        missing = n_clusters - len(centers.places)
        if missing == 0:
            return centers
        n = min(missing, max(1, n_clusters // SEED_BATCHES))
        fresh = _seeds(rows, _drawn(rows.weights * closest, n, rng))
        centers = _joined(centers, fresh)


def _started(rows: _Rows, n_clusters: int, rng: np.random.RandomState) -> _Found:
    """Seeds after a few rounds."""
    seeds = _first_seeds(rows, n_clusters, rng)
    found = _found(rows, _means(rows, _found(rows, seeds, False).labels, seeds), True)
    return _exchanged(rows, found, FIRST_ROUNDS, rng)


def _exchanged(rows: _Rows, found: _Found, n_rounds: int, rng: np.random.RandomState) -> _Found:
    """Draw the least useful centres anew, round by round, and keep what lowers the distortion."""
    n_clusters = len(found.centers.places)
    n_drawn = max(1, round(SHARE * n_clusters))
    for _ in range(n_rounds if n_clusters > 2 else 0):
        tried = _one_round(rows, found, n_drawn, rng)
        if tried.distortion < found.distortion:
            found = tried
        else:
            n_drawn = max(1, n_drawn // 2)
    return found


def _one_round(rows: _Rows, found: _Found, n_drawn: int, rng: np.random.RandomState) -> _Found:
    centers = found.centers
    n = len(centers.places)
    worth = np.bincount(found.labels, rows.weights * np.minimum(found.second - found.nearest, 1e9), n)
    leaving = np.zeros(n, bool)
    leaving[np.argsort(worth, kind="stable")[:n_drawn]] = True
    if rows.pinned.any() and leaving[~centers.free].all():
        leaving[np.flatnonzero(~centers.free)[-1]] = False
    closest = np.where(leaving[found.labels], found.second, found.nearest)
    fresh = _seeds(rows, _drawn(rows.weights * closest, int(leaving.sum()), rng))
    kept = _Centers(centers.places[~leaving], centers.free[~leaving])
    joined = _joined(kept, fresh)
    return _found(rows, _means(rows, _found(rows, joined, False).labels, joined), True)


def _lloyd(rows: _Rows, centers: _Centers) -> _Centers:
    before = np.inf
    for _ in range(TURNS):
        found = _found(rows, centers, False)
        centers = _means(rows, found.labels, centers)
        if before - found.distortion < LEAST_GAIN * before:
            break
        before = found.distortion
    return centers
