"""English of messages that hold numbers."""


def counted(number: int, noun: str) -> str:
    """Return a number of things: "1 frame", "2 frames"."""
    return f"{number} {noun}{'s' * (number != 1)}"
