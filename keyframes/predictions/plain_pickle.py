"""Pickles that hold plain data: read without running anything that is in them.

A pickle may call any function of Python when it is loaded. Here it gets none: whatever it names is refused, but for
stand-ins of the few names by which NumPy's numbers and plain mappings are written.
"""

import io
import pickle
from pickletools import genops
from typing import Any

import numpy as np

from keyframes.errors import PredictionsError

# Numbers and texts; no objects, in which a pickle may hide.
KINDS = "biufSU"
LARGEST = 1 << 26
# What puts a value at a place of the memo, for which Python makes room, however large it is.
PUTS = ("PUT", "BINPUT", "LONG_BINPUT")


class _DType:
    """Stands in for numpy.dtype."""

    def __init__(self, name: str, *_: object) -> None:
        self.name, self.order = str(name).lstrip("<>|="), "<"

    def __setstate__(self, state: Any) -> None:
        self.order = state[1] if state[1] in ("<", ">") else "|"


def _scalar(dtype: Any, data: bytes = b"") -> Any:
    found = np.dtype(f"{dtype.order}{dtype.name}")
    if found.kind not in KINDS:
        raise pickle.UnpicklingError(f"a number of type {found}")
    return np.frombuffer(data, found, 1)[0].item()


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes as {encoding}")
    return str(text).encode("latin1")


class _Skipped:
    """Stands in for arrays and paths, which are not needed."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


class _Mapping(dict[Any, Any]):
    """Stands in for mappings with further attributes, which do not count."""

    def __init__(self, items: Any = ()) -> None:
        super().__init__(items)

    def __setstate__(self, state: object) -> None:
        pass


KNOWN: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): _DType,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy._core.multiarray", "scalar"): _scalar,
    ("numpy.core.multiarray", "_reconstruct"): _Skipped,
    ("numpy._core.multiarray", "_reconstruct"): _Skipped,
    ("numpy.core.numeric", "_frombuffer"): _Skipped,
    ("numpy._core.numeric", "_frombuffer"): _Skipped,
    ("numpy", "ndarray"): _Skipped,
    ("pathlib", "PosixPath"): _Skipped,
    ("pathlib", "WindowsPath"): _Skipped,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): _Mapping,
    ("easydict", "EasyDict"): _Mapping,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        try:
            return KNOWN[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}") from None


def plain_data(pickled: bytes, what: str) -> Any:
    """Return the plain data in a pickle; a PredictionsError says that `what` is damaged or holds anything else."""
    if len(pickled) > LARGEST:
        raise PredictionsError(f"{what}: is too large to be plain data")
    try:
        if any(code.name in PUTS and int(place or 0) > len(pickled) for code, place, _ in genops(pickled)):
            raise pickle.UnpicklingError("it refers to something that does not exist")
        return _Unpickler(io.BytesIO(pickled)).load()
    # Loading damaged bytes raises whatever the step that they happen to name raises.
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise PredictionsError(
            f"{what}: holds more than plain data, or is damaged ({reason}); it is not read"
        ) from None
