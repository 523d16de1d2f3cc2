"""What runs side by side ends side by side."""

import time

import pytest

from quantize.thread_pool import LEAST_SAMPLES, in_parts, side_by_side


def test_results_come_in_order():
    assert side_by_side(lambda number: number**2, range(40)) == [number**2 for number in range(40)]


@pytest.mark.parametrize(
    "run", [lambda kernel: in_parts(kernel, 3, LEAST_SAMPLES), lambda kernel: side_by_side(kernel, range(3))]
)
@pytest.mark.parametrize("failing", [[0], [1], [0, 1]])
def test_no_task_runs_any_more_when_an_error_is_raised(failing, run):
    begun, done = [], []

    def kernel(first, last=None):
        begun.append(first)
        if first in failing:
            raise IndexError(f"part {first}")
        time.sleep(0.2)
        done.append(first)

    with pytest.raises(IndexError, match=f"part {failing[0]}"):
        run(kernel)
    assert sorted(done) == sorted(set(begun) - set(failing))
