"""One frame of each cluster: its best member, unless a guard speaks against it."""

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.choice.clusters import Clusters, count_different, ranked_members
from keyframes.choice.distance import FrameDistance, Places
from keyframes.choice.guards import TIME_DIGITS, Limits, blemishes
from keyframes.choice.selection import Known, Selection, selection_of
from keyframes.scan.scan import Scan

# The sharpest of this share of a cluster's members, those nearest to its centre, but of no more than so many, is best.
NEAR_SHARE = 0.1
NEAR_MEMBERS = 8


def select_members(
    scan: Scan, clusters: Clusters, k: int, limits: Limits | None = None, known: Known | None = None
) -> Selection:
    """Choose k frames, one of each of the first k clusters.

    A frame whose picture is in doubt is chosen only where there are fewer than k different ones that are intact.

    Parameters
    ----------
    scan : Scan
    clusters : Clusters
        Of its frames. Where they are fewer than k, frames that are least like all the others fill up.
    k : int
        At most the number of different rows of features, those of known frames left out, or fewer frames than k are
        chosen.
    limits : Limits or None, default=None
        Guards of the choice, all off by default.
    known : Known or None, default=None
        Frames that were labelled or chosen before, of which none is chosen.

    Returns
    -------
    Selection
        In time order.
    """
    limits = limits or Limits()
    known = known or Known.nothing(scan)
    allowed = ~np.isin(scan.frame_index, known.frame_index)
    intact = allowed & ~scan.suspect
    if scan.suspect.any() and count_different(scan.features[intact], k, known.features) == k:
        allowed = intact
    bad = {"dark": scan.brightness < limits.dark, "blurred": scan.sharpness < limits.blurred}
    blemish = blemishes(scan.suspect, bad["dark"], bad["blurred"])
    best = clusters.ranked(allowed, blemish, k)
    if limits.blurred:
        alike = [*clusters.alike, *repeat(None, k - len(clusters.alike))]
        best = [sharpest_first(members, scan.sharpness, rows) for members, rows in zip(best, alike, strict=True)]
    there = clusters.distance.places_of(known)
    company = Company(clusters.distance, scan.time_s, limits, k, there, scan.time_s[known.rows])
    clean, all_allowed = np.flatnonzero(allowed & (blemish == 0)), np.flatnonzero(allowed)
    effect: dict[str, dict[str, Any]] = choose_members(best, clean, all_allowed, company)
    rows = np.sort(np.array(company.rows, np.int64))
    effect |= {name: blemish_effect(frames, allowed, clusters, rows, k) for name, frames in bad.items()}
    guards = {
        name: {"limit": float(f"{limit:.6g}"), **effect[name]}
        for name, limit in vars(limits).items()
        if name in effect and limit
    }
    return selection_of(
        scan, rows, clusters.labels, np.sqrt(clusters.squared), clusters.distances_of(rows), guards, clusters.basis
    )


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
        Rows that count as nearest; None means the first members.
    """
    n_near = min(NEAR_MEMBERS, int(np.ceil(NEAR_SHARE * len(members))))
    near = members[:n_near] if alike is None else members[np.isin(members, alike)]
    if not len(near):
        return members
    best = near[np.argmax(sharpness[near])]
    return np.concatenate([[best], members[members != best]])


class Company:
    """The frames that another one is compared with: those that are chosen so far, and those that a project has.

    Parameters
    ----------
    distance : FrameDistance
    time_s : array (n_frames,), float64
        Numbers, where there is a least gap.
    limits : Limits
    most : int
        How many frames will be chosen.
    known : Places
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
        distance: FrameDistance,
        time_s: NDArray[np.float64],
        limits: Limits,
        most: int,
        known: Places,
        known_times: NDArray[np.float64],
    ) -> None:
        self._distance, self._time_s, self.limits = distance, time_s, limits
        self._n_known = len(known.features)
        self._there = known.with_room(most)
        self._times = np.concatenate([[-np.inf], np.sort(known_times), [np.inf]])
        self.rows: list[int] = []

    def add(self, row: int) -> None:
        """Choose a frame."""
        place, own = self._n_known + len(self.rows), self._distance.places(np.array([row]))
        self._there.features[place], self._there.sampled[place] = own.features[0], own.sampled[0]
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
        return self._are_close(self._times[after - 1], time_s) | self._are_close(time_s, self._times[after])

    def _are_close(self, earlier: NDArray[np.float64], later: NDArray[np.float64]) -> NDArray[np.bool_]:
        close = np.asarray(later - earlier < self.limits.min_gap_s - TIME_DIGITS)
        if self.limits.path is not None:
            before, after = (np.interp(times, self._time_s, self.limits.path) for times in (earlier, later))
            close &= after == before
        return close

    def squared_distances(self, rows: NDArray[np.int64], latest: bool = False) -> NDArray[np.float64]:
        """Squared distance of each of these frames to the nearest one that is there, or to the latest one.

        Infinite where there is none.
        """
        n_there = self._n_known + len(self.rows)
        first = n_there - 1 if latest else 0
        return self._distance.squared(rows, self._there.some(first, n_there))


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
        The members of each cluster that may represent it, best first.
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
    bad: NDArray[np.bool_], allowed: NDArray[np.bool_], clusters: Clusters, rows: NDArray[np.int64], n_clusters: int
) -> dict[str, int]:
    """Count the bad frames, the clusters whose nearest member is one and gave way, and those that were chosen."""
    labels, none = np.where(allowed, clusters.labels, -1), np.zeros(len(bad), np.uint8)
    nearest = ranked_members(labels, clusters.squared, none, n_clusters)
    chosen = set(rows.tolist())
    gave_way = sum(int(bad[members[0]] and members[0] not in chosen) for members in nearest if len(members))
    return {"frames": int(bad.sum()), "gave_way": gave_way, "kept": int(bad[rows].sum())}
