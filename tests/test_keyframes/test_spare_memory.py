"""Memory that was freed goes back to the system."""

import ctypes
import os
import sys
from pathlib import Path

import pytest

from keyframes.scan.spare_memory import release_spare_memory


def resident_bytes():
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"),
    reason="GNU's C library alone keeps what is freed",
)
def test_what_lies_below_something_in_use_is_given_back():
    # Blocks that are too small to be mapped apart, and one above them that stays.
    blocks = [b"1" * 100_000 for _ in range(1000)]
    last = b"2" * 100_000
    del blocks
    before = resident_bytes()
    release_spare_memory()
    assert resident_bytes() < before - 50_000_000
    assert last
