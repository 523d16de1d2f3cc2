"""Writing temporary files, on a disk that may be another one than that of the result."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from keyframes.errors import OutputError


@contextmanager
def temporary_errors() -> Iterator[None]:
    """Turn what the system says while a temporary file is written into an OutputError that names its folder."""
    try:
        yield
    except OSError as error:
        raise OutputError(
            f"temporary files cannot be written in {tempfile.tempdir or 'any folder'} ({error.strerror or error}); "
            "free up space there, or set the environment variable TMPDIR to another folder"
        ) from error


def temporary_folder() -> "tempfile.TemporaryDirectory[str]":
    """Make a folder for temporary files, a context manager that removes it with all that is in it."""
    with temporary_errors():
        return tempfile.TemporaryDirectory(prefix="keyframes-", ignore_cleanup_errors=True)
