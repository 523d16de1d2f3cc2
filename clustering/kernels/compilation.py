"""How kernels are compiled, and what they share."""

import gc
import hashlib
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from numbers import Number
from pathlib import Path
from types import ModuleType
from typing import Any

from numba import njit
from numba.core import event
from numba.core.options import DefaultOptions

from clustering.announcements import tell_of_compilation
from clustering.array_type import Array

# Without nnan and ninf: the kernels compare with infinities.
FAST_MATH = {"reassoc", "contract", "arcp", "nsz"}
# What Numba looks for, to know whether `np.dot` can be compiled.
BLAS = "scipy.linalg.cython_blas"
# Without the function that C code would call, and the one that Python calls: a part of the time of each compilation.
# Numba does not document these options.
UNWRAPPED = [name for name in ("no_cfunc_wrapper", "no_cpython_wrapper") if hasattr(DefaultOptions, name)]
# Of kernels that make no arrays: without Numba's run time, which counts references, and without looking for expressions
# of arrays to rewrite. Numba does not document these options either.
ALLOCATES_NOTHING = {
    name: value for name, value in (("_nrt", False), ("no_rewrites", True)) if hasattr(DefaultOptions, name)
}


def compiled(
    *, allocates: bool = True, inner: bool = False, **flags: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a kernel on first use and keep its machine code on disk, where there is a place for it.

    There is none in a read-only installation without a home folder, as in containers on a cluster, or on a full disk.
    Numba raises in both cases; here the kernel is then compiled anew in each process.

    Parameters
    ----------
    allocates : bool, default=True
        Whether the kernel makes arrays. One that does not need not count who refers to one: these counts, additions for
        which threads wait for each other, take almost half the time of a kernel that calls others in its inmost loop.
    inner : bool, default=False
        Whether only other kernels call it: then nothing is compiled that would let Python call it.
    **flags
        Of `numba.njit`.
    """
    if not allocates:
        flags.update(ALLOCATES_NOTHING)
    flags.update({name: True for name in UNWRAPPED[: 2 if inner else 1]})

    def decorate(kernel: Callable[..., Any]) -> Callable[..., Any]:
        try:
            dispatcher = njit(nogil=True, cache=True, **flags)(kernel)
        except RuntimeError:
            return njit(nogil=True, **flags)(kernel)
        disk = getattr(dispatcher, "_cache", None)
        if disk is not None:
            with suppress(AttributeError, KeyError, OSError, TypeError):
                _extend_cache(disk, kernel)
            _go_on_without_cache(disk)
        return dispatcher

    return decorate


def _go_on_without_cache(disk: Any) -> None:
    """Have a kernel compiled, which is announced, where its machine code cannot be read; or not be written, either."""
    load, save = disk.load_overload, disk.save_overload

    def load_or_announce(signature: Any, context: Any) -> Any:
        found = None
        try:
            found = load(signature, context)
        except Exception:
            # A file that was cut off or damaged can raise anything when it is unpickled (Python's documentation of
            # `pickle.UnpicklingError`). Nothing is lost: it is forgotten, compiled and written anew.
            with suppress(OSError):
                disk.flush()
        if found is None:
            tell_of_compilation()
        return found

    def save_if_possible(signature: Any, machine_code: Any) -> None:
        with suppress(OSError):
            save(signature, machine_code)

    disk.load_overload, disk.save_overload = load_or_announce, save_if_possible


def _extend_cache(disk: Any, kernel: Callable[..., Any]) -> None:
    """Have Numba notice more changes, and look in one more place, than it does by itself.

    It compares the file of a kernel alone: it would go on with the old code of kernels in other files, and, before
    0.68, compile anew what was only copied. And where only an administrator may write beside the modules, it would not
    look there for what pip has installed. None of these names are documented.
    """
    index = vars(disk)["_cache_file"]
    vars(index)["_source_stamp"] = stamp = _stamp_of(kernel.__globals__)
    beside = Path(kernel.__code__.co_filename).parent / "__pycache__"
    if Path(disk.cache_path) == beside:
        return
    load, installed = index.load, type(index)(str(beside), vars(disk)["_impl"].filename_base, stamp)

    def load_from_either(key: Any) -> Any:
        found = load(key)
        if found is None:
            # It may be damaged as well, which must not cost what the other place has.
            with suppress(Exception):
                found = installed.load(key)
        return found

    index.load = load_from_either


def _stamp_of(module: dict[str, Any]) -> str:
    """Digest of all that the machine code of a module's kernels is made of.

    That is the code of the module, of this one, and of those whose kernels its own may call, which Numba compiles into
    them, with what else lies in their folders; and the numbers that they take from elsewhere.
    """
    waiting, numbers_by_file = [module], {__file__: list[str]()}
    while waiting:
        names = waiting.pop()
        if names["__file__"] not in numbers_by_file:
            numbers = {name: value for name, value in names.items() if isinstance(value, Number)}
            numbers_by_file[names["__file__"]] = sorted(f"{name} {value}" for name, value in numbers.items())
            waiting += [value.py_func.__globals__ for value in list(names.values()) if hasattr(value, "py_func")]
    folders = frozenset(Path(file).parent for file in numbers_by_file)
    return _digest_of(folders) + hashlib.sha256(repr(sorted(numbers_by_file.values())).encode()).hexdigest()


@cache
def _digest_of(folders: frozenset[Path]) -> str:
    """Digest of the modules in these folders."""
    digest = hashlib.sha256()
    for path in sorted(path for folder in folders for path in folder.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


class _NoCollection(event.Listener):
    """Pause the garbage collector while Numba compiles.

    Millions of objects are made; to look through them again and again took a seventh of the time.
    """

    def __init__(self) -> None:
        self.depth, self.was_enabled = 0, False

    def on_start(self, event: Any) -> None:
        """Pause it with the first of nested compilations; one thread at a time compiles."""
        if self.depth == 0:
            self.was_enabled = gc.isenabled()
            gc.disable()
        self.depth += 1

    def on_end(self, event: Any) -> None:
        """Go on after the outermost one, even if it failed."""
        self.depth -= 1
        if self.depth == 0 and self.was_enabled:
            gc.enable()


event.register("numba:compile", _NoCollection())


@compiled(fastmath=FAST_MATH)
def squared_distance(A: Array, a: int, B: Array, b: int) -> float:
    """Squared Euclidean distance of row a of A to row b of B.

    Kernels hand whole arrays and row numbers to each other: each slice would count a reference to its array, and
    threads that count the same one wait for each other.
    """
    total = A.dtype.type(0)
    for j in range(A.shape[1]):
        difference = A[a, j] - B[b, j]
        total += difference * difference
    return total


def kernel_cache_folder() -> str | None:
    """Return the folder where Numba keeps the machine code of a kernel; None where it keeps none."""
    statistics = getattr(squared_distance, "stats", None)
    return None if statistics is None else statistics.cache_path


@compiled()
def _nothing() -> None:
    """Do nothing."""


def start_numba() -> None:
    """Let Numba load all that it loads with its first kernel, but for SciPy's linear algebra.

    That is a quarter of the start of a command, and of use for `np.dot` alone. Numba only looks whether it is there; it
    comes with scikit-learn. A kernel that calls it loads it then. For a process of our own, while it has one thread.
    """
    wanted = BLAS not in sys.modules
    if wanted:
        sys.modules[BLAS] = ModuleType(BLAS)
    try:
        _nothing()
    finally:
        if wanted:
            del sys.modules[BLAS]
