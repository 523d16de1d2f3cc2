"""A batch from the folder to its summary."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from keyframes.batch.checks import batch_settings, check_number
from keyframes.batch.cluster import ClusterWorkers
from keyframes.batch.dividing import divide, divide_by_predictions
from keyframes.batch.index import write_index
from keyframes.batch.own_files import make_room
from keyframes.batch.processes import LocalWorkers
from keyframes.batch.recordings import assign_places, find_recordings
from keyframes.batch.sources import note_searched, without_source
from keyframes.batch.states import COLUMNS, KEEP, forget, read_states, write_summary
from keyframes.batch.tasks import Budget, Outcome, Step, Task, state_folder
from keyframes.batch.watching import Watch
from keyframes.errors import OutputError, SettingsError
from keyframes.predictions.finding import refuse_shared
from keyframes.settings import KEEP_BYTES, Options, Settings
from keyframes.video.images import is_image_sequence

if TYPE_CHECKING:
    from typing_extensions import Unpack

Workers: TypeAlias = LocalWorkers | ClusterWorkers

# Seconds until recordings that others work on are tried again.
AGAIN_S = 3.0
# Recordings that a message names.
N_SHOWN = 5


@dataclass(frozen=True)
class Batch:
    """What a batch made.

    Attributes
    ----------
    folder : Path
        Folder of all results.
    rows : list of dict
        For each recording, by name: "recording", "status" ("done", "skipped", "failed"), "frames", "seconds", "place"
        (result folder, from `folder`; "" where there is none), "warnings", "reason". A recording that failed keeps
        its earlier result; "frames" and "place" describe that one.
    left_out : dict of str to int
        Number of other files below the folder that was searched, by extension.
    """

    folder: Path
    rows: list[dict[str, Any]] = field(repr=False)
    left_out: dict[str, int] = field(default_factory=dict, repr=False)

    def with_status(self, status: str) -> list[dict[str, Any]]:
        """Return the rows of this status."""
        return [row for row in self.rows if row["status"] == status]


def run_batch(
    folder: str | Path,
    k: int | Literal["auto"] | None = None,
    *,
    total: int | None = None,
    at_least: int = 0,
    output: str | Path | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    jobs: int | None = None,
    scheduler: str | None = None,
    resume: bool = True,
    keep_bytes: int = KEEP_BYTES,
    unlike: Sequence[str | Path] = (),
    views: bool = False,
    overwrite: bool = False,
    threads: int | None = None,
    progress: bool = False,
    say: Callable[[str], None] = lambda line: None,
    check: Callable[[Sequence[Path]], None] = lambda results: None,
    **options: Unpack[Options],
) -> Batch:
    """Choose frames of every recording below a folder, each into a result folder of its own.

    When run again, it resumes: a recording is done again only if its file or the settings have changed, and
    decoded again only if the file or a setting of the scan has. Several runs may share the output folder.

    With `total`, the budget goes where it covers most. Each recording is reduced to a coreset, a few hundred weighted
    rows (the centres of a fine clustering, in a space that all recordings share); these are clustered together, and the
    frame nearest to each centre, of the recording whose row is nearest, is chosen, as far as the guards let it. For
    every set of centres, the root of the sum of squared distances of all frames, and that of the coresets' weighted
    rows, differ by no more than the root of the squared distances between frames and their rows, summed up (S.
    Har-Peled and S. Mazumdar, "On coresets for k-means and k-median clustering", STOC 2004; `Coreset` has the formula).
    With `predictions`, a folder that has those of each recording, the worst errors of all of them are chosen, and
    k-medoids of the poses of all of them; then the total is at most 2,048, and the keypoints must be the same.

    Parameters
    ----------
    folder : str or Path
    k : int or "auto"
        Frames from each recording; or
    total : int
        frames from all recordings together.
    at_least : int
        With `total`: minimum number of frames from each recording, if it has that many that differ.
    output : str or Path, optional
        Folder of all results; ``<name of the folder>-keyframes`` in the current folder by default.
    include, exclude : sequence of str
        Patterns for file names or paths from the folder; by default every video, TIFF stack and folder
        of images.
    jobs : int or None
        How many recordings to process at once on this machine; None means one for each processor.
    scheduler : str or None
        Address of a dask scheduler whose workers do the tasks instead.
    resume : bool, default=True
        False does everything again, decoding included.
    keep_bytes : int
        Disk space for kept scans, in bytes; the least recently used are removed first, as others are written and at the
        end.
    views : bool, default=False
        The recordings are cameras of one scene that run in step: choose the same frames of each, as `extract_views`.
    unlike, overwrite, threads, **options
        As for `keyframes.extract`; threads are those of each job. `overwrite` is for results that are not this batch's,
        or that were changed in a review.
    progress : bool, default=False
        Show bars on standard error where that is a terminal, else a line for each video by `say`.
    say : callable
        Takes lines for the user.
    check : callable
        Takes the folders of all results before anything is written, and raises what ends the batch.

    Returns
    -------
    Batch

    Raises
    ------
    SettingsError, BatchError, ExportError, OutputError
        See `keyframes.errors`. A recording that cannot be processed raises nothing: it is one of the rows.
    """
    settings = batch_settings(k, total, at_least, unlike, options, views)
    if jobs is not None and jobs < 1:
        raise SettingsError(f"`jobs` is {jobs}; it must be 1 or more")
    searched = Path(folder)
    place = Path(output) if output is not None else default_output(searched)
    states = state_folder(place)
    recordings, left_out = find_recordings(searched, include, exclude, states)
    check_number(recordings, searched, total, at_least, views)
    budget = None if total is None else Budget(total, at_least, len(recordings))
    projects = tuple(str(Path(project).absolute()) for project in unlike)
    tasks = [
        replace(task, unlike=projects, budget=budget, overwrite=overwrite, keep_bytes=keep_bytes)
        for task in _tasks(recordings, searched, place, settings)
    ]
    if settings.predictions is not None:
        refuse_shared(settings.predictions, [task.video for task in tasks])
    check([place / task.place for task in tasks])
    try:
        states.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{states}: cannot be created ({error.strerror}); choose another path with -o") from None
    note_searched(place, searched)
    for recording in () if resume else recordings:
        forget(place, recording)
    if views:
        tasks = [_scene(tasks)]
    watch = Watch(say, progress)
    workers: Workers = ClusterWorkers(scheduler, threads) if scheduler else LocalWorkers(jobs, threads, len(tasks))
    try:
        with workers:
            outcomes = _do(workers, tasks, watch, threads)
    finally:
        watch.end()
    # Those of earlier runs count as well, and after the run none is needed.
    make_room(states / KEEP, keep_bytes)
    return _sum_up(place, outcomes, left_out, say)


def default_output(folder: Path) -> Path:
    """Return where the results of a folder of recordings go unless something else is said."""
    return Path(f"{_name_of(folder)}-keyframes")


def _name_of(folder: Path) -> str:
    return folder.resolve().name or "root"


def _tasks(recordings: Sequence[str], searched: Path, place: Path, settings: Settings) -> list[Task]:
    """Make a task of each recording, which goes where earlier runs have put it."""
    known = {recording: state["place"] for recording, state in read_states(place).items()}
    places = assign_places(recordings, known, _name_of(searched))
    return [
        Task(
            recording=recording,
            video=(searched / recording).absolute(),
            output=place.absolute(),
            place=places[recording],
            # A rate and levels are for images alone.
            settings=settings if is_image_sequence(searched / recording) else replace(settings, rate=None, levels=None),
        )
        for recording in recordings
    ]


def _scene(cameras: Sequence[Task]) -> Task:
    """Make one task of those of a scene's cameras."""
    first, *others = cameras
    # A rate and levels are for images alone: where one camera has times of its own, these count.
    untimed = next((camera.settings for camera in cameras if camera.settings.rate is None), first.settings)
    return replace(first, settings=untimed, others=tuple(replace(other, settings=untimed) for other in others))


