"""Progress bars for the long stages."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tqdm import tqdm


class _CurrentStderr:
    """Whatever ``sys.stderr`` is at the moment of writing: it moves while a video is being read."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


# Whether to show a bar; or what is told of each step instead: what is being done, how much of it, and of how much.
Progress = bool | Callable[[str, int, int], None]


class _Told:
    """What a bar offers to its users, for a listener."""

    def __init__(self, iterable: Iterable[Any] | None, description: str, total: int | None, listener: Any) -> None:
        self._iterable, self._description, self._total = iterable, description, total or 0
        self._listener = listener
        self.n = 0
        self.update(0)

    def __enter__(self) -> "_Told":
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def __iter__(self) -> Iterator[Any]:
        for item in self._iterable or ():
            yield item
            self.update()

    def update(self, n: int = 1) -> None:
        self.n += n
        self._listener(self._description, self.n, self._total)


def progress_bar(
    iterable: Iterable[Any] | None, description: str, total: int | None, unit: str, enabled: Progress
) -> Any:
    """Return a tqdm bar on standard error, with rate and time left; shown on a terminal only, and only if enabled.

    Where `enabled` is a callable, no bar: it is told of each step.
    """
    if callable(enabled):
        return _Told(iterable, description, total, enabled)
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
