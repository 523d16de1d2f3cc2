"""The next frames by what a network says already: some where it is in doubt, some to cover the poses.

A part of the frames goes to events of doubt, one for each event: the worst ones, and of many that are about as bad the
ones that represent the poses of the others. The rest are k-medoids beside those that are labelled or chosen already:
the place of a frame is covered by the frame whose place is nearest, its posture by the one whose posture is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from keyframes.choice.guards import least_gap_s
from keyframes.choice.poses import pose_distances, sample_of_poses
from keyframes.choice.predicted_video import PredictedVideo
from keyframes.choice.selection import ChosenFor, Keyframe, Selection, selection_of
from keyframes.errors import RegionError
from keyframes.predictions.doubt import find_events
from keyframes.progress import Progress, progress_bar
from keyframes.scan.scan import Scan
from keyframes.settings import Settings

if TYPE_CHECKING:
    from clustering import KSelection

# An event of doubt reaches over so many frames on each side, or over the least gap where that is more.
REACH = 3
# Events are about as bad as the last one that would be chosen by their level alone where these differ by this factor.
ABOUT = 2.0
# Noise alone reaches a level by this many digits beyond one in all points of a recording once in so many powers of ten
# of recordings: what reaches it is an error.
CERTAIN = 1.0
# Of more events, the worst ones count.
MOST_EVENTS = 1024
# The least gap gives way to a frame that covers so many times as much as any that keeps it: fast motion is short.
GAP_GAIN = 0.5
# What is hidden for long gets no more than this share of the frames for doubt.
HIDDEN_SHARE = 0.25


@dataclass
class _Choice:
    """The frames that are chosen so far, and those that may not be any more; rows of the scan.

    A row that is not `free` may be chosen where the least gap gives way, one that is not `allowed` only where nothing
    else is left, and one that is not `left` never.
    """

    left: NDArray[np.bool_]
    allowed: NDArray[np.bool_]
    free: NDArray[np.bool_]
    time_s: NDArray[np.float64]
    min_gap_s: float
    reach: int
    rows: list[int] = field(default_factory=list)
    chosen_for: dict[int, ChosenFor] = field(default_factory=dict)

    def add(self, row: int, chosen_for: ChosenFor) -> None:
        """Choose a frame; those close to it, or in reach of the same event, are not free any more."""
        self.rows.append(row)
        self.chosen_for[row] = chosen_for
        self.left[row] = False
        reach = self.reach if chosen_for == "doubt" else 0
        self.allowed[max(0, row - reach) : row + reach + 1] = False
        self.free &= self.allowed
        self.keep_gap(row)

    def keep_gap(self, row: int) -> None:
        """Let no frame be chosen that is closer to one in time than the least gap."""
        self.free[row] = False
        if self.min_gap_s:
            first, stop = np.searchsorted(
                self.time_s, [self.time_s[row] - self.min_gap_s + 1e-6, self.time_s[row] + self.min_gap_s - 1e-6]
            )
            self.free[first:stop] = False


def choose_predicted(
    views: Sequence[PredictedVideo],
    scan: Scan,
    settings: Settings,
    threads: int | None,
    progress: Progress,
    known: NDArray[np.int64],
) -> "tuple[Selection, KSelection | None]":
    """Choose frames by predictions.

    Parameters
    ----------
    views : sequence of PredictedVideo
        Of one scene; one of a single video.
    scan : Scan
        Of the predictions of the first of them.
    settings : Settings
    threads : int or None
    progress : bool or callable
    known : array (n_known,), int64
        Frames that are labelled already.

    Raises
    ------
    RegionError
        Where no frame is left to choose.
    """
    from keyframes.choice.clusters import choose_k

    with progress_bar(None, "choose", 1, "steps", progress) as steps:
        k_selection = None
        if settings.k == "auto":
            k_selection = choose_k(scan.features, seed=settings.seed, threads=threads)
        k = k_selection.k if k_selection else int(settings.k)
        allowed = ~np.isin(scan.frame_index, known)
        if not allowed.any():
            raise RegionError("every frame that has predictions is labelled already: nothing is left to choose")
        choice = _Choice(
            allowed, allowed.copy(), allowed.copy(), scan.time_s, least_gap_s(settings), max(1, REACH // settings.every)
        )
        # Frames beside labelled ones are no news.
        known_rows = np.flatnonzero(~allowed)
        for row in known_rows:
            choice.keep_gap(int(row))
        level = np.max([view.doubt.level[scan.frame_index] for view in views], axis=0)
        hidden = np.any([view.doubt.hidden[scan.frame_index] for view in views], axis=0)
        n_doubtful = min(round(settings.doubt * k), k)
        events = _worst_events(np.where(choice.free, level, 0), hidden, n_doubtful, choice.reach)
        poses = _Poses.of(views, scan, np.union1d(events, known_rows))
        _choose_doubtful(poses, choice, events, level, _certain_level(views), n_doubtful, known_rows)
        _choose_covering(poses, choice, k - len(choice.rows), known_rows)
        selection = _selection(views, scan, poses, choice, known_rows)
        steps.update()
    return selection, k_selection


@dataclass(frozen=True)
class _Poses:
    """Distances between the poses of a sample of the frames.

    Attributes
    ----------
    rows : array (n_sampled,), int64
        Of the scan, ascending.
    weights : array (n_sampled,), int64
        Frames that each represents: those that it is nearest to in time.
    distances : array (n_sampled, n_sampled), float32
        Of places and postures together.
    posture : array (n_sampled, n_sampled), float32
        The part of it that is of postures.
    """

    rows: NDArray[np.int64]
    weights: NDArray[np.int64]
    distances: NDArray[np.float32]
    posture: NDArray[np.float32]

    @classmethod
    def of(cls, views: Sequence[PredictedVideo], scan: Scan, more: NDArray[np.int64]) -> "_Poses":
        """Sample the frames of a scan, these rows included."""
        own = [view.poses.points[scan.frame_index] for view in views]
        together = own[0] if len(own) == 1 else np.concatenate([part.reshape(len(part), 1, -1, 2) for part in own], 2)
        sampled = sample_of_poses(together)
        del together
        rows = np.union1d(sampled, more)
        distances = np.zeros((len(rows), len(rows)), np.float32)
        posture = np.zeros_like(distances)
        even = np.searchsorted(rows, sampled[:: max(1, len(sampled) // 512)])
        for view, points in zip(views, own, strict=True):
            for is_posture, part in enumerate(
                pose_distances(points[rows], view.poses.radius, view.poses.blur[scan.frame_index[rows]])
            ):
                mean = float(part[np.ix_(even, even)].mean())
                if mean > 0:
                    part /= np.float32(mean * len(views))
                    distances += part
                    if is_posture:
                        posture += part
        return cls(rows, np.bincount(_nearest(rows, len(own[0]))), distances, posture)

    def places(self, rows: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
        """Places of rows of the scan in the sample."""
        return np.searchsorted(self.rows, np.asarray(rows, np.int64))

    @cached_property
    def parts(self) -> NDArray[np.float32]:
        """Distances to all in place, and beside them those in posture: (n_sampled, 2 * n_sampled).

        Each is covered by itself: one chosen frame may show where an animal is, and another one its posture.
        """
        return np.concatenate([self.distances - self.posture, self.posture], axis=1)


def _nearest(rows: NDArray[np.int64], n_frames: int) -> NDArray[np.int64]:
    return np.searchsorted((rows[1:] + rows[:-1]) / 2, np.arange(n_frames))


def _worst_events(
    level: NDArray[np.float32], hidden: NDArray[np.bool_], n_wanted: int, reach: int
) -> NDArray[np.int64]:
    """Return the rows of the events to choose from, the most doubtful first."""
    events = find_events(level, reach)
    events = events[np.argsort(-level[events], kind="stable")]
    allowed = ~hidden[events] | (np.cumsum(hidden[events]) <= HIDDEN_SHARE * n_wanted)
    return events[allowed][: MOST_EVENTS if n_wanted else 0]


def _certain_level(views: Sequence[PredictedVideo]) -> float:
    """Return the level of doubt that noise alone hardly reaches in a recording of this length."""
    return float(np.log10(sum(view.predictions.confidence.size for view in views))) + CERTAIN


def _choose_doubtful(
    poses: _Poses,
    choice: _Choice,
    events: NDArray[np.int64],
    level: NDArray[np.float32],
    certain: float,
    n_wanted: int,
    known_rows: NDArray[np.int64],
) -> None:
    """Choose the certain errors, and of too many those far worse than the last; then ones that represent the others."""
    if not n_wanted or not len(events):
        return
    n_certain = int((level[events] > certain).sum())
    last = level[events[min(n_wanted, len(events)) - 1]]
    sure = certain if n_certain <= n_wanted else ABOUT * last
    for row in events[level[events] > sure].tolist():
        if choice.free[row]:
            choice.add(row, "doubt")
    pool = np.sort(events[(level[events] >= last / ABOUT) & choice.free[events]])
    if len(pool):
        _add_medoids(poses, choice, pool, min(n_wanted - len(choice.rows), len(pool)), known_rows, "doubt")


def _choose_covering(poses: _Poses, choice: _Choice, n_wanted: int, known_rows: NDArray[np.int64]) -> None:
    """Choose frames that cover what the known and the chosen ones do not."""
    n_before = len(choice.rows)
    if n_wanted > 0:
        _add_medoids(poses, choice, poses.rows, n_wanted, known_rows, "coverage")
    for _ in range(n_wanted - (len(choice.rows) - n_before)):
        # As far as poses tell, what is there shows all there is: then what lies farthest from it in time.
        open_rows = choice.allowed if choice.allowed.any() else choice.left
        if not open_rows.any():
            return
        rows = np.flatnonzero(open_rows)
        there = np.sort(np.concatenate([known_rows, choice.rows]))
        choice.add(int(rows[_steps_to(rows, there).argmax()]), "coverage")


def _steps_to(rows: NDArray[np.int64], there: NDArray[np.int64]) -> NDArray[np.float64]:
    """Rows between each of these and the nearest of some that are there, in ascending order."""
    padded = np.concatenate([[-np.inf], there, [np.inf]])
    after = np.searchsorted(padded, rows)
    return np.asarray(np.minimum(padded[after] - rows, rows - padded[after - 1]))


def _add_medoids(
    poses: _Poses,
    choice: _Choice,
    rows: NDArray[np.int64],
    n_wanted: int,
    fixed: NDArray[np.int64],
    chosen_for: ChosenFor,
) -> None:
    """Choose k-medoids of some sampled rows, free ones as long as these cover anything that is not covered yet."""
    own = poses.places(rows)
    # Frames for doubt represent other doubtful ones, those for coverage all.
    parts = poses.parts[:, np.concatenate([own, own + len(poses.rows)])]
    weights = np.tile(poses.weights[own], 2)
    n_before = len(choice.rows)
    while (n_left := n_wanted - (len(choice.rows) - n_before)) > 0:
        there = poses.places([*fixed.tolist(), *choice.rows])
        closest = parts[there].min(axis=0) if len(there) else None
        best = _medoids(parts, weights, closest, own[choice.allowed[rows]], 1)
        if not best:
            # All that is left is at distance 0 from what is there.
            return
        most = np.full(parts.shape[1], 2 * parts.max() + 1, np.float32) if closest is None else closest.copy()
        enough = GAP_GAIN * _gain(parts[best[0]], most, weights)
        n_now = len(choice.rows)
        for place in _medoids(parts, weights, closest, own[choice.free[rows]], n_left):
            # Up to the first one that one before it excludes, or that gains too little.
            row = int(poses.rows[place])
            if not choice.free[row] or _gain(parts[place], most, weights) < enough:
                break
            choice.add(row, chosen_for)
            most = np.minimum(most, parts[place])
        if len(choice.rows) == n_now:
            choice.add(int(poses.rows[best[0]]), chosen_for)


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


def _selection(
    views: Sequence[PredictedVideo],
    scan: Scan,
    poses: _Poses,
    choice: _Choice,
    known_rows: NDArray[np.int64],
) -> Selection:
    """Return the choice, each frame of the recording in the cluster of the chosen one that is nearest."""
    rows = np.sort(np.array(choice.rows, np.int64))
    places = poses.places(rows)
    sampled = _nearest(poses.rows, len(scan.frame_index))
    labels = poses.distances[places].argmin(axis=0).astype(np.int32)
    labels[places] = np.arange(len(places))
    distances = poses.distances[places[labels], np.arange(len(labels))]
    selection = selection_of(scan, rows, labels[sampled], distances[sampled], distances[places])
    keyframes = tuple(
        replace(
            keyframe, chosen_for=choice.chosen_for[row], reason=_reason(views, poses, choice, row, keyframe, known_rows)
        )
        for row, keyframe in zip(rows.tolist(), selection.keyframes, strict=True)
    )
    return replace(selection, keyframes=keyframes)


def _reason(
    views: Sequence[PredictedVideo],
    poses: _Poses,
    choice: _Choice,
    row: int,
    keyframe: Keyframe,
    known_rows: NDArray[np.int64],
) -> str:
    """Say why a row was chosen."""
    if choice.chosen_for[row] == "doubt":
        worst = max(views, key=lambda view: float(view.doubt.level[keyframe.frame_index]))
        return worst.doubt.reason(keyframe.frame_index)
    if not len(known_rows):
        return f"represents {keyframe.cluster_size:,} frame{'s' * (keyframe.cluster_size != 1)}"
    own, others = poses.places([row])[0], poses.places(known_rows)
    nearest = others[poses.distances[own, others].argmin()]
    is_posture = float(poses.posture[own, nearest]) > float(poses.distances[own, nearest]) / 2
    return f"a {'posture' if is_posture else 'place'} like none labelled"
