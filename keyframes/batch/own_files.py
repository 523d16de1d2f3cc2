"""The batch's own files of a recording: each is named by all that decides about its content."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from keyframes.batch.coresets import coreset_rows, load_coreset
from keyframes.batch.predicted_budget import load_predicted_coreset, poses_of_each
from keyframes.batch.tasks import Task
from keyframes.predictions.finding import find_predictions
from keyframes.predictions.reading import files_with
from keyframes.settings import MAX_AUTO_K, Settings, content_digest

PLAN = "plan-"
# The latest divisions of budgets that are kept: several runs may be at work, each with its own.
MOST_PLANS = 8
# Settings that decide about a scan; with others, another choice is made from the same scan.
SCAN_SETTINGS = ("features", "start_s", "stop_s", "every", "crop", "width", "color", "scan", "levels", "rate")
# Those that also decide about features by a network.
LEARNED_SETTINGS = ("seed", "encoder", "encoder_minutes", "input_size", "mean", "std")


def beginning_with(folder: Path, start: str) -> Iterator[Path]:
    """Yield what in a folder has a name that begins so; a pattern would take brackets in it for its own."""
    with suppress(OSError):
        yield from [path for path in folder.iterdir() if path.name.startswith(start)]


def scan_key(settings: Settings, identity: dict[str, Any], also: Sequence[int] = ()) -> str:
    """Return what a scan was made of, in short; `also` are the frames that it had to look at."""
    names = SCAN_SETTINGS + (LEARNED_SETTINGS if settings.features == "encoder" else ())
    own = {name: value for name, value in settings.as_dict().items() if name in names}
    text = json.dumps([own, identity, MAX_AUTO_K, *([also] if also else [])], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def n_rows(task: Task) -> int:
    """Return how many rows a recording is reduced to."""
    assert task.budget is not None
    return coreset_rows(task.budget.total, task.budget.n_recordings)


def n_poses(task: Task) -> int:
    """Return how many poses a recording is reduced to."""
    assert task.budget is not None
    return poses_of_each(task.budget.n_recordings)


def with_own_predictions(task: Task) -> Task:
    """Return a task whose settings name the predictions of its recording, as `deciding` needs it."""
    if task.settings.predictions is None:
        return task
    found = find_predictions(task.settings.predictions, task.video)
    return replace(task, settings=replace(task.settings, predictions=found))


def deciding(task: Task) -> dict[str, Any]:
    """Return the settings of a task that names its own predictions, and hashes of the files that belong to these."""
    settings, predictions = task.settings.as_dict(), task.settings.predictions
    more = [] if predictions is None else files_with(predictions)
    # Where there are no such files, a result of an earlier version still counts.
    return (
        {**settings, "more_predictions": [f"{file.name} {content_digest(file)}" for file in more]} if more else settings
    )


def plan_file(task: Task, key: str) -> Path:
    """Return the file that says how a budget was divided, named by the key of what it was divided by."""
    return task.folder / f"{PLAN}{key[:16]}.npz"


def forget_old_plans(folder: Path) -> None:
    """Remove all but the latest divisions of budgets."""
    with suppress(OSError):
        plans = sorted(beginning_with(folder, PLAN), key=lambda path: path.stat().st_mtime)
        for path in plans[:-MOST_PLANS]:
            path.unlink()


def is_reduced(task: Task, identity: dict[str, Any]) -> bool:
    """Whether the coreset of a recording is there."""
    path = coreset_file(task, identity)
    load = load_coreset if task.settings.predictions is None else load_predicted_coreset
    return load(path) is not None


def coreset_file(task: Task, identity: dict[str, Any]) -> Path:
    """Return the file of a recording's coreset; the settings of the task name the recording's own predictions."""
    if task.settings.predictions is not None:
        text = json.dumps([deciding(task), identity, n_poses(task)], sort_keys=True)
        return task.folder / f"{task.name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.coreset.npz"
    key = f"{scan_key(task.settings, identity)}-{n_rows(task)}-{task.settings.seed}"
    return task.folder / f"{task.name}-{key}.coreset.npz"


def make_room(folder: Path, most_bytes: int, at_work: Path | None = None) -> None:
    """Remove the kept scans that were used least recently, until at most `most_bytes` are left.

    The one that is in use, `at_work`, stays, however large it is.
    """
    found = []
    with suppress(OSError):
        for path in folder.glob("*.npz"):
            with suppress(OSError):
                seen = path.stat()
                found.append((seen.st_mtime, seen.st_size, path))
    left = sum(size for _, size, _ in found)
    for _, size, path in sorted(found):
        if left <= most_bytes:
            return
        if path != at_work:
            with suppress(OSError):
                path.unlink()
            left -= size
