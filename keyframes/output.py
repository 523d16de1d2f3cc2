"""Result folders that appear whole or not at all.

Runs that end at the same moment in one folder need no lock, which a killed run could leave behind and a network may not
keep: a folder renames onto no content, so that of several renames to one name only one succeeds, and a folder that was
renamed to a name of one's own is nobody else's. The renames decide; a look at the place only says what stands there.
"""

import ctypes
import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from keyframes.errors import OutputError
from keyframes.names import with_own_name

# Each further try means that another run put its result there meanwhile.
N_TRIES = 1000
# Where something is added to names of more bytes, they are cut to so many characters: in hidden names, which must fit
# wherever the name does, and in names of results, where "-keyframes" must fit into the 255 bytes of most file systems.
LONGEST_KEPT, LONGEST_RESULT, N_SHOWN = 100, 240, 20
# How a rename to a name that holds content fails.
OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST)


@contextmanager
def result_folder(place: Path, overwrite: bool) -> Iterator[Path]:
    """Give a folder beside `place` to write in; rename it to `place` on success, remove it on any error.

    Of several runs that end at the same moment in one place, one succeeds; with `overwrite` all do, one after another.

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
    # The folder behind a link: a link could be renamed over content, and what it leads to would not be removed.
    place = Path(os.path.realpath(place))
    _check_free(place, overwrite)
    made: list[Path] = []
    # Named before it is made, so that an interruption at any moment finds what to remove.
    partial = unused_name(place, "partial")
    own = [partial]
    try:
        make_parents(place.parent, made)
        partial.mkdir()
        yield partial
        _put_in_place(partial, place, overwrite, own)
        remove(own)
    except BaseException as error:
        remove(own)
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
    """Raise where the place holds what is not to be replaced; not where another run changes it during the look."""
    try:
        seen = place.stat()
    except OSError:
        # Nothing is there, or it is out of reach: writing will tell.
        return
    if not stat.S_ISDIR(seen.st_mode):
        raise OutputError(f"{place}: is a file; choose another place with -o")
    try:
        names = os.listdir(place)
        changed = not os.path.samestat(seen, place.stat())
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{place}: cannot be looked into ({error.strerror}); choose another place with -o") from error
    if not names or changed:
        return
    if not overwrite:
        raise OutputError(f"{place}: exists already and is not empty; use --overwrite, or choose another place with -o")
    if "manifest.json" not in names:
        raise OutputError(
            f"{place}: is no earlier result (it has no manifest.json) and is not overwritten; "
            "choose another place with -o"
        )


def make_parents(folder: Path, made: list[Path]) -> None:
    """Make a folder with its parents; note the new ones in `made`, outermost first."""
    if folder.is_dir():
        return
    make_parents(folder.parent, made)
    with suppress(FileExistsError):
        made.append(folder)
        folder.mkdir()


def _put_in_place(partial: Path, place: Path, overwrite: bool, own: list[Path]) -> None:
    """Rename `partial` to `place`; note in `own` where else than at `partial` the results are that it replaced."""
    earlier: list[Path] = []
    try:
        for _ in range(N_TRIES):
            if _took(partial, place, overwrite):
                own += earlier
                return
            if overwrite:
                if _exchanged(partial, place):
                    return
                earlier.append(unused_name(place, "replaced"))
                with suppress(FileNotFoundError):
                    place.rename(earlier[-1])
        raise OutputError(f"{place}: another run writes there without end; choose another place with -o")
    except BaseException:
        for folder in reversed(earlier):
            _put_back(folder, place, own)
        raise


def _exchanged(partial: Path, place: Path) -> bool:
    """Let two folders change names in one step, so that a kill finds either result at `place`.

    Linux only, and there not on every file system (most of those on a network lack it): elsewhere it returns False.
    """
    if sys.platform == "linux" and (renameat2 := getattr(ctypes.CDLL(None), "renameat2", None)):
        here, exchange = ctypes.c_int(-100), ctypes.c_uint(2)  # AT_FDCWD and RENAME_EXCHANGE of renameat2(2)
        return bool(renameat2(here, os.fsencode(partial), here, os.fsencode(place), exchange) == 0)
    return False


def _put_back(earlier: Path, place: Path, own: list[Path]) -> None:
    """Rename an earlier result to `place`; note it in `own`, to be removed, only where a newer one stands there."""
    try:
        earlier.rename(place)
    except OSError as error:
        if error.errno in OCCUPIED:
            own.append(earlier)


def _took(partial: Path, place: Path, overwrite: bool) -> bool:
    """Rename `partial` to `place` where nothing or an empty folder is; raise where that will never be."""
    try:
        with suppress(FileNotFoundError):
            place.rmdir()  # fails on content; Windows renames onto no folder at all
        partial.rename(place)
    except OSError as error:
        _check_free(place, overwrite)
        if error.errno not in OCCUPIED:
            raise
        return False
    return True


def remove(folders: list[Path]) -> None:
    """Remove folders with all that is in them, as far as that can be done."""
    for folder in folders:
        try:
            shutil.rmtree(folder, ignore_errors=True)
        except OSError as error:
            # An interruption just after rmtree has closed a descriptor makes it close that one again, and fail.
            if error.__context__ is not None:
                raise error.__context__ from None


def unused_name(place: Path, purpose: str) -> Path:
    """Name beside `place` that no other run uses."""
    return place.with_name(f"{hidden_start(place, purpose)}{os.getpid()}-{secrets.token_hex(4)}")


def hidden_start(place: Path, purpose: str) -> str:
    """Return how the names begin that `unused_name` gives.

    They are longer than that of `place`, but fit into a file system wherever that one does.
    """
    return f".{_shortened(place.name, LONGEST_KEPT)}.{purpose}-"


def _shortened(name: str, longest: int) -> str:
    """Return a name, or where it has more bytes than the longest its beginning and a hash of it."""
    whole = os.fsencode(name)
    return name if len(whole) <= longest else f"{name[:N_SHOWN]}~{hashlib.sha256(whole).hexdigest()[:16]}"


def video_names(videos: Sequence[Path]) -> list[str]:
    """Name each video by its stem; equal stems get the extension, then a number, added."""
    stems = Counter(video.stem.casefold() for video in videos)
    names: list[str] = []
    taken: set[str] = set()
    for video in videos:
        base = video.stem if stems[video.stem.casefold()] == 1 else video.name.replace(".", "-")
        name, number = base, 1
        while name.casefold() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def view_names(videos: Sequence[Path]) -> list[str]:
    """Name each camera by the words of its video's name that those of the others have not."""
    names = video_names(videos)
    words = [re.split(r"[_\-. ]+", name) for name in names]
    shared = set(words[0]).intersection(*words)
    shorter = ["_".join(word for word in own if word not in shared) for own in words]
    return shorter if all(shorter) and len(set(shorter)) == len(shorter) else names


def result_names(videos: Sequence[Path]) -> list[str]:
    """Name each video's result folder, ``<name>-keyframes``."""
    names = video_names([with_own_name(video) for video in videos])
    return [f"{_shortened(name, LONGEST_RESULT)}-keyframes" for name in names]
