"""Tables that pandas wrote into HDF5 files, read without pandas, which would unpickle what is in them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.predictions.hdf5 import texts
from keyframes.predictions.plain_pickle import plain_data

# Rows read at once.
ROWS = 1 << 16

Column = tuple[str, ...]


def find_table(file: Any) -> Any:
    """Return the group of the file's first table; None where it has none."""
    groups = (group for group in file.values() if "pandas_type" in group.attrs)
    return next(groups, None)


def columns_of(path: Path, group: Any) -> list[Column]:
    """Return the names of a table's columns, in the order in which `rows_of` gives them."""
    found: list[Column] = []
    for name, _ in _blocks(group):
        if "table" in group:
            pickled = group["table"].attrs[f"{name}_kind"]
            kind = plain_data(bytes(pickled), f"{path}: the names of its columns")
            found += [tuple(map(str, column)) for column in kind]
        else:
            found += labels_of(group, name.replace("_values", "_items"))
    return found


def has_row_levels(group: Any) -> bool:
    """Whether the rows of a table in the fixed format have labels of several levels, as those of images have."""
    return "axis1_level0" in group


def rows_of(group: Any) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield index and values of a table's rows, in pieces."""
    is_table = "table" in group
    n_rows = len(group["table"] if is_table else _filled(group["axis1"]))
    for start in range(0, n_rows, ROWS):
        piece = slice(start, start + ROWS)
        rows = group["table"][piece] if is_table else None
        index = group["axis1"][piece] if rows is None else rows["index"]
        blocks = [values[piece] if rows is None else rows[name] for name, values in _blocks(group)]
        yield index, np.concatenate([block.reshape(len(index), -1) for block in blocks], axis=1)


def _blocks(group: Any) -> list[tuple[str, Any]]:
    """Name the blocks of columns of one type each, with the array where the format has one for each."""
    if "table" in group:
        return [(name, None) for name in group["table"].dtype.names if name.startswith("values_block_")]
    return [(name, group[name]) for name in group if name.startswith("block") and name.endswith("_values")]


def _filled(array: Any) -> Any:
    """Return an array, without the number that PyTables puts into an empty one, whose shape is an attribute."""
    return array[:0] if "shape" in array.attrs else array


def labels_of(group: Any, axis: str) -> list[Column]:
    """Return the labels of an axis, or of a block's columns, in the fixed format, which numbers those of each level."""
    if axis in group:
        return [(name,) for name in texts(_filled(group[axis]))]
    levels: list[list[str]] = []
    while f"{axis}_level{len(levels)}" in group:
        names, numbers = (_filled(group[f"{axis}_{what}{len(levels)}"]) for what in ("level", "label"))
        known = texts(names)
        levels.append([known[number] for number in numbers[:].tolist()])
    if not levels:
        raise KeyError(f"no labels of {axis}")
    return list(zip(*levels, strict=True))
