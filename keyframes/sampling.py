"""Some rows that represent all: spread evenly, or also over what moves; and which of them is nearest to each row.

And how many are worked on at a time, where all of them together would need too much memory.
"""

import numpy as np
from numpy.typing import NDArray

CHUNK_ROWS = 1024


def even_rows(n_rows: int, most: int) -> NDArray[np.int64]:
    """Return so many rows or fewer, evenly spread from the first to the last."""
    if n_rows <= most:
        return np.arange(n_rows)
    return np.linspace(0, n_rows - 1, most).astype(np.int64)


def spread_rows(path: NDArray[np.floating], most: int) -> NDArray[np.int64]:
    """Return rows (ascending) that are spread half over the time and half over a path; all where they are no more.

    The path (n_rows,) grows with all that moves. A rest does not hide a short run, nor a run all the rests.
    """
    n_rows = len(path)
    if n_rows <= most:
        return np.arange(n_rows)
    spread = np.linspace(0, 1, n_rows) + (path / path[-1] if path[-1] else 0)
    places = np.searchsorted(spread, np.linspace(0, spread[-1], most))
    return np.unique(np.minimum(places, n_rows - 1))


def nearest_of(rows: NDArray[np.int64], n_rows: int) -> NDArray[np.int64]:
    """Return, for each of so many rows, the nearest one of ascending `rows`, by its place there; the earlier of two."""
    return np.searchsorted((rows[1:] + rows[:-1]) / 2, np.arange(n_rows))
