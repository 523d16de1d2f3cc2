"""The budget of a batch, divided over its recordings when all of them are reduced, unless that was done before.

Each division has a file of its own: several runs with other recordings or other numbers may share the folder.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from keyframes.batch.budget import load_plan, plan_budget, plan_key, save_plan
from keyframes.batch.coresets import Coreset, load_coreset
from keyframes.batch.own_files import coreset_file, forget_old_plans, plan_file, with_own_predictions
from keyframes.batch.predicted_budget import (
    load_predicted_coreset,
    load_predicted_plan,
    other_keypoints,
    plan_predicted,
    save_predicted_plan,
)
from keyframes.batch.states import read_state
from keyframes.batch.tasks import Budget, Outcome, Task
from keyframes.batch.watching import Watch
from keyframes.batch.work import give_up
from keyframes.errors import OutputError
from keyframes.wording import counted

Kept = TypeVar("Kept")


def divide(tasks: Sequence[Task], budget: Budget, threads: int | None, watch: Watch) -> list[Task]:
    """Divide the budget, unless that was done with the same coresets; return the tasks, which know their plan."""
    files = {task.name: _coreset_file(task) for task in tasks}
    seed = tasks[0].settings.seed
    key = plan_key({name: file.name for name, file in files.items()}, budget.total, budget.at_least, seed)
    path = plan_file(tasks[0], key)
    planned = [replace(task, plan=path) for task in tasks]
    if load_plan(path, key) is not None:
        return planned

    def load(name: str) -> Coreset:
        return _there(load_coreset(files[name]), files[name])

    watch.note(f"choosing {counted(budget.total, 'frame')} from {counted(len(tasks), 'recording')} together")
    plan = plan_budget(load, sorted(files), budget.total, at_least=budget.at_least, seed=seed, threads=threads)
    if len(plan.centers) < budget.total:
        watch.line(f"warning: {budget.total} frames were asked for, but only {len(plan.centers)} differ")
    save_plan(path, plan, key)
    forget_old_plans(path.parent)
    return planned


def divide_by_predictions(tasks: Sequence[Task], budget: Budget, watch: Watch) -> tuple[list[Task], dict[str, Outcome]]:
    """Divide the budget by predictions, unless that was done.

    Returns the tasks, which know their plan, and what became of recordings that have no part in it.
    """
    coresets, keys = {}, {}
    by_name = {task.name: with_own_predictions(task) for task in sorted(tasks, key=lambda task: task.name)}
    for name, task in by_name.items():
        path = _coreset_file(task)
        keys[name], coresets[name] = path.name, _there(load_predicted_coreset(path), path)
    failed = {}
    for name, reason in other_keypoints(coresets).items() if coresets else ():
        outcome = give_up(by_name[name], reason)
        failed[outcome.recording] = outcome
        watch.note(f"{outcome.recording}: failed: {outcome.reason}")
        del coresets[name], keys[name]
    if not coresets:
        return [], failed
    first = by_name[next(iter(coresets))]
    key = plan_key(keys, budget.total, budget.at_least, first.settings.seed)
    path = plan_file(first, key)
    if load_predicted_plan(path, key) is None:
        watch.note(f"choosing {counted(budget.total, 'frame')} from {counted(len(coresets), 'recording')} together")
        plan = plan_predicted(coresets, first.settings, budget.total, budget.at_least)
        if len(plan) < budget.total:
            watch.line(f"warning: {budget.total} frames were asked for, but there are only {len(plan)} to choose from")
        save_predicted_plan(path, plan, key)
        forget_old_plans(path.parent)
    return [replace(task, plan=path) for task in tasks if task.recording not in failed], failed


def _coreset_file(task: Task) -> Path:
    """Return the file of a recording's coreset; if another run has made its state forget it, there is none."""
    return coreset_file(task, read_state(task.output, task.recording).get("video", {}))


def _there(coreset: Kept | None, path: Path) -> Kept:
    """Return a coreset that was loaded, or raise an OutputError."""
    if coreset is None:
        raise OutputError(f"{path}: cannot be read; run the command again")
    return coreset
