"""What is known of each recording, in a file of its own, and the summaries that are made of these."""

import csv
import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any

from keyframes.batch.tasks import Task, state_folder, state_name
from keyframes.errors import OutputError
from keyframes.video import file_hash

SCHEMA_VERSION = 1
# Folder of the kept scans, below that of the states.
KEEP = "scans"
COLUMNS = ("recording", "status", "frames", "seconds", "place", "warnings", "reason")


def write_text(path: Path, text: str) -> None:
    """Write a file that appears whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        partial.write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror}); free space, or choose another -o") from error
    finally:
        with suppress(OSError):
            partial.unlink()


def read_state(output: Path, recording: str) -> dict[str, Any]:
    """Return what is known of a recording; an empty dict where nothing is."""
    return _read(state_folder(output) / f"{state_name(recording)}.json")


def read_states(output: Path) -> dict[str, dict[str, Any]]:
    """Return what is known of each recording, by their names and in their order."""
    files = state_folder(output).glob("*.json")
    found = {state["recording"]: state for state in map(_read, files) if "recording" in state}
    return dict(sorted(found.items()))


def _read(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) and state.get("schema_version") == SCHEMA_VERSION else {}


def write_state(task: Task, **entries: Any) -> dict[str, Any]:
    """Replace what is known of a task's recording."""
    state = {"schema_version": SCHEMA_VERSION, "recording": task.recording, "place": task.place, **entries}
    # Names that are no UTF-8 go as escapes.
    write_text(task.folder / f"{task.name}.json", json.dumps(state, indent=2) + "\n")
    return state


def identify(video: Path) -> dict[str, Any]:
    """Return what tells whether a file is the one that it was: size, time of the last change, hash of head and tail.

    Raises
    ------
    VideoError
        Where it cannot be read.
    """
    seen = video.stat()
    return {
        "size_bytes": seen.st_size,
        "modified_ns": seen.st_mtime_ns,
        "hash": file_hash(video, seen.st_size),
    }


def write_summary(output: Path) -> list[dict[str, Any]]:
    """Write ``batch.json`` and ``summary.csv`` of everything that state files tell of; return the rows of the table."""
    states = read_states(output)
    rows = [
        {
            "recording": name,
            "status": state.get("status", ""),
            "frames": state.get("frames", 0),
            "seconds": state.get("seconds", 0.0),
            "place": state["place"] if state.get("frames") else "",
            "warnings": state.get("warnings", []),
            "reason": state.get("reason", ""),
        }
        for name, state in states.items()
    ]
    counts = {status: sum(row["status"] == status for row in rows) for status in ("done", "failed")}
    summary = {
        "schema_version": SCHEMA_VERSION,
        "recordings": len(rows),
        **counts,
        "frames": sum(row["frames"] for row in rows),
        "results": rows,
    }
    write_text(output / "batch.json", json.dumps(summary, indent=2) + "\n")
    path = output / "summary.csv"
    lines = _Lines()
    table = csv.DictWriter(lines, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows({**row, "warnings": "; ".join(row["warnings"])} for row in rows)
    write_text(path, "".join(lines))
    return rows


class _Lines(list[str]):
    """A file for csv, in memory."""

    def write(self, text: str) -> None:
        self.append(text)


def forget(output: Path, recording: str) -> None:
    """Forget what was done with a recording, but not which place is its own."""
    state = read_state(output, recording)
    folder, name = state_folder(output), state_name(recording)
    for path in (*folder.glob(f"{name}-*.coreset.npz"), *(folder / KEEP).glob(f"{name}-*.npz")):
        with suppress(OSError):
            path.unlink()
    if state:
        kept = {entry: state[entry] for entry in ("schema_version", "recording", "place", "owned") if entry in state}
        write_text(folder / f"{name}.json", json.dumps({**kept, "status": "waiting"}, indent=2) + "\n")
