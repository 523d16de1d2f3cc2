"""The next frames by what a network says already: some where it is in doubt, some to cover the poses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from keyframes.choice.guards import least_gap_s, n_close
from keyframes.choice.picking import FEW, MOST_EVENTS, REACH, Events, Picked, certain_level, pick, worst_events
from keyframes.choice.pose_table import PoseTable
from keyframes.choice.predicted_video import PredictedVideo
from keyframes.choice.selection import ChosenFor, Keyframe, Selection, represents, selection_of
from keyframes.errors import RegionError
from keyframes.predictions.doubt import come_at_random, find_events, worst_of_lasting
from keyframes.progress import Progress, progress_bar
from keyframes.sampling import even_rows, nearest_of
from keyframes.scan.scan import Scan
from keyframes.settings import Settings

if TYPE_CHECKING:
    from clustering import KSelection

# Errors that come at random are far worse than others where their levels differ by the first factor, and far milder
# where they do by the second. A level grows with the square of how far a point is off.
FAR_WORSE, FAR_MILDER = 10.0, 100.0


def choose_predicted(
    views: Sequence[PredictedVideo],
    scan: Scan,
    settings: Settings,
    threads: int | None,
    progress: Progress,
    known: NDArray[np.int64],
    given: Mapping[int, ChosenFor] | None = None,
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
    given : mapping of int to {"doubt", "coverage"}, optional
        Frames that were chosen elsewhere, and for what; then none is chosen here.

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
        n_doubtful = round(settings.doubt * k)
        start = Start.of(views, scan, settings, known, n_doubtful)
        picked = start.picked
        if given is None:
            events = start.events_for(n_doubtful)
            poses = PoseTable.of(views, scan, np.union1d(events.rows, picked.known))
            pick(poses, picked, events, n_doubtful=n_doubtful, n_wanted=k)
        else:
            rows = np.searchsorted(scan.frame_index, np.array(list(given), np.int64))
            for row, chosen_for in zip(rows.tolist(), given.values(), strict=True):
                picked.add(row, chosen_for)
            poses = PoseTable.of(views, scan, np.union1d(rows, picked.known))
        selection = _selection(views, scan, poses, picked)
        steps.update()
    return selection, k_selection


@dataclass(frozen=True)
class Start:
    """Where a choice by predictions begins.

    Attributes
    ----------
    picked : Picked
        With nothing but the frames that are known already.
    events : array (n_events,), int64
        Rows of the scan from which frames for doubt are chosen, the most doubtful first.
    level : array (n_rows,), float32
        Of doubt.
    hidden : array (n_rows,), bool
        Whether what is doubtful lasts long.
    n_points : int
        Of all frames, animals and keypoints.
    at_random : bool
        Whether errors come at random, each frame with one or not by itself.
    """

    picked: Picked
    events: NDArray[np.int64]
    level: NDArray[np.float32]
    hidden: NDArray[np.bool_]
    n_points: int
    at_random: bool

    @classmethod
    def of(
        cls,
        views: Sequence[PredictedVideo],
        scan: Scan,
        settings: Settings,
        known: NDArray[np.int64],
        n_doubtful: int,
    ) -> "Start":
        """Find the events of a scan; a RegionError says that no frame is left to choose."""
        is_known = np.isin(scan.frame_index, known)
        if is_known.all():
            own = views[0].predictions
            if own.labelled[scan.frame_index].all():
                raise RegionError(
                    f"{own.source}: has labels of a person, but no predictions; run the network on the "
                    "video, and give the file that it writes"
                )
            raise RegionError(
                f"{own.source}: every frame that has predictions is labelled already; choose frames of another video"
            )
        position, reach = np.arange(len(is_known)), max(1, REACH // settings.every)
        picked = Picked.beside(
            is_known, position, scan.time_s, least_gap_s(settings), reach, holds_gap=bool(settings.min_gap_s)
        )
        level = np.max([view.doubt.level[scan.frame_index] for view in views], axis=0)
        hidden = np.any([view.doubt.hidden[scan.frame_index] for view in views], axis=0)
        misplaced = np.max([view.doubt.misplaced[scan.frame_index] for view in views], axis=0)
        n_points = sum(view.predictions.confidence.size for view in views)
        found = find_events(np.where(picked.free, level, 0), reach)
        certain = certain_level(n_points)
        at_random = come_at_random(misplaced, certain, reach)
        if not at_random:
            lasting = worst_of_lasting(found, level, misplaced, certain, reach)
            # Another frame of an error is better than one of noise.
            if (level[lasting] > certain).sum() >= n_doubtful:
                found = lasting
        return cls(picked, worst_events(found, level, hidden, n_doubtful), level, hidden, n_points, at_random)

    def events_for(self, n_doubtful: int) -> Events:
        """Return what so many frames for doubt are chosen from.

        If far more errors than that come at random, how bad one is says little of its frame. Then errors that are far
        worse than the worst one that would be left out come first, those that are far milder do not count, and every
        other frame with an error counts the same: the poses decide.
        """
        level, certain = self.level, certain_level(self.n_points)
        worst = level[self.events]
        if not self.at_random or (worst > certain).sum() <= FEW * n_doubtful:
            return Events(self.events, level, certain)
        left_out = worst[n_doubtful]
        far_worse = self.events[worst > FAR_WORSE * left_out]
        level = np.minimum(level, np.float32(certain))
        level[far_worse] = self.level[far_worse]
        enough = self.level > max(certain, left_out / FAR_MILDER)
        wrong = np.flatnonzero(self.picked.free & ~self.hidden & enough)
        others = np.setdiff1d(wrong, far_worse)
        rows = np.concatenate([far_worse, others[even_rows(len(others), MOST_EVENTS)]])
        return Events(rows, level, certain)


def _selection(views: Sequence[PredictedVideo], scan: Scan, poses: PoseTable, picked: Picked) -> Selection:
    """Return the choice, each frame of the recording in the cluster of the chosen one that is nearest."""
    rows = np.sort(np.array(picked.rows, np.int64))
    places = poses.places(rows)
    sampled = nearest_of(poses.rows, len(scan.frame_index))
    labels = poses.distances[places].argmin(axis=0).astype(np.int32)
    labels[places] = np.arange(len(places))
    distances = poses.distances[places[labels], np.arange(len(labels))]
    guards = {}
    if picked.holds_gap:
        kept = n_close(scan.time_s[picked.rows].tolist(), scan.time_s[picked.known].tolist(), picked.min_gap_s)
        guards["min_gap_s"] = {"limit": float(f"{picked.min_gap_s:.6g}"), "gave_way": 0, "kept": kept}
    selection = selection_of(scan, rows, labels[sampled], distances[sampled], distances[places], guards)
    keyframes = tuple(
        replace(keyframe, chosen_for=picked.chosen_for[row], reason=_reason(views, poses, picked, row, keyframe))
        for row, keyframe in zip(rows.tolist(), selection.keyframes, strict=True)
    )
    return replace(selection, keyframes=keyframes, within_noise=_within_noise(poses, picked.there))


def _within_noise(poses: PoseTable, there: NDArray[np.int64]) -> float:
    """Share of the other frames that nothing but noise tells from these rows; 0 where there is no other."""
    places = poses.places(there)
    others = poses.weights.copy()
    others[places] -= 1
    covered = poses.distances[places].min(axis=0) == 0
    return float(others[covered].sum() / max(1, others.sum()))


def _reason(views: Sequence[PredictedVideo], poses: PoseTable, picked: Picked, row: int, keyframe: Keyframe) -> str:
    """Say why a row was chosen."""
    if picked.chosen_for[row] == "doubt":
        worst = max(views, key=lambda view: float(view.doubt.level[keyframe.frame_index]))
        reason = worst.doubt.reason(keyframe.frame_index)
        # The other views show nothing of it.
        return f"{worst.view}: {reason}" if len(views) > 1 else reason
    if not len(picked.known):
        return represents(keyframe)
    own, others = poses.places([row])[0], poses.places(picked.known)
    nearest = others[poses.distances[own, others].argmin()]
    is_posture = float(poses.posture[own, nearest]) > float(poses.distances[own, nearest]) / 2
    return f"a {'posture' if is_posture else 'place'} unlike any labelled"
