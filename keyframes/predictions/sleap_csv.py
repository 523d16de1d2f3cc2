"""SLEAP's CSV: one row for each animal in each frame where it has any, so rows are no frames."""

import re
from collections import defaultdict
from itertools import count
from pathlib import Path
from typing import NamedTuple

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
    names = _nodes_of(path, header)
    rows = _read_rows(path, header, names)
    # A table of one video may know it by a former name.
    number = number_of(path, rows.video_paths, video, (REMEDY, REMEDY)) if len(rows.video_paths) > 1 else 0
    own = rows.video == number
    tracks, values = rows.track[own], rows.points[own]
    frames, row = np.unique(rows.frame[own], return_inverse=True)
    _refuse_twice(path, frames, row, tracks, rows.track_names)
    # By frame, as a place in a frame is given; animals of one frame stay in their order.
    order = np.argsort(row, kind="stable")
    slots = np.empty(len(row), np.int64)
    slots[order] = slots_of_instances(row[order], tracks[order])
    whole = np.full((len(frames), int(slots.max()) + 1, len(names), len(VALUES)), np.nan, np.float32)
    whole[row, slots] = values
    animals = names_of_slots(slots, tracks, rows.track_names)
    return assembled(path, frames, whole[..., :2], whole[..., 2], names, animals=animals)


class _Rows(NamedTuple):
    """The rows of a table.

    Attributes
    ----------
    frame : array (n_rows,), int64
    track, video : array (n_rows,), int64
        Numbers in the lists of names; of the track, -1 where there is none.
    points : array (n_rows, n_nodes, 3), float32
        As in `VALUES`.
    track_names, video_paths : list of str
        In the order in which they first appear.
    """

    frame: NDArray[np.int64]
    track: NDArray[np.int64]
    video: NDArray[np.int64]
    points: NDArray[np.float32]
    track_names: list[str]
    video_paths: list[str]


def _nodes_of(path: Path, header: list[str]) -> list[str]:
    """Return the nodes that a header has columns of, or raise a PredictionsError."""
    names = [name.removesuffix(".x") for name in header if name.endswith(".x")]
    if not names or not all(f"{name}.y" in header for name in names):
        raise PredictionsError(
            f"{path}: has no columns of points (nose.x, nose.y, nose.score); export it from SLEAP again"
        )
    if all(FRAME_ROW.match(name) for name in names):
        raise PredictionsError(f"{path}: has one row for each frame; export it with one row for each instance")
    return names


def _read_rows(path: Path, header: list[str], names: list[str]) -> _Rows:
    """Read a table a piece at a time; the columns of text become numbers."""
    wanted = ["frame_idx", *(f"{name}.{value}" for name in names for value in VALUES), VIDEO_COLUMN, "track"]
    wanted = [column for column in wanted if column in header]
    places = np.array([[_place(wanted, f"{name}.{value}") for value in VALUES] for name in names])
    tracks: defaultdict[str, int] = defaultdict(count().__next__)
    videos: defaultdict[str, int] = defaultdict(count().__next__)
    texts = {"track": lambda text: -1 if text in NO_NAME else tracks[text], VIDEO_COLUMN: videos.__getitem__}
    read_texts = {header.index(column): how for column, how in texts.items() if column in header}
    frame, track, video, points = [], [], [], []
    for piece in numbers_in(path, 1, [header.index(column) for column in wanted], len(header), read_texts):
        frame.append(as_indices(path, piece[:, 0]))
        track.append(piece[:, -1].astype(np.int64) if "track" in header else np.full(len(piece), -1))
        video.append(piece[:, wanted.index(VIDEO_COLUMN)] if VIDEO_COLUMN in header else np.zeros(len(piece)))
        points.append(picked(piece, places))
    if not frame:
        raise PredictionsError(f"{path}: has a header and no rows; export it again")
    return _Rows(
        np.concatenate(frame),
        np.concatenate(track),
        np.concatenate(video).astype(np.int64),
        np.concatenate(points),
        list(tracks),
        list(videos),
    )


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
