"""A batch from the folder to its summary."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from keyframes.batch.budget import load_plan, plan_budget, plan_key, save_plan
from keyframes.batch.cluster import ClusterWorkers
from keyframes.batch.coresets import Coreset, load_coreset
from keyframes.batch.own_files import coreset_file, plan_file, with_own_predictions
from keyframes.batch.predicted_budget import (
    MOST_FRAMES,
    load_predicted_coreset,
    load_predicted_plan,
    other_keypoints,
    plan_predicted,
    save_predicted_plan,
)
from keyframes.batch.processes import LocalWorkers
from keyframes.batch.recordings import assign_places, describe_left_out, find_recordings
from keyframes.batch.sources import note_searched
from keyframes.batch.states import forget, read_state, read_states, write_summary, write_text
from keyframes.batch.tasks import Budget, Outcome, Step, Task, state_folder
from keyframes.batch.watching import Watch
from keyframes.batch.work import give_up
from keyframes.errors import OutputError, SettingsError
from keyframes.pipeline import check_unlike
from keyframes.predictions.finding import refuse_shared
from keyframes.report.batch_index import index_page
from keyframes.settings import Options, Settings
from keyframes.video.images import is_image_sequence
from keyframes.views import check_views
from keyframes.wording import counted

if TYPE_CHECKING:
    from typing_extensions import Unpack

Kept = TypeVar("Kept")
KEEP_BYTES = 20 << 30
# Recordings that others work on are looked at again so often.
AGAIN_S = 3.0


@dataclass(frozen=True)
class Batch:
    """What a batch made.

    Attributes
    ----------
    folder : Path
        Where the results lie.
    rows : list of dict
        For each recording, by name: "recording", "status" ("done", "skipped", "failed"), "frames", "seconds", "place"
        (result folder, from `folder`; "" where there is none), "warnings", "reason".
    left_out : dict of str to int
        How many other files of each ending lie below the folder that was searched.
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
        Frames of each video; or
    total : int
        frames of all videos together.
    at_least : int
        With `total`: frames of each video, as far as it has so many that differ.
    output : str or Path, optional
        Folder of all results; ``<name of the folder>-keyframes`` in the working folder by default.
    include, exclude : sequence of str
        Patterns for file names or paths from the folder; by default every video, TIFF stack and folder
        of images.
    jobs : int or None
        How many videos to process at once on this machine; None means one for each processor.
    scheduler : str or None
        Address of a dask scheduler whose workers do the tasks instead.
    resume : bool, default=True
        False does everything again, decoding included.
    keep_bytes : int
        Disk space for kept scans, in bytes; the least recently used are removed first.
    views : bool, default=False
        The recordings are cameras of one scene that run in step: choose the same frames of each, as `extract_views`.
    unlike, overwrite, threads, **options
        As for `keyframes.extract`; threads are those of each job. `overwrite` is for results that are not this batch's,
        or that were changed in a review.
    progress : bool, default=False
        Show bars on standard error where that is a terminal, else a line for each video by `say`.
    say : callable
        Takes lines for the user.

    Returns
    -------
    Batch

    Raises
    ------
    SettingsError, BatchError, OutputError
        See `keyframes.errors`. A recording that cannot be processed raises nothing: it is one of the rows.
    """
    settings = batch_settings(k, total, at_least, unlike, options, views)
    if jobs is not None and jobs < 1:
        raise SettingsError(f"jobs is {jobs}; it must be 1 or more")
    searched = Path(folder)
    name = searched.resolve().name or "root"
    place = Path(output) if output is not None else default_output(searched)
    states = state_folder(place)
    recordings, left_out = find_recordings(searched, include, exclude, states)
    n_recordings = len(recordings)
    if total is not None and at_least * n_recordings > total:
        raise SettingsError(
            f"--at-least {at_least} of {n_recordings} recordings needs {at_least * n_recordings} frames, more than "
            f"--total {total}; lower --at-least or raise --total"
        )
    if views and n_recordings < 2:
        raise SettingsError(f"{searched}: only {recordings[0]} was found; views need two recordings or more")
    budget = None if total is None else Budget(total, at_least, n_recordings)
    try:
        states.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{states}: cannot be made ({error.strerror}); choose another path with -o") from None
    note_searched(place, searched)
    for recording in () if resume else recordings:
        forget(place, recording)
    known = {recording: state["place"] for recording, state in read_states(place).items()}
    places = assign_places(recordings, known, name)
    tasks = [
        Task(
            recording=recording,
            video=(searched / recording).absolute(),
            output=place.absolute(),
            place=places[recording],
            # A rate and levels are for images alone.
            settings=settings if is_image_sequence(searched / recording) else replace(settings, rate=None, levels=None),
            unlike=tuple(str(Path(project).absolute()) for project in unlike),
            budget=budget,
            overwrite=overwrite,
            keep_bytes=keep_bytes,
        )
        for recording in recordings
    ]
    if settings.predictions is not None:
        refuse_shared(settings.predictions, [task.video for task in tasks])
    if views:
        tasks = [_scene(tasks)]
    watch = Watch(say, progress)
    workers = ClusterWorkers(scheduler, threads) if scheduler else LocalWorkers(jobs, threads, len(tasks))
    try:
        with workers:
            failed: dict[str, Outcome] = {}
            if budget is not None:
                reduced = _complete(workers, tasks, "reduce", watch)
                failed = {name: outcome for name, outcome in reduced.items() if outcome.status == "failed"}
                tasks = [task for task in tasks if task.recording not in failed]
                if settings.predictions is None:
                    _plan(tasks, budget, threads, watch)
                else:
                    failed |= _plan_by_predictions(tasks, budget, watch)
                    tasks = [task for task in tasks if task.recording not in failed]
            outcomes = _complete(workers, tasks, "choose", watch) | failed
    finally:
        watch.end()
    rows = write_summary(place, left_out)
    _write_index(place, rows, left_out)
    # The files tell what is known of all recordings; the caller, what this run did with those that it looked at.
    told = [_told(row, outcomes[row["recording"]]) for row in rows if row["recording"] in outcomes]
    return Batch(place, told, left_out)


def default_output(folder: Path) -> Path:
    """Return where the results of a folder of recordings go unless something else is said."""
    return Path(f"{folder.resolve().name or 'root'}-keyframes")


def batch_settings(
    k: int | Literal["auto"] | None,
    total: int | None,
    at_least: int,
    unlike: Sequence[str | Path],
    options: Options,
    views: bool = False,
) -> Settings:
    """Return the settings of all recordings, or raise a SettingsError."""
    if (k is None) == (total is None):
        raise SettingsError("give the number of frames of each video, or a total for all of them")
    settings = Settings(k=k if k is not None else total or 0, **options)
    check_unlike(settings, unlike)
    if settings.algorithm == "dec":
        raise SettingsError(
            "algorithm = dec learns one recording at a time; for batch, use features = encoder without it"
        )
    if views:
        check_views(settings)
    if views and (unlike or total is not None):
        what = "unlike" if unlike else "a total"
        raise SettingsError(f"views of one scene cannot be combined with {what}; leave one of them out")
    if at_least < 0 or (at_least and total is None):
        raise SettingsError(f"at_least is {at_least}; it must be 0 or more, and needs a total")
    refused = {
        "uniform": settings.uniform,
        "unlike": bool(unlike),
        f"features = {settings.features}": settings.features not in ("auto", "pca"),
        f"algorithm = {settings.algorithm}": settings.algorithm not in ("auto", "kmeans"),
    }
    what = next((option for option, is_given in refused.items() if is_given), "")
    if total is not None and what:
        raise SettingsError(
            f"a total cannot be combined with {what}; leave one of them out, or give a number for each video"
        )
    if total is not None and settings.predictions is not None and total > MOST_FRAMES:
        raise SettingsError(
            f"a total of {total} is too many to choose by predictions; give at most {MOST_FRAMES}, "
            "or a number for each video"
        )
    # Workers have working folders of their own.
    files = {name: getattr(settings, name) for name in ("encoder", "predictions")}
    return replace(settings, **{name: path.absolute() for name, path in files.items() if path is not None})


def _scene(cameras: Sequence[Task]) -> Task:
    """Make one task of those of a scene's cameras."""
    first, *others = cameras
    # A rate and levels are for images alone: where one camera has times of its own, these count.
    untimed = next((camera.settings for camera in cameras if camera.settings.rate is None), first.settings)
    return replace(first, settings=untimed, others=tuple(replace(other, settings=untimed) for other in others))


