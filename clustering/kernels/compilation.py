"""How kernels are compiled, and what they share."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from numba import njit
from numpy.typing import NDArray

# Without nnan and ninf: the kernels compare with infinities.
FAST_MATH = {"reassoc", "contract", "arcp", "nsz"}


def compiled(**flags: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a kernel on first use and keep its machine code on disk, where there is a place for it.

    There is none in a read-only installation without a home folder, as in containers on a cluster, or on a full disk.
    Numba raises in both cases; here the kernel is then compiled anew in each process.
    """

    def decorate(kernel: Callable[..., Any]) -> Callable[..., Any]:
        try:
            dispatcher = njit(nogil=True, cache=True, **flags)(kernel)
        except RuntimeError:
            return njit(nogil=True, **flags)(kernel)
        cache = getattr(dispatcher, "_cache", None)
        if cache is not None:
            save = cache.save_overload

            def save_if_possible(signature: Any, machine_code: Any) -> None:
                with suppress(OSError):
                    save(signature, machine_code)

            cache.save_overload = save_if_possible
        return dispatcher

    return decorate


@compiled(fastmath=FAST_MATH)
def squared_distance(A: NDArray, a: int, B: NDArray, b: int) -> float:
    """Squared Euclidean distance of row a of A to row b of B.

    Kernels hand whole arrays and row numbers to each other: each slice would count a reference to its array, and
    threads that count the same one wait for each other.
    """
    total = A.dtype.type(0)
    for j in range(A.shape[1]):
        difference = A[a, j] - B[b, j]
        total += difference * difference
    return total
