"""Parameters that count something."""

import operator
from typing import Any

from clustering.errors import InvalidInputError


def whole_number(name: str, value: Any, least: int = 1) -> int:
    """Return a whole number as Python's; InvalidInputError where it is none, such as 2.5, or less than `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise InvalidInputError(f"{name}={value!r} must be a whole number") from None
    if number < least:
        raise InvalidInputError(f"{name}={number} must be at least {least}")
    return number
