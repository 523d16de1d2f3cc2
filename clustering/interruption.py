"""Interruptions of a command that computes in threads: it cleans up and ends with its exit status, without a traceback.

A signal may come at any moment, also while modules are still being loaded: so nothing is imported here that takes time.
"""

import _thread
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from os import _exit as exit_at_once
from types import FrameType
from typing import Any

from clustering.disk_space import lacks_space

CLEAN_UP_S = 2.0
AGAIN_S = 0.05

# Where Python itself takes a lock, gives it back, or starts and awaits threads, by module. An exception that is raised
# there leaves a lock that nobody gives back, or a thread that nobody waits for, and then others wait forever.
_LOCKING = {
    "threading": {"__enter__", "__exit__", "_wait_for_tstate_lock", "join", "notify", "notify_all", "set", "start"},
    "concurrent.futures.thread": {"_adjust_thread_count", "shutdown", "submit"},
    "llvmlite.binding.ffi": {"__enter__", "__exit__"},
    "numba.core.compiler_lock": {"acquire", "release"},
    "tqdm.std": {"acquire", "release"},
}

_received: list[tuple[int, float]] = []
_postponed: list[int] = []


class _Interrupted(BaseException):
    """Raised by a signal. Not a KeyboardInterrupt, which Typer would turn into exit status 1."""


def run_interruptible(command: Callable[[], None], *, awaits_threads: bool = True) -> None:
    """Run a whole command; SIGINT and SIGTERM end it with 128 and their number, in an orderly way.

    SIGHUP, which comes when the terminal is closed, counts as SIGTERM, unless it is ignored as under ``nohup``.
    A second signal, two seconds after the first one or later, ends it without waiting for threads.

    Parameters
    ----------
    command : callable
        Imports what it needs by itself, so that an interruption of that is handled too.
    awaits_threads : bool, default=True
        Whether an interruption waits for threads that still compute; if not, they must leave nothing half done.

    Raises
    ------
    SystemExit
    """
    handlers: dict[int, Callable[[int, FrameType | None], None]] = {
        signal.SIGINT: _interrupt,
        signal.SIGTERM: _interrupt,
    }
    if hasattr(signal, "setitimer"):
        handlers[signal.SIGALRM] = _interrupt_with_postponed
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        handlers[signal.SIGHUP] = _terminate
    for number, handler in handlers.items():
        signal.signal(number, handler)
    sys.unraisablehook = _interrupt_again
    try:
        try:
            command()
        finally:
            if not _received:
                sys.stdout.flush()
    except BrokenPipeError:
        # The reader of standard output went away (`… | head -1`); nothing is left to say to it.
        _forget_output()
        sys.exit(1)
    except OSError as error:
        # Of a file that was asked for there is an error of the package: this is standard output (`… > log.txt`).
        if not lacks_space(error) or error.filename is not None:
            raise
        _forget_output()
        print(f"error: the output cannot be written ({error.strerror}); free space", file=sys.stderr)
        sys.exit(1)
    except BaseException:
        # Imports and callbacks may wrap the interruption into an error of their own.
        if not _received:
            raise
        with suppress(OSError):  # the terminal may be gone
            print("interrupted", file=sys.stderr, flush=True)
        status = 128 + _received[-1][0]
        if len(_received) > 1 or not awaits_threads:
            # Python's own end would wait for every thread.
            exit_at_once(status)
        sys.exit(status)
    finally:
        # All is done but the interpreter's own end, which resets handlers and would die of a late signal.
        for number in handlers:
            signal.signal(number, signal.SIG_IGN)


def _forget_output() -> None:
    """Let what is still to be written to standard output go nowhere: Python would fail with it at its own end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _interrupt(number: int, frame: FrameType | None) -> None:
    now = time.monotonic()
    if not _received and _is_locking(frame):
        _send_again(number)
        return
    # An impatient second signal must not interrupt the clean-up that the first one began. A later one counts again:
    # Python drops an exception that is raised while a destructor runs.
    if _received and now - _received[-1][1] < CLEAN_UP_S:
        return
    _received.append((number, now))
    raise _Interrupted


def _terminate(number: int, frame: FrameType | None) -> None:
    """Pass a signal on as SIGTERM, to whoever handles that now: a server ends in its own way."""
    signal.raise_signal(signal.SIGTERM)


def _is_locking(frame: FrameType | None) -> bool:
    """Tell whether an exception that is raised in a frame would leave a lock or a thread to itself."""
    while frame is not None:
        code = frame.f_code
        if code.co_name in _LOCKING.get(frame.f_globals.get("__name__", ""), ()):
            return True
        # `Condition.wait`, before it has put down that the lock is given back for as long as it waits.
        if code is threading.Condition.wait.__code__ and "saved_state" not in frame.f_locals:
            return True
        frame = frame.f_back
    return False


def _interrupt_again(dropped: Any) -> None:
    """Take the place of ``sys.unraisablehook``: an interruption that C code or a destructor dropped comes once more."""
    if not issubclass(dropped.exc_type, _Interrupted):
        sys.__unraisablehook__(dropped)
        return
    _send_again(_received.pop()[0])


def _send_again(number: int) -> None:
    """Let a signal come again after a moment."""
    if hasattr(signal, "setitimer"):
        # Ends a wait of the main thread too, which `interrupt_main` would only mark for later, and starts no thread.
        _postponed[:] = [number]
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
    else:
        again = threading.Timer(AGAIN_S, _thread.interrupt_main, (signal.Signals(number),))
        again.daemon = True
        again.start()


def _interrupt_with_postponed(number: int, frame: FrameType | None) -> None:
    _interrupt(_postponed.pop(), frame)
