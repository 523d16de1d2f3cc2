"""What the images of a recording come from, and what is wrong with one that cannot be read."""

import struct
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from math import nan
from typing import Any

import cv2
import tifffile
from numpy.typing import NDArray
from PIL import Image as pillow

# What Pillow, tifffile, imageio and OpenCV raise at damaged files: they check little of what they find there, so that
# wrong types, sizes and places reach Python and NumPy.
READER_ERRORS = (
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, OSError, RuntimeError),
    *(SyntaxError, TypeError, ValueError, struct.error, zlib.error, cv2.error),
    *(tifffile.TiffFileError, pillow.DecompressionBombError),
)


class DamagedImageError(Exception):
    """An image that cannot be decoded as a whole; the text is the reason."""


@contextmanager
def damage_raised() -> Iterator[None]:
    """Raise whatever a damaged file makes its reader raise as a DamagedImageError."""
    try:
        yield
    except READER_ERRORS as error:
        raise DamagedImageError(str(error) or type(error).__name__) from None


class ImageSource(ABC):
    """Images in a fixed order, whatever holds them.

    Attributes
    ----------
    noun : str
        What one of them is called.
    cut_off : bool
        Whether there were more of them once, which cannot be found any more.
    shortened : list of str
        Names of those read so far that are the first of several in their file.
    """

    noun = "image"

    def __init__(self) -> None:
        self.cut_off = False
        self.shortened: list[str] = []

    @abstractmethod
    def __len__(self) -> int:
        """Return the number of images."""

    @abstractmethod
    def read(self, place: int) -> NDArray[Any]:
        """Return an image: (height, width) of gray levels or (height, width, 3), blue, green, red.

        A DamagedImageError where it cannot be decoded as a whole.
        """

    @abstractmethod
    def close(self) -> None:
        """Release the file."""

    def name(self, place: int) -> str:
        """Return what an image is called in a message: its number, as a frame index, where it has no name."""
        return f"frame {place}"

    def time_ms(self, place: int) -> float:
        """Return when an image is shown; NaN where that is not known."""
        return nan
