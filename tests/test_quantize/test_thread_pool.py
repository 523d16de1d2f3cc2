"""What runs side by side ends side by side."""

import time

import numpy as np
import pytest

from quantize.thread_pool import LEAST_SAMPLES, in_parts


@pytest.mark.parametrize("failing", [[0], [1], [0, 1]])
def test_no_part_is_worked_on_any_more_when_an_error_is_raised(failing):
    done = np.zeros(3, int)

    def kernel(first, last):
        if first in failing:
            raise IndexError(f"part {first}")
        if first == 2:
            time.sleep(0.2)
            done[first:last] = 1

    with pytest.raises(IndexError, match=f"part {failing[0]}"):
        in_parts(kernel, 3, LEAST_SAMPLES)
    assert done.sum() == 1
