"""What a worker does with a task: claim the recording, scan it unless a scan is kept, choose, note the outcome.

It runs in a process of this machine or of a cluster alike, and all that it shares with others are files.
"""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clustering import rename_when_free, telling_of_compilation
from keyframes.batch.budget import Plan
from keyframes.batch.claims import Claim, claimed_by
from keyframes.batch.coresets import make_coreset, save_coreset
from keyframes.batch.own_files import beginning_with, coreset_file, make_room, n_poses, n_rows, scan_key
from keyframes.batch.predicted_budget import PredictedCoreset, PredictedPlan, save_predicted_coreset
from keyframes.batch.sources import source_elsewhere
from keyframes.batch.states import KEEP, OF_RESULT, read_state, was_changed, write_state
from keyframes.batch.task_files import TaskFiles, done_unclaimed
from keyframes.batch.tasks import Outcome, Task
from keyframes.choice.choose import choose_from_scan
from keyframes.choice.selection import Selection
from keyframes.errors import KeyframesError, OutputError, not_written
from keyframes.pipeline import open_video, run_extraction, without_times
from keyframes.progress import Progress
from keyframes.scan.cache import keep_scan, load_scan
from keyframes.scan.first_pass import scan_video, wants_sparse
from keyframes.scan.scan import Scan, thumbnailer_of
from keyframes.settings import Settings
from keyframes.video import VideoReader
from keyframes.whole_files import hidden_start, unused_name

if TYPE_CHECKING:
    from keyframes.pipeline import Chooser

# FFmpeg's messages belong to a whole process: two recordings at once would take each other's for their own.
_in_turn = threading.Lock()


def work(task: Task) -> Outcome:
    """Do a task, or find that it was done.

    Nothing that a recording can cause ends more than its own task: it is told as the reason of a failure.
    """
    with _in_turn:
        try:
            task.folder.mkdir(parents=True, exist_ok=True)
            claim = Claim.take(task.claim_file)
        except OSError as error:
            failed = Outcome(task.recording, "failed", reason=str(not_written(task.folder, error)))
            return next(iter(done_unclaimed([task])), failed)
        if claim is None:
            return Outcome(task.recording, "claimed", reason=claimed_by(task.claim_file))
        with claim, telling_of_compilation(claim.tell_of_compilation):
            return Work(task, claim).run()


def give_up(task: Task, reason: str) -> Outcome:
    """Write down that a task failed for a reason from outside it."""
    with suppress(OSError):
        claim = Claim.take(task.claim_file)
        if claim is not None:
            with claim, suppress(KeyframesError):
                write_state(task, **{**read_state(task.output, task.recording), "status": "failed", "reason": reason})
    others = tuple(give_up(other, reason) for other in task.others)
    return Outcome(task.recording, "failed", reason=reason, others=others)


def reason_of(error: Exception, video: Path) -> str:
    """Say why a recording failed."""
    if isinstance(error, KeyframesError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error.filename or video}: {error.strerror or error}"
    # A defect of ours, or of OpenCV, or no memory: other recordings need not suffer.
    return f"unexpected {type(error).__name__}: {error}"


