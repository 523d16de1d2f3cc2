"""What a worker does with a task: claim the recording, scan it unless that is kept, choose, write down what came of it.

It runs in a process of this machine or of a cluster alike, and all that it shares with others are files.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keyframes.batch.budget import Plan, load_plan
from keyframes.batch.claims import Claim, read_json
from keyframes.batch.coresets import coreset_rows, load_coreset, make_coreset, save_coreset
from keyframes.batch.states import KEEP, identify, read_state, write_state
from keyframes.batch.tasks import Outcome, Task
from keyframes.choice.choose import choose
from keyframes.choice.selection import Selection
from keyframes.errors import KeyframesError, OutputError, VideoError
from keyframes.pipeline import open_video, run_extraction
from keyframes.predictions.finding import find_predictions
from keyframes.progress import Progress
from keyframes.scan.cache import keep_scan, load_scan
from keyframes.scan.first_pass import scan_video
from keyframes.scan.scan import Scan, thumbnailer_of
from keyframes.settings import MAX_AUTO_K, Settings
from keyframes.video import VideoReader, refuse_special
from keyframes.whole_files import hidden_start

if TYPE_CHECKING:
    from keyframes.pipeline import Chooser

PLAN = "plan.npz"
# What decides about a scan; another choice among its frames needs no other one.
SCAN_SETTINGS = ("features", "start_s", "stop_s", "every", "crop", "width", "color", "scan", "levels", "rate")
# And what decides what a network makes of it.
LEARNED_SETTINGS = ("seed", "encoder", "encoder_minutes", "input_size", "mean", "std")
# FFmpeg's messages belong to a whole process: two recordings at once would take each other's for their own.
_in_turn = threading.Lock()


def work(task: Task) -> Outcome:
    """Do a task, or find that it was done.

    Nothing that a recording can cause ends more than its own task: it is told as the reason of a failure.
    """
    with _in_turn:
        try:
            task.folder.mkdir(parents=True, exist_ok=True)
            claim = Claim.take(task.folder / f"{task.name}.claim")
        except OSError as error:
            return Outcome(task.recording, "failed", reason=f"{task.folder}: cannot be written ({error.strerror})")
        if claim is None:
            told = read_json(task.folder / f"{task.name}.claim")
            return Outcome(task.recording, "claimed", reason=f"{told.get('host', '?')}, process {told.get('process')}")
        with claim:
            return _Work(task, claim).run()


def give_up(task: Task, reason: str) -> Outcome:
    """Write down that a task failed for a reason from outside it."""
    with suppress(OSError):
        claim = Claim.take(task.folder / f"{task.name}.claim")
        if claim is not None:
            with claim, suppress(KeyframesError):
                write_state(task, **{**read_state(task.output, task.recording), "status": "failed", "reason": reason})
    return Outcome(task.recording, "failed", reason=reason)


class _Work:
    """A task whose recording is claimed."""

    def __init__(self, task: Task, claim: Claim) -> None:
        self.task, self.claim = task, claim
        self.begun = time.perf_counter()
        self.before = read_state(task.output, task.recording)
        self.identity: dict[str, Any] = {}
        self.owned = bool(self.before.get("owned"))

    def run(self) -> Outcome:
        try:
            return self._run()
        except KeyframesError as error:
            return self._failed(str(error))
        except OSError as error:
            return self._failed(f"{error.filename or self.task.video}: {error.strerror or error}")
        except Exception as error:
            # A defect of ours, or of OpenCV, or no memory: other recordings need not suffer.
            return self._failed(f"unexpected {type(error).__name__}: {error}")

    def _run(self) -> Outcome:
        task = self.task
        self.identity = self._identify()
        if task.settings.predictions is not None:
            # Those of this recording, whose content counts when it is asked whether it is done.
            found = find_predictions(task.settings.predictions, task.video)
            self.task = task = replace(task, settings=replace(task.settings, predictions=found))
        share = self._share()
        wanted = self._wanted(share)
        if self.before.get("video") == self.identity:
            if task.step == "reduce" and load_coreset(coreset_file(task, self.identity)) is not None:
                return Outcome(task.recording, "reduced")
            if task.step == "choose" and self._is_done(wanted):
                return Outcome(task.recording, "skipped", self.before.get("frames", 0))
        self._clear_away()
        if task.step == "reduce":
            self._reduce()
            return Outcome(task.recording, "reduced", seconds=self._seconds())
        if share is not None and not len(share.centers):
            # The result of an earlier budget.
            if self.owned and self.before.get("frames") and (task.result / "manifest.json").is_file():
                shutil.rmtree(task.result, ignore_errors=True)
            self._write("done", settings=wanted)
            return Outcome(task.recording, "done", seconds=self._seconds())
        return self._choose(share, wanted)

    def _share(self) -> Plan | None:
        """Return the recording's share in a budget that was divided."""
        task = self.task
        if task.budget is None or task.step == "reduce":
            return None
        plan = load_plan(task.folder / PLAN)
        if plan is None:
            raise OutputError(f"{task.folder / PLAN}: cannot be read; run the command again")
        return plan.share_of(task.name)

    def _identify(self) -> dict[str, Any]:
        try:
            refuse_special(self.task.video)
            if self.task.video.is_file() and not self.task.video.stat().st_size:
                raise VideoError(f"{self.task.recording}: is empty (0 bytes); copy it again")
            return identify(self.task.video)
        except OSError as error:
            raise VideoError(f"{self.task.recording}: cannot be read ({error.strerror}); is it still there?") from None

    def _wanted(self, share: Plan | None) -> dict[str, Any]:
        """Return what decides about the result; of a budget, the share in it."""
        settings = self.task.settings.as_dict()
        if share is not None:
            settings |= {"k": len(share.centers), "share": share.digest}
        return {**settings, "unlike": list(self.task.unlike)}

    def _is_done(self, wanted: dict[str, Any]) -> bool:
        state = self.before
        if state.get("status") != "done" or state.get("settings") != wanted or state.get("place") != self.task.place:
            return False
        return not state.get("frames") or (self.task.result / "manifest.json").is_file()

    def _clear_away(self) -> None:
        """Remove what a worker that was killed left half made: the claim says that nobody else is at it."""
        place = self.task.result
        for kind in ("partial", "replaced"):
            for left in _beginning_with(place.parent, hidden_start(place, kind)):
                shutil.rmtree(left, ignore_errors=True)
        for folder in (self.task.folder, self.task.folder / KEEP):
            for left in _beginning_with(folder, f".{self.task.name}"):
                with suppress(OSError):
                    left.unlink()

    def _reduce(self) -> None:
        task, settings = self.task, self.task.settings
        with open_video(task.video, settings, task.threads) as reader:
            scan = self._scan(reader, settings, self.claim.tell)
            self.claim.tell("reduce", 0, 0)
            n_rows, shape = _n_rows(task), thumbnailer_of(reader, settings).shape
            coreset = make_coreset(
                scan.features,
                scan.components,
                shape,
                n_rows,
                weights=scan.weights,
                seed=settings.seed,
                threads=task.threads,
            )
        own = coreset_file(task, self.identity)
        save_coreset(own, coreset)
        for other in _beginning_with(task.folder, f"{task.name}-"):
            if other.name.endswith(".coreset.npz") and other != own:
                with suppress(OSError):
                    other.unlink()
        # An earlier result of the same file stays one, as long as nothing else is chosen.
        if self.before.get("video") != self.identity or self.before.get("status") != "done":
            self._write("reduced")

    def _choose(self, share: Plan | None, wanted: dict[str, Any]) -> Outcome:
        task = self.task
        settings = task.settings
        choose_with: Chooser = choose
        if share is not None:
            settings, choose_with = replace(settings, k=len(share.centers)), partial(self._choose_share, share)
        self._check_place()
        # The place is noted as this recording's own before anything is put there.
        self._write("running")
        result = run_extraction(
            task.video,
            settings,
            task.result,
            overwrite=True,
            unlike=task.unlike,
            threads=task.threads,
            progress=self.claim.tell,
            scan_with=self._scan,
            choose_with=choose_with,
            budget=None if share is None or task.budget is None else asdict(task.budget),
        )
        frames = len(result.keyframes)
        self._write("done", settings=wanted, frames=frames, warnings=result.warnings)
        return Outcome(task.recording, "done", frames, self._seconds(), result.warnings)

    def _choose_share(
        self, share: Plan, scan: Scan, settings: Settings, threads: int | None, *_: object
    ) -> tuple[Selection, None]:
        """Choose the frames of a share in the budget, in place of a clustering of this recording alone."""
        self.claim.tell("choose", 0, 0)
        return share.choose(scan, settings, self._shape, threads), None

    def _check_place(self) -> None:
        """Raise where something stands that is not this recording's result."""
        place = self.task.result
        theirs = not self.owned and place.is_dir() and any(place.iterdir())
        if theirs and not self.task.overwrite:
            raise OutputError(
                f"{place}: exists already and is not this batch's; use --overwrite, or choose another place with -o"
            )
        self.owned = True

    def _scan(self, reader: VideoReader, settings: Settings, progress: Progress) -> Scan:
        """Return the scan that was kept, or make and keep it."""
        self._shape = thumbnailer_of(reader, settings).shape
        # How a file is looked at depends on how many frames will be fetched: taken as the most, whatever k is, so that
        # what was kept for one k is what another would have made.
        common = replace(settings, k="auto")
        path = self.task.folder / KEEP / f"{self.task.name}-{scan_key(settings, self.identity)}.npz"
        scan = load_scan(path, reader)
        if scan is None:
            path.parent.mkdir(exist_ok=True)
            # A line for each time that a recording is decoded.
            with (self.task.folder / f"{self.task.name}.scans").open("a", encoding="utf-8") as scans:
                scans.write("scan\n")
            scan = scan_video(reader, common, progress)
            keep_scan(path, scan, reader)
            make_room(path.parent, self.task.keep_bytes, path)
        else:
            with suppress(OSError):
                os.utime(path)
        return scan

    def _failed(self, reason: str) -> Outcome:
        # Tables name no folder of this machine.
        reason = reason.replace(str(self.task.video), self.task.recording)
        for output in (os.path.realpath(self.task.output), str(self.task.output)):
            reason = reason.replace(f"{output}{os.sep}", "")
        # It stands beside the name: what went wrong comes first.
        reason = reason.removeprefix(f"{self.task.recording}: ")
        if reason.startswith(f"{self.task.place}: "):
            reason = f"{reason.removeprefix(f'{self.task.place}: ')} ({self.task.place})"
        with suppress(KeyframesError):
            self._write("failed", reason=reason)
        return Outcome(self.task.recording, "failed", seconds=self._seconds(), reason=reason)

    def _write(self, status: str, **entries: Any) -> None:
        # Whoever was taken over has nothing to write any more.
        if self.claim.is_mine():
            about = {"status": status, "owned": self.owned, "video": self.identity, "settings": {}}
            told = {"seconds": self._seconds(), "frames": 0, "warnings": [], "reason": ""}
            write_state(self.task, **{**about, **told, **entries})

    def _seconds(self) -> float:
        return round(time.perf_counter() - self.begun, 3)