def _do(workers: Workers, tasks: Sequence[Task], watch: Watch, threads: int | None) -> dict[str, Outcome]:
    """Do all tasks, with a budget in two steps; return what became of each recording."""
    failed: dict[str, Outcome] = {}
    budget = tasks[0].budget
    if budget is not None:
        reduced = _complete(workers, tasks, "reduce", watch)
        failed = {name: outcome for name, outcome in reduced.items() if outcome.status == "failed"}
        tasks = [task for task in tasks if task.recording not in failed]
        if tasks and tasks[0].settings.predictions is not None:
            tasks, without_part = divide_by_predictions(tasks, budget, watch)
            failed |= without_part
        elif tasks:
            tasks = divide(tasks, budget, threads, watch)
    return _complete(workers, tasks, "choose", watch) | failed


def _complete(workers: Workers, tasks: Sequence[Task], step: Step, watch: Watch) -> dict[str, Outcome]:
    """Do a step of all tasks; those that somebody else works on are waited for."""
    left = [replace(task, step=step) for task in tasks]
    watch.begin("scan" if step == "reduce" else "frames", [one for task in left for one in (task, *task.others)])
    outcomes: dict[str, Outcome] = {}
    told_of: set[str] = set()
    while left:
        claimed = []
        for task, outcome in workers.run(left, watch.tick):
            if outcome.status != "claimed":
                for one in (outcome, *outcome.others):
                    outcomes[one.recording] = one
                    watch.told(one)
                continue
            claimed.append(task)
            if task.recording not in told_of:
                told_of.add(task.recording)
                watch.note(f"{task.recording}: another run is working on it ({outcome.reason}); waiting")
        left = sorted(claimed, key=lambda task: task.recording)
        until = time.monotonic() + AGAIN_S
        while left and time.monotonic() < until:
            watch.tick()
            time.sleep(0.1)
    return outcomes


