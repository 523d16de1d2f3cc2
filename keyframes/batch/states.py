"""What is known of each recording, in a file of its own, and the summaries that are made of these."""

import csv
import io
import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from keyframes.batch.tasks import Task, state_folder, state_name
from keyframes.batch.text_files import read_json, write_text
from keyframes.names import restored, shown, shown_in, stored
from keyframes.video import file_hash
from keyframes.video.images import image_files

SCHEMA_VERSION = 1
# Folder of the kept scans, below that of the states.
KEEP = "scans"
# Entries of a state that are paths.
NAMES = ("recording", "place")
# Entries of a state that are about its result.
OF_RESULT = ("video", "settings", "frames", "warnings")
# Columns of the table, and what is in them where a state does not say.
COLUMNS = {"recording": "", "status": "", "frames": 0, "seconds": 0.0, "place": "", "warnings": [], "reason": ""}


def read_state(output: Path, recording: str) -> dict[str, Any]:
    """Return what is known of a recording; an empty dict where nothing is."""
    return _read(state_folder(output) / f"{state_name(recording)}.json")


def result_of(output: Path, state: dict[str, Any]) -> dict[str, Any]:
    """Return what a state says of the result that stands, also where an attempt has failed or was broken off since.

    Its ``folder`` tells it from the one that such an attempt may still have put in its place.
    """
    if not state.get("place"):
        return {}
    try:
        folder = (output / state["place"]).stat().st_ino
    except OSError:
        return {}
    if state.get("status") == "done" and state.get("frames"):
        return {**{name: state[name] for name in OF_RESULT}, "folder": folder}
    earlier = state.get("earlier", {})
    return dict(earlier) if earlier.get("folder") == folder else {}


def was_changed(result: Path) -> bool:
    """Whether a person changed the choice of a result in a review: no run could make it again."""
    return "review" in read_json(result / "manifest.json")


def read_states(output: Path) -> dict[str, dict[str, Any]]:
    """Return what is known of each recording, by their names and in their order."""
    files = state_folder(output).glob("*.json")
    found = {state["recording"]: state for state in map(_read, files) if "recording" in state}
    return {name: found[name] for name in sorted(found, key=os.fsencode)}


def _read(path: Path) -> dict[str, Any]:
    state = read_json(path)
    if state.get("schema_version") != SCHEMA_VERSION:
        return {}
    return {**state, **{entry: restored(state[entry]) for entry in NAMES if entry in state}}


def _write(path: Path, state: dict[str, Any]) -> None:
    state = {**state, **{entry: stored(state[entry]) for entry in NAMES if entry in state}}
    # Bytes of a name that are not UTF-8 are written as escapes.
    write_text(path, json.dumps(state, indent=2) + "\n")


def write_state(task: Task, **entries: Any) -> None:
    """Replace what is known of a task's recording."""
    state = {"schema_version": SCHEMA_VERSION, "recording": task.recording, "place": task.place, **entries}
    _write(task.folder / f"{task.name}.json", state)


def identify(video: Path) -> dict[str, Any]:
    """Return what tells whether a file, or a folder of images, is unchanged; an OSError where it cannot be read."""
    seen = [file.stat() for file in (image_files(video) if video.is_dir() else [video])]
    size_bytes = sum(one.st_size for one in seen)
    return {
        "size_bytes": size_bytes,
        "modified_ns": max(one.st_mtime_ns for one in seen),
        "hash": file_hash(video, size_bytes),
    }


def write_summary(
    output: Path, states: Mapping[str, dict[str, Any]], left_out: Mapping[str, int], gone: Collection[str]
) -> list[dict[str, Any]]:
    """Write ``batch.json`` and ``summary.csv`` of everything that states tell; return the rows of the table.

    Of recordings that are `gone`, only those count of which a result stands.
    """
    rows = []
    for recording, state in states.items():
        result = result_of(output, state)
        if recording in gone and not result:
            continue
        row = {name: state.get(name, empty) for name, empty in COLUMNS.items()}
        # Where an attempt has failed, these are of the earlier result, if that still stands.
        row["frames"] = row["frames"] or result.get("frames", 0)
        rows.append({**row, "place": row["place"] if row["frames"] else ""})
    counts = {status: sum(row["status"] == status for row in rows) for status in ("done", "failed")}
    summary = {
        "schema_version": SCHEMA_VERSION,
        "recordings": len(rows),
        **counts,
        "frames": sum(row["frames"] for row in rows),
        "left_out": dict(left_out),
        "results": rows,
    }
    write_text(output / "batch.json", json.dumps(shown_in(summary), indent=2) + "\n")
    written = io.StringIO(newline="")
    table = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    table.writeheader()
    table.writerows({**row, "warnings": "; ".join(row["warnings"])} for row in rows)
    write_text(output / "summary.csv", shown(written.getvalue()))
    return rows


def forget(output: Path, recording: str) -> None:
    """Forget what was done with a recording, but not which place is its own."""
    state = read_state(output, recording)
    folder, name = state_folder(output), state_name(recording)
    for path in (*folder.glob(f"{name}-*.coreset.npz"), *(folder / KEEP).glob(f"{name}-*.npz")):
        with suppress(OSError):
            path.unlink()
    if state:
        kept = {name: state[name] for name in state if name in ("schema_version", "recording", "place", "owned")}
        _write(folder / f"{name}.json", {**kept, "status": "waiting"})
