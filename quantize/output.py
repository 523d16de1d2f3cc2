"""Files that appear whole or not at all."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from quantize.errors import OutputError


def write_file(place: Path, data: bytes, overwrite: bool) -> None:
    """Write a file beside its place and rename it there.

    Raises
    ------
    OutputError
        Where something stands there and is not to be replaced, or it cannot be written.
    """
    partial = place.with_name(f".{place.name}.partial-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if not overwrite and place.exists():
            raise OutputError(f"{place}: exists already; replace it with --force, or choose another place with -o")
        partial.write_bytes(data)
        if overwrite:
            partial.replace(place)
        else:
            _put_where_nothing_is(partial, place)
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(
            f"{place}: cannot be written ({reason}); free space, or choose another place with -o"
        ) from error
    finally:
        with suppress(OSError):
            partial.unlink()


def _put_where_nothing_is(partial: Path, place: Path) -> None:
    """Give the file its name, unless another run took it meanwhile."""
    try:
        # A link fails where there is a file; a rename would replace it.
        os.link(partial, place)
    except FileExistsError:
        raise OutputError(
            f"{place}: exists already; replace it with --force, or choose another place with -o"
        ) from None
    except OSError:
        # There are file systems without links.
        partial.replace(place)
