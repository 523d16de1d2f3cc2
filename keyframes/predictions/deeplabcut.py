"""Tables as DeepLabCut writes them, which Lightning Pose does too: three or four header rows, one row a frame.

``<video><scorer>.csv`` and ``.h5``, of one animal or several. Where the videos were cropped, the coordinates are inside
the crop, and its place stands in ``<video><scorer>_meta.pickle``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import PredictionsError
from keyframes.predictions.assembly import assembled, picked
from keyframes.predictions.hdf5 import opened
from keyframes.predictions.pandas_hdf5 import Column, columns_of, find_table, has_row_levels, rows_of
from keyframes.predictions.plain_pickle import plain_data
from keyframes.predictions.predictions import Predictions
from keyframes.predictions.tables import head_of, is_number, numbers_in

LEVELS = ["scorer", "individuals", "bodyparts", "coords"]
VALUES = ["x", "y", "likelihood"]
FILTERED = "_filtered"
# What DeepLabCut appends to the name by which it knows the predictions, for each way to track animals.
TRACKERS = ("_el", "_bx", "_sk", "_ctd")


class NetworkCrop(NamedTuple):
    """The part of the video that the network saw, in pixels; all of it where it was not cropped."""

    cropped: bool
    left: int
    right: int
    top: int
    bottom: int


ROWS_ARE_IMAGES = "its rows are images, not frames of a video; give predictions of the video"


@dataclass(frozen=True)
class _Layout:
    """Where the values of each point stand in a row; the number of columns means none."""

    names: tuple[str, ...]
    animals: tuple[str, ...]
    places: NDArray[np.int64]

    @classmethod
    def of(cls, path: Path, columns: Sequence[Column]) -> "_Layout":
        """Understand the columns (scorer, animal if there are several, body part, coordinate) of a table."""
        coords = {column[-1] for column in columns}
        if coords == {"x", "y"}:
            raise PredictionsError(f"{path}: is a table of labels, without likelihood; give predictions")
        if coords != set(VALUES) or {len(column) for column in columns} not in ({3}, {4}):
            raise PredictionsError(f"{path}: its columns are not x, y and likelihood of body parts; give predictions")
        if len(scorers := list(dict.fromkeys(column[0] for column in columns))) > 1:
            raise PredictionsError(
                f"{path}: holds predictions of several networks ({', '.join(scorers)}); give a file of one network"
            )
        if len(set(columns)) < len(columns):
            raise PredictionsError(f"{path}: has a column twice; predict or copy it again")
        animals = list(dict.fromkeys(column[1:-2] for column in columns))
        names = list(dict.fromkeys(column[-2] for column in columns))
        places = np.full((len(animals), len(names), 3), len(columns))
        for place, (_, *animal, name, value) in enumerate(columns):
            places[animals.index(tuple(animal)), names.index(name), VALUES.index(value)] = place
        return cls(tuple(names), tuple(name for (name,) in filter(None, animals)), places)


def read_csv(path: Path) -> Predictions:
    """Read a ``.csv``, of DeepLabCut or Lightning Pose."""
    head = head_of(path, 6)
    n_header = 4 if [row[:1] for row in head[:4]] == [[level] for level in LEVELS] else 3
    levels = [row[:1] for row in head[:n_header]]
    if n_header == 3 and levels != [[level] for level in LEVELS if level != "individuals"]:
        raise PredictionsError(
            f"{path}: is not a table of predictions; give one that DeepLabCut, SLEAP or Lightning Pose wrote, or one "
            "with the columns frame_index, node, x and y, and commas between them"
        )
    # pandas writes the name of the index into a row of its own.
    n_skipped = n_header + any(_is_text(row) and not any(row[1:]) for row in head[n_header : n_header + 1])
    if any(map(_is_text, head[n_skipped : n_skipped + 1])):
        raise PredictionsError(f"{path}: {ROWS_ARE_IMAGES}")
    if len({len(row) for row in head[:n_header]}) > 1:
        raise PredictionsError(f"{path}: the rows of its header differ in length; predict or copy it again")
    columns = list(zip(*(row[1:] for row in head[:n_header]), strict=True))
    layout = _Layout.of(path, columns)
    n_columns = len(columns) + 1
    pieces = numbers_in(path, n_skipped, list(range(n_columns)), n_columns)
    return _gathered(path, layout, ((piece[:, 0], piece[:, 1:]) for piece in pieces))


def _is_text(row: list[str]) -> bool:
    """Whether a row begins with a text, not with the number of a frame."""
    return bool(row) and not is_number(row[0])


def read_h5(path: Path) -> Predictions:
    """Read a ``.h5``; nothing in it is unpickled but the names of its columns, as plain data."""
    with opened(path) as file:
        group = find_table(file)
        if group is None:
            raise PredictionsError(f"{path}: holds no table of predictions; give those of DeepLabCut or SLEAP")
        if has_row_levels(group):
            raise PredictionsError(f"{path}: {ROWS_ARE_IMAGES}")
        return _gathered(path, _Layout.of(path, columns_of(path, group)), rows_of(group))


def _gathered(path: Path, layout: _Layout, pieces: Iterable[tuple[NDArray[Any], NDArray[Any]]]) -> Predictions:
    frames, points = [], []
    for index, values in pieces:
        if index.dtype.kind not in "iuf":
            raise PredictionsError(f"{path}: {ROWS_ARE_IMAGES}")
        # A view would keep the whole piece.
        frames.append(index.copy())
        points.append(picked(values, layout.places))
    if not frames:
        raise PredictionsError(f"{path}: has a header and no rows; predict again")
    whole = np.concatenate(points)
    points.clear()
    return assembled(path, np.concatenate(frames), whole[..., :2], whole[..., 2], layout.names, animals=layout.animals)


def meta_file_of(path: Path) -> Path:
    """Return where DeepLabCut keeps what it noted of predictions."""
    stem = path.stem.removesuffix(FILTERED)
    for tracker in TRACKERS:
        stem = stem.removesuffix(tracker)
    return path.with_name(f"{stem}_meta.pickle")


def crop_in(meta: Path) -> NetworkCrop:
    """Return what DeepLabCut notes of the part of the video that the network saw.

    A PredictionsError says that the file does not tell, or that it holds anything but plain data.
    """
    remedy = "give the corner of the crop with --predictions-offset, 0,0 if there was none"
    try:
        data = plain_data(meta.read_bytes(), str(meta))["data"]
        return NetworkCrop(bool(data["cropping"]), *(int(value) for value in data["cropping_parameters"]))
    except PredictionsError as error:
        raise PredictionsError(f"{error}; {remedy}") from None
    except (OSError, LookupError, TypeError, ValueError, OverflowError):
        raise PredictionsError(f"{meta}: does not say whether the video was cropped; {remedy}") from None
