"""Opening HDF5 files, whose damage shows in many ways."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from keyframes.errors import KeyframesError, PredictionsError

# What sleap-io, h5py and NumPy raise on damaged files, as random damage shows; a size that is damaged may be any.
DAMAGE = (ArithmeticError, AttributeError, LookupError, MemoryError, OSError, RuntimeError, TypeError, ValueError)


def package_to_read(path: Path, name: str, error: type[KeyframesError]) -> Any:
    """Return h5py or sleap-io, which are of an extra; this error where it is missing."""
    try:
        return import_module(name.replace("-", "_"))
    except ImportError:
        raise error(f"{path}: needs {name}, which is not installed; run pip install {name}") from None


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open an HDF5 file to read; a PredictionsError says that it is none, is damaged, or that h5py is missing."""
    h5py = package_to_read(path, "h5py", PredictionsError)
    try:
        with h5py.File(path, "r") as file:
            yield file
    except DAMAGE as error:
        if is_locked(error):
            raise PredictionsError(f"{path}: is open for writing in another program; close it there") from None
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PredictionsError(
            f"{path}: is not an HDF5 file with a network's predictions, or damaged ({reason}); predict or copy it again"
        ) from None


def is_locked(error: BaseException) -> bool:
    """Whether an error says that another program has an HDF5 file open for writing."""
    return isinstance(error, BlockingIOError) or "unable to lock" in str(error)


def texts(values: Any) -> list[str]:
    """Return a dataset's texts."""
    return [value.decode("utf-8") if isinstance(value, bytes) else str(value) for value in values[:].ravel().tolist()]


def text_of(value: Any) -> str:
    """Return a single text, of an attribute or a dataset without axes."""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)
