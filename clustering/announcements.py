"""What is told when a kernel is about to be compiled. To ask for it loads no Numba, which takes most of a second."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_waiting: list[Callable[[], None]] = []


def when_compiling(announce: Callable[[], None]) -> None:
    """Let something be called, once, when a kernel is about to be compiled that no cache has."""
    _waiting.append(announce)


@contextmanager
def telling_of_compilation(announce: Callable[[], None]) -> Iterator[None]:
    """Let something be called, at most once, when a kernel is about to be compiled meanwhile."""
    _waiting.append(announce)
    try:
        yield
    finally:
        with suppress(ValueError):
            _waiting.remove(announce)


def tell_of_compilation() -> None:
    """Call whatever waits for a compilation."""
    while _waiting:
        _waiting.pop()()
