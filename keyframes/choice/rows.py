"""Choose rows of features that come from anywhere, without a video."""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clustering import k_medoids, representatives
from keyframes.choice.clusters import cluster_features, count_different
from keyframes.errors import SettingsError
from keyframes.sampling import even_rows

RowAlgorithm = Literal["kmedoids", "kmeans", "minibatch", "centnn"]
# k-medoids needs the distances of all pairs of rows: 300 MB for so many.
MOST_PAIRED = 5_000


def choose(
    features: ArrayLike,
    k: int,
    *,
    algorithm: RowAlgorithm = "kmedoids",
    unlike: ArrayLike | None = None,
    seed: int = 0,
    threads: int | None = None,
) -> NDArray[np.int64]:
    """Choose the k rows of a feature matrix that best represent all the others.

    This is for features of your own, such as those of a network or of body parts. `extract` chooses frames of a video.

    Parameters
    ----------
    features : array (n_rows, n_features)
        One row for each frame; scale the columns so that their differences count as much as they should.
    k : int
        Number of rows to choose. If fewer differ, all of those are chosen.
    algorithm : {"kmedoids", "kmeans", "minibatch", "centnn"}, default="kmedoids"
        "kmedoids" chooses rows with a small sum of Euclidean distances to all others, without randomness. If there are
        more than 5,000 rows, it considers an even sample. The others cluster all rows and take the member nearest to
        each centre.
    unlike : array of int, optional
        Rows that you have already. They are never chosen, and the new rows cover what they do not. Cannot be used with
        "minibatch" and "centnn".
    seed : int, default=0
        Seed of the clustering algorithms.
    threads : int or None, default=None
        Threads to use; None takes every processor. The result does not depend on it.

    Returns
    -------
    array (at most k,), int64
        Indices of the chosen rows, ascending.

    Raises
    ------
    SettingsError
        Where the features are not a finite matrix, or another argument does not fit.

    Examples
    --------
    >>> import keyframes
    >>> keyframes.choose([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2]], 2).tolist()
    [2, 4]
    """
    rows = _matrix(features)
    if k < 1:
        raise SettingsError(f"`k` is {k}; it must be 1 or more")
    if algorithm not in get_args(RowAlgorithm):
        raise SettingsError(f"`algorithm` is {algorithm!r}; choose one of {', '.join(get_args(RowAlgorithm))}")
    known = _known(unlike, len(rows))
    if len(known) and algorithm not in ("kmedoids", "kmeans"):
        raise SettingsError(f"`algorithm` is {algorithm}, which cannot use `unlike`; choose kmedoids or kmeans")
    # A row that equals one of `unlike` adds nothing.
    left = np.flatnonzero(~_equal_to(rows, known))
    n_chosen = count_different(rows[left], k)
    if not n_chosen:
        return np.empty(0, np.int64)
    if algorithm == "kmedoids":
        return _by_medoids(rows, left, known, n_chosen)
    fixed = rows[known] if len(known) else None
    labels, _, centers = cluster_features(
        rows[left], n_chosen, algorithm=algorithm, fixed=fixed, seed=seed, threads=threads
    )
    nearest, _ = representatives(rows[left], labels, centers)
    members = nearest[:n_chosen, 0]
    return np.sort(left[members[members >= 0]])


def _by_medoids(
    rows: NDArray[np.float32], left: NDArray[np.int64], known: NDArray[np.int64], k: int
) -> NDArray[np.int64]:
    """Choose medoids; rows beyond `MOST_PAIRED` are represented by an even sample."""
    places = even_rows(len(left), max(MOST_PAIRED, k))
    sample = rows[left[places]]
    covered = _distances(sample, rows[known]).min(axis=1) if len(known) else None
    medoids, _ = k_medoids(_distances(sample, sample), k, covered=covered)
    chosen = left[places[medoids]]
    return np.sort(chosen if len(chosen) == k else _with_farthest(rows, left, known, chosen, k))


def _with_farthest(
    rows: NDArray[np.float32],
    left: NDArray[np.int64],
    known: NDArray[np.int64],
    chosen: NDArray[np.int64],
    k: int,
) -> NDArray[np.int64]:
    """Add rows that the sample does not show, up to k in all: each the farthest from all that are there."""
    closest = _distances(rows[left], rows[np.concatenate([known, chosen])]).min(axis=1)
    for _ in range(k - len(chosen)):
        farthest = int(closest.argmax())
        chosen = np.append(chosen, left[farthest])
        closest = np.minimum(closest, _distances(rows[left], rows[chosen[-1:]])[:, 0])
    return chosen


def _distances(rows: NDArray[np.float32], others: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean distances, (n_rows, n_others); equal rows are 0 apart."""
    from scipy.spatial.distance import cdist

    return np.asarray(cdist(rows, others), np.float32)


def _matrix(features: ArrayLike) -> NDArray[np.float32]:
    try:
        rows = np.asarray(features, np.float32)
    except (TypeError, ValueError):
        raise SettingsError("`features` must be a matrix of numbers, one row for each frame") from None
    if rows.ndim != 2 or not rows.size:
        raise SettingsError(f"`features` have the shape {rows.shape}; give one row for each frame")
    if not np.isfinite(rows).all():
        raise SettingsError("`features` hold NaN or infinity; fill the gaps or leave those rows out")
    # A negative zero is a zero.
    return np.ascontiguousarray(rows + 0)


def _known(unlike: ArrayLike | None, n_rows: int) -> NDArray[np.int64]:
    known: NDArray[Any] = np.asarray([] if unlike is None else unlike)
    if not known.size:
        return np.empty(0, np.int64)
    if known.ndim != 1 or not np.issubdtype(known.dtype, np.integer) or known.min() < 0 or known.max() >= n_rows:
        raise SettingsError(f"`unlike` must list numbers of rows, 0 to {n_rows - 1}")
    return np.unique(known).astype(np.int64)


def _equal_to(rows: NDArray[np.float32], known: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which rows equal one of the known ones."""
    seen = {rows[number].tobytes() for number in known}
    return np.fromiter((row.tobytes() in seen for row in rows), np.bool_, len(rows))
