"""The review pages that are open: a few sessions, opened when they are asked for."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from keyframes.app.rounds import Round
from keyframes.review import Session

# A page that is looked at asks every few seconds; one that was left keeps others from its result no longer than this.
IDLE_S = 60.0
# Each holds a scan and some pictures in memory; a person looks at one after another.
MOST_OPEN = 3


class Reviews(AbstractContextManager["Reviews"]):
    """Gives the session of a result, and closes those asked for least recently. A context manager."""

    def __init__(self) -> None:
        self._open: OrderedDict[Path, Session] = OrderedDict()
        self._asked_s: dict[Path, float] = {}
        self._changing = threading.RLock()

    def __exit__(self, *error: object) -> None:
        self.close(lambda folder: True)

    def get(self, round_: Round, place: str, video: Path, name: str) -> Session:
        """Return the session of a result, whose page shows this name, or raise the errors of `Session`."""
        folder = round_.output / place
        with self._changing:
            session = self._open.get(folder)
            # Another extraction replaced what was reviewed.
            if session is not None and not session.is_current:
                self._open.pop(folder).close()
                session = None
            if session is None:
                session = self._open[folder] = Session(folder, video, name=name)
            self._open.move_to_end(folder)
            self._asked_s[folder] = time.monotonic()
            while len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)[1].close()
            return session

    def close_idle(self) -> None:
        """Close the sessions that no page has asked for lately, so that others may review these results."""
        # Opening one may take long, and whoever asks this does not wait for it.
        if self._changing.acquire(blocking=False):
            try:
                since = time.monotonic() - IDLE_S
                self.close(lambda folder: self._asked_s[folder] < since)
            finally:
                self._changing.release()

    def close(self, of: Callable[[Path], bool]) -> None:
        """Close the sessions of some result folders."""
        with self._changing:
            for folder in [folder for folder in self._open if of(folder)]:
                self._open.pop(folder).close()
