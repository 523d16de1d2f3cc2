"""Rows of an image shared out between threads, by kernels that release the GIL and write rows of their own."""

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

# Fewer samples take less time than handing them to a thread.
LEAST_SAMPLES = 1 << 15
MOST_PARTS = 4
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def thread_pool() -> ThreadPoolExecutor:
    """Threads of this process, the same ones each time: to start some takes as long as to decode a small image."""
    return _threads_of(os.getpid(), MOST_PARTS)


@lru_cache(maxsize=1)
def _threads_of(process: int, n_threads: int) -> ThreadPoolExecutor:
    """Start threads; a process that was forked has none of those of its parent."""
    return ThreadPoolExecutor(n_threads, thread_name_prefix="kernels")


def side_by_side(task: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """Call a task on each of several items, the first one in this thread, and return their results in order.

    An error in one is raised when none runs any more. Never call it from a task of `thread_pool`: it would wait for
    itself.
    """
    first, *rest = items
    others = [thread_pool().submit(task, item) for item in rest]
    # Who would only wait does a task as well: to be woken up takes longer than many a task.
    try:
        return [task(first), *(other.result() for other in others)]
    finally:
        # Whatever is raised, nothing writes into the caller's arrays after it.
        for other in others:
            other.cancel()
        wait(others)


def in_parts(kernel: Callable[[int, int], None], n_rows: int, n_columns: int) -> None:
    """Call ``kernel(first, last)`` for parts of so many rows, as `side_by_side` does."""
    n_parts = min(MOST_PARTS, n_rows * n_columns // LEAST_SAMPLES, n_rows)
    if n_parts < 2:
        kernel(0, n_rows)
        return
    ends = [n_rows * part // n_parts for part in range(n_parts + 1)]
    side_by_side(lambda part: kernel(*part), pairwise(ends))
