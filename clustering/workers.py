"""A few threads over chunks of fixed size, with BLAS held to one thread.

The chunks never depend on the number of threads, and neither does the order in which their results are used: that is
what makes every result bit-equal for any number of threads. BLAS is held to one thread because it sums in another
order with two.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

BLOCK_ROWS = 256
N_CHUNKS = 16


def available_threads() -> int:
    """Return the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@lru_cache(maxsize=1)
def _blas() -> "ThreadpoolController":
    """Return what limits BLAS; looking through all loaded libraries takes milliseconds, so it is done once."""
    # Numba's `np.dot` calls SciPy's BLAS, which must be loaded before threadpoolctl looks for what to limit.
    import scipy.linalg.cython_blas  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


_lock = threading.Lock()
_holders: list[Any] = []


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Hold BLAS to one thread, for as long as anybody wants it: who leaves first does not give it more."""
    with _lock:
        _holders.append(_holders[-1] if _holders else _blas().limit(limits=1))
    try:
        yield
    finally:
        with _lock:
            limits = _holders.pop()
            if not _holders:
                limits.restore_original_limits()


class Workers:
    """Threads for kernels that release the GIL; a context manager.

    Parameters
    ----------
    n_threads : int or None
        Number of threads; None takes every processor that this process may use.
    """

    def __init__(self, n_threads: int | None = None) -> None:
        self.n_threads = available_threads() if n_threads is None else n_threads
        self._executor: ThreadPoolExecutor | None = None

    def __enter__(self) -> "Workers":
        self._held = ExitStack()
        self._held.enter_context(one_blas_thread())
        if self.n_threads > 1:
            self._executor = ThreadPoolExecutor(self.n_threads, thread_name_prefix="clustering")
            self._held.callback(self._executor.shutdown, cancel_futures=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._executor = None
        self._held.close()

    def run(self, task: Callable[[int, int], None], n_items: int, chunk: int | None = None) -> None:
        """Call ``task(first, last)`` on every chunk of ``range(n_items)`` and wait for all of them.

        Tasks write to places of their own; an error in one is raised here, when none runs any more. The default chunk
        is a share of the items in whole blocks: it depends on their number alone.
        """
        if chunk is None:
            chunk = max(1, -(-n_items // (N_CHUNKS * BLOCK_ROWS))) * BLOCK_ROWS
        spans = deque((first, min(first + chunk, n_items)) for first in range(0, n_items, chunk))

        def drain() -> None:
            # Taking spans from a common queue costs less than handing each one to the executor.
            while True:
                try:
                    first, last = spans.popleft()
                except IndexError:
                    return
                task(first, last)

        others = []
        if self._executor is not None:
            others = [self._executor.submit(drain) for _ in range(min(self.n_threads, len(spans)) - 1)]
        try:
            drain()
        finally:
            # Whatever is raised, nothing writes into the caller's arrays after it.
            spans.clear()
            wait(others)
        for other in others:
            other.result()