def _sum_up(
    place: Path, outcomes: Mapping[str, Outcome], left_out: dict[str, int], say: Callable[[str], None]
) -> Batch:
    """Write the summaries of all that is known of recordings; return what this run did with those it looked at."""
    states = read_states(place)
    gone = without_source(place, (recording for recording in states if recording not in outcomes))
    rows = write_summary(place, states, left_out, gone)
    results = write_index(place, rows, left_out, gone)
    if left := [recording for recording in gone if recording in results]:
        say(f"warning: {_told_gone(left, place)}")
    # The files tell what is known of all recordings; the caller, what this run did with those that it looked at.
    known = {row["recording"]: row for row in rows}
    told = [_told(known.get(name), outcomes[name]) for name in sorted(outcomes, key=os.fsencode)]
    return Batch(place, told, left_out)


def _told_gone(recordings: Sequence[str], place: Path) -> str:
    """Say which recordings are no longer there though results of them are."""
    names = ", ".join(recordings[:N_SHOWN]) + (", ..." if len(recordings) > N_SHOWN else "")
    if len(recordings) == 1:
        return f"{place} has an earlier result of {names}, which is no longer there; remove it if you do not need it"
    return (
        f"{place} has earlier results of {len(recordings)} recordings that are no longer there ({names}); remove the "
        "results that you do not need"
    )


def _told(row: dict[str, Any] | None, outcome: Outcome) -> dict[str, Any]:
    """Return a row as this run saw it; it is None where no state could be written, or somebody removed the result."""
    if row is None:
        row = {**COLUMNS, "recording": outcome.recording}
        reason = outcome.reason or "its result was removed during the run; run the command again"
        outcome = replace(outcome, status="failed", reason=reason)
    told = {**row, "status": outcome.status}
    if outcome.status == "failed":
        return {**told, "reason": outcome.reason, "seconds": outcome.seconds}
    return told
