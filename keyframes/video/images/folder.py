"""A folder of images, in the order of their names."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from keyframes.video.images.decoder import ImageDecoder
from keyframes.video.images.files import TIFF_ENDINGS
from keyframes.video.images.source import DamagedImageError
from keyframes.video.images.stack import TiffStack


class ImageFolder:
    """The images of a folder.

    Parameters
    ----------
    files : tuple of Path
    """

    noun, cut_off = "image", False

    def __init__(self, files: tuple[Path, ...]) -> None:
        self._files = files
        self.shortened: list[str] = []
        self._decoder = ImageDecoder()

    def __len__(self) -> int:
        return len(self._files)

    def read(self, place: int) -> NDArray[Any]:
        """Return an image; of a TIFF its first page."""
        file = self._files[place]
        if file.suffix.lower() in TIFF_ENDINGS:
            stack = TiffStack(file)
            try:
                image = stack.read(0)
                if len(stack) > 1:
                    self.shortened.append(file.name)
                return image
            finally:
                stack.close()
        try:
            # Read by Python: cv2.imread loses non-ASCII names on Windows.
            data = file.read_bytes()
        except OSError as error:
            raise DamagedImageError(f"it cannot be read, {error.strerror}") from None
        return self._decoder.decode(data)

    def name(self, place: int) -> str:
        """Return the name of the file."""
        return self._files[place].name

    def time_ms(self, place: int) -> float:
        """Return NaN: files have no times."""
        return float("nan")

    def close(self) -> None:
        """Release what decodes them."""
        self._decoder.close()
