"""A folder of images, in the order of their names."""

from contextlib import closing
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from keyframes.video.images.decoder import ImageDecoder
from keyframes.video.images.files import TIFF_ENDINGS
from keyframes.video.images.source import DamagedImageError, ImageSource
from keyframes.video.images.stack import TiffStack


class ImageFolder(ImageSource):
    """The images of a folder."""

    def __init__(self, files: tuple[Path, ...]) -> None:
        super().__init__()
        self._files = files
        self._decoder = ImageDecoder()

    def __len__(self) -> int:
        return len(self._files)

    def read(self, place: int) -> NDArray[Any]:
        """Return an image; of a TIFF its first page."""
        file = self._files[place]
        if file.suffix.lower() in TIFF_ENDINGS:
            with closing(TiffStack(file)) as stack:
                image = stack.read(0)
                if len(stack) > 1:
                    self.shortened.append(file.name)
                return image
        try:
            # Read by Python: cv2.imread loses non-ASCII names on Windows.
            data = file.read_bytes()
        except OSError as error:
            raise DamagedImageError(f"it cannot be read, {error.strerror}") from None
        return self._decoder.decode(data)

    def name(self, place: int) -> str:
        """Return the name of the file."""
        return self._files[place].name

    def close(self) -> None:
        """Release what decodes them."""
        self._decoder.close()
