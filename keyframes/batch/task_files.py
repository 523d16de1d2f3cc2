"""What is known of a task before any work on it: whether it was done before. That needs no claim."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from keyframes.batch.budget import Plan, load_plan
from keyframes.batch.own_files import deciding, is_reduced, with_own_predictions
from keyframes.batch.predicted_budget import PredictedPlan, load_predicted_plan
from keyframes.batch.states import identify, read_state, result_of
from keyframes.batch.tasks import Outcome, Task
from keyframes.errors import KeyframesError, OutputError, VideoError
from keyframes.result.recordings import missing_file
from keyframes.video import refuse_special


class TaskFiles:
    """What the files tell of a task's recording."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self.before = read_state(task.output, task.recording)
        self.earlier = result_of(task.output, self.before)
        self.identity: dict[str, Any] = {}

    def share(self) -> Plan | PredictedPlan | None:
        """Return the recording's share in a budget that was divided."""
        task = self.task
        path = task.plan
        if path is None:
            return None
        plan: Plan | PredictedPlan | None = (
            load_plan(path) if task.settings.predictions is None else load_predicted_plan(path)
        )
        if plan is None:
            raise OutputError(f"{path}: cannot be read; run the command again")
        return plan.share_of(task.name)

    def find(self) -> None:
        """Find out which file it is, and which predictions are its own; an error says that there are none."""
        self.identity = self._identify()
        self.task = with_own_predictions(self.task)

    def _identify(self) -> dict[str, Any]:
        try:
            refuse_special(self.task.video)
            if self.task.video.is_file() and not self.task.video.stat().st_size:
                raise VideoError(f"{self.task.recording}: is empty (0 bytes); copy it again")
            return identify(self.task.video)
        except OSError as error:
            raise VideoError(f"{self.task.recording}: cannot be read ({error.strerror}); is it still there?") from None

    def wanted(self, share: Plan | PredictedPlan | None = None) -> dict[str, Any]:
        """Return what decides about the result; of a budget, the share in it."""
        settings = deciding(self.task)
        if share is not None:
            settings |= {"k": len(share), "share": share.digest}
        return {**settings, "unlike": list(self.task.unlike)}

    def is_done(self, wanted: dict[str, Any]) -> bool:
        """Whether the result is there that these settings want."""
        state = {**self.before, "status": "done", **self.earlier} if self.earlier else self.before
        told = [state.get(name) for name in ("status", "settings", "place", "video")]
        if told != ["done", wanted, self.task.place, self.identity]:
            return False
        return not state.get("frames") or not missing_file(self.task.result)

    def done_before(self, wanted: dict[str, Any]) -> Outcome | None:
        """Return the outcome of a task that was done before; None where there is something to do."""
        task = self.task
        if task.step == "reduce":
            is_same = self.before.get("video") == self.identity
            return Outcome(task.recording, "reduced") if is_same and is_reduced(task, self.identity) else None
        return Outcome(task.recording, "skipped", self.earlier.get("frames", 0)) if self.is_done(wanted) else None


def find_all(works: Sequence[TaskFiles]) -> list[dict[str, Any]]:
    """Find one recording, or the cameras of one scene; return what decides about the result of each."""
    for one in works:
        one.find()
    wanted = [one.wanted(one.share()) for one in works]
    if len(works) == 1:
        return wanted
    views = [one.task.recording for one in works]
    return [{**own, "views": views} for own in wanted]


def outcomes_before(works: Sequence[TaskFiles], wanted: Sequence[dict[str, Any]]) -> list[Outcome]:
    """Return the outcomes of tasks that were all done before; none where there is something to do."""
    found = [one.done_before(own) for one, own in zip(works, wanted, strict=True)]
    return [] if None in found else [outcome for outcome in found if outcome is not None]


def done_unclaimed(tasks: Sequence[Task]) -> list[Outcome]:
    """Return the outcomes of tasks that were all done before, where no claim can be written; none where they were not.

    So a finished batch can be looked at on a disk that is read-only or full.
    """
    works = [TaskFiles(task) for task in tasks]
    with suppress(KeyframesError, OSError):
        return outcomes_before(works, find_all(works))
    return []
