"""Renames to a place that another process may hold for a moment."""

import time
from collections.abc import Callable
from pathlib import Path

# Windows says "access denied" or "sharing violation" of what another process has open for a moment: a reader, the
# indexer, a virus scanner. So long a rename waits for it, in all 1.6 s.
BUSY = (5, 32)
WAITS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)


def rename_when_free(rename: Callable[[Path], object], place: Path) -> None:
    """Rename to `place` by a path's `rename` or `replace`; on Windows, wait while another process is in the way."""
    for wait_s in WAITS_S:
        try:
            rename(place)
        except PermissionError as error:
            if getattr(error, "winerror", None) not in BUSY:
                raise
            time.sleep(wait_s)
        else:
            return
    rename(place)
