"""Where predictions are doubtful, and why.

Every measure is compared with its own distribution in this recording, in digits: a level of 3 is what one value in a
thousand reaches. So scales that differ between networks do not matter, and there are no thresholds in pixels or in
units of confidence. Where values reach beyond their distribution, as those of gross errors do, the level is what a
tail like that of noise, through the middle of the distribution, would give. Of confidence, whose scale says nothing,
the rank counts, and more where it lies far below all others; what comes and goes, as points and animals do, counts by
how rarely it does.
"""

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from keyframes.predictions.cleaning import MOTION_REACH, CleanPoses, Linked, typical_number
from keyframes.predictions.kernels.events import note_events, peaks
from keyframes.predictions.kernels.linking import common_motion, deviations
from keyframes.predictions.predictions import Predictions
from keyframes.wording import counted

DoubtKind = Literal[
    "confidence", "jump", "posture", "missing", "number", "exchange", "temporal_norm", "pca_singleview_error",
    "pca_multiview_error",
]  # fmt: skip
KINDS: tuple[DoubtKind, ...] = get_args(DoubtKind)
# A point is high that is among a twentieth of its own kind.
LOW = float(np.log10(20))
# What lasts longer, in frames, is hidden rather than doubtful.
LONG_RUN = 10
# Median and upper quartile of the distance of white noise of a standard deviation of 1 from the median of five.
OF_NOISE = (1.01, 1.57)
# A confidence below this share of its node's counts as many times as it is farther from the median, twice at most.
LOWEST, MOST_TIMES = 0.002, 2.0
# What comes and goes has no distribution of its own, in which noise would make it happen: its digits count twice.
RARE_TWICE = 2.0
# Errors last where they begin less than so many times as often as wrong frames that come at random would.
FEWER_THAN_CHANCE = 0.5
# Distributions are known well enough from so many values.
MOST_SAMPLED = 1 << 18


@dataclass(frozen=True)
class Doubt:
    """How doubtful each frame is.

    Attributes
    ----------
    level : array (n_frames,), float32
        In digits; 0 where nothing is noted. What lasts is noted once, at its worst frame.
    what : array (n_frames, 3), int16
        Kind (a place in `KINDS`), animal (its place in the file) and node of the worst; -1 where there is none.
    value : array (n_frames,), float32
        Pixels of a jump or an exchange, number of animals, confidence, or error.
    hidden : array (n_frames,), bool
        Whether that lasts long.
    misplaced : array (n_frames,), float32
        Level of the worst jump or posture of each frame, however long that lasts.
    names, animals : tuple of str
        Of the nodes; of the animals, where the file names them.
    n_animals : int
        How many there should be.
    """

    level: NDArray[np.float32]
    what: NDArray[np.int16] = field(repr=False)
    value: NDArray[np.float32] = field(repr=False)
    hidden: NDArray[np.bool_] = field(repr=False)
    misplaced: NDArray[np.float32] = field(repr=False)
    names: tuple[str, ...]
    animals: tuple[str, ...]
    n_animals: int

    def reason(self, row: int) -> str:
        """Say in words what is doubtful in a frame; "" where nothing is."""
        kind, animal, node = self.what[row].tolist()
        if kind < 0:
            return ""
        value = float(self.value[row])
        name = (self.animals[animal] if self.animals else "") or f"animal {animal + 1}"
        of = f" of {name}" if self.n_animals > 1 else ""
        name = f"{self.names[node]}{of}" if node >= 0 else ""
        told: dict[str, str] = {
            "confidence": f"{name}: low confidence ({value:.2g})",
            "jump": f"{name} jumped {value:.0f} px",
            "posture": f"{name} is {value:.0f} px from where the other points suggest",
            "missing": f"{name} is missing",
            "number": f"{value:.0f} of {counted(self.n_animals, 'animal')}",
            "exchange": f"two animals may be swapped ({value:.0f} px)",
            "temporal_norm": f"{name}: high temporal norm ({value:.3g})",
            "pca_singleview_error": f"{name}: high PCA error ({value:.3g})",
            "pca_multiview_error": f"{name}: high PCA error between the views ({value:.3g})",
        }
        return told[KINDS[kind]]


