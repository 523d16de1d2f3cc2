"""What is told while a batch runs: bars on a terminal, plain lines elsewhere.

How far each recording is, the claims tell: so it does not matter which machine works on it, or which run.
"""

import shutil
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from tqdm import tqdm

from keyframes.batch.tasks import Outcome, Task
from keyframes.batch.text_files import read_json
from keyframes.names import printable
from keyframes.wording import counted

# Most lines of recordings at work; others are not shown.
MOST_LINES = 16
LOOK_S = 1.0


class Watch:
    """Reports a run: `say` takes lines for the user; nothing is said unless it is `shown`."""

    def __init__(self, say: Callable[[str], None], shown: bool) -> None:
        self._say, self._shown = say, shown
        self._on_terminal = shown and sys.stderr.isatty()
        self._bar: Any = None
        self._lines: list[Any] = []
        self._tasks: list[Task] = []
        self._n_ended, self._looked = 0, 0.0
        self._title = ""

    def begin(self, title: str, tasks: Sequence[Task]) -> None:
        """Start on these tasks."""
        self.end()
        self._tasks, self._n_ended, self._title = list(tasks), 0, title
        if self._on_terminal:
            self._bar = tqdm(
                total=len(tasks),
                desc=title,
                unit=" videos",
                bar_format="{l_bar}{bar}| {n:.1f}/{total} [{elapsed}<{remaining}]",
                dynamic_ncols=True,
                smoothing=0.05,
            )

    def told(self, outcome: Outcome) -> None:
        """Tell of a task that ended."""
        self._tasks = [task for task in self._tasks if task.recording != outcome.recording]
        self._n_ended += 1
        if self._shown:
            self.line(f"[{self._title} {self._n_ended}/{self._n_ended + len(self._tasks)}] {describe(outcome)}")
            for warning in outcome.warnings:
                self.line(f"warning: {outcome.recording}: {warning}")
        self._looked = 0.0
        self.tick()

    def note(self, text: str) -> None:
        """Say a line about what goes on."""
        if self._shown:
            self.line(text)

    def line(self, text: str) -> None:
        """Say a line, above the bars where there are any."""
        if self._bar is None:
            self._say(text)
            return
        with tqdm.external_write_mode(file=sys.stderr):
            self._say(text)

    def tick(self) -> None:
        """Look how far the recordings at work are, once in a while."""
        if self._bar is None or time.monotonic() - self._looked < LOOK_S:
            return
        self._looked = time.monotonic()
        running = []
        # Tasks start in their order: the running ones are among the first of those left.
        for task in self._tasks[: 4 * MOST_LINES]:
            told = read_json(task.claim_file)
            if told:
                running.append((task.recording, told))
        self._bar.n = self._n_ended + sum(share_done(told) for _, told in running)
        self._bar.refresh()
        n_lines = min(len(running), MOST_LINES, max(0, shutil.get_terminal_size().lines - 3))
        while len(self._lines) < n_lines:
            self._lines.append(tqdm(bar_format="{desc}", position=len(self._lines) + 1, leave=False))
        while len(self._lines) > n_lines:
            self._lines.pop().close()
        width = shutil.get_terminal_size().columns - 1
        for line, (name, told) in zip(self._lines, running, strict=False):
            step = f"{told.get('doing', '').strip()} {told.get('n_done', 0)}/{told.get('n_total') or '?'}"
            line.set_description_str(f"  {step:<22} {told.get('host', '?')}  {printable(name)}"[:width])

    def end(self) -> None:
        """Take the bars away."""
        while self._lines:
            self._lines.pop().close()
        if self._bar is not None:
            self._bar.n = self._n_ended
            self._bar.close()
            self._bar = None


def share_done(told: dict[str, Any]) -> float:
    """Return the share of a recording's work that is done; the scan is nearly all of it."""
    done, total = told.get("n_done", 0), told.get("n_total", 0)
    shares = {"": (0.0, 0.0), "compile": (0.0, 0.0), "scan": (0.0, 0.9), "write": (0.9, 1.0)}
    # A step may wait for a compilation: "scan compile".
    first, last = shares.get(told.get("doing", "").strip().partition(" ")[0], (0.9, 0.9))
    return first + (last - first) * min(1.0, done / total) if total else first


def describe(outcome: Outcome) -> str:
    """Tell an outcome in a line."""
    if outcome.status == "done":
        return f"{outcome.recording}: {counted(outcome.frames, 'frame')}, {outcome.seconds:.1f} s"
    if outcome.status == "reduced":
        return f"{outcome.recording}: scanned, {outcome.seconds:.1f} s"
    if outcome.status == "skipped":
        return f"{outcome.recording}: done before, {counted(outcome.frames, 'frame')}"
    return f"{outcome.recording}: {outcome.status}: {outcome.reason}"
