"""English of messages that hold numbers or names."""

from collections.abc import Iterable


def listed(names: Iterable[str]) -> str:
    """Return names as an option takes them, one with a comma in quotes."""
    return ", ".join(f'"{name}"' if "," in name else name for name in names)


def counted(number: int, noun: str) -> str:
    """Return a number of things: "1 frame", "2,000 frames"."""
    return f"{number:,} {noun}{'s' * (number != 1)}"