def _beginning_with(folder: Path, start: str) -> Iterator[Path]:
    """Yield what in a folder has a name that begins so; a pattern would take brackets in it for its own."""
    with suppress(OSError):
        yield from [path for path in folder.iterdir() if path.name.startswith(start)]


def scan_key(settings: Settings, identity: dict[str, Any]) -> str:
    """Return what a scan was made of, in short."""
    names = SCAN_SETTINGS + (LEARNED_SETTINGS if settings.features == "encoder" else ())
    own = {name: value for name, value in settings.as_dict().items() if name in names}
    text = json.dumps([own, identity, MAX_AUTO_K], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _n_rows(task: Task) -> int:
    assert task.budget is not None
    return coreset_rows(task.budget.total, task.budget.n_recordings)


def coreset_file(task: Task, identity: dict[str, Any]) -> Path:
    """Where the coreset of a recording stands."""
    key = f"{scan_key(task.settings, identity)}-{_n_rows(task)}-{task.settings.seed}"
    return task.folder / f"{task.name}-{key}.coreset.npz"


def make_room(folder: Path, most_bytes: int, newest: Path) -> None:
    """Remove the kept scans that were not used for longest, until no more than so many bytes are left."""
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
        if path != newest:
            with suppress(OSError):
                path.unlink()
            left -= size