def find_doubt(predictions: Predictions, linked: Linked, poses: CleanPoses) -> Doubt:
    """Find out how doubtful each frame is.

    Parameters
    ----------
    predictions : Predictions
        With a row for every frame.
    linked : Linked
        Their points.
    poses : CleanPoses
        The same, cleaned.
    """
    notes = _Notes(len(linked.points))
    missing = np.asarray(~np.isfinite(linked.points[..., 0]))
    misplaced = _note_jumps(notes, linked, missing, poses.noise)
    notes.add_frames("exchange", run_levels((linked.gain > 0)[:, None, None])[:, 0, 0], linked.gain)
    if linked.points.shape[2] > 2:
        misplaced = np.maximum(misplaced, _note_postures(notes, linked, missing, poses))
    confidence = linked.of(predictions.confidence)
    notes.add("confidence", confidence_levels(confidence), confidence)
    for name, values in predictions.errors.items():
        own = linked.of(values)
        notes.add(name, tail_levels(own), own)
    lost = missing & ~missing.all(axis=2, keepdims=True)
    notes.add("missing", run_levels(lost), lost.astype(np.float32))
    there = np.isfinite(predictions.keypoints[..., 0]).any(axis=2).sum(axis=1)
    n_typical = typical_number(predictions.keypoints)
    wrong = run_levels((there != n_typical)[:, None, None])
    notes.add("number", wrong, there.astype(np.float32)[:, None, None])
    notes.forget(predictions.labelled)
    rows = np.flatnonzero(notes.what[:, 1] >= 0)
    notes.what[rows, 1] = linked.order[rows, notes.what[rows, 1]]
    return Doubt(
        level=notes.level,
        what=notes.what,
        value=notes.value,
        hidden=notes.hidden,
        misplaced=misplaced,
        names=predictions.names,
        animals=predictions.animals,
        n_animals=n_typical,
    )


def _note_jumps(notes: "_Notes", linked: Linked, missing: NDArray[np.bool_], noise: float) -> NDArray[np.float32]:
    """Note points that leave their way for a moment; return the worst level of each frame."""
    deviation = np.empty(missing.shape, np.float32)
    deviations(linked.points, deviation)
    jumps = _beside_motion(deviation)
    # At an end, or beside a gap, motion alone leads away from the median.
    jumps[~_known_on_both_sides(missing)] = np.nan
    levels = tail_levels(jumps, (OF_NOISE[0] * noise, OF_NOISE[1] * noise))
    notes.add("jump", levels, deviation)
    return np.asarray(levels.max(axis=(1, 2)))


def _note_postures(
    notes: "_Notes", linked: Linked, missing: NDArray[np.bool_], poses: CleanPoses
) -> NDArray[np.float32]:
    """Note points that are not where the others of their animal suggest; return the worst level of each frame."""
    away = poses.model.beside_others(np.where(np.isfinite(linked.points), linked.points, poses.points))
    # Beside a point that is alone, nothing but filled gaps suggests a position.
    is_alone = (~missing).sum(axis=2, keepdims=True) < 2
    away[missing | is_alone] = np.nan
    levels = tail_levels(away)
    notes.add("posture", levels, away)
    notes.blame("posture", linked.points, poses, away)
    return np.asarray(levels.max(axis=(1, 2)))


def find_events(level: NDArray[np.float32], reach: int) -> NDArray[np.int64]:
    """Return the rows of the frames that are the most doubtful of all within so many rows, in ascending order."""
    found = np.empty(len(level), np.int64)
    return found[: peaks(np.ascontiguousarray(level, np.float32), reach, LOW, found)]


def come_at_random(misplaced: NDArray[np.float32], certain: float, reach: int) -> bool:
    """Whether errors come at random, each frame with one or not by itself; otherwise they last.

    Parameters
    ----------
    misplaced : array (n_rows,), float32
        As `Doubt` has it.
    certain : float
        Level from which on a point is misplaced for certain.
    reach : int
        Frames with no more than so many between them have one error.
    """
    wrong = np.flatnonzero(misplaced > certain)
    # The first frames of errors are as many if each frame is wrong or not by itself.
    n_by_chance = len(wrong) * (1 - len(wrong) / len(misplaced)) ** (reach + 1)
    return bool(_error_of(wrong, reach)[-1] + 1 > FEWER_THAN_CHANCE * n_by_chance)


