"""Predictions with a row for every frame, of the nodes that count."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import PredictionsError
from keyframes.predictions.predictions import Predictions
from keyframes.wording import listed

# DeepLabCut's name for the animal that has the unique body parts: corners of the arena, say.
UNIQUE = "single"


def of_nodes(predictions: Predictions, names: Sequence[str]) -> Predictions:
    """Return predictions of some nodes only, in the order of the file; a PredictionsError names one that is not there.

    Parameters
    ----------
    predictions : Predictions
    names : sequence of str
        None of them means all.
    """
    unknown = [name for name in names if name not in predictions.names]
    if unknown:
        raise PredictionsError(
            f"{predictions.source}: has no keypoint {unknown[0]!r}; choose from {listed(predictions.names)}"
        )
    kept = [node for node, name in enumerate(predictions.names) if not names or name in names]
    if len(kept) == len(predictions.names):
        return predictions
    if np.isnan(predictions.keypoints[:, :, kept]).all():
        raise PredictionsError(
            f"{predictions.source}: every point of {listed(names)} is missing; choose other keypoints"
        )
    number = {node: place for place, node in enumerate(kept)}
    return replace(
        predictions,
        keypoints=predictions.keypoints[:, :, kept],
        confidence=predictions.confidence[:, :, kept],
        names=tuple(predictions.names[node] for node in kept),
        skeleton=tuple((number[a], number[b]) for a, b in predictions.skeleton if a in number and b in number),
        errors={name: values[:, :, kept] for name, values in predictions.errors.items()},
    )


def of_animals(predictions: Predictions) -> Predictions:
    """Return predictions without the body parts of no animal, which DeepLabCut gives an animal of their own."""
    kept = [place for place, name in enumerate(predictions.animals) if name != UNIQUE]
    keypoints = predictions.keypoints[:, kept]
    seen = np.isfinite(keypoints[..., 0]).any(axis=(0, 1))
    if len(kept) == len(predictions.animals) or not seen.any():
        return predictions
    animals = replace(
        predictions,
        keypoints=keypoints,
        confidence=predictions.confidence[:, kept],
        animals=tuple(predictions.animals[place] for place in kept),
        errors={name: values[:, kept] for name, values in predictions.errors.items()},
    )
    return of_nodes(animals, [animals.names[node] for node in np.flatnonzero(seen)])


def on_every_frame(predictions: Predictions) -> Predictions:
    """Return predictions with a row for every frame up to the last one that has any; NaN where there was no row."""
    n_frames = int(predictions.frames[-1]) + 1
    if len(predictions.frames) == n_frames:
        return predictions

    def spread(values: NDArray[np.float32]) -> NDArray[np.float32]:
        full = np.full((n_frames, *values.shape[1:]), np.nan, np.float32)
        full[predictions.frames] = values
        return full

    labelled = np.zeros(n_frames, bool)
    labelled[predictions.frames] = predictions.labelled
    return replace(
        predictions,
        frames=np.arange(n_frames),
        keypoints=spread(predictions.keypoints),
        confidence=spread(predictions.confidence),
        labelled=labelled,
        errors={name: spread(values) for name, values in predictions.errors.items()},
    )
