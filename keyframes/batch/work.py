"""What a worker does with a task: claim the recording, scan it unless that is kept, choose, write down what came of it.

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

from clustering import telling_of_compilation
from keyframes.batch.budget import Plan, load_plan
from keyframes.batch.claims import Claim, claimed_by
from keyframes.batch.coresets import make_coreset, save_coreset
from keyframes.batch.own_files import (
    beginning_with,
    coreset_file,
    deciding,
    is_reduced,
    make_room,
    n_poses,
    n_rows,
    plan_file,
    scan_key,
    with_own_predictions,
)
from keyframes.batch.predicted_budget import (
    PredictedCoreset,
    PredictedPlan,
    load_predicted_plan,
    save_predicted_coreset,
)
from keyframes.batch.states import KEEP, OF_RESULT, identify, read_state, result_of, was_changed, write_state
from keyframes.batch.tasks import Outcome, Task
from keyframes.choice.choose import choose_from_scan
from keyframes.choice.selection import Selection
from keyframes.errors import KeyframesError, OutputError, VideoError, not_written
from keyframes.pipeline import open_video, run_extraction, without_times
from keyframes.progress import Progress
from keyframes.result.recordings import missing_file
from keyframes.scan.cache import keep_scan, load_scan
from keyframes.scan.first_pass import scan_video, wants_sparse
from keyframes.scan.scan import Scan, thumbnailer_of
from keyframes.settings import Settings
from keyframes.video import VideoReader, refuse_special
from keyframes.whole_files import hidden_start

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
            claim = Claim.take(task.claim)
        except OSError as error:
            return Outcome(task.recording, "failed", reason=str(not_written(task.folder, error)))
        if claim is None:
            return Outcome(task.recording, "claimed", reason=claimed_by(task.claim))
        with claim, telling_of_compilation(claim.tell_of_compilation):
            return Work(task, claim).run()


def give_up(task: Task, reason: str) -> Outcome:
    """Write down that a task failed for a reason from outside it."""
    with suppress(OSError):
        claim = Claim.take(task.claim)
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


class Work:
    """A task whose recording is claimed."""

    def __init__(self, task: Task, claim: Claim) -> None:
        self.task, self.claim = task, claim
        self.begun = time.perf_counter()
        self.before = read_state(task.output, task.recording)
        self.identity: dict[str, Any] = {}
        self.owned = bool(self.before.get("owned"))
        self.earlier = result_of(task.output, self.before)

    def run(self) -> Outcome:
        """Do the task; whatever goes wrong is its outcome."""
        try:
            return self._run()
        except Exception as error:
            return self.failed(reason_of(error, self.task.video))

    def _run(self) -> Outcome:
        self.find()
        task = self.task
        share = self._share()
        wanted = self.wanted(share)
        is_same = self.before.get("video") == self.identity
        if task.step == "reduce" and is_same and is_reduced(task, self.identity):
            return Outcome(task.recording, "reduced")
        if task.step == "choose" and self.is_done(wanted):
            return self.skip()
        self.clear_away()
        if task.step == "reduce":
            self._reduce()
            return Outcome(task.recording, "reduced", seconds=self.seconds())
        if share is not None and not len(share):
            # The result of an earlier budget.
            if self.owned and self.earlier and (task.result / "manifest.json").is_file():
                self.check_place()
                shutil.rmtree(task.result, ignore_errors=True)
            self.write("done", settings=wanted)
            return Outcome(task.recording, "done", seconds=self.seconds())
        return self._choose(share, wanted)

    def _share(self) -> Plan | PredictedPlan | None:
        """Return the recording's share in a budget that was divided."""
        task = self.task
        if task.budget is None or task.step == "reduce":
            return None
        path = plan_file(task)
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

    def skip(self) -> Outcome:
        """Leave the result as it is."""
        if self.before.get("status") != "done":
            self.write("done", **{name: self.earlier[name] for name in OF_RESULT})
        return Outcome(self.task.recording, "skipped", self.earlier.get("frames", 0))

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
        """Raise where something stands that is not this recording's result, or that a person changed."""
        place = self.task.result
        theirs = not self.owned and place.is_dir() and any(place.iterdir())
        if theirs and not self.task.overwrite:
            raise OutputError(
                f"{place}: already exists and was not written by this batch; use --overwrite, or choose another path "
                "with -o"
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
        # How a file is looked at depends on how many frames will be fetched: taken as the most, whatever k is, so that
        # what was kept for one k is what another would have made.
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
