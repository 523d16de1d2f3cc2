"""Arrays in a file that appears whole or not at all, and is read only if it is what was written."""

import zipfile
from collections.abc import Set
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.whole_files import whole_file

# Errors of reading a file that is missing, cut off, or something else.
UNREADABLE = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def save_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Write a ``.npz`` that appears whole or not at all."""
    with whole_file(path) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]  # its second positional argument is a bool


def load_arrays(path: Path, names: Set[str] | None = None) -> dict[str, NDArray[Any]]:
    """Return what `save_arrays` wrote; an empty dict where there is nothing that can be read.

    It is empty, too, if the arrays do not have these names, as where another version wrote them.
    """
    try:
        # Opened here, because NumPy leaves a file open that is cut off.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            if names is not None and names != set(kept.files):
                return {}
            return {name: kept[name] for name in kept.files}
    except UNREADABLE:
        return {}
