"""Dry runs: what would be written is made, looked at, and thrown away in place of being put there."""

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

# Added lines of a text file that are listed, at most.
MOST_ADDED = 40


@dataclass(frozen=True)
class FileChange:
    """A file that a dry run found would be written.

    Attributes
    ----------
    path : str
        From the project or folder, with slashes.
    is_new : bool
        False for a file whose content would change.
    size_bytes : int
    added : tuple of str
        The lines that would be added to a text file.
    """

    path: str
    is_new: bool
    size_bytes: int
    added: tuple[str, ...] = ()


_noted: ContextVar[list[FileChange] | None] = ContextVar("noted", default=None)


@contextmanager
def dry_run() -> Iterator[list[FileChange]]:
    """Put nothing in place within this block; list what would be put there."""
    noted: list[FileChange] = []
    token = _noted.set(noted)
    try:
        yield noted
    finally:
        _noted.reset(token)


def only_noted(root: Path, staged: Path, rewritten: Mapping[Path, tuple[bytes, bytes]] | None = None) -> bool:
    """Note what is about to be put into `root`, in a dry run; whether this is one.

    `staged` holds the new files at the same relative places, `rewritten` the content before and after of others.
    """
    noted = _noted.get()
    if noted is None:
        return False
    for path in sorted(path for path in staged.rglob("*") if path.is_symlink() or not path.is_dir()):
        size_bytes = 0 if path.is_symlink() else path.stat().st_size
        noted.append(FileChange(path.relative_to(staged).as_posix(), True, size_bytes))
    for path, (before, after) in (rewritten or {}).items():
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()
        noted.append(FileChange(name, False, len(after), _added(before, after)))
    return True


def _added(before: bytes, after: bytes) -> tuple[str, ...]:
    try:
        old, new = (content.decode().splitlines() for content in (before, after))
    except UnicodeDecodeError:
        return ()
    found = [line[2:] for line in difflib.ndiff(old, new) if line.startswith("+ ")]
    return tuple(found[:MOST_ADDED])
