"""What people write about recordings, whatever round: a file for each recording that has a note."""

import json
import threading
from pathlib import Path

from keyframes.app.kept_files import KeptFiles
from keyframes.app.rounds import Round
from keyframes.batch.text_files import read_json, write_text
from keyframes.errors import AppError, OutputError, StaleError
from keyframes.names import shown
from keyframes.review.changes import LONGEST_NOTE

SCHEMA_VERSION = 1


class Notes:
    """The notes on recordings, kept beside the states of the first round. Several threads may call its methods."""

    def __init__(self, first: Round) -> None:
        self._folder = first.own / "notes"
        self._kept: KeptFiles[str] = KeptFiles()
        self._changing = threading.Lock()

    def all(self) -> dict[str, str]:
        """Return the notes by the ids of recordings; a file is read again only when it has changed."""
        try:
            paths = list(self._folder.glob("*.json"))
        except OSError:
            return {}
        found = {path.stem: self._read(path) for path in paths}
        return {name: words for name, words in found.items() if words}

    def write(self, name: str, words: str, before: str) -> None:
        """Replace the note that was read as `before`; an empty one takes it away.

        A StaleError says that another window has written another note meanwhile.
        """
        # As the page shows them, which sends that back as `before`.
        words, path = shown(words.strip()), self._folder / f"{name}.json"
        if len(words) > LONGEST_NOTE:
            raise AppError(f"a note of {len(words)} characters is too long; write no more than {LONGEST_NOTE}")
        with self._changing:
            there = self._read(path)
            if there not in (before, words):
                newer = there or "it is empty"
                raise StaleError(f"the note in another window is newer: {newer}; save again to replace it")
            try:
                self._folder.mkdir(parents=True, exist_ok=True)
                if not words:
                    path.unlink(missing_ok=True)
                    return
            except OSError as error:
                raise OutputError(f"{path}: cannot be written ({error.strerror}); check its permissions") from None
            write_text(path, json.dumps({"schema_version": SCHEMA_VERSION, "note": words}) + "\n")

    def _read(self, path: Path) -> str:
        def read() -> str:
            told = read_json(path)
            words = told.get("note") if told.get("schema_version") == SCHEMA_VERSION else ""
            return words if isinstance(words, str) else ""

        return self._kept.get(path, read, "")
