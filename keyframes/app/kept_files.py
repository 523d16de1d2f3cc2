"""What files hold, read again only where they have changed."""

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

Content = TypeVar("Content")


class KeptFiles(Generic[Content]):
    """Keeps what was made of each file as long as its time, its size and its place on the disk stay."""

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[tuple[int, int, int], Content]] = {}

    def get(self, path: Path, read: Callable[[], Content], missing: Content) -> Content:
        """Return what a file holds, by `read` where that is not known yet; `missing` where there is no file."""
        try:
            seen = path.stat()
        except OSError:
            return missing
        stamp = (seen.st_mtime_ns, seen.st_size, seen.st_ino)
        kept = self._kept.get(path)
        if kept is None or kept[0] != stamp:
            kept = self._kept[path] = (stamp, read())
        return kept[1]
