"""Progress bars for the long stages."""

import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeVar, overload

from tqdm import tqdm

Item = TypeVar("Item")
# What is told of each step: what is being done, how much of it, and of how much.
Listener = Callable[[str, int, int], None]
# Whether to show a bar; or who is told of each step instead.
Progress = bool | Listener


class Bar(Protocol[Item]):
    """A bar, or what takes its place: a context manager, and an iterator that counts what it hands out."""

    n: int

    def __enter__(self) -> "Bar[Item]": ...
    def __exit__(self, *error: object) -> None: ...
    def __iter__(self) -> Iterator[Item]: ...

    def update(self, n: int = 1) -> None:
        """Count so many more."""


class _CurrentStderr:
    """Whatever ``sys.stderr`` is at the moment of writing: it moves while a video is being read."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys.stderr, name)


class _Told:
    """A bar that nobody sees: a listener is told."""

    def __init__(self, iterable: Iterable[Any] | None, description: str, total: int, listener: Listener) -> None:
        self._iterable, self._description, self._total = iterable, description, total
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


@overload
def progress_bar(iterable: None, description: str, total: int, unit: str, enabled: Progress) -> Bar[Any]: ...
@overload
def progress_bar(iterable: Iterable[Item], description: str, total: int, unit: str, enabled: Progress) -> Bar[Item]: ...
def progress_bar(
    iterable: Iterable[Any] | None, description: str, total: int, unit: str, enabled: Progress
) -> Bar[Any]:
    """Return a tqdm bar on standard error, with rate and time left; shown on a terminal only, and only if enabled.

    A total of 0 means that it is not known. Where `enabled` is a callable, no bar: it is told of each step.
    """
    if callable(enabled):
        return _Told(iterable, description, total, enabled)
    bar: Bar[Any] = tqdm(
        iterable,
        desc=f"{description:<8}",
        total=total or None,
        unit=f" {unit}",
        disable=None if enabled else True,
        file=_CurrentStderr(),
        dynamic_ncols=True,
        smoothing=0.1,
    )
    return bar
