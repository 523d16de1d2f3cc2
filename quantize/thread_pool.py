"""Rows of an image shared out between threads, by kernels that release the GIL and write rows of their own."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from itertools import pairwise

# Fewer samples take less time than handing them to a thread.
LEAST_SAMPLES = 1 << 15
MOST_PARTS = 4


def thread_pool() -> ThreadPoolExecutor:
    """Threads of this process, the same ones each time: to start some takes as long as to decode a small image."""
    return _threads_of(os.getpid(), MOST_PARTS)


@lru_cache(maxsize=1)
def _threads_of(process: int, n_threads: int) -> ThreadPoolExecutor:
    """Start threads; a process that was forked has none of those of its parent."""
    return ThreadPoolExecutor(n_threads, thread_name_prefix="kernels")


def in_parts(kernel: Callable[[int, int], None], n_rows: int, n_columns: int) -> None:
    """Call ``kernel(first, last)`` for parts of so many rows, side by side, and wait for all of them.

    Never call it from a task of `thread_pool`: it would wait for itself.
    """
    n_parts = min(MOST_PARTS, n_rows * n_columns // LEAST_SAMPLES, n_rows)
    if n_parts < 2:
        kernel(0, n_rows)
        return
    ends = [n_rows * part // n_parts for part in range(n_parts + 1)]
    others = [thread_pool().submit(kernel, first, last) for first, last in pairwise(ends[1:])]
    # Who would only wait does a part as well: to be woken up takes longer than many a part.
    try:
        kernel(0, ends[1])
    finally:
        # Whatever is raised, nothing writes into the caller's arrays after it.
        wait(others)
    for other in others:
        other.result()