class Work(TaskFiles):
    """A task whose recording is claimed."""

    def __init__(self, task: Task, claim: Claim) -> None:
        super().__init__(task)
        self.claim = claim
        self.begun = time.perf_counter()
        self.owned = bool(self.before.get("owned"))

    def run(self) -> Outcome:
        """Do the task; whatever goes wrong is its outcome."""
        try:
            return self._run()
        except Exception as error:
            return self.failed(reason_of(error, self.task.video))

    def _run(self) -> Outcome:
        self.find()
        task = self.task
        share = self.share()
        wanted = self.wanted(share)
        if done := self.done_before(wanted):
            self.note_done()
            return done
        self.clear_away()
        if task.step == "reduce":
            self._reduce()
            return Outcome(task.recording, "reduced", seconds=self.seconds())
        if share is not None and not len(share):
            # The result of an earlier budget.
            if self.owned and self.earlier and (task.result / "manifest.json").is_file():
                self.check_place()
                # In one step: a kill while files are removed leaves no part of a result at its place.
                aside = unused_name(task.result, "replaced")
                rename_when_free(task.result.rename, aside)
                shutil.rmtree(aside, ignore_errors=True)
            self.write("done", settings=wanted)
            return Outcome(task.recording, "done", seconds=self.seconds())
        return self._choose(share, wanted)

    def note_done(self) -> None:
        """Note that the result that is wanted stands, where an attempt has failed or was broken off since."""
        if self.task.step == "choose" and self.before.get("status") != "done":
            self.write("done", **{name: self.earlier[name] for name in OF_RESULT})

    def clear_away(self) -> None:
        """Remove what a worker that was killed left half made: the claim says that nobody else is at it."""
        place = self.task.result
        for kind in ("partial", "replaced"):
            for left in beginning_with(place.parent, hidden_start(place, kind)):
                shutil.rmtree(left, ignore_errors=True)
        for folder in (self.task.folder, self.task.folder / KEEP):
            for left in beginning_with(folder, f".{self.task.name}"):
                with suppress(OSError):
                    left.unlink()

    def _reduce(self) -> None:
        task, settings = self.task, self.task.settings
        own = coreset_file(task, self.identity)
        with open_video(task.video, settings, task.threads) as reader:
            if settings.predictions is not None:
                self._reduce_predictions(reader, own)
            else:
                scan = self.scan(reader, settings, self.claim.tell)
                self.claim.tell("reduce", 0, 0)
                shape = thumbnailer_of(reader, settings).shape
                coreset = make_coreset(
                    scan.features,
                    scan.components,
                    shape,
                    n_rows(task),
                    weights=scan.weights,
                    seed=settings.seed,
                    threads=task.threads,
                )
                save_coreset(own, coreset)
        for other in beginning_with(task.folder, f"{task.name}-"):
            if other.name.endswith(".coreset.npz") and other != own:
                with suppress(OSError):
                    other.unlink()
        # An earlier result of the same file stays one, as long as nothing else is chosen.
        if self.before.get("video") != self.identity or self.before.get("status") != "done":
            self.write("reduced")

    def _reduce_predictions(self, reader: VideoReader, own: Path) -> None:
        from keyframes.choice.predicted_video import read_predicted

        self.claim.tell("reduce", 0, 0)
        settings, predicted = read_predicted(reader, without_times(self.task.settings, reader)[0])
        coreset = PredictedCoreset.of(predicted, predicted.scan(reader, settings), settings, n_poses(self.task))
        save_predicted_coreset(own, coreset)

    def _choose(self, share: Plan | PredictedPlan | None, wanted: dict[str, Any]) -> Outcome:
        task = self.task
        settings = task.settings
        choose_with: Chooser = choose_from_scan
        if share is not None:
            settings = replace(settings, k=len(share))
        if isinstance(share, Plan):
            choose_with = partial(self._choose_share, share)
        self.check_place()
        # The place is noted as this recording's own before anything is put there.
        self.write("running")
        result = run_extraction(
            task.video,
            settings,
            task.result,
            overwrite=True,
            unlike=task.unlike,
            threads=task.threads,
            progress=self.claim.tell,
            scan_with=self.scan,
            choose_with=choose_with,
            by_predictions=share.chosen_for if isinstance(share, PredictedPlan) else None,
            budget=None if share is None or task.budget is None else asdict(task.budget),
        )
        frames = len(result.keyframes)
        self.write("done", settings=wanted, frames=frames, warnings=result.warnings)
        return Outcome(task.recording, "done", frames, self.seconds(), result.warnings)

    def _choose_share(
        self, share: Plan, scan: Scan, settings: Settings, threads: int | None, *_: object
    ) -> tuple[Selection, None]:
        """Choose the frames of a share in the budget, in place of a clustering of this recording alone."""
        self.claim.tell("choose", 0, 0)
        return share.choose(scan, settings, self._shape, threads), None

    def check_place(self) -> None:
        """Raise where something stands that is not this recording's result, or that a person changed.

        Batches of two folders that share an output folder may have recordings of one name.
        """
        place = self.task.result
        theirs = not self.owned and place.is_dir() and any(place.iterdir())
        if theirs and not self.task.overwrite:
            raise OutputError(
                f"{place}: already exists and was not written by this batch; use --overwrite, or choose another path "
                "with -o"
            )
        before = self.earlier.get("video", self.identity)
        other = source_elsewhere(self.task, before) if before["hash"] != self.identity["hash"] else None
        if other is not None and not self.task.overwrite:
            raise OutputError(
                f"{place}: holds the frames of {other}, another recording of this name; use --overwrite, or choose "
                "another path with -o"
            )
        if self.owned and was_changed(place) and not self.task.overwrite:
            raise OutputError(
                f"{place}: was edited in a review, and another choice would discard the edits; use --overwrite, or "
                "choose another path with -o"
            )
        self.owned = True

    def scan(self, reader: VideoReader, settings: Settings, progress: Progress, also: Iterable[int] = ()) -> Scan:
        """Return the scan that was kept, or make and keep it; `also` as of `scan_video`."""
        self._shape = thumbnailer_of(reader, settings).shape
        # How a file is looked at depends on how many frames will be fetched. That is taken as the most, whatever k is:
        # so a scan that was kept for one k is the one that another would have made.
        common = replace(settings, k="auto")
        # An exact scan looks at all frames anyway.
        also = tuple(sorted(map(int, also))) if wants_sparse(reader, settings) else ()
        path = self.task.folder / KEEP / f"{self.task.name}-{scan_key(settings, self.identity, also)}.npz"
        scan = load_scan(path, reader)
        if scan is None:
            path.parent.mkdir(exist_ok=True)
            # A line for each time that a recording is decoded.
            with (self.task.folder / f"{self.task.name}.scans").open("a", encoding="utf-8") as scans:
                scans.write("scan\n")
            scan = scan_video(reader, common, progress, also)
            keep_scan(path, scan, reader)
            make_room(path.parent, self.task.keep_bytes, path)
        else:
            with suppress(OSError):
                os.utime(path)
        return scan

    def failed(self, reason: str) -> Outcome:
        """Write down that the recording failed."""
        # Tables name no folder of this machine.
        reason = reason.replace(str(self.task.video), self.task.recording)
        for output in (os.path.realpath(self.task.output), str(self.task.output)):
            reason = reason.replace(f"{output}{os.sep}", "")
        # It stands beside the name: what went wrong comes first.
        reason = reason.removeprefix(f"{self.task.recording}: ")
        if reason.startswith(f"{self.task.place}: "):
            reason = f"{reason.removeprefix(f'{self.task.place}: ')} ({self.task.place})"
        with suppress(KeyframesError):
            self.write("failed", reason=reason)
        return Outcome(self.task.recording, "failed", seconds=self.seconds(), reason=reason)

    def write(self, status: str, **entries: Any) -> None:
        """Write down what is known of the recording."""
        # Whoever was taken over has nothing to write any more.
        if self.claim.is_mine():
            about = {"status": status, "owned": self.owned, "video": self.identity, "settings": {}}
            told = {"seconds": self.seconds(), "frames": 0, "warnings": [], "reason": ""}
            if status != "done" and self.earlier:
                told["earlier"] = self.earlier
            write_state(self.task, **{**about, **told, **entries})

    def seconds(self) -> float:
        """Return how long the work has taken so far."""
        return round(time.perf_counter() - self.begun, 3)
