"""Which recordings there are, by names that say nothing of where they lie."""

import glob
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from keyframes.batch.recordings import describe_left_out, find_recordings
from keyframes.batch.tasks import state_name
from keyframes.errors import AppError, BatchError

# Seconds until the folder is looked through again.
LOOK_S = 5.0


class Library:
    """The recordings below a folder. Those in the folders of results, `outputs`, are copies, and left out."""

    def __init__(self, folder: Path, outputs: Path) -> None:
        self.folder = folder
        self.exclude = _patterns_for(folder, outputs)
        self.note = ""
        self._found: dict[str, str] = {}
        self._looked = 0.0
        self._looking = threading.Lock()

    def all(self) -> dict[str, str]:
        """Return the recordings, paths from the folder, by their ids."""
        with self._looking:
            if time.monotonic() - self._looked > LOOK_S or not self._looked:
                self._look()
            return self._found

    def recording(self, name: str) -> str:
        """Return the recording of an id, or raise an AppError."""
        found = self._found.get(name) or self.all().get(name)
        if found is None:
            raise AppError("this recording is no longer in the folder; put it back, or go back to the recordings")
        return found

    def path(self, name: str) -> Path:
        """Return where the recording of an id lies."""
        return self.folder / self.recording(name)

    def _look(self) -> None:
        try:
            recordings, left_out = find_recordings(self.folder, exclude=self.exclude)
            self.note = describe_left_out(left_out) if left_out else ""
        except BatchError as error:
            if not os.path.isdir(self.folder):
                raise
            # Without the advice, which is for the command.
            recordings, self.note = [], str(error).removeprefix(f"{self.folder}: ").rpartition("; ")[0]
        self._found = {state_name(recording): recording for recording in recordings}
        self._looked = time.monotonic()


def _patterns_for(folder: Path, outputs: Path) -> tuple[str, ...]:
    """Return what keeps a search from the folders of results, where they lie below the one that is searched."""
    try:
        inside = os.path.relpath(os.path.abspath(outputs), os.path.abspath(folder))
    except ValueError:
        # On different drives of Windows.
        return ()
    if inside == os.curdir or inside.startswith(os.pardir) or os.path.isabs(inside):
        return ()
    name = glob.escape(Path(inside).as_posix())
    return f"{name}/*", f"{name}-[0-9]*/*"


def patterns_to_choose(chosen: Sequence[str], recordings: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the patterns of a batch, to include and to exclude, that make it take these of all recordings.

    A pattern without a slash matches names at any depth, so that others of the same name are left out one by one.
    """
    if set(chosen) >= set(recordings):
        return [], []
    wanted = set(chosen)
    at_top = {recording.casefold() for recording in chosen if "/" not in recording}
    others = [
        recording
        for recording in recordings
        if recording not in wanted and recording.rpartition("/")[2].casefold() in at_top
    ]
    return [glob.escape(recording) for recording in chosen], [glob.escape(recording) for recording in others]
