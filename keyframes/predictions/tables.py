"""Numbers in CSV files that may be gigabytes long: read in pieces, in bounded memory."""

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import PredictionsError
from keyframes.predictions.kernels.decimals import read_rows

# Characters parsed at once.
PIECE = 1 << 24
LONGEST_LINE = 1 << 24
# What a cell for the name of an animal or track has that has none; an empty cell is read as NaN.
NO_NAME = ("", "None", "nan", "NA")

# Quoted, or as R writes it.
EMPTY_CELL = re.compile(r'(^|,)(?:""|NA|"NA")(?=[,\n]|\Z)', re.MULTILINE)
FIRST_CELL = re.compile(r"^(?=,)", re.MULTILINE)

Converters = Mapping[int, Callable[[str], float]]


def head_of(path: Path, n_rows: int) -> list[list[str]]:
    """Return the first rows of a table; a PredictionsError says that the file cannot be read as one."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = "".join(file.readline(LONGEST_LINE) for _ in range(n_rows))
        return list(islice(csv.reader(StringIO(text, newline="")), n_rows))
    except (OSError, ValueError, csv.Error) as error:
        raise PredictionsError(f"{path}: cannot be read as a table ({error}); give a network's predictions") from None


def numbers_in(
    path: Path, n_header: int, columns: list[int], n_columns: int, converters: Converters | None = None
) -> Iterator[NDArray[np.float64]]:
    """Yield the rows below the header of a table, in pieces.

    An empty cell is NaN. A PredictionsError names the first line that has another number of cells, or no numbers.

    Parameters
    ----------
    path : Path
    n_header : int
        Lines to skip.
    columns : list of int
        Those that are wanted, that of the frame index first.
    n_columns : int
        How many a row has.
    converters : mapping of int to callable
        Gives a number for the text of a cell, for columns of text.

    Yields
    ------
    array (n_rows, len(columns)), float64
    """
    n_before = n_header
    try:
        with path.open(encoding="utf-8-sig") as file:
            for _ in range(n_header):
                file.readline(LONGEST_LINE)
            while text := file.read(PIECE):
                text += file.readline(LONGEST_LINE)
                rows = None if converters else plain_rows(text, n_columns)
                if rows is None:
                    lines = _without_gaps(text, is_index=columns[0] == 0).split("\n")
                    if any(lines):
                        yield _parsed(path, lines, n_before, columns, n_columns, converters)
                elif len(rows):
                    yield rows if columns == list(range(n_columns)) else rows[:, columns]
                n_before += text.count("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise PredictionsError(f"{path}: is not a text table ({error}); copy it again") from None


def plain_rows(text: str, n_columns: int) -> NDArray[np.float64] | None:
    """Return the rows of a table, an empty cell as NaN; None where it has anything but plain numbers and such cells.

    Plain numbers are as ``-12.5e-3`` or ``nan``. All rows must have `n_columns` cells, and the first one is not empty.
    """
    values = np.empty((text.count("\n") + 1, n_columns))
    n_rows = read_rows(np.frombuffer(text.encode(), np.uint8), values)
    return None if n_rows < 0 else values[:n_rows]


def _without_gaps(text: str, is_index: bool) -> str:
    """Write NaN into the empty cells, which NumPy does not read; not into the first of a line, if that is an index."""
    # Twice, because matches do not overlap.
    if '""' in text or "NA" in text:
        text = EMPTY_CELL.sub(r"\1", text)
    filled = text.replace(",,", ",nan,").replace(",,", ",nan,").replace(",\n", ",nan\n")
    if not is_index:
        filled = FIRST_CELL.sub("nan", filled)
    return f"{filled}nan" if filled.endswith(",") else filled


def _n_cells(line: str) -> int:
    return len(next(csv.reader([line]))) if '"' in line else line.count(",") + 1


def _parsed(
    path: Path, lines: list[str], n_before: int, columns: list[int], n_columns: int, converters: Converters | None
) -> NDArray[np.float64]:
    wrong = _other_length(lines, n_columns)
    if wrong is None:
        how: dict[str, Any] = {"usecols": columns, "converters": converters}
        try:
            rows: NDArray[np.float64] = np.loadtxt(lines, delimiter=",", comments=None, ndmin=2, quotechar='"', **how)
            return rows
        except ValueError as error:
            bad = (i for i, line in enumerate(lines) if line and not _is_row(line, columns, converters or {}))
            wrong = next(bad, 0), f"cannot be read ({error})"
    number, reason = wrong
    raise PredictionsError(
        f"{path}: line {n_before + number + 1} {reason}; the file is damaged or cut off: predict or copy it again"
    )


def _other_length(lines: list[str], n_columns: int) -> tuple[int, str] | None:
    """Return the number of the first line that has more or fewer cells, and what it is; None where none has.

    All cells of a line count, also those that are not read.
    """
    for number, line in enumerate(lines):
        if line:
            try:
                n_cells = _n_cells(line)
            except csv.Error as error:
                return number, f"cannot be read ({error})"
            if n_cells != n_columns:
                more = "fewer" if n_cells < n_columns else "more"
                return number, f"has {more} cells ({n_cells}) than the header ({n_columns})"
    return None


def is_number(text: str) -> bool:
    """Whether a cell is empty or a number."""
    try:
        float(text or "nan")
    except ValueError:
        return False
    return True


def _is_row(line: str, columns: list[int], converters: Converters) -> bool:
    try:
        cells = next(csv.reader([line]))
        for column in columns:
            converters.get(column, float)(cells[column])
    except (ValueError, IndexError, csv.Error):
        return False
    return True
