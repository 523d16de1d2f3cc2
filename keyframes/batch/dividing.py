"""The budget of a batch, divided over its recordings when all of them are reduced, unless that was done before."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from keyframes.batch.budget import load_plan, plan_budget, plan_key, save_plan
from keyframes.batch.coresets import Coreset, load_coreset
from keyframes.batch.own_files import coreset_file, plan_file, with_own_predictions
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


def divide(tasks: Sequence[Task], budget: Budget, threads: int | None, watch: Watch) -> None:
    """Divide the budget, unless that was done with the same coresets."""
    files = {task.name: coreset_file(task, read_state(task.output, task.recording)["video"]) for task in tasks}
    path = plan_file(tasks[0])
    seed = tasks[0].settings.seed
    key = plan_key({name: file.name for name, file in files.items()}, budget.total, budget.at_least, seed)
    if load_plan(path, key) is not None:
        return

    def load(name: str) -> Coreset:
        return _there(load_coreset(files[name]), files[name])

    watch.note(f"choosing {counted(budget.total, 'frame')} from {counted(len(tasks), 'recording')} together")
    plan = plan_budget(load, sorted(files), budget.total, at_least=budget.at_least, seed=seed, threads=threads)
    if len(plan.centers) < budget.total:
        watch.line(f"warning: {budget.total} frames were asked for, but only {len(plan.centers)} differ")
    save_plan(path, plan, key)


def divide_by_predictions(tasks: Sequence[Task], budget: Budget, watch: Watch) -> dict[str, Outcome]:
    """Divide the budget by predictions, unless that was done; return what became of recordings that have no part."""
    coresets, keys = {}, {}
    by_name = {task.name: with_own_predictions(task) for task in sorted(tasks, key=lambda task: task.name)}
    for name, task in by_name.items():
        path = coreset_file(task, read_state(task.output, task.recording)["video"])
        keys[name], coresets[name] = path.name, _there(load_predicted_coreset(path), path)
    failed = {}
    for name, reason in other_keypoints(coresets).items() if coresets else ():
        outcome = give_up(by_name[name], reason)
        failed[outcome.recording] = outcome
        watch.note(f"{outcome.recording}: failed: {outcome.reason}")
        del coresets[name], keys[name]
    if not coresets:
        return failed
    first = by_name[next(iter(coresets))]
    path, key = plan_file(first), plan_key(keys, budget.total, budget.at_least, first.settings.seed)
    if load_predicted_plan(path, key) is None:
        watch.note(f"choosing {counted(budget.total, 'frame')} from {counted(len(coresets), 'recording')} together")
        plan = plan_predicted(coresets, first.settings, budget.total, budget.at_least)
        if len(plan) < budget.total:
            watch.line(f"warning: {budget.total} frames were asked for, but there are only {len(plan)} to choose from")
        save_predicted_plan(path, plan, key)
    return failed


def _there(coreset: Kept | None, path: Path) -> Kept:
    """Return a coreset that was loaded, or raise an OutputError."""
    if coreset is None:
        raise OutputError(f"{path}: cannot be read; run the command again")
    return coreset
