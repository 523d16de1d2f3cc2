"""From a file's numbers to predictions: rows in order, or only some, points that are missing, a table's columns."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import PredictionsError
from keyframes.predictions.predictions import Predictions

# No picture has so many pixels across: what lies farther off, in damaged files, is no point.
FARTHEST = 1e6


def assembled(
    source: Path,
    frames: NDArray[Any],
    keypoints: NDArray[np.float32],
    confidence: NDArray[np.float32],
    names: Sequence[str],
    *,
    skeleton: Sequence[tuple[int, int]] = (),
    labelled: NDArray[np.bool_] | None = None,
    animals: Sequence[str] = (),
) -> Predictions:
    """Make predictions of a file's rows, in the order of the frames; the arrays are written over.

    The tools mark a missing point by a coordinate that is no number, by both being -1 or 0, or by the confidence -1. A
    point that is absurdly far off is missing, too.
    A PredictionsError says that the frames' indices are none, or that one comes twice.
    """
    indices = as_indices(source, frames)
    labelled = np.zeros(len(indices), bool) if labelled is None else labelled
    steps = np.diff(indices)
    if (steps <= 0).any():
        order = np.argsort(indices, kind="stable")
        indices, keypoints, confidence, labelled = indices[order], keypoints[order], confidence[order], labelled[order]
        if len(twice := indices[1:][np.diff(indices) == 0]):
            raise PredictionsError(f"{source}: frame {twice[0]} appears twice; predict again")
    x, y = keypoints[..., 0], keypoints[..., 1]
    with np.errstate(invalid="ignore"):
        missing = ~((np.abs(x) < FARTHEST) & (np.abs(y) < FARTHEST)) | (confidence == -1)
    for nowhere in (0, -1):
        missing |= (x == nowhere) & (y == nowhere)
    keypoints[missing] = np.nan
    confidence[missing | ~np.isfinite(confidence)] = np.nan
    return Predictions(
        source=source,
        frames=indices,
        keypoints=keypoints,
        confidence=confidence,
        names=tuple(names),
        skeleton=tuple(skeleton),
        labelled=labelled,
        animals=tuple(animals),
    )


def as_float32(values: NDArray[Any]) -> NDArray[np.float32]:
    """Return numbers as float32; those of damaged files that are too large become infinite."""
    with np.errstate(all="ignore"):
        return values.astype(np.float32)


def picked(values: NDArray[Any], places: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the values in these columns of each row, (n_rows, *places.shape); NaN for the one past the last column."""
    padded = np.pad(as_float32(values), ((0, 0), (0, 1)), constant_values=np.nan)
    return np.take(padded, places, axis=1)


def as_indices(source: Path, frames: NDArray[Any]) -> NDArray[np.int64]:
    """Return indices of frames as whole numbers, or raise a PredictionsError."""
    # Above 2**53 a float is no longer exact, and no video is so long.
    if not (np.isfinite(frames).all() and (frames >= 0).all() and (frames < 2**53).all() and (frames % 1 == 0).all()):
        raise PredictionsError(f"{source}: its rows have no frame index, a whole number from 0; predict again")
    return frames.astype(np.int64)


def only_rows(predictions: Predictions, kept: NDArray[np.bool_]) -> Predictions:
    """Return predictions with some of their rows alone; `kept` (n_frames,) tells which."""
    return replace(
        predictions,
        frames=predictions.frames[kept],
        keypoints=predictions.keypoints[kept],
        confidence=predictions.confidence[kept],
        labelled=predictions.labelled[kept],
        errors={name: values[kept] for name, values in predictions.errors.items()},
    )


def moved(predictions: Predictions, offset: tuple[float, float]) -> Predictions:
    """Return predictions inside a crop as predictions in the whole picture."""
    return replace(predictions, keypoints=predictions.keypoints + np.array(offset, np.float32))
