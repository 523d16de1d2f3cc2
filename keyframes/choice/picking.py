"""Which frames to choose by predictions, as a table of distances and a list of events have them.

A part of the frames goes to events of doubt, one for each event: the worst ones, and of many that are about as bad the
ones that represent the poses of the others. The rest are k-medoids beside those that are labelled or chosen already:
the place of a frame is covered by the frame whose place is nearest, its posture by the one whose posture is.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from keyframes.choice.guards import TIME_DIGITS
from keyframes.choice.pose_table import PoseTable
from keyframes.choice.selection import ChosenFor

# An event of doubt reaches over so many frames on each side, or over the least gap where that is more.
REACH = 3
# Events are about as bad as the last one that would be chosen by their level alone where these differ by this factor.
ABOUT = 2.0
# What noise alone reaches in one of so many recordings, in digits, is an error.
CERTAIN = 1.0
# Up to so many times as many errors as are wanted are few: then the worst are chosen, whatever they represent.
FEW = 1.25
# Of more events, the worst ones count.
MOST_EVENTS = 1024
# The least gap gives way to a frame that covers so many times as much as any that keeps it: fast motion is short.
GAP_GAIN = 0.5
# What is hidden for long gets no more than this share of the frames for doubt.
HIDDEN_SHARE = 0.25


@dataclass(frozen=True)
class Events:
    """Events of doubt among the rows of a scan, or of several.

    Attributes
    ----------
    rows : array (n_events,), int64
        The most doubtful first.
    level : array (n_rows,), float32
        Of doubt, for every row.
    certain : float
        Level from which on an event is an error.
    """

    rows: NDArray[np.int64]
    level: NDArray[np.float32]
    certain: float


@dataclass
class Picked:
    """The frames that are chosen so far, and those that may not be any more; rows of a scan, or of several.

    The `known` rows were labelled before. A row that is not `free` may be chosen where the least gap gives way, one
    that is not `allowed` only where nothing else is left, and one that is not `left` never. `position` and `time_s`
    ascend, and say how far rows are apart: in rows of the scan, and in seconds. A gap that was asked for gives way only
    where no free row is left: `holds_gap`.
    """

    known: NDArray[np.int64]
    left: NDArray[np.bool_]
    allowed: NDArray[np.bool_]
    free: NDArray[np.bool_]
    position: NDArray[np.int64]
    time_s: NDArray[np.float64]
    min_gap_s: float
    reach: int
    holds_gap: bool = False
    rows: list[int] = field(default_factory=list)
    chosen_for: dict[int, ChosenFor] = field(default_factory=dict)

    @classmethod
    def beside(
        cls,
        known: NDArray[np.bool_],
        position: NDArray[np.int64],
        time_s: NDArray[np.float64],
        min_gap_s: float,
        reach: int,
        holds_gap: bool = False,
    ) -> "Picked":
        """Begin where some rows are known already: those beside them are no news."""
        picked = cls(
            known=np.flatnonzero(known),
            left=~known,
            allowed=~known,
            free=~known,
            position=position,
            time_s=time_s,
            min_gap_s=min_gap_s,
            reach=reach,
            holds_gap=holds_gap,
        )
        for row in picked.known.tolist():
            picked.keep_gap(row)
        return picked

    @property
    def there(self) -> NDArray[np.int64]:
        """The known rows and the chosen ones."""
        return np.array([*self.known, *self.rows], np.int64)

    @property
    def stages(self) -> tuple[tuple[NDArray[np.bool_], NDArray[np.bool_]], ...]:
        """Rows to choose from one stage after the other: those to take first, and those that may be taken instead."""
        if self.holds_gap:
            return (self.free, self.free), (self.allowed, self.allowed)
        return ((self.free, self.allowed),)

    def add(self, row: int, chosen_for: ChosenFor) -> None:
        """Choose a frame; those close to it, or in reach of the same event, are not free any more."""
        self.rows.append(row)
        self.chosen_for[row] = chosen_for
        self.left[row] = False
        reach = self.reach if chosen_for == "doubt" else 0
        first, stop = np.searchsorted(self.position, [self.position[row] - reach, self.position[row] + reach + 1])
        self.allowed[first:stop] = False
        self.free &= self.allowed
        self.keep_gap(row)

    def keep_gap(self, row: int) -> None:
        """Let no frame be chosen that is closer to one in time than the least gap."""
        self.free[row] = False
        if self.min_gap_s:
            time_s = self.time_s[row]
            first, stop = np.searchsorted(
                self.time_s, [time_s - self.min_gap_s + TIME_DIGITS, time_s + self.min_gap_s - TIME_DIGITS]
            )
            self.free[first:stop] = False


def worst_events(
    events: NDArray[np.int64], level: NDArray[np.float32], hidden: NDArray[np.bool_], n_wanted: int
) -> NDArray[np.int64]:
    """Return the rows of the events to choose from, the most doubtful first."""
    events = events[np.argsort(-level[events], kind="stable")]
    allowed = ~hidden[events] | (np.cumsum(hidden[events]) <= HIDDEN_SHARE * n_wanted)
    return events[allowed][: MOST_EVENTS if n_wanted else 0]


def certain_level(n_points: int) -> float:
    """Return the level of doubt that noise alone hardly reaches among so many points."""
    return float(np.log10(max(1, n_points))) + CERTAIN


def pick(poses: PoseTable, picked: Picked, events: Events, *, n_doubtful: int, n_wanted: int) -> None:
    """Choose so many frames, up to `n_doubtful` of them for doubt.

    Parameters
    ----------
    poses : PoseTable
        Of the events and the known rows too.
    picked : Picked
        Where nothing is chosen yet; it has the frames afterwards.
    events : Events
    n_doubtful, n_wanted : int
    """
    for first, possible in picked.stages:
        while True:
            n_before, n_done = len(picked.rows), list(picked.chosen_for.values()).count("doubt")
            n_left = min(n_doubtful - n_done, n_wanted - n_before)
            _pick_doubtful(poses, picked, events, n_left, first, possible)
            # A gap that holds may have kept the worst events out: then come the next ones.
            if not picked.holds_gap or len(picked.rows) == n_before:
                break
        _pick_covering(poses, picked, n_wanted - len(picked.rows), possible)
    _add_farthest(picked, n_wanted - len(picked.rows), picked.left)


def _pick_doubtful(
    poses: PoseTable,
    picked: Picked,
    events: Events,
    n_wanted: int,
    first: NDArray[np.bool_],
    possible: NDArray[np.bool_],
) -> None:
    """Choose the certain errors, the worst first, and then events that represent those about as bad as the last one.

    Of far more errors than are wanted, only those far worse than the last one are chosen by their level alone. Events
    are rows of `first`; where others of them gain far more, those that are only `possible` may be taken.
    """
    rows, level = events.rows[first[events.rows]], events.level
    if not n_wanted or not len(rows):
        return
    n_before = len(picked.rows)
    is_few = (level[rows] > events.certain).sum() <= FEW * n_wanted
    last = level[rows[min(n_wanted, len(rows)) - 1]]
    sure = max(events.certain, last) if is_few else ABOUT * last
    for row in rows[level[rows] > sure].tolist():
        if first[row]:
            picked.add(row, "doubt")
    pool = np.sort(rows[(level[rows] >= last / ABOUT) & first[rows]])
    if len(pool):
        n_left = min(n_wanted - (len(picked.rows) - n_before), len(pool))
        _add_medoids(poses, picked, pool, n_left, "doubt", possible)


def _pick_covering(poses: PoseTable, picked: Picked, n_wanted: int, possible: NDArray[np.bool_]) -> None:
    """Choose frames that cover what the known and the chosen ones do not."""
    n_before = len(picked.rows)
    if n_wanted > 0:
        _add_medoids(poses, picked, poses.rows, n_wanted, "coverage", possible)
    # As far as poses tell, what is there shows all there is: then what lies farthest from it in time.
    _add_farthest(picked, n_wanted - (len(picked.rows) - n_before), possible)


def _add_farthest(picked: Picked, n_wanted: int, possible: NDArray[np.bool_]) -> None:
    """Choose up to so many of the possible rows for coverage, each the farthest in time from what is there."""
    for _ in range(n_wanted):
        rows = np.flatnonzero(possible)
        if not len(rows):
            return
        picked.add(int(rows[_steps_to(rows, np.sort(picked.there)).argmax()]), "coverage")


def _steps_to(rows: NDArray[np.int64], there: NDArray[np.int64]) -> NDArray[np.float64]:
    """Rows between each of these and the nearest of some that are there, in ascending order."""
    padded = np.concatenate([[-np.inf], there, [np.inf]])
    after = np.searchsorted(padded, rows)
    return np.asarray(np.minimum(padded[after] - rows, rows - padded[after - 1]))


def _add_medoids(
    poses: PoseTable,
    picked: Picked,
    rows: NDArray[np.int64],
    n_wanted: int,
    chosen_for: ChosenFor,
    possible: NDArray[np.bool_],
) -> None:
    """Choose k-medoids of some sampled rows, free ones as long as these cover almost as much as others that may be."""
    own = poses.places(rows)
    # Frames for doubt represent other doubtful ones, those for coverage all.
    parts = poses.parts[:, np.concatenate([own, own + len(poses.rows)])]
    weights = np.tile(poses.weights[own], 2)
    n_before = len(picked.rows)
    while (n_left := n_wanted - (len(picked.rows) - n_before)) > 0:
        there = poses.places(picked.there)
        closest = parts[there].min(axis=0) if len(there) else None
        best = _medoids(parts, weights, closest, own[possible[rows]], 1)
        if not best:
            # None is left, or all that is left is at distance 0 from what is there.
            return
        most = np.full(parts.shape[1], 2 * parts.max() + 1, np.float32) if closest is None else closest.copy()
        enough = GAP_GAIN * _gain(parts[best[0]], most, weights)
        n_now = len(picked.rows)
        for place in _medoids(parts, weights, closest, own[picked.free[rows]], n_left):
            # Up to the first one that one before it excludes, or that gains too little.
            row = int(poses.rows[place])
            if not picked.free[row] or _gain(parts[place], most, weights) < enough:
                break
            picked.add(row, chosen_for)
            most = np.minimum(most, parts[place])
        if len(picked.rows) == n_now:
            picked.add(int(poses.rows[best[0]]), chosen_for)


def _medoids(
    parts: NDArray[np.float32],
    weights: NDArray[np.int64],
    closest: NDArray[np.float32] | None,
    candidates: NDArray[np.int64],
    number: int,
) -> list[int]:
    """Places of the candidates, at most so many, that cover most of what is not covered yet."""
    from clustering import k_medoids

    if not len(candidates):
        return []
    found, _ = k_medoids(parts[candidates], number, sample_weight=weights, covered=closest)
    return [int(place) for place in candidates[found]]


def _gain(distances: NDArray[np.float32], closest: NDArray[np.float32], weights: NDArray[np.int64]) -> float:
    """By how much a frame at these distances lowers the weighted sum of the distances to the closest one."""
    return float((weights * np.maximum(closest - distances, 0)).sum())
