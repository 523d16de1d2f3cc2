"""SLEAP's CSV: one row for each animal in each frame where it has any, so rows are no frames."""

from collections import defaultdict
from itertools import count
from pathlib import Path

import numpy as np

from keyframes.errors import PredictionsError
from keyframes.predictions.assembly import as_indices, assembled
from keyframes.predictions.predictions import Predictions
from keyframes.predictions.slots import slots_of_instances
from keyframes.predictions.tables import head_of, numbers_in

NO_TRACK = ("", "None", "nan")


def is_ours(header: list[str]) -> bool:
    """Whether a table with this header is one of SLEAP."""
    return "frame_idx" in header


def read(path: Path) -> Predictions:
    """Read a table with the columns track, frame_idx, instance.score, and x, y and score of each node."""
    (header,) = head_of(path, 1)
    names = [name.removesuffix(".x") for name in header if name.endswith(".x")]
    if not names or not all(f"{name}.y" in header for name in names):
        raise PredictionsError(
            f"{path}: has no columns of points (nose.x, nose.y, nose.score); export it from SLEAP again"
        )
    wanted = ["frame_idx", *(f"{name}.{value}" for name in names for value in ("x", "y", "score"))]
    has_track = "track" in header
    wanted = [column for column in [*wanted, "track"] if column in header]
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    tracks = {header.index("track"): lambda text: -1 if text in NO_TRACK else numbers[text]} if has_track else {}
    pieces = list(numbers_in(path, 1, [header.index(column) for column in wanted], len(header), tracks))
    if not pieces:
        raise PredictionsError(f"{path}: has a header and no rows; export it again")
    indices = as_indices(path, np.concatenate([piece[:, 0] for piece in pieces]))
    track = np.concatenate([piece[:, -1] if has_track else np.full(len(piece), -1.0) for piece in pieces])
    frames, rows = np.unique(indices, return_inverse=True)
    # By frame, as a place in a frame is given; animals of one frame stay in their order.
    order = np.argsort(rows, kind="stable")
    slots = np.empty(len(rows), np.int64)
    slots[order] = slots_of_instances(rows[order], track[order].astype(np.int64))
    shape = (len(frames), int(slots.max()) + 1, len(names))
    keypoints, confidence = np.full((*shape, 2), np.nan, np.float32), np.full(shape, np.nan, np.float32)
    start = 0
    for piece in pieces:
        place = rows[start : start + len(piece)], slots[start : start + len(piece)]
        start += len(piece)
        for node, name in enumerate(names):
            for axis, value in enumerate(("x", "y")):
                keypoints[(*place, node, axis)] = piece[:, wanted.index(f"{name}.{value}")]
            if f"{name}.score" in header:
                confidence[(*place, node)] = piece[:, wanted.index(f"{name}.score")]
    return assembled(path, frames, keypoints, confidence, names)