def worst_of_lasting(
    events: NDArray[np.int64],
    level: NDArray[np.float32],
    misplaced: NDArray[np.float32],
    certain: float,
    reach: int,
) -> NDArray[np.int64]:
    """Leave of each error that lasts the worst event only, whichever points it shows in.

    Where animals meet, points of both go wrong by turns. An error lasts while some point is misplaced for certain, with
    no more than `reach` frames in between.

    Parameters
    ----------
    events : array (n_events,), int64
        Rows, in ascending order.
    level, misplaced : array (n_rows,), float32
        As `Doubt` has them.
    certain : float
        Level from which on a point is misplaced for certain.
    reach : int

    Returns
    -------
    array (n_kept,), int64
        In ascending order.
    """
    wrong = np.flatnonzero(misplaced > certain)
    error = _error_of(wrong, reach)
    # The others count each for itself.
    own = len(wrong) + np.arange(len(events))
    is_wrong = misplaced[events] > certain
    own[is_wrong] = error[wrong.searchsorted(events[is_wrong])]
    order = np.argsort(-level[events], kind="stable")
    _, worst = np.unique(own[order], return_index=True)
    return np.sort(events[order[worst]])


def _error_of(wrong: NDArray[np.int64], reach: int) -> NDArray[np.int64]:
    """Return which error, from 0, each wrong frame (ascending rows) belongs to; 0 alone where none is wrong."""
    return np.concatenate([[0], np.cumsum(np.diff(wrong) > reach + 1)])


def tail_levels(values: NDArray[np.float32], least: tuple[float, float] = (0.0, 0.0)) -> NDArray[np.float32]:
    """Level of each value (n_frames, n_animals, n_nodes) of a measure that is large where something is wrong.

    By an exponential tail of the squares, as noise gives them, through the median and the upper quartile of each node,
    which up to a quarter of outliers leave where they are, and which are no less than `least`; 0 where a value is
    missing.
    """
    levels = np.zeros(values.shape, np.float32)
    for node in range(values.shape[2]):
        own = _sampled(values[..., node])
        own = own[np.isfinite(own)]
        if len(own):
            levels[..., node] = _beyond(
                np.square(values[..., node]), *np.square(np.maximum(np.quantile(own, (0.5, 0.75)), least))
            )
    return levels


def rank_levels(confidence: NDArray[np.float32]) -> NDArray[np.float32]:
    """Level of each confidence (n_frames, n_animals, n_nodes): digits of the share of its node's that are no higher."""
    levels = np.zeros(confidence.shape, np.float32)
    for node in range(confidence.shape[2]):
        own = confidence[..., node]
        known = np.isfinite(own)
        values = own[known]
        if len(values):
            order = np.argsort(values)
            # Looked up in order, which caches like.
            ordered = values[order]
            found = np.empty(len(values), np.float32)
            found[order] = -np.log10(np.searchsorted(ordered, ordered, side="right") / len(ordered))
            levels[..., node][known] = found
    return levels


def confidence_levels(confidence: NDArray[np.float32]) -> NDArray[np.float32]:
    """Level of each confidence (n_frames, n_animals, n_nodes): of its rank, higher where it lies far below others."""
    levels = rank_levels(confidence)
    for node in range(confidence.shape[2]):
        own = _sampled(confidence[..., node])
        own = own[np.isfinite(own)]
        if len(own):
            low, median = np.quantile(own, (LOWEST, 0.5))
            below = confidence[..., node] < low
            times = (median - confidence[..., node][below]) / max(float(median - low), np.finfo(np.float32).tiny)
            levels[..., node][below] *= np.minimum(times, MOST_TIMES)
    return levels


