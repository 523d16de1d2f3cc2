"""Guards of a choice: against frames that look alike, that lie close together, that are dark, and that are blurred.

They are mild: a cluster without another member keeps its frame, and the number of frames stays what it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

# Two frames look alike where they differ by less than this share of the spread of all frames, ...
SIMILAR_SHARE = 0.05
# ... or by fewer gray levels (root mean square) than the rounding of thumbnails alone may make.
SIMILAR_LEVELS = 0.5
# Darker than this share of the median brightness is dark.
DARK_SHARE = 0.5
# Blurred is what is less sharp than the median by this share of it, and by this many times the upper quartile's lead
# over the median: what is blurred lies below the median, so the upper half tells how much sharpness varies by itself.
BLURRED_SHARE = 0.3
BLURRED_SPREADS = 6
# The sharpest of this share of a cluster's members, those nearest to its centre, but of no more than so many, is best.
NEAR_SHARE = 0.1
NEAR_MEMBERS = 8
# The spread is measured on an even sample of the frames.
SAMPLED_ROWS = 1 << 16
CHUNK_BYTES = 16 << 20
# A time is known to so many seconds.
TIME_DIGITS = 1e-6


@dataclass(frozen=True)
class Limits:
    """What counts as alike, close, dark and blurred; 0 switches a guard off.

    Attributes
    ----------
    similar : float
        Distance between the features of two frames, below which they look alike.
    min_gap_s : float
        Least time between two frames in seconds.
    dark : float
        Brightness in gray levels below which a frame is dark.
    blurred : float
        Variance of the Laplacian in gray levels squared below which a frame is blurred.
    """

    similar: float = 0.0
    min_gap_s: float = 0.0
    dark: float = 0.0
    blurred: float = 0.0


def similar_limit(features: NDArray[Any], n_pixels: int) -> float:
    """Distance below which two rows of features look alike.

    Parameters
    ----------
    features : array (n_frames, n_features), uint8 thumbnails, or float16 components in units of full white
    n_pixels : int
        Numbers a thumbnail.
    """
    rows = np.linspace(0, len(features) - 1, min(len(features), SAMPLED_ROWS)).astype(np.int64)
    spread = float(np.sqrt(np.var(features[rows], axis=0, dtype=np.float64).sum()))
    level = 1.0 if features.dtype == np.uint8 else 1 / 255
    return max(SIMILAR_SHARE * spread, SIMILAR_LEVELS * level * float(np.sqrt(n_pixels)))


def dark_limit(brightness: NDArray[np.float32]) -> float:
    """Brightness below which a frame is dark."""
    return DARK_SHARE * float(np.median(brightness))


def blurred_limit(sharpness: NDArray[np.float32]) -> float:
    """Sharpness below which a frame is blurred; 0 where sharpness varies so much by itself that it does not tell."""
    median, upper = (float(value) for value in np.percentile(sharpness, (50, 75)))
    return max(0.0, median - max(BLURRED_SHARE * median, BLURRED_SPREADS * (upper - median)))


def blemishes(suspect: NDArray[np.bool_], dark: NDArray[np.bool_], blurred: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """How bad each frame is; of a cluster's members only those of the lowest value can be chosen."""
    return (4 * suspect + 2 * dark + blurred).astype(np.uint8)


def ranked_members(
    labels: NDArray[np.int32], squared: NDArray[np.float32], blemish: NDArray[np.uint8], n_clusters: int
) -> list[NDArray[np.int64]]:
    """Rank the members of each cluster that have its lowest blemish, nearest to the centre first.

    Parameters
    ----------
    labels : array (n_frames,), int32
        Those from `n_clusters` on, and below 0, do not count.
    squared : array (n_frames,), float32
        Squared distance to the cluster's centre.
    blemish : array (n_frames,), uint8
    n_clusters : int

    Returns
    -------
    list of arrays, int64
        Row numbers; of equally near ones the first row comes first.
    """
    order = np.lexsort((squared, blemish, labels))
    bounds = np.searchsorted(labels[order], np.arange(n_clusters + 1))
    members = [order[first:last] for first, last in pairwise(bounds)]
    return [rows[blemish[rows] == blemish[rows[:1]]] for rows in members]


