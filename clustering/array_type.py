"""The type of an array whose dtype is said elsewhere: in a docstring, or by the array that it goes with."""

from typing import Any, TypeAlias

from numpy.typing import NDArray

Array: TypeAlias = NDArray[Any]
