"""Errors of the keyframes package.

::

    KeyframesError
    ├── SettingsError   a setting that is wrong in itself, whatever the video (exit status 2)
    ├── VideoError      a file that cannot be read as a video
    ├── RegionError     a time range or a crop outside the video
    ├── EncoderError    a network that cannot be used: an extra is missing, or the file is not a network
    ├── PredictionsError  a file that cannot be read as a network's predictions, or belongs to another video
    ├── OutputError     a result that cannot be written
    ├── ExportError     an earlier result, a project or a missing extra prevents an export
    ├── ReviewError     a change to a choice that cannot be made
    │   └── StaleError  one from a page that shows an outdated choice
    ├── AppError        a request of the app's page that cannot be done
    └── BatchError      a folder without recordings, or a cluster that does not answer

Each message names the file or the value, and what to do.
"""

import os

from clustering import lacks_space


def not_there(path: str | os.PathLike[str], told: str = "no such file") -> str:
    """Return how a message says that there is nothing at a path, or why that cannot be seen.

    Whether there is something is asked by ``os.path``, which answers no where a folder above may not be entered or a
    name is too long; before Python 3.14, `pathlib` raises the error of the system.
    """
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return told
    except OSError as error:
        return f"cannot be reached ({error.strerror})"
    return told


def no_folder(path: str | os.PathLike[str]) -> str:
    """Return how a message says that there is no folder at a path, or that there is something else."""
    return "is not a folder" if os.path.exists(path) else not_there(path, "no such folder")


class KeyframesError(Exception):
    """Base class of everything that the package raises on purpose."""


class SettingsError(KeyframesError, ValueError):
    """A setting that is wrong in itself, whatever the video."""


class VideoError(KeyframesError):
    """A file that cannot be read as a video."""


class RegionError(KeyframesError):
    """A time range or a crop that lies outside the video."""


class EncoderError(KeyframesError):
    """A network that cannot be used: an extra is missing, or the file is not a network."""


class PredictionsError(KeyframesError):
    """A file that cannot be read as a network's predictions, or that belongs to another video."""


class OutputError(KeyframesError):
    """A result that cannot be written where it should go."""


class ExportError(KeyframesError):
    """An earlier result, a project or a missing extra prevents an export."""


class ReviewError(KeyframesError):
    """A change to a choice that cannot be made."""


class StaleError(ReviewError):
    """A change from a page that shows an outdated choice."""


class AppError(KeyframesError):
    """A request of the app's page that cannot be done."""


class BatchError(KeyframesError):
    """A folder without recordings, or a cluster that does not answer."""


def not_written(
    place: str | os.PathLike[str], error: OSError, otherwise: str = "choose another path with -o"
) -> OutputError:
    """Return the error that a place cannot be written; space is no remedy but on a full disk or for a used-up quota."""
    advice = f"free up space, or {otherwise}" if lacks_space(error) else otherwise
    return OutputError(f"{os.fspath(place)}: cannot be written ({error.strerror or error}); {advice}")
