"""Which folders of images are recordings, and which TIFFs: other images lie beside recordings too."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from keyframes.errors import VideoError
from keyframes.video import VideoReader

# Of files named alike so many are tried, until one opens and tells for all of them.
N_TRIED = 3


def is_sequence(names: Sequence[str]) -> bool:
    """Whether most of some image files differ in nothing but the numbers in their names."""
    patterns = Counter(re.sub("[0-9]+", "0", name.casefold()) for name in names)
    return len(names) > 1 and max(patterns.values()) > max(1, len(names) // 2)


def find_stacks(folder: Path, names: Sequence[str]) -> list[str]:
    """Return those of a folder's TIFFs that are recordings: stacks of several pages, and what cannot be opened.

    Of a sequence, the first file that opens tells for all; one that cannot be opened is left to who reads them.
    """
    if not is_sequence(names):
        return [name for name in names if _is_stack(folder / name) is not False]
    told = (_is_stack(folder / name) for name in names[:N_TRIED])
    return list(names) if next((stack for stack in told if stack is not None), False) else []


def _is_stack(path: Path) -> bool | None:
    """Whether a TIFF has several pages; None where it cannot be opened."""
    try:
        with VideoReader(path, threads=1) as reader:
            return reader.header.frames_claimed > 1
    except VideoError:
        return None


def is_our_output(name: str, inside: Collection[str], beside: Collection[str]) -> bool:
    """Whether a folder holds what this package wrote, and so no recordings.

    Parameters
    ----------
    name : str
        Of the folder.
    inside, beside : collection of str
        Names of what is in it, and of what is beside it.
    """
    is_result = {"manifest.json", "frames"} <= set(inside)
    is_export = name == "images" and not {"annotations.json", "manifest.jsonl"}.isdisjoint(beside)
    return is_result or is_export or name in ("labeled-data", "batch-state")