def sharpest_first(
    members: NDArray[np.int64], sharpness: NDArray[np.float32], alike: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Move the sharpest of the nearest members to the front of a ranking.

    Parameters
    ----------
    members : array, int64
        Row numbers, best first.
    sharpness : array (n_frames,), float32
    alike : array, int64, or None, default=None
        Rows that count as nearest; None stands for the first members.
    """
    n_near = min(NEAR_MEMBERS, int(np.ceil(NEAR_SHARE * len(members))))
    near = members[:n_near] if alike is None else members[np.isin(members, alike)]
    if not len(near):
        return members
    best = near[np.argmax(sharpness[near])]
    return np.concatenate([[best], members[members != best]])


class Company:
    """The frames that another one is held against: those that are chosen so far, and those that a project has.

    Parameters
    ----------
    features : array (n_frames, n_features)
    time_s : array (n_frames,), float64
        Numbers, where there is a least gap.
    limits : Limits
    most : int
        How many frames will be chosen.
    known_features : array (n_known, n_features)
        Of frames that were labelled or chosen before.
    known_times : array (n_times,), float64
        When those of them that are frames of this video are shown.

    Attributes
    ----------
    rows : list of int
        The chosen frames.
    limits : Limits
    """

    def __init__(
        self,
        features: NDArray[np.generic],
        time_s: NDArray[np.float64],
        limits: Limits,
        most: int,
        known_features: NDArray[np.generic],
        known_times: NDArray[np.float64],
    ) -> None:
        self._features, self._time_s, self.limits = features, time_s, limits
        self._n_known = len(known_features)
        self._there = np.empty((self._n_known + most, features.shape[1]))
        self._there[: self._n_known] = known_features
        self._times = np.concatenate([[-np.inf], np.sort(known_times), [np.inf]])
        self.rows: list[int] = []

    def add(self, row: int) -> None:
        """Choose a frame."""
        self._there[self._n_known + len(self.rows)] = self._features[row]
        self._times = np.insert(self._times, np.searchsorted(self._times, self._time_s[row]), self._time_s[row])
        self.rows.append(row)

    def similar(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which of these frames look like one that is there."""
        if not self.limits.similar:
            return np.zeros(len(rows), bool)
        return self.squared_distances(rows) < self.limits.similar**2

    def close(self, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Tell which of these frames lie closer in time to one that is there than they may."""
        if not self.limits.min_gap_s:
            return np.zeros(len(rows), bool)
        time_s = self._time_s[rows]
        after = np.maximum(np.searchsorted(self._times, time_s), 1)
        gaps = np.minimum(time_s - self._times[after - 1], self._times[after] - time_s)
        return np.asarray(gaps < self.limits.min_gap_s - TIME_DIGITS)

    def squared_distances(self, rows: NDArray[np.int64], latest: bool = False) -> NDArray[np.float64]:
        """Squared distance of each of these frames to the nearest one that is there, or to the latest one.

        Infinite where there is none.
        """
        n_there = self._n_known + len(self.rows)
        there = self._there[n_there - 1 if latest else 0 : n_there]
        nearest = np.full(len(rows), np.inf)
        if not len(there):
            return nearest
        if len(rows) == 1:
            # As most calls are: holding BLAS to one thread takes longer than this.
            return np.square(there - self._features[rows].astype(np.float64)).sum(axis=1).min(keepdims=True)
        norms = np.einsum("ij,ij->i", there, there)
        n_rows = max(1, CHUNK_BYTES // (8 * max(there.shape)))
        with threadpool_limits(1, user_api="blas"):
            for first in range(0, len(rows), n_rows):
                X = self._features[rows[first : first + n_rows]].astype(np.float64)
                squared = np.einsum("ij,ij->i", X, X)[:, None] + norms - 2 * (X @ there.T)
                nearest[first : first + n_rows] = np.maximum(squared.min(axis=1), 0)
        return nearest


def choose_members(
    ranked: Sequence[NDArray[np.int64]], clean: NDArray[np.int64], others: NDArray[np.int64], company: Company
) -> dict[str, dict[str, int]]:
    """Choose one frame of each cluster that neither looks like another choice nor lies close to it.

    The largest clusters choose first, each the best of its ranking that is acceptable. A cluster without any gives its
    place to the frame, of whatever cluster, that looks least like all that were chosen; if need be to one that lies
    close to another, and only then to one that looks like another, and last to one with a blemish.

    Parameters
    ----------
    ranked : sequence of arrays, int64
        The members of each cluster that may stand for it, best first.
    clean, others : array, int64
        Rows that may take the place of a cluster's own, and those that may where no clean one is left.
    company : Company
        Gets the chosen rows: as many as there are clusters, unless there are fewer.

    Returns
    -------
    dict of dict
        For each of "similar" and "min_gap_s": how many of the best members gave way ("gave_way"), and how many frames
        were chosen all the same, because nothing else was left ("kept").
    """
    effect = {"similar": {"gave_way": 0, "kept": 0}, "min_gap_s": {"gave_way": 0, "kept": 0}}

    def count(rows: NDArray[np.int64], what: str) -> None:
        effect["similar"][what] += int(company.similar(rows).sum())
        effect["min_gap_s"][what] += int(company.close(rows).sum())

    n_left = 0
    for members in sorted(ranked, key=len, reverse=True):
        count(members[:1], "gave_way")
        row = _first_acceptable(members, company)
        if row is None:
            n_left += 1
        else:
            company.add(row)
    for rows, different, apart in (
        (clean, True, True),
        (clean, True, False),
        (clean, False, True),
        (clean, False, False),
        (others, False, False),
    ):
        for row in _farthest(n_left, rows, different, apart, company):
            count(np.array([row]), "kept")
            company.add(row)
            n_left -= 1
    return effect


def _first_acceptable(members: NDArray[np.int64], company: Company) -> int | None:
    first, n_rows = 0, 1
    while first < len(members):
        some = members[first : first + n_rows]
        acceptable = ~(company.similar(some) | company.close(some))
        if acceptable.any():
            return int(some[np.argmax(acceptable)])
        # Mostly the first one is: only where frames hardly differ are there many to look at.
        first, n_rows = first + n_rows, min(8 * n_rows, 4096)
    return None


def _farthest(n_rows: int, rows: NDArray[np.int64], different: bool, apart: bool, company: Company) -> Iterator[int]:
    """Yield up to so many of these rows, each the one that looks least like all that are there when it is added.

    T. F. Gonzalez, "Clustering to minimize the maximum intercluster distance", Theoretical Computer Science 38, 1985.
    """
    if not n_rows:
        return
    rows = rows[~np.isin(rows, company.rows)]
    squared = company.squared_distances(rows)
    for _ in range(n_rows):
        possible = (squared > 0) & (squared >= different * company.limits.similar**2)
        if apart:
            possible &= ~company.close(rows)
        if not possible.any():
            return
        yield int(rows[np.argmax(np.where(possible, squared, -1))])
        squared = np.minimum(squared, company.squared_distances(rows, latest=True))


def blemish_effect(
    bad: NDArray[np.bool_],
    allowed: NDArray[np.bool_],
    labels: NDArray[np.int32],
    squared: NDArray[np.float32],
    rows: NDArray[np.int64],
    n_clusters: int,
) -> dict[str, int]:
    """Count the bad frames, the clusters whose nearest member is one and gave way, and those that were chosen."""
    nearest = ranked_members(np.where(allowed, labels, -1), squared, np.zeros(len(bad), np.uint8), n_clusters)
    chosen = set(rows.tolist())
    gave_way = sum(int(bad[members[0]] and members[0] not in chosen) for members in nearest if len(members))
    return {"frames": int(bad.sum()), "gave_way": gave_way, "kept": int(bad[rows].sum())}
