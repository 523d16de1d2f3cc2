"""Result folders that appear whole or not at all."""

import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from keyframes.errors import OutputError


@contextmanager
def result_folder(place: Path, overwrite: bool) -> Iterator[Path]:
    """Give a folder beside `place` to write in; rename it to `place` on success, remove it on any error.

    Parameters
    ----------
    place : Path
        Where the result shall stand. Missing parents are made, and removed again on an error.
    overwrite : bool
        Replace an earlier result there. A folder that is no earlier result is never replaced.

    Raises
    ------
    OutputError
        Where `place` holds something already, or cannot be written; also for an OSError of the caller's own writing.
    """
    place = place.absolute()
    _check_free(place, overwrite)
    made: list[Path] = []
    # Named before it is made, so that an interruption at any moment finds what to remove.
    partial = _unused_name(place, "partial")
    try:
        _make_parents(place.parent, made)
        partial.mkdir()
        yield partial
        _put_in_place(partial, place, overwrite)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        for parent in reversed(made):
            with suppress(OSError):
                parent.rmdir()
        if isinstance(error, OSError):
            reason = error.strerror or str(error)
            raise OutputError(
                f"{place}: cannot be written ({reason}); free space, or choose another place with -o"
            ) from error
        raise


def _check_free(place: Path, overwrite: bool) -> None:
    if not os.path.lexists(place):
        return
    if not place.is_dir():
        raise OutputError(f"{place}: is a file; choose another place with -o")
    try:
        has_content = any(place.iterdir())
    except OSError as error:
        raise OutputError(f"{place}: cannot be looked into ({error.strerror}); choose another place with -o") from error
    if not has_content:
        return
    if not overwrite:
        raise OutputError(f"{place}: exists already and is not empty; use --overwrite, or choose another place with -o")
    if not (place / "manifest.json").is_file():
        raise OutputError(
            f"{place}: is no earlier result (it has no manifest.json) and is not overwritten; "
            "choose another place with -o"
        )


def _make_parents(folder: Path, made: list[Path]) -> None:
    """Make a folder with its parents; note the new ones in `made`, outermost first."""
    if folder.is_dir():
        return
    _make_parents(folder.parent, made)
    with suppress(FileExistsError):
        made.append(folder)
        folder.mkdir()


def _put_in_place(partial: Path, place: Path, overwrite: bool) -> None:
    # What appeared while we worked is another run's: it is checked again, and a rename onto content fails as well.
    _check_free(place, overwrite)
    if not (place.is_dir() and any(place.iterdir())):
        with suppress(FileNotFoundError):
            place.rmdir()
        partial.rename(place)
        return
    replaced = _unused_name(place, "replaced")
    try:
        place.rename(replaced)
        partial.rename(place)
    except BaseException:
        if replaced.exists() and not place.exists():
            replaced.rename(place)
        raise
    shutil.rmtree(replaced, ignore_errors=True)


def _unused_name(place: Path, purpose: str) -> Path:
    """Name beside `place` that no other run uses."""
    return place.with_name(f".{place.name}.{purpose}-{os.getpid()}-{secrets.token_hex(4)}")


def result_names(videos: Sequence[Path]) -> list[str]:
    """Name each video's result folder: ``<stem>-keyframes``; equal stems get the extension, then a number, added."""
    stems = Counter(video.stem.casefold() for video in videos)
    names: list[str] = []
    taken: set[str] = set()
    for video in videos:
        base = video.stem if stems[video.stem.casefold()] == 1 else video.name.replace(".", "-")
        name, number = f"{base}-keyframes", 1
        while name.casefold() in taken:
            number += 1
            name = f"{base}-{number}-keyframes"
        taken.add(name.casefold())
        names.append(name)
    return names