def _complete(workers: Any, tasks: Sequence[Task], step: Step, watch: Watch) -> dict[str, Outcome]:
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


def _plan(tasks: Sequence[Task], budget: Budget, threads: int | None, watch: Watch) -> None:
    """Divide the budget, unless that was done with the same coresets."""
    if not tasks:
        return
    files = {task.name: coreset_file(task, read_state(task.output, task.recording)["video"]) for task in tasks}
    path = plan_file(tasks[0])
    seed = tasks[0].settings.seed
    key = plan_key({name: file.name for name, file in files.items()}, budget.total, budget.at_least, seed)
    if load_plan(path, key) is not None:
        return

    def load(name: str) -> Coreset:
        return _there(load_coreset(files[name]), files[name])

    watch.note(f"choosing {counted(budget.total, 'frame')} of {counted(len(tasks), 'video')} together")
    plan = plan_budget(load, sorted(files), budget.total, at_least=budget.at_least, seed=seed, threads=threads)
    if len(plan.centers) < budget.total:
        watch.line(f"warning: {budget.total} frames were asked for, but only {len(plan.centers)} differ")
    save_plan(path, plan, key)


def _plan_by_predictions(tasks: Sequence[Task], budget: Budget, watch: Watch) -> dict[str, Outcome]:
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
        watch.note(f"choosing {counted(budget.total, 'frame')} of {counted(len(coresets), 'video')} together")
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


def _write_index(place: Path, rows: Sequence[dict[str, Any]], left_out: Mapping[str, int]) -> None:
    """Write the page that leads to all reports, and says of which recordings there is none."""
    folders, missing = [], []
    for row in rows:
        if row["place"] and (place / row["place"] / "manifest.json").is_file():
            folders.append(place / row["place"])
        else:
            missing.append((row["recording"], _why_missing(row)))
    note = describe_left_out(left_out) if left_out else ""
    write_text(place / "index.html", index_page(place, folders, missing, note))


def _why_missing(row: dict[str, Any]) -> str:
    """Say why a recording has no result."""
    if row["status"] == "failed":
        return str(row["reason"])
    if row["status"] != "done":
        return "not finished; run the command again"
    return (
        "its result was removed; run the command again" if row["place"] else "none of the --total frames came from it"
    )


def _told(row: dict[str, Any], outcome: Outcome) -> dict[str, Any]:
    """Tell a row as this run saw it."""
    told = {**row, "status": outcome.status}
    if outcome.status == "failed":
        return {**told, "frames": 0, "place": "", "reason": outcome.reason, "seconds": outcome.seconds}
    return told
