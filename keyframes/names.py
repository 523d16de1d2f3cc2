r"""File names as text: whatever bytes a name has, and whatever the locale.

Python gives a byte of a name that it cannot decode as a lone surrogate, which no UTF-8 text can hold. So that nothing
fails when a name is printed or written down, there is one rule:

- What people and other programs read (terminal, JSON, tables, pages) has the name as UTF-8, and ``\xe9`` for a byte
  that is not UTF-8. Under an ASCII locale, names that are UTF-8 are written as in any other.
- Files and folders that are named after a recording keep its bytes.
- Projects of labelling tools are what other programs read, their folders included. There ``_`` replaces the backslash,
  which the tools take for a separator.
- Names are compared as `composed`: ``ä`` may be one character or, as macOS writes it, two.
"""

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def shown(name: object) -> str:
    r"""Return a text with file names in it as valid Unicode; bytes that are not UTF-8 come as ``\xe9``."""
    try:
        return str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        # Windows: half of a UTF-16 pair.
        return str(name).encode("utf-8", "backslashreplace").decode()


def printable(text: str) -> str:
    """Return a text that can be printed in a line, whatever bytes a file name in it has: as `shown`, controls as ?."""
    return "".join(c if c.isprintable() else "?" for c in shown(text))


def shown_in(document: Any) -> Any:
    """Return a JSON document with every string in it as `shown`."""
    if isinstance(document, str):
        return shown(document)
    if isinstance(document, dict):
        return {shown(key): shown_in(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [shown_in(value) for value in document]
    return document


def plain(name: object) -> str:
    """Return a name or path as a project of a labelling tool can hold it: as `shown`, and without backslashes."""
    return shown(name).replace("\\", "_")


def composed(name: str) -> str:
    """Return a name with each letter and its accent as one character, as names are compared."""
    return unicodedata.normalize("NFC", name)


def folded(name: object) -> str:
    """Return a name as those of videos are compared: as `plain` and `composed`, whatever its case."""
    return composed(plain(name).casefold())


def stored(name: str) -> str:
    """Return a name for a file of our own that `restored` reads back, whatever locale either runs under."""
    return os.fsencode(name).decode("utf-8", "surrogateescape")


def restored(text: str) -> str:
    """Return the name for the file system that a text represents: one from `stored`, or any UTF-8 text."""
    try:
        return os.fsdecode(text.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        # Half of a UTF-16 pair: Windows may have it in a name, and JSON from anywhere.
        return text


def is_utf8(path: str | Path) -> bool:
    """Whether the bytes of a path are UTF-8, so that a text file can hold it."""
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def entry_shown_as(folder: Path, name: str) -> Path | None:
    """Find what in a folder is shown by a name; None where nothing is."""
    path = folder / restored(name)
    if os.path.lexists(path):
        return path
    try:
        return next(
            (entry for entry in sorted(folder.iterdir()) if composed(shown(entry.name)) == composed(name)), None
        )
    except OSError:
        return None


def n_agreeing(parts: Sequence[str], others: Sequence[str]) -> int:
    """How many parts of two paths agree from the start."""
    return next((i for i, pair in enumerate(zip(parts, others, strict=False)) if len(set(pair)) > 1), len(parts))


def with_own_name(path: Path) -> Path:
    """Return a path that ends in the name of what it leads to, which ``.`` and ``..`` do not."""
    return path.resolve() if path.name in ("", "..") else path
