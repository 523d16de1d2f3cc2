"""A run: ``keyframes batch`` as a process of its own, and how far it is.

All that is known of a run is in files, so that a server that was killed finds the run as it is: whose process it is,
what was asked for, what the process says of each recording, and what it printed at its end.
"""

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from keyframes.app.rounds import Round
from keyframes.batch.claims import is_running, start_of, this_machine
from keyframes.batch.text_files import read_json, write_text
from keyframes.errors import AppError, OutputError, not_written
from keyframes.names import printable, restored, stored
from keyframes.own_process import python_command

COMMAND = "sys.argv[0] = 'keyframes'; from keyframes.__main__ import main; main()"
# A line for each recording that ended: "[frames 3/10] cage1/a.mp4: 20 frames, 3.1 s".
ENDED = re.compile(r"\[(scan|frames) \d+/\d+\] (.*)")
# The last line of a process that crashed or ran out of memory begins with one of these.
DEFECTS = ("MemoryError", "OSError", "RuntimeError", "TypeError", "ValueError", "ImportError", "ModuleNotFoundError")
STOP_S = 15.0
MOST_LOG = 4 << 20


@dataclass(frozen=True)
class RunSeen:
    """A run as its files tell it.

    `scanned` and `ended` are the recordings whose scan alone, or all of whose work, is done; `notes` what the process
    said beside that. Where it is over, `finished` says whether it came to its end.
    """

    recordings: tuple[str, ...] = ()
    wish: dict[str, Any] = field(default_factory=dict)
    command: str = ""
    begun_s: float = 0.0
    active: bool = False
    finished: bool = True
    stopped: bool = False
    scanned: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
    total: bool = False


class Runner:
    """Starts, watches and stops the runs of the rounds, one at a time for each."""

    def __init__(self) -> None:
        self._processes: dict[Path, subprocess.Popen[bytes]] = {}
        self._starting = threading.Lock()

    def start(
        self, round_: Round, arguments: Sequence[str], recordings: Sequence[str], wish: dict[str, Any], command: str
    ) -> None:
        """Start a run, or raise an AppError where one goes on."""
        with self._starting:
            if self.seen(round_).active:
                raise AppError("a run is in progress; stop it first, or wait for it")
            process = self._processes[round_.own] = _start_process(round_.own, arguments)
            told = {
                "process": process.pid,
                "started": start_of(process.pid),
                "machine": this_machine(),
                "begun_s": time.time(),
                "recordings": [stored(recording) for recording in recordings],
                "wish": wish,
                "command": command,
                "total": "--total" in arguments,
            }
            try:
                write_text(round_.own / "run.json", json.dumps(told) + "\n")
            except BaseException:
                # Nobody would know of it.
                process.terminate()
                raise

    def stop(self, round_: Round) -> None:
        """Stop a run; what is done stays done."""
        told = read_json(round_.own / "run.json")
        if not self._is_active(round_, told):
            return
        # Where the disk is full, the run is stopped all the same, and counts as broken off.
        with suppress(OutputError):
            write_text(round_.own / "run.json", json.dumps({**told, "stopped": True}) + "\n")
        politely = signal.SIGINT if os.name != "nt" else signal.SIGTERM
        for number in (politely, getattr(signal, "SIGKILL", signal.SIGTERM)):
            with suppress(OSError):
                os.kill(told["process"], number)
            until = time.monotonic() + STOP_S
            while self._is_active(round_, told) and time.monotonic() < until:
                time.sleep(0.05)
            if not self._is_active(round_, told):
                return

    def close(self) -> None:
        """Stop the runs that were started here."""
        for place, process in self._processes.items():
            if process.poll() is None:
                self.stop(Round(0, place.parent.parent))
            if process.poll() is None:
                process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_S)

    def seen(self, round_: Round) -> RunSeen:
        """Return what the files of the latest run of a round tell."""
        told = read_json(round_.own / "run.json")
        if not told:
            return RunSeen()
        recordings = tuple(restored(recording) for recording in told.get("recordings", []))
        active = self._is_active(round_, told)
        ended, notes = read_log(round_.own / "run.log", recordings)
        document = read_json(round_.own / "run.out")
        return RunSeen(
            recordings=recordings,
            wish=told.get("wish", {}),
            command=told.get("command", ""),
            begun_s=float(told.get("begun_s", 0.0)),
            active=active,
            finished=bool(document),
            stopped=bool(told.get("stopped")),
            scanned=frozenset(ended["scan"]),
            ended=frozenset(ended["frames"]),
            notes=tuple(dict.fromkeys(notes)),
            total=bool(told.get("total")),
        )

    def _is_active(self, round_: Round, told: dict[str, Any]) -> bool:
        own = self._processes.get(round_.own)
        if own is not None and own.pid == told.get("process"):
            return own.poll() is None
        # Of a server that was killed. The runs of other machines are seen by their claims alone.
        return told.get("machine") == this_machine() != "" and is_running(told.get("process"), told.get("started"))


def _start_process(place: Path, arguments: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start the command with these arguments; what it prints goes into files in `place`."""
    try:
        place.mkdir(parents=True, exist_ok=True)
        with (place / "run.log").open("wb") as log, (place / "run.out").open("wb") as out:
            return subprocess.Popen(
                python_command(COMMAND, *arguments, "--json"),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                env={**os.environ, "PYTHONIOENCODING": "utf-8:backslashreplace", "COLUMNS": "500"},
                # What is typed in the terminal is for the server, which stops the run itself.
                start_new_session=os.name != "nt",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
    except OSError as error:
        raise not_written(place, error) from None


def read_log(path: Path, recordings: Sequence[str]) -> tuple[dict[str, set[str]], list[str]]:
    """Return the recordings whose end a log tells, by step ("scan" or "frames"), and its other lines."""
    ended: dict[str, set[str]] = {"scan": set(), "frames": set()}
    notes: list[str] = []
    names = {_as_logged(recording): recording for recording in recordings}
    of_recordings = tuple(f"warning: {name}: " for name in names)
    try:
        with path.open("rb") as file:
            lines = file.read(MOST_LOG).decode("utf-8", "replace").splitlines()
    except OSError:
        return ended, notes
    for line in lines:
        if match := ENDED.fullmatch(line):
            step, text = match.groups()
            # A name may hold a colon: the longest beginning that is a name counts.
            parts = text.split(": ")
            starts = (": ".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))
            name = next((names[start] for start in starts if start in names), None)
            if name is not None:
                ended[step].add(name)
        elif line.startswith("│"):
            # A wrong combination of options that only the recordings tell.
            notes.append(line.strip("│ "))
        elif line.startswith(("error: ", "warning: ")) and not line.startswith(of_recordings):
            notes.append(line)
    if lines and not ended["frames"] and not notes and lines[-1].startswith(DEFECTS):
        notes.append(lines[-1])
    return ended, notes


def _as_logged(recording: str) -> str:
    """Return a recording's name as the command prints it."""
    return printable(" ".join(recording.split()))
