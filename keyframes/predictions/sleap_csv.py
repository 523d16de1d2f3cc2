"""SLEAP's CSV: one row for each animal in each frame where it has any, so rows are no frames."""

import re
from collections import defaultdict
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import PredictionsError
from keyframes.predictions.assembly import as_indices, assembled, picked
from keyframes.predictions.predictions import Predictions
from keyframes.predictions.recorded_videos import number_of
from keyframes.predictions.slots import names_of_slots, slots_of_instances
from keyframes.predictions.tables import NO_NAME, head_of, numbers_in

VALUES = ("x", "y", "score")
# Of a table of several videos, as sleap-io writes one.
VIDEO_COLUMN = "video_path"
REMEDY = "export each video on its own"
# Before the names of the nodes, where a row has all animals of a frame.
FRAME_ROW = re.compile(r"inst\d+\.")


def is_ours(header: list[str]) -> bool:
    """Whether a table with this header is one of SLEAP."""
    return "frame_idx" in header


def read(path: Path, video: Path) -> Predictions:
    """Read a table with the columns track, frame_idx, instance.score, and x, y and score of each node.

    Of a table of several videos, the rows of this one; a PredictionsError says that it has none, or that it has several
    videos and does not say which row is of which.
    """
    (header,) = head_of(path, 1)
    names = [name.removesuffix(".x") for name in header if name.endswith(".x")]
    if not names or not all(f"{name}.y" in header for name in names):
        raise PredictionsError(
            f"{path}: has no columns of points (nose.x, nose.y, nose.score); export it from SLEAP again"
        )
    if all(FRAME_ROW.match(name) for name in names):
        raise PredictionsError(f"{path}: has one row for each frame; export it with one row for each instance")
    wanted = ["frame_idx", *(f"{name}.{value}" for name in names for value in VALUES), VIDEO_COLUMN, "track"]
    wanted = [column for column in wanted if column in header]
    places = np.array([[_place(wanted, f"{name}.{value}") for value in VALUES] for name in names])
    numbers: defaultdict[str, int] = defaultdict(count().__next__)
    videos: defaultdict[str, int] = defaultdict(count().__next__)
    texts = {"track": lambda text: -1 if text in NO_NAME else numbers[text], VIDEO_COLUMN: videos.__getitem__}
    read_texts = {header.index(column): how for column, how in texts.items() if column in header}
    index, track, points, of_video = [], [], [], []
    for piece in numbers_in(path, 1, [header.index(column) for column in wanted], len(header), read_texts):
        index.append(as_indices(path, piece[:, 0]))
        track.append(piece[:, -1].astype(np.int64) if "track" in header else np.full(len(piece), -1))
        points.append(picked(piece, places))
        of_video.append(piece[:, wanted.index(VIDEO_COLUMN)] if videos else np.zeros(len(piece)))
    if not index:
        raise PredictionsError(f"{path}: has a header and no rows; export it again")
    # A table of one video may know it by a former name.
    own_number = number_of(path, list(videos), video, (REMEDY, REMEDY)) if len(videos) > 1 else 0
    own = np.concatenate(of_video) == own_number
    indices, tracks_in_rows, values = (np.concatenate(parts)[own] for parts in (index, track, points))
    frames, rows = np.unique(indices, return_inverse=True)
    _refuse_twice(path, frames, rows, tracks_in_rows, list(numbers))
    # By frame, as a place in a frame is given; animals of one frame stay in their order.
    order = np.argsort(rows, kind="stable")
    slots = np.empty(len(rows), np.int64)
    slots[order] = slots_of_instances(rows[order], tracks_in_rows[order])
    whole = np.full((len(frames), int(slots.max()) + 1, len(names), len(VALUES)), np.nan, np.float32)
    whole[rows, slots] = values
    animals = names_of_slots(slots, tracks_in_rows, tuple(numbers))
    return assembled(path, frames, whole[..., :2], whole[..., 2], names, animals=animals)


def _refuse_twice(
    path: Path, frames: NDArray[np.int64], rows: NDArray[np.int64], tracks: NDArray[np.int64], names: list[str]
) -> None:
    """Raise a PredictionsError where one track is twice in a frame, as in a table of several videos."""
    keys = np.sort(rows[tracks >= 0] * len(names) + tracks[tracks >= 0])
    if len(twice := keys[1:][np.diff(keys) == 0]):
        row, track = divmod(int(twice[0]), len(names))
        raise PredictionsError(
            f"{path}: has track {names[track]} twice in frame {frames[row]}, as if it held several videos; {REMEDY}"
        )


def _place(columns: list[str], name: str) -> int:
    return columns.index(name) if name in columns else len(columns)
