"""How far each recording is: new, at work, failed, chosen, reviewed, exported."""

import hashlib
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

from keyframes.app.kept_files import KeptFiles
from keyframes.app.marks import Marks, read_marks
from keyframes.app.rounds import Round
from keyframes.app.running import RunSeen
from keyframes.batch.claims import is_abandoned
from keyframes.batch.states import read_state, result_of, was_changed
from keyframes.batch.tasks import state_folder, state_name
from keyframes.batch.text_files import read_json
from keyframes.batch.watching import share_done
from keyframes.result.recordings import missing_file

# With a total, share of the work on a recording that is done once it has been scanned.
SCANNED = 0.9


class States:
    """The states of recordings, read again only where their files changed."""

    def __init__(self) -> None:
        self._kept: KeptFiles[dict[str, Any]] = KeptFiles()

    def get(self, round_: Round, recording: str) -> dict[str, Any]:
        """Return what is known of a recording, and of the result that it has; an empty dict where nothing is."""

        def read() -> dict[str, Any]:
            state = read_state(round_.output, recording)
            return {**state, **result_of(round_.output, state)}

        return self._kept.get(state_folder(round_.output) / f"{state_name(recording)}.json", read, {})


def claims_in(round_: Round) -> dict[str, dict[str, Any]]:
    """Return what is told by those who work on recordings now, by the ids of these."""
    try:
        paths = list(state_folder(round_.output).glob("*.claim"))
    except OSError:
        return {}
    return {path.stem: told for path in paths if (told := read_json(path)) and not is_abandoned(path)}


def status_of(
    round_: Round, name: str, recording: str, state: dict[str, Any], claim: dict[str, Any] | None, run: RunSeen
) -> dict[str, Any]:
    """Return the status of a recording, and what belongs to it."""
    in_run = run.active and recording in run.recordings and recording not in run.ended
    if claim is not None and not (run.active and recording in run.ended):
        share = SCANNED if run.total and recording in run.scanned else share_done(claim)
        return {"status": "running", "share": share, "doing": str(claim.get("doing", "")).strip()}
    if in_run:
        return {"status": "waiting", "share": SCANNED if recording in run.scanned else 0.0}
    status, digest = state.get("status", ""), result_digest(round_, state)
    marks = read_marks(round_, name, state) if digest else Marks()
    mended = {"reviewed": marks.reviewed, "changed": changed_in_review(round_, state)}
    has = {"frames": state.get("frames", 0), **mended} if digest else {"frames": 0}
    if status == "failed":
        return {"status": "failed", "reason": str(state.get("reason", "")), **has}
    if status != "done":
        return {"status": "stopped" if status == "running" else "new", **has}
    told = {"warnings": state.get("warnings", []), "frames": state.get("frames", 0)}
    if not told["frames"]:
        return {"status": "empty", "reason": "none of the --total frames came from it", **told}
    if not digest:
        return {"status": "new", "reason": "its result was removed"}
    if lost := _missing_file(round_.output / state["place"], digest):
        return {"status": "new", "reason": f"{lost} of its result is missing; choose its frames again", **has}
    told |= {**mended, "exported_to": marks.exported_to}
    if marks.exported:
        return {"status": "exported", "since": digest != marks.exported, **told}
    return {"status": "reviewed" if marks.reviewed else "chosen", **told}


def result_digest(round_: Round, state: dict[str, Any]) -> str:
    """Return what changes when a result does; "" where there is none."""
    try:
        path = round_.output / state["place"] / "manifest.json"
        seen = path.stat()
        return _digest(path, seen.st_mtime_ns, seen.st_size)
    except (OSError, KeyError):
        return ""


def changed_in_review(round_: Round, state: dict[str, Any]) -> bool:
    """Whether a person changed the choice of a recording, which the batch replaces only if it is told to."""
    digest = result_digest(round_, state)
    return bool(digest) and _was_changed(round_.output / state["place"], digest)


def _missing_file(result: Path, digest: str) -> str:
    """Return the first file that a result lacks, or ""; looked for again only where a folder has changed."""
    try:
        changed_ns = tuple(folder.stat().st_mtime_ns for folder in (result, result / "frames"))
    except OSError:
        return "frames"
    return _missing_file_at(result, digest, changed_ns)


@lru_cache(maxsize=10_000)
def _missing_file_at(result: Path, digest: str, changed_ns: tuple[int, ...]) -> str:
    """Return the first file that a result of this manifest lacked when its folders changed last."""
    return missing_file(result)


@lru_cache(maxsize=10_000)
def _was_changed(result: Path, digest: str) -> bool:
    """Whether the manifest that has this digest tells of a review."""
    return was_changed(result)


@lru_cache(maxsize=10_000)
def _digest(path: Path, modified_ns: int, size_bytes: int) -> str:
    """Hash of a file's content, as long as its time and size stay."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:24]


def progress_of(run: RunSeen, statuses: dict[str, dict[str, Any]], lengths: dict[str, float]) -> dict[str, Any]:
    """Return how far a run is, by the lengths of its recordings, and about how long it will take."""
    there = [recording for recording in run.recordings if recording in statuses]
    known = [lengths[recording] for recording in there if lengths.get(recording)]
    usual = sum(known) / len(known) if known else 1.0
    whole = done = 0.0
    for recording in there:
        length = lengths.get(recording) or usual
        whole += length
        ended = recording in run.ended
        done += length * (statuses[recording].get("share", float(ended)) if not ended else 1.0)
    share = done / whole if whole else 1.0
    took_s = time.time() - run.begun_s
    return {
        "active": run.active,
        "finished": run.finished,
        "stopped": run.stopped,
        "n": len(run.recordings),
        "n_ended": len(run.ended),
        "n_failed": sum(statuses[recording]["status"] == "failed" for recording in there),
        "share": share,
        "left_s": took_s * (1 - share) / share if run.active and share > 0.04 and took_s > 5 else None,
        "notes": list(run.notes),
        "command": run.command,
        "wish": run.wish,
        "begun_s": run.begun_s,
    }
