"""One number of frames for all recordings, chosen by predictions.

Each recording is reduced to a few thousand poses at most and its events of doubt. Among those of all recordings, frames
are picked as among those of one: the worst events, wherever they are, and k-medoids of the poses.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.choice.guards import least_gap_s
from keyframes.choice.picking import MOST_EVENTS, REACH, Events, Picked, certain_level, pick, worst_events
from keyframes.choice.pose_table import N_SCALED, PoseTable, scaled_distances
from keyframes.choice.poses import MOST_SAMPLED, sample_of_poses
from keyframes.choice.predicted import Start
from keyframes.choice.predicted_video import PredictedVideo
from keyframes.choice.selection import ChosenFor
from keyframes.sampling import even_rows, nearest_of
from keyframes.scan.array_files import load_arrays, save_arrays
from keyframes.scan.scan import Scan
from keyframes.settings import Settings

# Most poses of which the distances of all pairs fit in memory; of more, an even sample counts.
MOST_TOGETHER = 4096
# More frames than this could not be chosen well among these poses.
MOST_FRAMES = MOST_TOGETHER // 2
# Poses that are kept of each of many recordings; of few recordings, each keeps more.
FEWEST_POSES = 256
# Poses that cannot be compared are farther apart than any others, by this factor.
FAR = 2.0
# What a coreset has for each of its rows.
BY_ROW = (
    "rows", "frame_index", "time_s", "points", "blur", "level", "hidden", "is_event", "is_known", "is_sampled",
)  # fmt: skip


def poses_of_each(n_recordings: int) -> int:
    """Return how many poses each of `n_recordings` is reduced to."""
    return min(MOST_SAMPLED, max(FEWEST_POSES, MOST_TOGETHER // n_recordings))


@dataclass(frozen=True)
class PredictedCoreset:
    """A recording in short: poses that represent it, events of doubt, and labelled frames; a row for each frame.

    Attributes
    ----------
    rows, frame_index : array (n,), int64
        Rows of the scan, and frame indices of the recording.
    time_s : array (n,), float64
    points : array (n, n_animals, n_nodes, 2), float32
        Cleaned, in units of the animal's size.
    blur : array (n,), float32
        Mean square distance that noise leaves, in those units squared.
    level : array (n,), float32
        Of doubt.
    hidden, is_event, is_known, is_sampled : array (n,), bool
    names : array (n_nodes,), str
    n_frames, n_points : int
        Rows of the scan; points of the recording.
    """

    rows: NDArray[np.int64]
    frame_index: NDArray[np.int64]
    time_s: NDArray[np.float64]
    points: NDArray[np.float32]
    blur: NDArray[np.float32]
    level: NDArray[np.float32]
    hidden: NDArray[np.bool_]
    is_event: NDArray[np.bool_]
    is_known: NDArray[np.bool_]
    is_sampled: NDArray[np.bool_]
    names: NDArray[np.str_]
    n_frames: int
    n_points: int

    @classmethod
    def of(cls, predicted: PredictedVideo, scan: Scan, settings: Settings, n_poses: int) -> "PredictedCoreset":
        """Reduce a recording to `n_poses` poses, for a choice as the settings say; see `Start.of` for the errors."""
        k = int(settings.k)
        start = Start.of([predicted], scan, settings, predicted.labelled, round(settings.doubt * k))
        sampled = sample_of_poses(predicted.poses.points[scan.frame_index], n_poses)
        known = start.picked.known
        rows = np.union1d(np.union1d(sampled, start.events), known[:: 1 + len(known) // n_poses])
        frames = scan.frame_index[rows]
        radius = np.float32(predicted.poses.radius)
        return cls(
            rows=rows,
            frame_index=frames,
            time_s=scan.time_s[rows],
            points=predicted.poses.points[frames] / radius,
            blur=predicted.poses.blur[frames] / radius**2,
            level=start.level[rows],
            hidden=start.hidden[rows],
            is_event=np.isin(rows, start.events),
            is_known=np.isin(rows, known),
            is_sampled=np.isin(rows, sampled),
            names=np.array(predicted.predictions.names),
            n_frames=len(scan.frame_index),
            n_points=start.n_points,
        )

    def only(self, kept: NDArray[np.bool_]) -> "PredictedCoreset":
        """Return it with these rows alone."""
        return replace(self, **{name: getattr(self, name)[kept] for name in BY_ROW})

    def in_order_of(self, names: NDArray[np.str_]) -> "PredictedCoreset":
        """Return it with its keypoints in the order of these names, which are the same ones."""
        order = [self.names.tolist().index(name) for name in names]
        return replace(self, points=self.points[:, :, order], names=names)


def save_predicted_coreset(path: Path, coreset: PredictedCoreset) -> None:
    """Write a coreset, whole or not at all."""
    save_arrays(path, **vars(coreset))


def load_predicted_coreset(path: Path) -> PredictedCoreset | None:
    """Return a coreset that was kept; None where there is none that can be read."""
    kept: dict[str, Any] = load_arrays(path, {field.name for field in fields(PredictedCoreset)})
    if not kept:
        return None
    return PredictedCoreset(**{**kept, **{name: int(kept[name]) for name in ("n_frames", "n_points")}})


def other_keypoints(coresets: Mapping[str, PredictedCoreset]) -> dict[str, str]:
    """Say of each recording whose keypoints are not those of most others how they differ."""
    sets = {name: tuple(sorted(coreset.names.tolist())) for name, coreset in coresets.items()}
    common = set(Counter(sets.values()).most_common(1)[0][0])
    told = {}
    for name, own in sets.items():
        if differing := sorted(common.symmetric_difference(own)):
            told[name] = (
                f"its predictions have different keypoints from those of most recordings ({', '.join(differing[:3])}); "
                "choose common ones with --keypoints"
            )
    return told


@dataclass(frozen=True)
class PredictedPlan:
    """The frames to take: for each the number of its recording, its index, and whether it is for doubt."""

    names: tuple[str, ...]
    owners: NDArray[np.int32]
    frames: NDArray[np.int64]
    doubtful: NDArray[np.bool_]

    def share_of(self, name: str) -> "PredictedPlan":
        """Return what one recording has to do."""
        own = self.owners == self.names.index(name)
        return PredictedPlan((name,), np.zeros(int(own.sum()), np.int32), self.frames[own], self.doubtful[own])

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def chosen_for(self) -> dict[int, ChosenFor]:
        """The frames of a share, and what they are for."""
        return {
            frame: "doubt" if is_doubtful else "coverage"
            for frame, is_doubtful in zip(self.frames.tolist(), self.doubtful.tolist(), strict=True)
        }

    @property
    def digest(self) -> str:
        """What tells one recording's share from another."""
        return hashlib.sha256(self.frames.tobytes() + self.doubtful.tobytes()).hexdigest()[:16]


