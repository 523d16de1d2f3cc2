"""Files that appear whole or not at all: written under a hidden name beside their place, and renamed."""

import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# Hidden names must fit wherever the name does that they are made of; of a longer one so many characters are kept.
LONGEST_HIDDEN, N_SHOWN = 100, 20

# Windows says "access denied" or "sharing violation" of what another process has open for a moment: a reader, the
# indexer, a virus scanner. So long a rename waits for it, in all 1.6 s.
BUSY = (5, 32)
WAITS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8)


@contextmanager
def whole_file(place: Path) -> Iterator[Path]:
    """Give a name to write to, beside `place`; rename it to `place` at the end, or remove it after an error."""
    partial = unused_name(place, "partial")
    try:
        yield partial
        rename_when_free(partial.replace, place)
    finally:
        with suppress(OSError):
            partial.unlink(missing_ok=True)


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


def unused_name(place: Path, purpose: str) -> Path:
    """Name beside `place` that no other run uses."""
    return place.with_name(f"{hidden_start(place, purpose)}{os.getpid()}-{secrets.token_hex(4)}")


def hidden_start(place: Path, purpose: str) -> str:
    """Return how the names begin that `unused_name` gives."""
    return f".{shortened(place.name, LONGEST_HIDDEN)}.{purpose}-"


def shortened(name: str, longest: int) -> str:
    """Return a name, or where it has more bytes than the longest its beginning and a hash of it."""
    whole = os.fsencode(name)
    return name if len(whole) <= longest else f"{name[:N_SHOWN]}~{hashlib.sha256(whole).hexdigest()[:16]}"
