"""Workers of a dask cluster that is there already: the same tasks, done by the same function."""

import logging
import queue
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import cv2

from keyframes.batch.scene import work_on
from keyframes.batch.tasks import TICK_S, Outcome, Task
from keyframes.batch.work import give_up
from keyframes.errors import BatchError

CONNECT_S = 10.0


class ClusterWorkers:
    """Workers behind the scheduler at an address; a context manager, which raises a BatchError if it cannot be reached.

    The recordings and the output folder must lie at the same paths for all of them, and `keyframes` be installed there.
    `threads` are those of FFmpeg and of the clustering for each task; None takes as many as a dask worker has.
    """

    def __init__(self, address: str, threads: int | None) -> None:
        self.address, self.threads = address, threads

    def __enter__(self) -> "ClusterWorkers":
        try:
            import distributed
        except ImportError:
            raise BatchError("--scheduler needs distributed: pip install '.[cluster]' in the repository") from None
        _check_address(self.address)
        # Its own many lines on a connection that fails say no more than one.
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
        try:
            connect: Any = distributed.Client
            self._client = connect(self.address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, TypeError, TimeoutError) as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise BatchError(
                f"{self.address}: no dask scheduler answers at this address ({reason}); start one with "
                "`dask scheduler`, or leave --scheduler out"
            ) from None
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    def run(self, tasks: Sequence[Task], tick: Callable[[], None]) -> Iterator[tuple[Task, Outcome]]:
        """Yield each task with its outcome as it ends; `tick` is called now and then meanwhile.

        A task whose worker goes away is given to another one, by dask, some times.
        """
        ended: queue.SimpleQueue[Any] = queue.SimpleQueue()
        turn = secrets.token_hex(4)
        given: dict[str, Task] = {}
        futures = {}
        for task in tasks:
            key = f"keyframes-{task.name}-{task.step}-{turn}"
            given[key] = replace(task, threads=self.threads)
            futures[key] = self._client.submit(_work, given[key], key=key, pure=False)
            futures[key].add_done_callback(ended.put)
        try:
            while futures:
                try:
                    future = ended.get(timeout=TICK_S)
                except queue.Empty:
                    tick()
                    self._check_connection()
                    continue
                task = given[future.key]
                del futures[future.key]
                yield task, self._outcome(task, future)
        finally:
            if futures:
                self._client.cancel(list(futures.values()))

    def _outcome(self, task: Task, future: Any) -> Outcome:
        if future.status == "finished":
            outcome: Outcome = future.result()
            return outcome
        self._check_connection()
        if future.status == "cancelled":
            raise BatchError(f"{self.address}: the scheduler dropped a task; run the command again to resume")
        return give_up(task, f"its worker failed ({future.exception()})")

    def _check_connection(self) -> None:
        if self._client.status not in ("running", "connecting"):
            raise BatchError(f"{self.address}: the scheduler has stopped; run the command again to resume")


def _check_address(address: str) -> None:
    """Raise a BatchError if dask does not accept the form of an address: its client would hang when it is closed."""
    from distributed.comm.addressing import get_address_host_port

    try:
        host, port = get_address_host_port(address)
        is_good = bool(host) and not re.search(r"\s", host) and 0 < port < 1 << 16
    except ValueError:
        is_good = False
    if not is_good:
        raise BatchError(
            f"{address}: is not the address of a dask scheduler; give its host and its port, such as "
            "tcp://head-node:8786"
        )


def _work(task: Task) -> Outcome:
    """Do a task in a dask worker, with as many threads as it has."""
    if task.threads is None:
        from distributed import get_worker

        task = replace(task, threads=get_worker().state.nthreads)
    cv2.setNumThreads(task.threads or 1)
    return work_on(task)
