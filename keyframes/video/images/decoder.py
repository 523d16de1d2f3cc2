"""Decoding image files with OpenCV, and telling half a picture from a whole one."""

import io
import re
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngImageFile

from keyframes.video.decoder_log import DecoderLog
from keyframes.video.images.source import DamagedImageError

# What libjpeg says of a picture that it filled up with gray or with noise. It also tells of bytes between two markers,
# but some cameras leave a few in every picture.
_JPEG_DAMAGE = re.compile(r"[Pp]remature end|bad Huffman code|: (?:[3-9]\d|\d{3,}) extraneous bytes")


class ImageDecoder:
    """Decodes image files, and listens to what libjpeg says meanwhile: no return value tells that a JPEG is damaged."""

    def __init__(self) -> None:
        # libjpeg writes where FFmpeg writes.
        self._log = DecoderLog()
        self._log.__enter__()

    def close(self) -> None:
        """End listening."""
        self._log.__exit__(None, None, None)

    def decode(self, data: bytes) -> NDArray[Any]:
        """Return an image: (height, width, 3), blue, green, red, of 8 bits or more.

        A DamagedImageError where the file was cut off or damaged, as far as its format tells, or is no image.
        """
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
    """Raise where a file was cut off or changed, as far as that can be told without decoding it."""
    if not data:
        raise DamagedImageError("it is empty")
    # After the last scan of a JPEG comes the marker of its end; a camera may have added something after that.
    if data.startswith(b"\xff\xd8") and data.rfind(b"\xff\xd9") < data.rfind(b"\xff\xda"):
        raise DamagedImageError("it was cut off")
    if data.startswith(b"\x89PNG"):
        try:
            # Checksums alone; nothing is decoded.
            PngImageFile(io.BytesIO(data)).verify()
        except (OSError, SyntaxError, ValueError) as error:
            raise DamagedImageError(str(error)) from None
