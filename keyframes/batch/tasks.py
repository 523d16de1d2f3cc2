"""What is handed to a worker, and what comes back."""

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from keyframes.settings import Settings

# Seconds between two looks at what goes on.
TICK_S = 0.5

Step = Literal["reduce", "choose"]
Status = Literal["done", "skipped", "failed", "reduced", "claimed"]


@dataclass(frozen=True)
class Budget:
    """A total of frames for all recordings, with at least so many from each."""

    total: int
    at_least: int
    n_recordings: int


@dataclass(frozen=True)
class Task:
    """A recording, and what is to be done with it: plain data, for another process or machine.

    Attributes
    ----------
    recording : str
        Path of the video from the folder that was searched, with slashes: its name in all tables.
    video : Path
        Absolute.
    output : Path
        Folder of all results, absolute.
    place : str
        Result folder of this recording, from `output`, with slashes.
    settings : Settings
        With a budget, its k is not looked at.
    step : {"reduce", "choose"}
        Reduce it to a coreset, or choose its frames.
    unlike : tuple of str
    budget : Budget or None
    threads : int or None
        None takes those of a cluster's worker.
    overwrite : bool
        Replace a result that is none of this batch.
    keep_bytes : int
        Most bytes of kept scans of all recordings.
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

    @property
    def name(self) -> str:
        """Name of the recording's state files: one of its own, whatever characters its path has."""
        return state_name(self.recording)

    @property
    def folder(self) -> Path:
        """Folder of the state files."""
        return state_folder(self.output)

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

    Attributes
    ----------
    recording : str
    status : {"done", "skipped", "failed", "reduced", "claimed"}
        "skipped" where it had been done before, "reduced" where its coreset is there, "claimed" where somebody else
        works on it.
    frames : int
        Chosen.
    seconds : float
    warnings : tuple of str
    reason : str
        Why it failed, or who works on it.
    """

    recording: str
    status: Status
    frames: int = 0
    seconds: float = 0.0
    warnings: tuple[str, ...] = field(default=())
    reason: str = ""