def run_levels(wrong: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Level of what is right or wrong, (n_frames, n_animals, n_nodes): by how rarely it begins to be wrong.

    0 where it is right; where it is wrong most of the time, that is how it is.
    """
    begins = wrong & ~np.concatenate([np.zeros_like(wrong[:1]), wrong[:-1]])
    n_values = wrong.shape[0] * wrong.shape[1]
    level = (RARE_TWICE * np.log10(n_values / np.maximum(begins.sum(axis=(0, 1)), 1))).astype(np.float32)
    level[wrong.mean(axis=(0, 1)) > 0.5] = 0
    return np.where(wrong, level, np.float32(0))


def _beyond(values: NDArray[np.float32], median: float, upper: float) -> NDArray[np.float32]:
    """Digits of the share of an exponential distribution that lies beyond some values."""
    spread = float(upper - median)
    if not spread > 0:
        spread = float(median)
    if not spread > 0:
        return np.zeros_like(values)
    digits = np.float32(np.log10(2)) * (1 + (values - np.float32(median)) / np.float32(spread))
    return np.asarray(np.nan_to_num(np.maximum(digits, 0)), np.float32)


def _beside_motion(deviation: NDArray[np.float32]) -> NDArray[np.float32]:
    """Deviations by how much all of the animal is on the move."""
    typical = np.array([np.nanmedian(own) if np.isfinite(own).any() else 0 for own in _sampled(deviation).T])
    motion = np.empty(deviation.shape[:2], np.float32)
    common_motion(deviation, MOTION_REACH, typical, motion)
    return deviation / motion[..., None]


def _known_on_both_sides(missing: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether a point (n_frames, n_animals, n_nodes) is known in as many frames before each as behind, of two each."""
    known = np.zeros(missing.shape, bool)
    first, second, fourth, fifth = missing[:-4], missing[1:-3], missing[3:-1], missing[4:]
    known[2:-2] = (first == fifth) & (second == fourth) & ~(first & second)
    return known


def _sampled(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Values (n_frames, n_animals) or (n_frames, n_animals, n_nodes) of some frames, the frames and animals as one."""
    step = max(1, values.shape[0] * values.shape[1] // MOST_SAMPLED)
    return values[::step].reshape(-1, *values.shape[2:])


class _Notes:
    """The worst that is known of each frame so far."""

    def __init__(self, n_frames: int) -> None:
        self.level = np.zeros(n_frames, np.float32)
        self.what = np.full((n_frames, 3), -1, np.int16)
        self.value = np.zeros(n_frames, np.float32)
        self.hidden = np.zeros(n_frames, np.bool_)

    def add(self, kind: str, levels: NDArray[np.float32], values: NDArray[np.float32]) -> None:
        """Note a measure of each point, (n_frames, n_animals, n_nodes)."""
        number, before = KINDS.index(kind), self.level.copy()
        note_events(levels, LOW, number, LONG_RUN, self.level, self.what, self.hidden)
        rows = np.flatnonzero(self.level > before)
        self.value[rows] = values[rows, self.what[rows, 1], self.what[rows, 2]]
        if kind == "number":
            self.what[rows, 1:] = -1

    def blame(self, kind: str, points: NDArray[np.float32], poses: CleanPoses, values: NDArray[np.float32]) -> None:
        """Name for each frame of a kind the point of its animal that is wrong: a high value may be due to another one.

        Both `points` and `values` are NaN where a point is missing.
        """
        rows = np.flatnonzero(self.what[:, 0] == KINDS.index(kind))
        animals = self.what[rows, 1]
        own, there = values[rows, animals], points[rows, animals]
        filled = np.where(np.isfinite(there), there, poses.points[rows, animals])
        misfit = poses.model.misfit(filled[:, None])[:, 0]
        nodes = np.where(np.isfinite(own), misfit, -1).argmax(axis=1)
        self.what[rows, 2], self.value[rows] = nodes, own[np.arange(len(rows)), nodes]

    def add_frames(self, kind: str, levels: NDArray[np.float32], values: NDArray[np.float32]) -> None:
        """Note a measure of each frame, (n_frames,)."""
        worse = (levels > self.level) & (levels >= LOW)
        self.level[worse], self.value[worse] = levels[worse], values[worse]
        self.what[worse] = KINDS.index(kind), -1, -1
        self.hidden[worse] = False

    def forget(self, labelled: NDArray[np.bool_]) -> None:
        """Take back what was noted of labelled frames: a person's labels are not in doubt."""
        self.level[labelled] = 0
        self.what[labelled] = -1
        self.hidden[labelled] = False
