"""What tests of names share: names that are not UTF-8, and an ASCII locale."""

import os

import pytest

# Python then knows ASCII alone, and gives every other byte of a name as a surrogate.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
LOCALES = pytest.mark.parametrize("locale", [{}, ASCII], ids=["utf-8", "ascii"])
LATIN = os.fsdecode(b"caf\xe9")


def texts(folder):
    """Every text below a folder, read as UTF-8."""
    endings = {".json", ".jsonl", ".csv", ".html", ".yaml", ".xml"}
    return {path: path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.suffix in endings}