def plan_predicted(
    coresets: Mapping[str, PredictedCoreset], settings: Settings, total: int, at_least: int = 0
) -> PredictedPlan:
    """Choose `total` frames of all recordings together, at least `at_least` of each, as far as it has them.

    Recordings that would get fewer have a choice of their own, and the rest of the total is spent on the others.

    Parameters
    ----------
    coresets : mapping of str to PredictedCoreset
        By the recordings' names; all with the same keypoints.
    settings : Settings
    total, at_least : int
    """
    names = tuple(coresets)
    order = coresets[names[0]].names
    aligned = {name: coreset.in_order_of(order) for name, coreset in coresets.items()}
    chosen: dict[str, dict[int, ChosenFor]] = {}
    others = list(names)
    while True:
        n_left = total - sum(map(len, chosen.values()))
        shares = dict(zip(others, _spend([aligned[name] for name in others], settings, n_left), strict=True))
        short = [name for name, share in shares.items() if len(share) < min(at_least, _n_open(aligned[name]))]
        if not short:
            break
        for name in short:
            (chosen[name],) = _spend([aligned[name]], settings, at_least)
        others = [name for name in others if name not in short]
    chosen |= shares
    rows = [(number, frame, what) for number, name in enumerate(names) for frame, what in sorted(chosen[name].items())]
    return PredictedPlan(
        names,
        np.array([row[0] for row in rows], np.int32),
        np.array([row[1] for row in rows], np.int64),
        np.array([row[2] == "doubt" for row in rows], np.bool_),
    )


def _n_open(coreset: PredictedCoreset) -> int:
    return int((~coreset.is_known).sum())


