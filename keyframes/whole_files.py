"""Files that appear whole or not at all: written under a hidden name beside their place, and renamed."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clustering import rename_when_free

# Hidden names must fit wherever the name does that they are made of; of a longer one so many characters are kept.
LONGEST_HIDDEN, N_SHOWN = 100, 20


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
