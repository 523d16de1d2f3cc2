"""Progress bars for the long stages."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


class _CurrentStderr:
    """Whatever ``sys.stderr`` is at the moment of writing: it moves while a video is being read."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


def progress_bar(
    iterable: Iterable[Any] | None, description: str, total: int | None, unit: str, enabled: bool
) -> "tqdm[Any]":
    """Return a tqdm bar on standard error, with rate and time left; shown on a terminal only, and only if enabled."""
    return tqdm(
        iterable,
        desc=f"{description:<8}",
        total=total or None,
        unit=f" {unit}",
        disable=None if enabled else True,
        file=_CurrentStderr(),
        dynamic_ncols=True,
        smoothing=0.1,
    )
