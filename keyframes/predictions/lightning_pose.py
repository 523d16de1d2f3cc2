"""What Lightning Pose writes beside ``<video>.csv``: further measures of how doubtful each point is."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import PredictionsError
from keyframes.predictions.assembly import as_float32, as_indices
from keyframes.predictions.predictions import Predictions
from keyframes.predictions.tables import head_of, numbers_in

ERRORS = ("temporal_norm", "pca_singleview_error", "pca_multiview_error")


def with_errors(predictions: Predictions) -> Predictions:
    """Add the measures that lie beside a table of predictions of one animal."""
    files = error_files_of(predictions.source)
    found = {name: _read(file, predictions) for name, file in files.items() if os.path.isfile(file)}
    return replace(predictions, errors=found) if found else predictions


def error_files_of(source: Path) -> dict[str, Path]:
    """Return where each of these measures of a table of predictions would be."""
    return {name: source.with_name(f"{source.stem}_{name}.csv") for name in ERRORS}


def is_error_table(path: Path) -> bool:
    """Whether a file is named like one of these measures."""
    return path.stem.endswith(tuple(f"_{name}" for name in ERRORS))


def _read(path: Path, predictions: Predictions) -> NDArray[np.float32]:
    (header,) = head_of(path, 1) or [[]]
    names = [name for name in header if name in predictions.names]
    if not names or predictions.keypoints.shape[1] != 1:
        raise PredictionsError(
            f"{path}: has none of the points of {predictions.source.name}; predict again, or move it away"
        )
    columns = [0, *map(header.index, names)]
    rows = np.concatenate([np.empty((0, len(columns))), *numbers_in(path, 1, columns, len(header))])
    if not np.array_equal(as_indices(path, rows[:, 0]), predictions.frames):
        raise PredictionsError(
            f"{path}: has {len(rows)} rows, which do not fit the frames of {predictions.source.name}; "
            "predict again, or move it away"
        )
    values = np.full(predictions.confidence.shape, np.nan, np.float32)
    values[:, 0, [predictions.names.index(name) for name in names]] = as_float32(rows[:, 1:])
    return values
