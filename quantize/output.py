"""Files that appear whole or not at all."""

import os
import secrets
import threading
from contextlib import suppress
from pathlib import Path

from clustering import lacks_space, rename_when_free
from quantize.errors import OutputError

# Hidden names must fit wherever the name does that they are made of: so many of its characters are kept.
N_SHOWN = 20
# Held while a file is written, so that an interruption can wait for that, and let nothing else be written.
_writing = threading.RLock()


def write_file(place: Path, data: bytes, overwrite: bool, original: Path | None = None, *, option: str = "-o") -> None:
    """Write a file beside its place and rename it there; what a symbolic link points to is replaced, not the link.

    Who may not read the original, the file that it was made from, may not read the result. OutputError where something
    stands there and is not to be replaced, or it cannot be written; it names the option that chooses the place.
    """
    with _writing:
        try:
            target = _behind_link(place) if overwrite else place
        except OSError as error:
            raise _unwritable(place, error, option) from error
        partial = target.with_name(f".{target.name[:N_SHOWN]}.partial-{os.getpid()}-{secrets.token_hex(4)}")
        try:
            mode = 0o666 if original is None else 0o600 | (original.stat().st_mode & 0o666)
            target.parent.mkdir(parents=True, exist_ok=True)
            if not overwrite and os.path.lexists(place):
                raise exists(place, option)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
            with open(os.open(partial, flags, mode), "wb") as file:
                file.write(data)
            if overwrite:
                rename_when_free(partial.replace, target)
            else:
                _put_where_nothing_is(partial, target, option)
        except OSError as error:
            raise _unwritable(place, error, option) from error
        finally:
            with suppress(OSError):
                partial.unlink()


def exists(place: Path, option: str = "-o") -> OutputError:
    """Return the error that something stands at a place, which an option chooses."""
    return OutputError(f"{place}: already exists; replace it with --force, or choose another path with {option}")


def _behind_link(place: Path) -> Path:
    """Return what a symbolic link points to, which may not be there yet; other places as they are."""
    if not os.path.islink(place):
        return place
    try:
        return Path(os.path.realpath(place, strict=True))
    except FileNotFoundError:
        return Path(os.path.realpath(place))


def _unwritable(place: Path, error: OSError, option: str) -> OutputError:
    reason, advice = error.strerror or str(error), f"choose another path with {option}"
    advice = f"free up space, or {advice}" if lacks_space(error) else advice
    return OutputError(f"{place}: cannot be written ({reason}); {advice}")


def remove_file(place: Path) -> None:
    """Remove a file that may be gone already; OutputError where it cannot be removed."""
    try:
        place.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"{place}: is out of date and cannot be removed ({reason}); remove it by hand") from error


def stop_writing() -> None:
    """Wait for what is being written, and let no other thread write anything afterwards."""
    _writing.acquire()


def _put_where_nothing_is(partial: Path, place: Path, option: str) -> None:
    """Give the file its name, unless another run took it meanwhile."""
    try:
        # A link fails where there is a file; a rename would replace it.
        os.link(partial, place)
    except FileExistsError:
        raise exists(place, option) from None
    except OSError:
        # There are file systems without links.
        rename_when_free(partial.replace, place)
