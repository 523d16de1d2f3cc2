"""Frames for coverage by their pictures, where predictions hardly tell the frames of a recording apart."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.choice.choose import choose_from_scan
from keyframes.choice.guards import n_close
from keyframes.choice.selection import Known, Selection, represents, selection_of
from keyframes.errors import RegionError
from keyframes.progress import Progress
from keyframes.scan.scan import Scan
from keyframes.settings import Settings

# Where poses tell so few frames apart, pictures tell more. Measured with errors of 3 and 8 pixels: 0.47 and less where
# frames chosen by poses cover the true ones about as well as those chosen by pictures, or better; 0.89 and more where
# they mostly cover less (benchmarks/RESULTS.md). Of 220 frames at rest it was 0.66.
MOST_WITHIN_NOISE = 0.6


def hardly_tells_apart(selection: Selection) -> bool:
    """Whether predictions that chose frames for coverage hardly show which poses these leave out."""
    share = selection.within_noise or 0.0
    return share >= MOST_WITHIN_NOISE and len(frames_for_doubt(selection)) < len(selection.keyframes)


def frames_for_doubt(selection: Selection) -> NDArray[np.int64]:
    """Frame indices of a choice that were chosen where predictions are doubtful."""
    return np.array([one.frame_index for one in selection.keyframes if one.chosen_for == "doubt"], np.int64)


def cover_by_pictures(
    selection: Selection,
    predicted: Scan,
    pictures: Scan,
    settings: Settings,
    threads: int | None,
    progress: Progress,
    known: NDArray[np.int64],
) -> tuple[Scan, Selection]:
    """Choose the frames for coverage anew, by their pictures, beside those for doubt.

    Parameters
    ----------
    selection : Selection
        By predictions.
    predicted, pictures : Scan
        Of the predictions, and of the pictures, with those of the frames for doubt and of the known ones.
    settings : Settings
    threads : int or None
    progress : bool or callable
    known : array (n_known,), int64
        Frames that are labelled already.

    Returns
    -------
    Scan
        That of pictures, with what predictions say of its frames.
    Selection
        Among them. Where fewer frames than wanted have pictures that differ, or a frame for doubt has none, scan and
        choice are those by predictions.
    """
    # Numba takes a second to load: whoever has no predictions does not wait for it.
    from keyframes.choice.picking import REACH

    frames, doubtful = pictures.frame_index, frames_for_doubt(selection)
    n_wanted = len(selection.keyframes) - len(doubtful)
    there = np.flatnonzero(np.isin(frames, np.union1d(doubtful, known)))
    # Neither frames without predictions are chosen, nor those right beside an error that is.
    beside = (doubtful[:, None] + np.arange(-REACH, REACH + 1)).ravel()
    barred = np.concatenate([beside, known, np.setdiff1d(frames, predicted.frame_index)])
    around = Known(pictures.features[there], barred, there)
    covering = None
    if np.isin(doubtful, frames).all():
        # A RegionError says that no picture differs from those that are there.
        with suppress(RegionError):
            covering, _ = choose_from_scan(pictures, replace(settings, k=n_wanted), threads, progress, around)
    if covering is None or len(covering.keyframes) < n_wanted:
        return predicted, replace(selection, by_pictures=0)
    reasons = {one.frame_index: one.reason for one in selection.keyframes if one.chosen_for == "doubt"}
    found = _together(pictures, covering, reasons, any_known=bool(len(known)))
    if settings.min_gap_s:
        found = replace(found, guards=_with_close(found.guards, pictures, doubtful, known, settings.min_gap_s))
    found = replace(found, within_noise=selection.within_noise, by_pictures=n_wanted)
    return _with_predictions(pictures, predicted), found


def _with_close(
    guards: Mapping[str, dict[str, Any]],
    pictures: Scan,
    doubtful: NDArray[np.int64],
    known: NDArray[np.int64],
    min_gap_s: float,
) -> dict[str, dict[str, Any]]:
    """Return what the guards did to frames for coverage, with the frames for doubt that lie closer than the gap."""
    of_doubt, of_known = (pictures.time_s[np.isin(pictures.frame_index, some)].tolist() for some in (doubtful, known))
    own = guards["min_gap_s"]
    return {**guards, "min_gap_s": {**own, "kept": own["kept"] + n_close(of_doubt, of_known, min_gap_s)}}


def _with_predictions(pictures: Scan, predicted: Scan) -> Scan:
    """Return a scan of pictures with the doubt and the points of those of its frames that have predictions."""
    assert predicted.doubt is not None
    assert predicted.points is not None
    n_frames = len(pictures.frame_index)
    _, own, theirs = np.intersect1d(pictures.frame_index, predicted.frame_index, return_indices=True)
    doubt = np.zeros(n_frames, np.float32)
    points = np.full((n_frames, *predicted.points.shape[1:]), np.nan, np.float32)
    doubt[own], points[own] = predicted.doubt[theirs], predicted.points[theirs]
    return replace(pictures, doubt=doubt, points=points)


def _together(pictures: Scan, covering: Selection, reasons: Mapping[int, str], *, any_known: bool) -> Selection:
    """Return frames for coverage and those for doubt, whose reasons are given, as one choice.

    A frame for doubt represents itself alone.
    """
    labels, distances = covering.labels.copy(), covering.distances.copy()
    rows = np.searchsorted(pictures.frame_index, [*reasons])
    labels[rows] = labels.max() + 1 + np.arange(len(rows))
    distances[rows] = 0
    own = dict.fromkeys(reasons, 0.0) | {one.frame_index: one.distance for one in covering.keyframes}
    rows = np.searchsorted(pictures.frame_index, sorted(own))
    found = selection_of(
        pictures,
        rows,
        labels,
        distances,
        np.array([own[index] for index in sorted(own)]),
        covering.guards,
        covering.basis,
    )
    keyframes = tuple(
        replace(one, chosen_for="doubt", reason=reasons[one.frame_index])
        if one.frame_index in reasons
        else replace(
            one, chosen_for="coverage", reason="looks unlike any labelled frame" if any_known else represents(one)
        )
        for one in found.keyframes
    )
    return replace(found, keyframes=keyframes)
