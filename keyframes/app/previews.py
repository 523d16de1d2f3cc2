"""A picture and the figures of each recording, found one after another behind the page."""

import threading
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

from keyframes.app.kept_pictures import KeptPictures
from keyframes.errors import KeyframesError
from keyframes.report.thumbnails import thumbnail
from keyframes.video import VideoReader, middle_picture

# Width in pixels and most bytes: of the pictures of cards, and of the one that a range and a crop are drawn on.
SIZES = {"small": (320, 18_000), "large": (1280, 300_000)}
# Most bytes of pictures that are kept: those of some thousand recordings.
KEPT_BYTES = 32 << 20
MOST_FIGURES = 100_000

Stamp = tuple[int, int] | None


class Previews(AbstractContextManager["Previews"]):
    """Looks into recordings, in one thread, first into those that the page waits for. A context manager.

    What is known is kept as long as the file's size and time stay, pictures as long as there is room.
    """

    def __init__(self) -> None:
        self._figures: dict[Path, tuple[Stamp, dict[str, Any]]] = {}
        self._pictures = KeptPictures(KEPT_BYTES)
        self._wanted: list[tuple[Path, str]] = []
        self._behind: OrderedDict[Path, None] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="keyframes-previews", daemon=True)
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join()

    def figures(self, path: Path) -> dict[str, Any] | None:
        """Return what is known of a recording: its size, length and rate, or why it cannot be read; None so far."""
        stamp, known = self._figures.get(path, (None, None))
        return known if known is not None and stamp == _stamp(path) else None

    def look_at(self, paths: Iterable[Path]) -> None:
        """Find the figures of these recordings, when nothing else is to be done."""
        with self._changed:
            for path in paths:
                self._behind.setdefault(path)
            self._changed.notify_all()

    def picture(self, path: Path, size: str) -> bytes:
        """Return a picture from the middle of a recording, a JPEG file; b"" where it cannot be read. Waits for it."""
        key = (path, _stamp(path), size)
        with self._changed:
            if key not in self._pictures and not self._closed:
                # What was scrolled to last is looked at first.
                self._wanted.append((path, size))
                self._changed.notify_all()
                self._changed.wait_for(
                    lambda: key in self._pictures or self._closed or (path, size) not in self._wanted
                )
            return self._pictures.get(key)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wanted or self._behind or self._closed)
                if self._closed:
                    return
                path, size = self._wanted[-1] if self._wanted else (next(iter(self._behind)), "")
                self._behind.pop(path, None)
            if size or self.figures(path) is None:
                with suppress(OSError):
                    self._look(path, size)
            with self._changed:
                while (path, size) in self._wanted:
                    self._wanted.remove((path, size))
                self._changed.notify_all()

    def _look(self, path: Path, size: str) -> None:
        stamp, picture = _stamp(path), b""
        figures: dict[str, Any]
        if size and (path, stamp, size) in self._pictures:
            return
        try:
            with VideoReader(path, threads=1) as video:
                header = video.header
                rate = header.frame_rate if video.has_times else 0.0
                figures = {
                    "width": header.width,
                    "height": header.height,
                    "rate": rate,
                    "frames": header.frames_claimed,
                    "seconds": header.frames_claimed / rate if rate else None,
                    "bytes": header.size_bytes,
                }
                if size:
                    width, most_bytes = SIZES[size]
                    picture = thumbnail(middle_picture(video), most_bytes, width)
        except KeyframesError as error:
            figures = {"unreadable": str(error).removeprefix(f"{path}: ")}
        except Exception as error:
            # A defect of OpenCV, or no memory, takes no more than this picture.
            figures = {"unreadable": f"unexpected {type(error).__name__}: {error}"}
        with self._changed:
            if len(self._figures) < MOST_FIGURES:
                self._figures[path] = (stamp, figures)
            if size:
                self._pictures.keep((path, stamp, size), picture)


def _stamp(path: Path) -> Stamp:
    """Return what changes when a file does: its size and its time; None where it is gone."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return seen.st_size, seen.st_mtime_ns
