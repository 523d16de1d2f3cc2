"""Who works on a recording: a file that is made exclusively and touched while the work goes on.

Several runs, on this machine and on others, may share a folder. A claim counts as abandoned when its file has not been
written for ten minutes by the clock of the file system that it lies on, or at once when it names this machine and a
process that is gone. Two that work on one recording all the same, after a machine slept, do no harm: results are put
into place whole, and are the same bytes.
"""

import json
import os
import secrets
import socket
import sys
import threading
import time
from contextlib import AbstractContextManager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

from keyframes.batch.text_files import read_json

HEARTBEAT_S = 2.0
ABANDONED_S = 600.0
# An empty claim counts as abandoned sooner: its process was killed between making the claim and writing it.
EMPTY_S = 10.0
CLAIM_BYTES = 1024


class Claim(AbstractContextManager["Claim"]):
    """A claim that is held; a context manager that gives it back. Others read `doing`, `n_done` and `n_total`."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.doing, self.n_done, self.n_total = "", 0, 0
        self._descriptor = descriptor
        self._ended = threading.Event()
        try:
            self._write()
        except BaseException:
            # Such as a full disk: an empty claim would keep others waiting.
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
            raise
        self._heart = threading.Thread(target=self._beat, name="keyframes-heartbeat", daemon=True)
        self._heart.start()

    @classmethod
    def take(cls, path: Path) -> "Claim | None":
        """Claim a recording; None where somebody else has."""
        for _ in range(3):
            try:
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666)
            except FileExistsError:
                if not _remove_abandoned(path):
                    return None
                continue
            return cls(path, descriptor)
        return None

    def __exit__(self, *error: object) -> None:
        self._ended.set()
        self._heart.join()
        mine = self.is_mine()
        os.close(self._descriptor)
        if mine:
            with suppress(OSError):
                self.path.unlink()

    def tell(self, doing: str, n_done: int, n_total: int) -> None:
        """Note how far the work is; the next heartbeat tells."""
        self.doing, self.n_done, self.n_total = doing, n_done, n_total

    def tell_of_compilation(self) -> None:
        """Note that the step that the work is at waits for a compilation."""
        self.doing = f"{self.doing} compile".strip()

    def is_mine(self) -> bool:
        """Whether nobody took it over."""
        try:
            return os.path.samestat(os.fstat(self._descriptor), self.path.stat())
        except OSError:
            return False

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_S):
            # A full disk or a network that is away ends no work.
            with suppress(OSError):
                self._write()

    def _write(self) -> None:
        process = os.getpid()
        about = {
            "host": socket.gethostname(),
            "machine": this_machine(),
            "process": process,
            "started": start_of(process),
        }
        told = {**about, "doing": self.doing, "n_done": self.n_done, "n_total": self.n_total}
        # Always of one length and in one call, so that nobody reads a mixture; and through the descriptor, so that it
        # never goes into the claim of somebody who took this one over.
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, json.dumps(told).ljust(CLAIM_BYTES)[:CLAIM_BYTES].encode())


def claimed_by(path: Path) -> str:
    """Say who works behind a claim."""
    told = read_json(path)
    return f"{told.get('host', '?')}, process {told.get('process')}"


def is_abandoned(path: Path) -> bool:
    """Whether nobody works behind a claim any more."""
    told = read_json(path)
    if told.get("machine") == this_machine() and not is_running(told.get("process"), told.get("started")):
        return True
    try:
        age_s = _now_there(path.parent) - path.stat().st_mtime
    except OSError:
        return False
    return age_s >= (ABANDONED_S if told else EMPTY_S)


def _remove_abandoned(path: Path) -> bool:
    """Take an abandoned claim away; whether it is worth trying again to make one's own."""
    if not is_abandoned(path):
        return not path.exists()
    aside = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        path.rename(aside)
    except OSError:
        # Somebody else was quicker.
        return True
    if not is_abandoned(aside):
        # Between the look and the rename another one had taken it over: it goes back, unless there is one again.
        with suppress(OSError):
            os.link(aside, path)
    with suppress(OSError):
        aside.unlink()
    return True


def _now_there(folder: Path) -> float:
    """Time now by the clock that stamps the files of a folder."""
    probe = folder / f".now-{secrets.token_hex(8)}"
    try:
        probe.touch()
        return probe.stat().st_mtime
    except OSError:
        return time.time()
    finally:
        with suppress(OSError):
            probe.unlink()


@lru_cache(maxsize=1)
def this_machine() -> str:
    """Return what tells this start of this machine, with the processes that it counts, from any other; or ""."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{socket.gethostname()} {boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname() if sys.platform == "darwin" else ""


def is_running(process: Any, started: Any) -> bool:
    """Whether a process of this machine is there, and is the one that started then."""
    if not this_machine() or not isinstance(process, int):
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return started is None or start_of(process) in (None, started)


def start_of(process: int) -> int | None:
    """When a process started, in ticks since the machine did; None where that is not known, or it has ended."""
    try:
        state, *fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    # A zombie works no more.
    return -1 if state in "ZX" else int(fields[18])
