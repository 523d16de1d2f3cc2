"""Where a new export goes. It is never written over: labelling may have begun in it."""

import os
from pathlib import Path

from keyframes.errors import OutputError


def check_free(place: Path) -> None:
    """Raise an OutputError where a place holds something already."""
    try:
        taken = not place.is_dir() or bool(os.listdir(place)) if os.path.lexists(place) else False
    except OSError as error:
        raise OutputError(f"{place}: cannot be looked into ({error.strerror}); choose another place") from None
    if taken:
        raise OutputError(
            f"{place}: exists already, and labelling may have begun in it; remove it, or choose another place with "
            "keyframes export -o"
        )


def unused_file(path: Path, ending: str) -> Path:
    """Return a path with this ending that no file has, by a number before the ending's first dot."""
    head, dot, tail = ending.partition(".")
    number, found = 1, path.with_name(f"{path.name}{ending}")
    while os.path.lexists(found):
        number += 1
        found = path.with_name(f"{path.name}{head}-{number}{dot}{tail}")
    return found
