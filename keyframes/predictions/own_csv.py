"""A plain table for predictions of any other tool: one row for each point.

The header names the columns, in any order: ``frame_index`` (counted from 0), ``animal``, ``node``, ``x`` and ``y``
(pixels in the whole picture), and ``confidence``. ``confidence`` may be left out, and ``animal`` where there is only
one. An empty cell, or a row that is not there, is a missing value.
"""

from collections import defaultdict
from itertools import count
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import PredictionsError
from keyframes.predictions.assembly import as_float32, as_indices, assembled
from keyframes.predictions.predictions import Predictions
from keyframes.predictions.slots import names_of_slots, slots_of_tracks
from keyframes.predictions.tables import NO_NAME, head_of, numbers_in

NEEDED = ("frame_index", "node", "x", "y")
POINT = ("x", "y", "confidence")
COLUMNS = ("frame_index", "animal", "node", *POINT)


def is_ours(header: list[str]) -> bool:
    """Whether a table with this header is one of these."""
    return "frame_index" in header


def read(path: Path) -> Predictions:
    """Read such a table."""
    rows = _read_rows(path)
    frames, row = np.unique(rows.frame, return_inverse=True)
    n_animals, n_nodes = int(rows.animal.max()) + 1, len(rows.node_names)
    nameless = [number for number, name in enumerate(rows.node_names) if name in NO_NAME]
    if (lacks_node := np.isin(rows.node, nameless)).any():
        raise PredictionsError(
            f"{path}: frame {frames[row[lacks_node][0]]} has a row without a node; write the name of its keypoint"
        )
    _refuse_twice(path, frames, row, (rows.animal * n_nodes + rows.node).astype(np.int64), n_animals * n_nodes)
    first, last = np.full(n_animals, len(frames)), np.full(n_animals, -1)
    np.minimum.at(first, rows.animal, row)
    np.maximum.at(last, rows.animal, row)
    slots = slots_of_tracks(first, last)
    whole = np.full((len(frames), int(slots.max()) + 1, n_nodes, 3), np.nan, np.float32)
    whole[row, slots[rows.animal], rows.node] = rows.points
    names = rows.animal_names
    named = np.array([-1 if name in NO_NAME else number for number, name in enumerate(names)], np.int64)
    known = names_of_slots(slots, named, names) if names else ()
    return assembled(path, frames, whole[..., :2], whole[..., 2], rows.node_names, animals=known)


class _Rows(NamedTuple):
    """The rows of a table, one for each point.

    Attributes
    ----------
    frame : array (n_rows,), int64
    animal, node : array (n_rows,), int32
        Numbers in the tuples of names; 0 where there is no column of animals.
    points : array (n_rows, 3), float32
        x, y and confidence.
    animal_names, node_names : tuple of str
        In the order in which they first appear; of animals, none without their column.
    """

    frame: NDArray[np.int64]
    animal: NDArray[np.int32]
    node: NDArray[np.int32]
    points: NDArray[np.float32]
    animal_names: tuple[str, ...]
    node_names: tuple[str, ...]


def _read_rows(path: Path) -> _Rows:
    """Read a table a piece at a time; the columns of text become numbers."""
    (header,) = head_of(path, 1)
    if lacking := [name for name in NEEDED if name not in header]:
        raise PredictionsError(
            f"{path}: has no column {lacking[0]}; give a table with the columns {', '.join(NEEDED)} and one row for "
            "each point"
        )
    columns = [name for name in COLUMNS if name in header]
    if twice := [name for name in columns if header.count(name) > 1]:
        raise PredictionsError(f"{path}: has two columns {twice[0]}; keep one")
    animals, nodes = (defaultdict[str, int](count().__next__) for _ in range(2))
    numbered = {header.index("node"): nodes.__getitem__}
    if "animal" in header:
        numbered[header.index("animal")] = animals.__getitem__
    frame, animal, node, points = [], [], [], []
    for piece in numbers_in(path, 1, [header.index(name) for name in columns], len(header), numbered):
        by_name = dict(zip(columns, piece.T, strict=True))
        nothing = np.full(len(piece), np.nan)
        frame.append(as_indices(path, by_name["frame_index"]))
        animal.append(by_name.get("animal", np.zeros(len(piece))).astype(np.int32))
        node.append(by_name["node"].astype(np.int32))
        points.append(as_float32(np.stack([by_name.get(name, nothing) for name in POINT], axis=1)))
    if not frame:
        raise PredictionsError(f"{path}: has a header and no rows; write one for each point")
    return _Rows(
        np.concatenate(frame),
        np.concatenate(animal),
        np.concatenate(node),
        np.concatenate(points),
        tuple(animals),
        tuple(nodes),
    )


def _refuse_twice(
    path: Path,
    frames: NDArray[np.int64],
    rows: NDArray[np.int64],
    places: NDArray[np.int64],
    n_places: int,
) -> None:
    """Raise a PredictionsError where a point has two rows."""
    keys = np.sort(rows * n_places + places)
    twice = keys[1:][np.diff(keys) == 0] // n_places
    if len(twice):
        raise PredictionsError(f"{path}: frame {frames[twice[0]]} has two rows of one point of one animal; keep one")
