"""SLEAP's CSV: one row for each animal in each frame where it has any, so rows are no frames."""

import re
from collections import defaultdict
from itertools import count
from pathlib import Path

import numpy as np

from keyframes.errors import PredictionsError
from keyframes.predictions.assembly import as_indices, assembled, picked
from keyframes.predictions.predictions import Predictions
from keyframes.predictions.slots import names_of_slots, slots_of_instances
from keyframes.predictions.tables import NO_NAME, head_of, numbers_in

VALUES = ("x", "y", "score")
# Before the names of the nodes, where a row has all animals of a frame.
FRAME_ROW = re.compile(r"inst\d+\.")


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
    if all(FRAME_ROW.match(name) for name in names):
        raise PredictionsError(f"{path}: has one row for each frame; export it with one row for each instance")
    wanted = ["frame_idx", *(f"{name}.{value}" for name in names for value in VALUES), "track"]
    wanted = [column for column in wanted if column in header]
    places = np.array([[_place(wanted, f"{name}.{value}") for value in VALUES] for name in names])
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    tracks = {header.index("track"): lambda text: -1 if text in NO_NAME else numbers[text]} if "track" in header else {}
    index, track, points = [], [], []
    for piece in numbers_in(path, 1, [header.index(column) for column in wanted], len(header), tracks):
        index.append(as_indices(path, piece[:, 0]))
        track.append(piece[:, -1].astype(np.int64) if tracks else np.full(len(piece), -1))
        points.append(picked(piece, places))
    if not index:
        raise PredictionsError(f"{path}: has a header and no rows; export it again")
    frames, rows = np.unique(np.concatenate(index), return_inverse=True)
    # By frame, as a place in a frame is given; animals of one frame stay in their order.
    order = np.argsort(rows, kind="stable")
    slots = np.empty(len(rows), np.int64)
    tracks_in_rows = np.concatenate(track)
    slots[order] = slots_of_instances(rows[order], tracks_in_rows[order])
    whole = np.full((len(frames), int(slots.max()) + 1, len(names), len(VALUES)), np.nan, np.float32)
    whole[rows, slots] = np.concatenate(points)
    animals = names_of_slots(slots, tracks_in_rows, tuple(numbers))
    return assembled(path, frames, whole[..., :2], whole[..., 2], names, animals=animals)


def _place(columns: list[str], name: str) -> int:
    return columns.index(name) if name in columns else len(columns)
