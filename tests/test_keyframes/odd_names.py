"""What tests of names share: names that are not UTF-8, and an ASCII locale."""

import os

import pytest

# Python then knows ASCII alone, and gives every other byte of a name as a surrogate.
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii"}
# A locale is read at the start of a process, and starting one for every command takes minutes.
IN_ASCII = pytest.param(ASCII, id="ascii", marks=pytest.mark.slow)
LOCALES = pytest.mark.parametrize("locale", [pytest.param({}, id="utf-8"), IN_ASCII])
LATIN = os.fsdecode(b"caf\xe9")


def texts(folder):
    """Every text below a folder, read as UTF-8."""
    endings = {".json", ".jsonl", ".csv", ".html", ".yaml", ".xml"}
    return {path: path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.suffix in endings}
