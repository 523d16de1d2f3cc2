"""Rows of an image shared out between threads, by kernels that release the GIL and write rows of their own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

# Fewer samples take less time than a thread to start.
LEAST_SAMPLES = 1 << 15
MOST_PARTS = 4


def in_parts(kernel: Callable[[int, int], None], n_rows: int, n_columns: int) -> None:
    """Call ``kernel(first, last)`` for parts of so many rows, side by side."""
    n_parts = min(MOST_PARTS, n_rows * n_columns // LEAST_SAMPLES, n_rows)
    if n_parts < 2:
        kernel(0, n_rows)
        return
    ends = [n_rows * part // n_parts for part in range(n_parts + 1)]
    with ThreadPoolExecutor(n_parts, thread_name_prefix="rows") as executor:
        list(executor.map(kernel, ends[:-1], ends[1:]))
