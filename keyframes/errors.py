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
