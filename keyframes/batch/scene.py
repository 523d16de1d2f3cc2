"""Several cameras of one scene: one task, which claims all of their recordings and chooses the same frames of each."""

import glob
import os
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace

from clustering import telling_of_compilation
from keyframes.batch.claims import Claim, claimed_by
from keyframes.batch.task_files import done_unclaimed, find_all, outcomes_before
from keyframes.batch.tasks import Outcome, Task
from keyframes.batch.work import Work, reason_of, work
from keyframes.errors import VideoError, not_written
from keyframes.progress import Progress
from keyframes.scan.scan import Scan
from keyframes.settings import Settings
from keyframes.video import VideoReader
from keyframes.views import run_views


def work_on(task: Task) -> Outcome:
    """Do a task: that of one recording, or of the cameras of one scene."""
    return _work_on_scene(task) if task.others else work(task)


def _work_on_scene(task: Task) -> Outcome:
    cameras = (task, *task.others)
    with ExitStack() as held:
        works = []
        for camera in cameras:
            try:
                camera.folder.mkdir(parents=True, exist_ok=True)
                claim = Claim.take(camera.claim_file)
            except OSError as error:
                reason = str(not_written(camera.folder, error))
                failed = [Outcome(one.recording, "failed", reason=reason) for one in cameras]
                return _joined(done_unclaimed(cameras) or failed)
            if claim is None:
                # All or none: two runs that hold some each would wait for each other.
                return Outcome(task.recording, "claimed", reason=claimed_by(camera.claim_file))
            works.append(Work(replace(camera, others=()), held.enter_context(claim)))
            held.enter_context(telling_of_compilation(claim.tell_of_compilation))
        try:
            return _joined(_choose(works, task.threads))
        except Exception as error:
            # Whatever goes wrong, a defect of ours included, is what came of this scene: the worker goes on.
            reason = reason_of(error, task.video)
            for one in works:
                reason = reason.replace(str(one.task.video), one.task.recording)
            if isinstance(error, VideoError) and len(works) > 2:
                reason = _or_without(reason, [one.task.recording for one in works])
            return _joined([one.failed(reason) for one in works])


def _or_without(reason: str, recordings: Sequence[str]) -> str:
    """Add to what is wrong with one of the cameras how to do without it."""
    unreadable = next((recording for recording in recordings if reason.startswith(f"{recording}: ")), None)
    if unreadable is None:
        return reason
    pattern = glob.escape(unreadable)
    quoted = subprocess.list2cmdline([pattern]) if os.name == "nt" else shlex.quote(pattern)
    leave_out = f"leave it out with --exclude {quoted}"
    return f"{reason}, or {leave_out}" if "; " in reason else f"{reason}; {leave_out}"


def _choose(works: Sequence[Work], threads: int | None) -> list[Outcome]:
    """Choose the frames of a scene, or find that this was done."""
    settings = works[0].task.settings
    wanted = find_all(works)
    if done := outcomes_before(works, wanted):
        for one in works:
            one.note_done()
        return done
    for one in works:
        one.clear_away()
        one.check_place()
    # The places are noted as these recordings' own before anything is put there.
    for one in works:
        one.write("running")
    left = iter(works)

    def scan(reader: VideoReader, own: Settings, _: Progress, also: Iterable[int]) -> Scan:
        one = next(left)
        return one.scan(reader, own, one.claim.tell, also)

    def tell(doing: str, n_done: int, n_total: int) -> None:
        for one in works:
            one.claim.tell(doing, n_done, n_total)

    results = run_views(
        [one.task.video for one in works],
        settings,
        [one.task.result for one in works],
        overwrite=True,
        threads=threads,
        progress=tell,
        scan_with=scan,
    )
    outcomes = []
    for one, own, result in zip(works, wanted, results, strict=True):
        frames = len(result.keyframes)
        one.write("done", settings=own, frames=frames, warnings=result.warnings)
        outcomes.append(Outcome(one.task.recording, "done", frames, one.seconds(), result.warnings))
    return outcomes


def _joined(outcomes: Sequence[Outcome]) -> Outcome:
    """Return the outcome of a scene's first camera, with those of the others."""
    return replace(outcomes[0], others=tuple(outcomes[1:]))
