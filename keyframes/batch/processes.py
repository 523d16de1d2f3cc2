"""Workers on this machine: processes that are spawned once and get one recording after another.

A worker that dies, killed by the system for its memory or crashed in a codec, takes its own task with it and no other:
the task is tried once more by a new process, and then counts as failed.
"""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from multiprocessing import connection, get_context, parent_process
from multiprocessing.process import BaseProcess
from typing import Any

import cv2

from clustering import available_threads
from keyframes.batch.scene import work_on
from keyframes.batch.tasks import TICK_S, Outcome, Task
from keyframes.batch.work import give_up

TRIES = 2
END_S = 5.0
# Signals that all processes of a terminal get; the parent ends its workers by itself.
FROM_TERMINAL = {signal.SIGINT, getattr(signal, "SIGHUP", signal.SIGINT)}


class LocalWorkers(AbstractContextManager["LocalWorkers"]):
    """Processes of this machine: one a processor unless `n_jobs` says otherwise, no more than tasks; a context manager.

    Several processes of one thread each decode more than one process with several, whose threads wait for each other.
    `threads` are those of FFmpeg and of the clustering, for each; None divides the processors among the jobs.
    """

    def __init__(self, n_jobs: int | None, threads: int | None, n_tasks: int) -> None:
        self.n_jobs = min(n_jobs or available_threads(), n_tasks)
        self.threads = threads or max(1, available_threads() // self.n_jobs)
        self._workers: list[_Worker] = []

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        for worker in self._workers:
            worker.stop(error is not None)
        for worker in self._workers:
            worker.end()
        self._workers = []

    def run(self, tasks: Sequence[Task], tick: Callable[[], None]) -> Iterator[tuple[Task, Outcome]]:
        """Yield each task with its outcome as it ends; `tick` is called now and then meanwhile."""
        waiting = deque(replace(task, threads=self.threads) for task in tasks)
        tries: dict[str, int] = {}
        while waiting or any(worker.task for worker in self._workers):
            while waiting and (worker := self._idle()) is not None:
                tries[waiting[0].recording] = tries.get(waiting[0].recording, 0) + 1
                worker.give(waiting.popleft())
            busy = {worker.pipe: worker for worker in self._workers if worker.task is not None}
            for pipe in connection.wait(list(busy), TICK_S):
                worker = busy[pipe]  # type: ignore[index]  # the pipes that were given
                task, outcome = worker.take()
                if outcome is not None:
                    yield task, outcome
                    continue
                self._workers.remove(worker)
                if tries[task.recording] < TRIES:
                    waiting.append(task)
                else:
                    reason = (
                        f"its worker process ended {TRIES} times ({worker.how_it_ended()}); is there enough memory?"
                    )
                    yield task, give_up(task, reason)
            tick()

    def _idle(self) -> "_Worker | None":
        for worker in self._workers:
            if worker.task is None:
                return worker
        if len(self._workers) < self.n_jobs:
            self._workers.append(_Worker(self.threads))
            return self._workers[-1]
        return None


class _Worker:
    """A process, and the task that it has."""

    def __init__(self, threads: int) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.task: Task | None = None
        self._process = context.Process(target=_serve, args=(theirs, threads), name="keyframes-batch", daemon=True)
        # An interruption that reaches this thread must not leave a process half started, which would complain of it.
        with ThreadPoolExecutor(1) as starter:
            starter.submit(_start, self._process).result()
        theirs.close()

    def give(self, task: Task) -> None:
        self.task = task
        # A process that is gone is found out about when its outcome is taken.
        with suppress(OSError):
            self.pipe.send(task)

    def take(self) -> tuple[Task, Outcome | None]:
        """Return the task with its outcome, None where the process ended without one."""
        task, self.task = self.task, None
        assert task is not None
        try:
            return task, self.pipe.recv()
        except (EOFError, OSError):
            return task, None

    def how_it_ended(self) -> str:
        self._process.join(END_S)
        code = self._process.exitcode
        return f"exit status {code}" if code is None or code >= 0 else f"signal {-code}"

    def stop(self, at_once: bool) -> None:
        with suppress(OSError):
            self.pipe.close()
        if at_once or self.task is not None:
            self._process.terminate()

    def end(self) -> None:
        self._process.join(END_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _start(process: BaseProcess) -> None:
    """Start a process that leaves the signals of the terminal to its parent."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, FROM_TERMINAL)
    # It imports modules of Python before it takes over the parent's `sys.path`: none from the working folder, which may
    # hold a signal.py. Python 3.10 does not know this variable.
    is_set = "PYTHONSAFEPATH" in os.environ
    os.environ.setdefault("PYTHONSAFEPATH", "1")
    try:
        process.start()
    finally:
        if not is_set:
            os.environ.pop("PYTHONSAFEPATH", None)


def _serve(pipe: "connection.Connection[Any, Any]", threads: int) -> None:
    """Do the tasks that come through a pipe, until it is closed."""
    for number in FROM_TERMINAL:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, FROM_TERMINAL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    cv2.setNumThreads(threads)
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        pipe.send(work_on(task))


def _leave(number: int, frame: object) -> None:
    # What is half made is removed on the way out.
    raise SystemExit(128 + number)


def _end_with_parent() -> None:
    """End this process when its parent is gone, however that came: nobody takes its outcomes any more."""
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        # At once and from any thread: the state files hold all that counts.
        os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
