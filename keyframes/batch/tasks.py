"""What is handed to a worker, and what comes back."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keyframes.settings import Settings

# Seconds between two looks at how far the work is.
TICK_S = 0.5

Step = Literal["reduce", "choose"]
Status = Literal["done", "skipped", "failed", "reduced", "claimed"]


@dataclass(frozen=True)
class Budget:
    """A total of frames for all recordings, with at least `at_least` from each."""

    total: int
    at_least: int
    n_recordings: int


@dataclass(frozen=True)
class Task:
    """A recording, and what is to be done with it: plain data, for another process or machine.

    `recording` is the path of `video` from the folder that was searched, and `place` that of its result from `output`,
    both with slashes; `video` and `output` are absolute. With a budget, the k of the settings is ignored. `threads` is
    None for those of a cluster's worker. `overwrite` replaces a result of another batch, or one that was changed in a
    review; `keep_bytes` is the most that the kept scans of all recordings take. `plan` is the file that says how the
    budget was divided. `others` are the tasks of the other cameras, where the recording is one of several that show one
    scene.
    """

    recording: str
    video: Path
    output: Path
    place: str
    settings: Settings
    step: Step = "choose"
    unlike: tuple[str, ...] = ()
    budget: Budget | None = None
    threads: int | None = None
    overwrite: bool = False
    keep_bytes: int = 0
    plan: Path | None = None
    others: tuple["Task", ...] = ()

    @property
    def name(self) -> str:
        """Name of the recording's state files: one of its own, whatever characters its path has."""
        return state_name(self.recording)

    @property
    def folder(self) -> Path:
        """Folder of the state files."""
        return state_folder(self.output)

    @property
    def claim_file(self) -> Path:
        """File that says who works on the recording."""
        return self.folder / f"{self.name}.claim"

    @property
    def result(self) -> Path:
        """Where the result stands."""
        return self.output / self.place


def state_name(recording: str) -> str:
    """Name of a recording's state files."""
    return hashlib.sha256(os.fsencode(recording)).hexdigest()[:16]


def state_folder(output: Path) -> Path:
    """Folder of the state files of a batch."""
    return output / "batch-state"


@dataclass(frozen=True)
class Outcome:
    """What became of a task.

    The status is "skipped" where it had been done before, "reduced" where its coreset is there, and "claimed" where
    somebody else works on it; `frames` is the number of chosen ones; `reason` says why it failed or who works on it.
    `others` are the outcomes of the task's `others`.
    """

    recording: str
    status: Status
    frames: int = 0
    seconds: float = 0.0
    warnings: tuple[str, ...] = ()
    reason: str = ""
    others: tuple["Outcome", ...] = ()
