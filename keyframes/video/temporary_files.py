"""Writing temporary files, on a disk that may be another one than that of the result."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from clustering import lacks_space
from keyframes.errors import OutputError


@contextmanager
def temporary_errors() -> Iterator[None]:
    """Turn what the system says while a temporary file is written into an OutputError that names its folder."""
    try:
        yield
    except OSError as error:
        advice = "set the environment variable TMPDIR to another folder"
        raise OutputError(
            f"temporary files cannot be written in {tempfile.tempdir or 'any folder'} ({error.strerror or error}); "
            + (f"free up space there, or {advice}" if lacks_space(error) else advice)
        ) from error


@contextmanager
def temporary_folder() -> Iterator[str]:
    """Give a folder for temporary files, which is removed with all that is in it."""
    with temporary_errors():
        made = tempfile.TemporaryDirectory(prefix="keyframes-", ignore_cleanup_errors=True)
    try:
        yield made.name
        made.cleanup()
    except BaseException:
        # Once more, in case an interruption has broken the removal off.
        made.cleanup()
        raise
