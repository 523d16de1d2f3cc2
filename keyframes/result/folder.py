"""Result folders that appear whole or not at all.

Runs that end at the same moment in one folder need no lock, which a killed run could leave behind and a network may not
keep: a folder renames onto no content, so that of several renames to one name only one succeeds, and a folder that was
renamed to a name of one's own is nobody else's. The renames decide; a look at the place only says what stands there.
"""

import ctypes
import errno
import os
import shutil
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clustering import rename_when_free
from keyframes.errors import OutputError, VideoError, not_written
from keyframes.result.dry_run import only_noted
from keyframes.whole_files import unused_name

# Most tries; a further one is needed only where another run has put its result there meanwhile.
N_TRIES = 1000
# How a rename fails if there is content under the new name.
OCCUPIED = (errno.ENOTEMPTY, errno.EEXIST)
OF_EVERY_RESULT = frozenset({"manifest.json", "frames"})


@contextmanager
def result_folder(place: Path, overwrite: bool | None) -> Iterator[Path]:
    """Give a folder beside `place` to write in; rename it to `place` on success, remove it on any error.

    Of several runs that end at the same moment in one place, one succeeds; with `overwrite` all do, one after another.
    `overwrite` is None for an export, which never replaces anything. A folder that is no earlier result is never
    replaced. Missing parents are made, and removed again on an error. An OutputError says that `place` holds something
    already or cannot be written; what the system says while the caller writes becomes one, too.
    """
    # The folder behind a link: a link could be renamed over content, and what it leads to would not be removed.
    place = Path(os.path.realpath(place))
    _check_free(place, overwrite)
    made: list[Path] = []
    # Named before it is made, so that an interruption at any moment finds what to remove.
    partial = unused_name(place, "partial")
    own = [partial]
    with system_errors(place):
        try:
            make_parents(place.parent, made)
            partial.mkdir()
            yield partial
            if only_noted(place, partial):
                remove(own)
                remove_empty(made)
                return
            _put_in_place(partial, place, overwrite, own)
            remove(own)
        except BaseException:
            remove(own)
            remove_empty(made)
            raise


@contextmanager
def system_errors(place: Path, otherwise: str = "choose another path with -o") -> Iterator[None]:
    """Turn what the system says while `place` is written into an OutputError; `otherwise` is that of `not_written`."""
    try:
        yield
    except OSError as error:
        raise not_written(place, error, otherwise) from error


def _check_free(place: Path, overwrite: bool | None) -> None:
    """Raise where the place holds what is not to be replaced; not where another run changes it during the look."""
    try:
        seen = place.stat()
    except OSError:
        # Nothing is there, or it is out of reach: writing will tell.
        return
    if not stat.S_ISDIR(seen.st_mode):
        raise OutputError(f"{place}: is a file; choose another path with -o")
    try:
        names = os.listdir(place)
        changed = not os.path.samestat(seen, place.stat())
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(f"{place}: cannot be opened ({error.strerror}); choose another path with -o") from error
    if not names or changed:
        return
    if not overwrite:
        remedy = "remove it" if overwrite is None else "use --overwrite"
        raise OutputError(f"{place}: already exists and is not empty; {remedy}, or choose another path with -o")
    if "manifest.json" not in names:
        raise OutputError(
            f"{place}: is not an earlier result (it has no manifest.json), so it is not overwritten; "
            "choose another path with -o"
        )


def is_result(names: Iterable[str]) -> bool:
    """Whether a folder of these names is what an extraction wrote."""
    return set(names) >= OF_EVERY_RESULT


def refuse_result(video: str | Path) -> None:
    """Raise a VideoError where a result is given as a recording: its contact sheet is an image, as of a recording."""
    # Not by a list of its names, which are many in a folder of images.
    if is_result(name for name in OF_EVERY_RESULT if os.path.exists(os.path.join(video, name))):
        raise VideoError(f"{video}: is the result of an extraction, not a recording; give the video that it came from")


def make_parents(folder: Path, made: list[Path]) -> None:
    """Make a folder with its parents; note the new ones in `made`, outermost first."""
    if folder.is_dir():
        return
    make_parents(folder.parent, made)
    with suppress(FileExistsError):
        made.append(folder)
        folder.mkdir()


def remove_empty(made: list[Path]) -> None:
    """Remove the folders that `make_parents` made, as far as nothing is in them."""
    for folder in reversed(made):
        with suppress(OSError):
            folder.rmdir()


def _put_in_place(partial: Path, place: Path, overwrite: bool | None, own: list[Path]) -> None:
    """Rename `partial` to `place`; note in `own` the further folders that then hold what it replaced."""
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
                    rename_when_free(place.rename, earlier[-1])
        raise OutputError(f"{place}: another run keeps writing there; choose another path with -o")
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
        rename_when_free(earlier.rename, place)
    except OSError as error:
        if error.errno in OCCUPIED:
            own.append(earlier)


def _took(partial: Path, place: Path, overwrite: bool | None) -> bool:
    """Rename `partial` to `place` where nothing or an empty folder is; raise where that will never be."""
    try:
        with suppress(FileNotFoundError):
            place.rmdir()  # fails on content; Windows renames onto no folder at all
        rename_when_free(partial.rename, place)
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
