"""Errors of the quantize package.

::

    QuantizeError
    ├── SettingsError     settings that are wrong in themselves, whatever the image (exit status 2)
    ├── ImageError        a file that cannot be read as an image, or is too large
    ├── ContainerError    a .vqi or .vqc file that is damaged, or that this version cannot read
    ├── CodebookError     a file that needs another codebook, or a codebook that does not fit
    ├── TargetError       a size or a distortion that is out of reach
    ├── OutputError       a result that cannot be written
    └── Refusal           a result that the settings rule out
        ├── LargerRefusal   it would be larger than the input (exit status 98)
        └── QualityRefusal  its quality would be below the minimum (exit status 99)

Each message names the file or the value, and what to do.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class QuantizeError(Exception):
    """Base class of everything that the package raises on purpose."""

    exit_status = 1


class SettingsError(QuantizeError, ValueError):
    """Settings that are wrong in themselves, whatever the image."""


class ImageError(QuantizeError):
    """A file that cannot be read as an image, or is too large."""


class ContainerError(QuantizeError):
    """A .vqi or .vqc file that is damaged, or that this version cannot read."""


class CodebookError(QuantizeError):
    """A file that needs another codebook, or a codebook that does not fit."""


class TargetError(QuantizeError):
    """A size or a distortion that is out of reach."""


class OutputError(QuantizeError):
    """A result that cannot be written where it should go."""


class Refusal(QuantizeError):
    """A result that was not wanted."""


class LargerRefusal(Refusal):
    """The result would be larger than the input; the status is pngquant's."""

    exit_status = 98


class QualityRefusal(Refusal):
    """The result's quality would be below the minimum; the status is pngquant's."""

    exit_status = 99


def check(good: bool, fault: str) -> None:
    """Raise a ContainerError that names what is wrong with a damaged file, unless it is good."""
    if not good:
        raise ContainerError(f"{fault}; the file is damaged, copy or download it again")


@contextmanager
def naming(file: Path) -> Iterator[None]:
    """Name the file in every error of what is done with it."""
    try:
        yield
    except QuantizeError as error:
        raise type(error)(f"{file}: {error}") from error
