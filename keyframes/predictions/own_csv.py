"""A plain table for predictions of any other tool: one row for each point.

The header names the columns, in any order: ``frame_index`` (counted from 0), ``animal``, ``node``, ``x`` and ``y``
(pixels in the whole picture), and ``confidence``. ``confidence`` may be left out, and ``animal`` where there is only
one. An empty cell, or a row that is not there, is a missing value.
"""

from collections import defaultdict
from itertools import count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import PredictionsError
from keyframes.predictions.assembly import as_float32, as_indices, assembled
from keyframes.predictions.predictions import Predictions
from keyframes.predictions.slots import names_of_slots, slots_of_tracks
from keyframes.predictions.tables import NO_NAME, head_of, numbers_in

NEEDED = ("frame_index", "node", "x", "y")
COLUMNS = ("frame_index", "animal", "node", "x", "y", "confidence")


def is_ours(header: list[str]) -> bool:
    """Whether a table with this header is one of these."""
    return "frame_index" in header


def read(path: Path) -> Predictions:
    """Read such a table."""
    (header,) = head_of(path, 1)
    if lacking := [name for name in NEEDED if name not in header]:
        raise PredictionsError(f"{path}: has no column {lacking[0]}; its columns must be {', '.join(COLUMNS)}")
    columns = [name for name in COLUMNS if name in header]
    if twice := [name for name in columns if header.count(name) > 1]:
        raise PredictionsError(f"{path}: has two columns {twice[0]}; keep one")
    animals, nodes = (defaultdict[str, int](count().__next__) for _ in range(2))
    numbered = {header.index("node"): nodes.__getitem__}
    if "animal" in header:
        numbered[header.index("animal")] = animals.__getitem__
    index, point, place = [], [], []
    for piece in numbers_in(path, 1, [header.index(name) for name in columns], len(header), numbered):
        by_name = dict(zip(columns, piece.T, strict=True))
        nothing = np.full(len(piece), np.nan)
        index.append(as_indices(path, by_name["frame_index"]))
        values = [by_name.get(name, nothing) for name in ("x", "y", "confidence")]
        point.append(as_float32(np.stack(values, axis=1)))
        place.append(np.stack([by_name.get("animal", np.zeros(len(piece))), by_name["node"]], axis=1).astype(np.int32))
    if not index:
        raise PredictionsError(f"{path}: has a header and no rows; write one for each point")
    frames, rows = np.unique(np.concatenate(index), return_inverse=True)
    animal, node = np.concatenate(place).T
    n_animals, n_nodes = int(animal.max()) + 1, len(nodes)
    if (nameless := np.isin(node, [number for name, number in nodes.items() if name in NO_NAME])).any():
        raise PredictionsError(
            f"{path}: frame {frames[rows[nameless][0]]} has a row without a node; write the name of its keypoint"
        )
    _refuse_twice(path, frames, rows, (animal * n_nodes + node).astype(np.int64), n_animals * n_nodes)
    first, last = np.full(n_animals, len(frames)), np.full(n_animals, -1)
    np.minimum.at(first, animal, rows)
    np.maximum.at(last, animal, rows)
    slots = slots_of_tracks(first, last)
    points = np.full((len(frames), int(slots.max()) + 1, n_nodes, 3), np.nan, np.float32)
    points[rows, slots[animal], node] = np.concatenate(point)
    named = np.array([-1 if name in NO_NAME else number for name, number in animals.items()], np.int64)
    known = names_of_slots(slots, named, tuple(animals)) if animals else ()
    return assembled(path, frames, points[..., :2], points[..., 2], tuple(nodes), animals=known)


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
