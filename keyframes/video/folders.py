"""A folder of images, and what tells that one of them is damaged."""

import io
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngImageFile

from keyframes.decoder_log import DecoderLog
from keyframes.video.sources import TIFF_ENDINGS, DamagedImageError
from keyframes.video.stacks import Stack

# What libjpeg says of a picture that it filled up with gray or with noise. Of bytes between two markers it tells too,
# and some cameras leave a few in every picture.
_JPEG_DAMAGE = re.compile(r"[Pp]remature end|bad Huffman code|: (?:[3-9]\d|\d{3,}) extraneous bytes")


class Folder:
    """The images of a folder.

    Parameters
    ----------
    files : tuple of Path
    """

    noun, cut_off = "image", False

    def __init__(self, files: tuple[Path, ...]) -> None:
        self._files = files
        # What libjpeg says goes where FFmpeg's messages go.
        self._log = DecoderLog()
        self._log.__enter__()

    def __len__(self) -> int:
        return len(self._files)

    def read(self, place: int) -> NDArray[Any]:
        """Return an image."""
        file = self._files[place]
        if file.suffix.lower() in TIFF_ENDINGS:
            stack = Stack(file)
            try:
                return stack.read(0)
            finally:
                stack.close()
        try:
            # Read by Python: cv2.imread loses non-ASCII names on Windows.
            data = file.read_bytes()
        except OSError as error:
            raise DamagedImageError(f"it cannot be read, {error.strerror}") from None
        return self._decoded(data)

    def name(self, place: int) -> str:
        """Return the name of the file."""
        return self._files[place].name

    def time_ms(self, place: int) -> float:
        """Return NaN: files have no times."""
        return float("nan")

    def close(self) -> None:
        """End listening."""
        self._log.__exit__(None, None, None)

    def _decoded(self, data: bytes) -> NDArray[Any]:
        _check_whole(data)
        self._log.update()
        self._log.image_messages.clear()
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
        except cv2.error as error:
            raise DamagedImageError(error.err) from None
        if image is None:
            raise DamagedImageError("it is damaged, or not an image")
        self._log.update()
        for text in self._log.image_messages:
            if _JPEG_DAMAGE.search(text):
                raise DamagedImageError(text)
        return np.asarray(image)


def _check_whole(data: bytes) -> None:
    """Raise where a file was cut off or changed, as far as its format tells; some decoders show half a picture then."""
    if not data:
        raise DamagedImageError("it is empty")
    if data.startswith(b"\xff\xd8") and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise DamagedImageError("it was cut off")
    if data.startswith(b"\x89PNG"):
        try:
            # Checksums alone; nothing is decoded.
            PngImageFile(io.BytesIO(data)).verify()
        except (OSError, SyntaxError, ValueError) as error:
            raise DamagedImageError(str(error)) from None
