"""Memory that was freed, back to the system."""

import ctypes
import sys
from contextlib import suppress


def release_spare_memory() -> None:
    """Give freed memory back, where the C library keeps it.

    GNU's keeps it for each thread apart, below whatever is still in use there: a scan of a day leaves some 300 MB
    behind, which what comes next would add to. On systems other than Linux, or with another C library, nothing is done.
    """
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
