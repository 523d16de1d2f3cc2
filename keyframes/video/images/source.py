"""What the images of a recording come from, whatever holds them."""

from typing import Any, Protocol

from numpy.typing import NDArray


class DamagedImageError(Exception):
    """An image that cannot be decoded as a whole; the text is the reason."""


class ImageSource(Protocol):
    """Images in a fixed order, whatever holds them.

    Attributes
    ----------
    noun : str
        What one of them is called.
    cut_off : bool
        Whether there were more of them once, of which nothing can be found any more.
    shortened : list of str
        Names of those read so far that are the first of several in their file.
    """

    noun: str
    cut_off: bool
    shortened: list[str]

    def __len__(self) -> int:
        """Return the number of images."""
        ...

    def read(self, place: int) -> NDArray[Any]:
        """Return an image: (height, width) of gray levels or (height, width, 3), blue, green, red.

        Raises
        ------
        DamagedImageError
            Where it cannot be decoded as a whole.
        """
        ...

    def name(self, place: int) -> str:
        """Return what an image is called in a message."""
        ...

    def time_ms(self, place: int) -> float:
        """Return when an image is shown; NaN where that is not known."""
        ...

    def close(self) -> None:
        """Release the file."""
        ...
