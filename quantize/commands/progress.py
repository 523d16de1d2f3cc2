"""A progress bar for many images."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


def progress_bar(iterable: Iterable[Any], total: int, enabled: bool) -> "tqdm[Any]":
    """Return a tqdm bar on standard error; shown on a terminal only, and only if enabled."""
    return tqdm(
        iterable, total=total, unit=" images", disable=None if enabled else True, file=sys.stderr, dynamic_ncols=True
    )
