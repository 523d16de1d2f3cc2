"""Entry of the command: ``keyframes`` and ``python -m keyframes``.

An interruption ends with its exit status and without a traceback at any moment, also while modules are still being
loaded: that is why the handlers are set before anything else is imported.
"""

import _thread
import os
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

CLEAN_UP_S = 2.0
AGAIN_S = 0.05
MAIN_THREAD = threading.get_ident()

_received: list[tuple[int, float]] = []


class _Interrupted(BaseException):
    """Raised by a signal. Not a KeyboardInterrupt, which Typer would turn into exit status 1."""


def _interrupt(number: int, frame: FrameType | None) -> None:
    # An impatient second signal must not interrupt the clean-up that the first one began. A later one counts again:
    # Python drops an exception that is raised while a destructor runs.
    now = time.monotonic()
    if _received and now - _received[-1][1] < CLEAN_UP_S:
        return
    _received.append((number, now))
    raise _Interrupted


def _interrupt_again(dropped: Any) -> None:
    """Take the place of ``sys.unraisablehook``: an interruption that C code or a destructor dropped comes once more."""
    if not issubclass(dropped.exc_type, _Interrupted):
        sys.__unraisablehook__(dropped)
        return
    number = _received.pop()[0]
    again = threading.Timer(AGAIN_S, _signal_main_thread, (number,))
    again.daemon = True
    again.start()


def _signal_main_thread(number: int) -> None:
    if hasattr(signal, "pthread_kill"):
        # Ends a wait of the main thread too, which `interrupt_main` would only mark for later.
        signal.pthread_kill(MAIN_THREAD, number)
    else:
        _thread.interrupt_main(signal.Signals(number))


def main() -> None:
    """Run the command line."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    sys.unraisablehook = _interrupt_again
    try:
        from keyframes.cli import app

        app()
    except BrokenPipeError:
        # The reader of standard output went away (`keyframes info … | head -1`); nothing is left to say to it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except BaseException:
        # Imports and callbacks may wrap the interruption into an error of their own.
        if not _received:
            raise
        print("interrupted", file=sys.stderr)
        sys.exit(128 + _received[-1][0])
    finally:
        # All is done but the interpreter's own end, which resets handlers and would die of a late signal.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


if __name__ == "__main__":
    main()
