"""Tables of labels: as CSV, or as HDF5 as pandas writes it, read without pandas."""

import csv
from collections.abc import Iterator
from pathlib import Path

from keyframes.errors import ExportError
from keyframes.predictions.hdf5 import package_to_read
from keyframes.predictions.pandas_hdf5 import labels_of


def rows_in_csv(path: Path) -> Iterator[list[str]]:
    """Yield the rows of a table, or raise an ExportError."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.reader(file)
    except (OSError, ValueError, csv.Error) as error:
        raise ExportError(f"{path}: cannot be read as a table of labels ({error}); restore it from a copy") from None


def images_in_h5(path: Path) -> Iterator[str]:
    """Yield what names the images in a table's index: their paths, or, in newer tables, their names.

    An ExportError says that the file is no such table, or that h5py is missing.
    """
    h5py = package_to_read(path, "h5py", ExportError)
    try:
        with h5py.File(path, "r") as file:
            yield from (label[-1] for label in labels_of(file["df_with_missing"], "axis1"))
    except (OSError, KeyError, ValueError, TypeError, IndexError) as error:
        raise ExportError(f"{path}: cannot be read as a table of labels ({error}); restore it from a copy") from None
