"""Where the recordings of a batch lie: its output folder knows the folders that were searched."""

import json
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from keyframes.batch.states import identify, read_states
from keyframes.batch.tasks import Task, state_folder
from keyframes.batch.text_files import read_json, write_text
from keyframes.errors import VideoError
from keyframes.names import restored, stored
from keyframes.result.recordings import results_in

SEARCHED = "searched.json"
MOST_SEARCHED = 20


def note_searched(output: Path, folder: Path) -> None:
    """Note that the recordings of a batch lie below a folder; the latest one comes first."""
    path, before = os.path.abspath(folder), _searched(output)
    if before[:1] != [path]:
        folders = [path, *(other for other in before if other != path)][:MOST_SEARCHED]
        write_text(state_folder(output) / SEARCHED, json.dumps({"folders": list(map(stored, folders))}) + "\n")


def videos_of(results: Sequence[Path]) -> list[Path]:
    """Return the recordings that results of batches came from, as far as they are where they were.

    `results` are result folders, or folders of these. What is no result of a batch gives nothing.
    """
    found: dict[Path, None] = {}
    known: dict[Path, dict[Path, str]] = {}
    for result in (inner for folder in results for inner in results_in(folder)):
        place = Path(os.path.abspath(result))
        output = next((parent for parent in place.parents if os.path.isdir(state_folder(parent))), None)
        if output is None:
            continue
        if output not in known:
            states = read_states(output)
            known[output] = {output / state["place"]: name for name, state in states.items() if "place" in state}
        if recording := known[output].get(place):
            paths = (Path(folder) / recording for folder in _searched(output))
            found.update((path, None) for path in paths if os.path.exists(path))
    return list(found)


def source_elsewhere(task: Task, content: dict[str, Any]) -> Path | None:
    """Return the file of this content and the task's name in another folder that was searched; None where none is."""
    for folder in _searched(task.output):
        path = Path(folder) / task.recording
        with suppress(OSError, VideoError):
            if identify(path) == content and not path.samefile(task.video):
                return path
    return None


def without_source(output: Path, recordings: Iterable[str]) -> list[str]:
    """Return those of some recordings that are in none of the folders that were searched."""
    folders = [Path(folder) for folder in _searched(output)]
    return [name for name in recordings if not any(os.path.lexists(folder / name) for folder in folders)]


def _searched(output: Path) -> list[str]:
    folders = read_json(state_folder(output) / SEARCHED).get("folders", [])
    return [restored(folder) for folder in folders if isinstance(folder, str)]
