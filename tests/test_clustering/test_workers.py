import threading
import time

import numpy as np
import pytest
import scipy.linalg.cython_blas  # noqa: F401 - BLAS to limit
from threadpoolctl import threadpool_info

from clustering.workers import Workers, available_threads


@pytest.mark.parametrize("n_threads", [1, 2, 5, None])
@pytest.mark.parametrize("n_items", [0, 1, 255, 256, 257, 100_000])
def test_every_item_is_done_once(n_threads, n_items):
    done = np.zeros(n_items, int)
    chunks = []

    def task(first, last):
        done[first:last] += 1
        chunks.append((first, last))

    with Workers(n_threads) as workers:
        workers.run(task, n_items)
    assert (done == 1).all()
    with Workers(1) as workers:
        alone = list(chunks)
        chunks.clear()
        workers.run(task, n_items)
    assert sorted(alone) == chunks


@pytest.mark.parametrize("error", [IndexError, KeyError])
@pytest.mark.parametrize("n_threads", [1, 3])
def test_an_error_in_a_task_is_raised(n_threads, error):
    def task(first, last):
        if first == 512:
            raise error("of the task")

    with Workers(n_threads) as workers, pytest.raises(error, match="of the task"):
        workers.run(task, 4096, 256)


@pytest.mark.parametrize("failing", ["the caller", "the first helper", "both"])
def test_no_task_runs_any_more_when_an_error_is_raised(failing):
    caller, together = threading.current_thread(), threading.Barrier(3)
    done = []

    def task(first, last):
        together.wait()
        thread = threading.current_thread()
        if thread is caller and failing != "the first helper":
            raise KeyboardInterrupt
        if thread.name == "clustering_0" and failing != "the caller":
            raise ZeroDivisionError
        if thread.name == "clustering_1":
            time.sleep(0.2)
            done.append(first)

    with Workers(3) as workers:
        # The caller's own error comes first.
        with pytest.raises(ZeroDivisionError if failing == "the first helper" else KeyboardInterrupt):
            workers.run(task, 3, 1)
        assert len(done) == 1


def test_there_is_a_processor():
    assert available_threads() >= 1


def blas_threads():
    """Threads of what the kernels call; another library, as OpenCV, may have brought a BLAS of its own since."""
    ours = ("numpy", "scipy")
    blas = [library for library in threadpool_info() if library["user_api"] == "blas"]
    return {library["num_threads"] for library in blas if any(name in library["filepath"] for name in ours)}


def test_blas_has_one_thread_until_the_last_one_leaves():
    before = blas_threads()
    first, second = Workers(1), Workers(2)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas_threads() == {1}
    second.__exit__(None, None, None)
    assert blas_threads() == before
