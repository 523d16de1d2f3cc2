"""What was done with a choice after it was made: reviewed, exported. A file for each recording, beside its state."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from keyframes.app.rounds import Round
from keyframes.batch.text_files import read_json, write_text
from keyframes.errors import OutputError

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Marks:
    """The marks of a choice, `choice`: another choice has none. `exported` is the digest of what was exported last."""

    choice: str = ""
    reviewed: bool = False
    exported: str = ""
    exported_to: str = ""


def choice_key(state: dict[str, Any]) -> str:
    """Return what tells a choice from another one of the same recording: its settings, and the file."""
    text = json.dumps([state.get("settings"), state.get("video"), state.get("place")], sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def read_marks(round_: Round, name: str, state: dict[str, Any]) -> Marks:
    """Return the marks of the choice that a recording's state tells of."""
    told = read_json(_file(round_, name))
    known = {field: told[field] for field in Marks.__dataclass_fields__ if field in told}
    if told.get("schema_version") != SCHEMA_VERSION or known.get("choice") != choice_key(state):
        return Marks(choice_key(state))
    return Marks(**known)


def write_marks(round_: Round, name: str, state: dict[str, Any], **changed: Any) -> None:
    """Change the marks of a recording's choice."""
    marks = replace(read_marks(round_, name, state), **changed)
    path = _file(round_, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path.parent}: cannot be created ({error.strerror}); check its permissions") from None
    write_text(path, json.dumps({"schema_version": SCHEMA_VERSION, **asdict(marks)}, indent=2) + "\n")


def _file(round_: Round, name: str) -> Path:
    return round_.own / f"{name}.json"
