"""Small text files that several processes share: written whole, and read as far as there is something to read."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from keyframes.errors import not_written
from keyframes.whole_files import whole_file


def write_text(path: Path, text: str) -> None:
    """Write a file that appears whole or not at all; a file with this text stays as it is, even on a read-only disk."""
    with suppress(OSError):
        if path.read_bytes() == text.encode():
            return
    try:
        with whole_file(path) as partial:
            partial.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise not_written(path, error) from error


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty dict where there is no file, or nothing complete in it yet."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return told if isinstance(told, dict) else {}
