"""Work that several threads do side by side, and whose results come in the order of the work."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    n_threads: int,
    name: str,
    ended: threading.Event | None = None,
    n_waiting: int = 1,
) -> Generator[Result, None, None]:
    """Yield what a function makes of each item, in the order of the items.

    `n_waiting` more items than there are threads are taken in advance. `ended` is set as soon as no more results are
    wanted, for the function to look at.
    """
    waiting = deque[Future[Result]]()
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix=name)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) >= n_threads + n_waiting:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        if ended is not None:
            ended.set()
        pool.shutdown(cancel_futures=True)