def _spend(coresets: Sequence[PredictedCoreset], settings: Settings, n_wanted: int) -> list[dict[int, ChosenFor]]:
    """Choose `n_wanted` frames of several recordings; return those of each."""
    shares: list[dict[int, ChosenFor]] = [{} for _ in coresets]
    if n_wanted < 1 or not coresets:
        return shares
    n_doubtful = round(settings.doubt * n_wanted)
    is_event, thinned = _worth_comparing(coresets, n_doubtful)
    level, hidden = (np.concatenate([getattr(own, name) for own in thinned]) for name in ("level", "hidden"))
    position, time_s = _one_after_another(thinned, least_gap_s(settings))
    known = np.concatenate([own.is_known for own in thinned])
    reach = max(1, REACH // settings.every)
    picked = Picked.beside(known, position, time_s, least_gap_s(settings), reach, holds_gap=bool(settings.min_gap_s))
    worst = worst_events(np.flatnonzero(is_event), level, hidden, n_doubtful)
    events = Events(worst, level, certain_level(sum(own.n_points for own in coresets)))
    pick(_table(thinned), picked, events, n_doubtful=n_doubtful, n_wanted=n_wanted)
    owner = np.repeat(np.arange(len(thinned)), [len(own.rows) for own in thinned])
    frame_index = np.concatenate([own.frame_index for own in thinned])
    for row in picked.rows:
        shares[owner[row]][int(frame_index[row])] = picked.chosen_for[row]
    return shares


def _worth_comparing(
    coresets: Sequence[PredictedCoreset], n_doubtful: int
) -> tuple[NDArray[np.bool_], list[PredictedCoreset]]:
    """Leave out what is too much: events that are not among the worst, and poses beyond an even sample.

    Returns which of the rows are events, and the coresets of these rows.
    """
    level, is_event, is_sampled, is_known = (
        np.concatenate([getattr(own, name) for own in coresets])
        for name in ("level", "is_event", "is_sampled", "is_known")
    )
    events = np.flatnonzero(is_event)
    events = events[np.argsort(-level[events], kind="stable")][: MOST_EVENTS if n_doubtful else 0]
    sampled = np.flatnonzero(is_sampled)
    sampled = sampled[even_rows(len(sampled), MOST_TOGETHER)]
    sampled_again, is_worst = (np.zeros(len(level), np.bool_) for _ in range(2))
    is_worst[events], sampled_again[sampled] = True, True
    kept = is_worst | sampled_again | is_known
    ends = np.cumsum([len(own.rows) for own in coresets])[:-1]
    parts = zip(coresets, np.split(kept, ends), np.split(sampled_again, ends), strict=True)
    thinned = [replace(own, is_sampled=again).only(rows) for own, rows, again in parts]
    return is_worst[kept], thinned


def _one_after_another(
    coresets: Sequence[PredictedCoreset], min_gap_s: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return positions and times at which no frame of a recording is close to one of another."""
    positions, times = [], []
    position, time_s = 0, 0.0
    for own in coresets:
        # Where frames have no times, none is too close to another one.
        seen = np.where(np.isnan(own.time_s), own.rows * (min_gap_s + 1), own.time_s)
        positions.append(position + own.rows)
        times.append(time_s + seen - (seen[0] if len(seen) else 0))
        position += own.n_frames + REACH + 1
        time_s = (times[-1][-1] if len(seen) else time_s) + min_gap_s + 1
    return np.concatenate(positions), np.concatenate(times)


def _table(coresets: Sequence[PredictedCoreset]) -> PoseTable:
    """Return the distances of all rows of all recordings; those with other numbers of animals are far apart."""
    weights = [np.bincount(nearest_of(own.rows, own.n_frames), minlength=len(own.rows)) for own in coresets]
    n_rows = sum(len(own.rows) for own in coresets)
    blur, is_sampled = (np.concatenate([getattr(own, name) for own in coresets]) for name in ("blur", "is_sampled"))
    n_animals = np.repeat([own.points.shape[1] for own in coresets], [len(own.rows) for own in coresets])
    place, posture = (np.full((n_rows, n_rows), -1, np.float32) for _ in range(2))
    for number in np.unique(n_animals):
        rows = np.flatnonzero(n_animals == number)
        points = np.concatenate([own.points for own in coresets if own.points.shape[1] == number])
        sampled = np.flatnonzero(is_sampled[rows])
        even = sampled[:: max(1, len(sampled) // N_SCALED)]
        own_place, own_posture = scaled_distances(points, 1.0, blur[rows], even)
        place[np.ix_(rows, rows)], posture[np.ix_(rows, rows)] = own_place, own_posture
    for part in (place, posture):
        part[part < 0] = FAR * max(1.0, float(part.max()))
    return PoseTable(np.arange(n_rows), np.concatenate(weights), place + posture, posture)


def save_predicted_plan(path: Path, plan: PredictedPlan, key: str) -> None:
    """Write a plan under a key that tells what it was made of."""
    save_arrays(path, **{**vars(plan), "names": np.array(plan.names)}, key=np.array(key))


def load_predicted_plan(path: Path, key: str | None = None) -> PredictedPlan | None:
    """Return a plan; None where there is none that can be read, or its key is another one."""
    kept = load_arrays(path, {"key", *(field.name for field in fields(PredictedPlan))})
    if not kept or (key is not None and str(kept["key"]) != key):
        return None
    return PredictedPlan(tuple(kept["names"].tolist()), kept["owners"], kept["frames"], kept["doubtful"])
