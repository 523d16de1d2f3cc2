"""A network's points on the chosen frames, carried into a labelling tool: they are corrected instead of placed anew."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import ExportError
from keyframes.predictions import Predictions, read_predictions
from keyframes.predictions.assembly import only_rows
from keyframes.predictions.finding import find_predictions
from keyframes.result.recordings import Recording

# Of a pixel; what a float32 has beyond is noise to a reader of text.
DECIMALS = 3


@dataclass(frozen=True)
class PredictedAnimal:
    """One animal in one frame.

    Attributes
    ----------
    name : str
        Of its track or individual; "" where the file does not say who is who.
    points : array (n_nodes, 2), float64
        x and y in pixels of the whole picture, all inside it; NaN where a point is missing.
    confidence : array (n_nodes,), float64
        NaN where a point is missing or the file has no confidence.
    """

    name: str
    points: NDArray[np.float64]
    confidence: NDArray[np.float64]

    @property
    def score(self) -> float | None:
        """Mean confidence of its points; None where the file has no confidence."""
        known = self.confidence[np.isfinite(self.confidence)]
        return float(known.mean()) if len(known) else None


def with_predictions(
    recording: Recording, given: str | Path | Predictions, offset: tuple[float, float] | None
) -> Recording:
    """Return a recording with what a network predicted on its frames, and a warning where that is nothing.

    Points outside the picture are left out: no tool lets a person label there. Without an offset, the one counts with
    which the frames were chosen by the same file.
    """
    predictions = given
    if not isinstance(predictions, Predictions):
        recording.need_video()
        offset = offset or _offset_of(recording, predictions)
        with recording.open_video() as reader:
            predictions = read_predictions(predictions, reader, offset=offset)
    predictions = only_rows(predictions, np.isin(predictions.frames, recording.frame_indices))
    size = recording.manifest["video"]
    keypoints = inside(predictions.keypoints, size["width"], size["height"])
    n_bare = len(recording.frame_indices) - int(np.isfinite(keypoints).any(axis=(1, 2, 3)).sum())
    warnings = predictions.warnings
    if n_bare:
        verb = "has" if n_bare == 1 else "have"
        told = f"{n_bare} of the {len(recording.frame_indices)} frames of {recording.name} {verb} no predicted points"
        warnings = (*warnings, told)
    confidence = np.where(np.isnan(keypoints[..., 0]), np.float32(np.nan), predictions.confidence)
    seen = replace(predictions, keypoints=keypoints, confidence=confidence, warnings=warnings)
    return replace(recording, predictions=seen)


def _offset_of(recording: Recording, place: str | Path) -> tuple[float, float] | None:
    """Return the offset with which the frames were chosen, if it was by the same predictions."""
    offset, entry = recording.manifest["settings"].get("predictions_offset"), recording.manifest.get("predictions")
    if offset is None or entry is None:
        return None
    own = find_predictions(Path(place), recording.need_video())
    return tuple(offset) if own.name == entry["file"] else None


def inside(points: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    """Return points with NaN for those that are on no pixel of a picture."""
    is_inside = ((points >= -0.5) & (points <= np.array([width - 0.5, height - 0.5]))).all(axis=-1, keepdims=True)
    return np.where(is_inside, points, points.dtype.type(np.nan))


def animals_on(recording: Recording, index: int) -> list[PredictedAnimal]:
    """Return the animals that a network saw on a frame, those without any point left out."""
    predictions = recording.predictions
    if predictions is None or index not in predictions.frames:
        return []
    row = int(np.searchsorted(predictions.frames, index))
    points = predictions.keypoints[row].astype(np.float64).round(DECIMALS)
    confidence = predictions.confidence[row].astype(np.float64).round(2 * DECIMALS)
    names = predictions.animals or ("",) * len(points)
    return [
        PredictedAnimal(name, *animal)
        for name, *animal in zip(names, points, confidence, strict=True)
        if np.isfinite(animal[0]).any()
    ]


def only_animal_on(recording: Recording, index: int, tool: str) -> PredictedAnimal | None:
    """Return the animal on a frame, if there is one; an ExportError says that there are several."""
    animals = animals_on(recording, index)
    if len(animals) > 1:
        source = recording.predictions.source if recording.predictions else ""
        raise ExportError(
            f"{source}: has {len(animals)} animals in frame {index}, but {tool} labels only one; "
            "export without --prelabel"
        )
    return animals[0] if animals else None


def named_points(predictions: Predictions, bodyparts: Sequence[str], owner: str) -> list[int]:
    """Return the place of each body part among a network's points, -1 for one that it does not predict.

    An ExportError names the points that are no body parts of the `owner`.
    """
    if unknown := [name for name in predictions.names if name not in bodyparts]:
        raise ExportError(
            f"{predictions.source}: predicts {', '.join(unknown)}, which {'is' if len(unknown) == 1 else 'are'} not "
            f"among the body parts of {owner} ({', '.join(bodyparts)}); give the predictions of a network that was "
            "trained on it"
        )
    return [predictions.names.index(name) if name in predictions.names else -1 for name in bodyparts]


def in_order(animal: PredictedAnimal, places: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points and confidence in the order that `named_points` gives; NaN for those that are not predicted."""
    points = np.vstack([animal.points, [np.nan, np.nan]])[list(places)]
    return points, np.append(animal.confidence, np.nan)[list(places)]
