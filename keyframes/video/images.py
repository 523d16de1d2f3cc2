"""A folder of images, or a TIFF of many pages, read as a video is."""

import re
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.errors import VideoError

IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})
TIFF_ENDINGS = frozenset({".tif", ".tiff"})
# A page is found by walking through those before it, so several are read at a time, up to so many bytes.
BLOCK_BYTES = 32 << 20


def is_image_sequence(path: Path) -> bool:
    """Whether this is a folder with images in it, or a TIFF file."""
    return bool(image_files(path)) if path.is_dir() else path.suffix.lower() in TIFF_ENDINGS


def image_files(folder: Path) -> tuple[Path, ...]:
    """List the images of a folder in the order of their names, numbers in them counted as numbers."""
    files = (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_ENDINGS and path.name[0] != ".")
    return tuple(sorted((path for path in files if path.is_file()), key=natural_order))


def natural_order(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort key of a name in which numbers count as numbers."""
    parts = re.split(r"([0-9]+)", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name


class ImageSequence:
    """Images with the methods of ``cv2.VideoCapture`` that the reader calls. They have no times and no frame rate.

    Parameters
    ----------
    path : Path
        A folder of images, or a TIFF.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files = image_files(path) if path.is_dir() else None
        self._count = len(self._files) if self._files is not None else _count_pages(path)
        self._next = 0
        self._image: NDArray[np.uint8] | None = None
        self._block: list[NDArray[np.uint8]] = []
        self._shape: tuple[int, ...] | None = None

    def isOpened(self) -> bool:  # noqa: D102
        return self._count > 0

    def grab(self) -> bool:
        """Read the next image."""
        if self._next >= self._count:
            return False
        self._image = self._read_file() if self._files is not None else self._read_page()
        if self._image is None:
            return False
        self._shape = self._shape or self._image.shape
        if self._image.shape != self._shape:
            raise VideoError(
                f"{self.path}: image {self._next} is {self._image.shape[1]} x {self._image.shape[0]} pixels, the first "
                f"one {self._shape[1]} x {self._shape[0]}; put images of one size into a folder"
            )
        self._next += 1
        return True

    def retrieve(self, image: NDArray[np.uint8] | None = None) -> tuple[bool, NDArray[np.uint8] | None]:  # noqa: D102
        return self._image is not None, self._image

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:  # noqa: D102
        return self.retrieve() if self.grab() else (False, None)

    def get(self, prop: int) -> float:
        """Return the number of images; nothing else is known."""
        return float(self._count) if prop == cv2.CAP_PROP_FRAME_COUNT else 0.0

    def set(self, prop: int, value: float) -> bool:
        """Refuse: nothing can be set."""
        return False

    def release(self) -> None:  # noqa: D102
        self._image, self._block = None, []

    def _read_file(self) -> NDArray[np.uint8] | None:
        assert self._files is not None
        file = self._files[self._next]
        try:
            # Read by Python: cv2.imread loses non-ASCII names on Windows.
            data = np.frombuffer(file.read_bytes(), np.uint8)
        except OSError as error:
            raise VideoError(f"{file}: cannot be read ({error.strerror}); check its permissions") from None
        image = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
        if image is None:
            raise VideoError(f"{file}: is no image that can be decoded; remove it from the folder, or copy it again")
        return np.asarray(image, np.uint8)

    def _read_page(self) -> NDArray[np.uint8] | None:
        if not self._block:
            n_pages = 1 if self._image is None else max(1, BLOCK_BYTES // self._image.nbytes)
            n_pages = min(n_pages, self._count - self._next)
            _, pages = cv2.imreadmulti(str(self.path), self._next, n_pages, flags=cv2.IMREAD_COLOR)
            self._block = [np.asarray(page, np.uint8) for page in reversed(pages)]
        return self._block.pop() if self._block else None


def _count_pages(path: Path) -> int:
    try:
        return int(cv2.imcount(str(path), cv2.IMREAD_COLOR))
    except cv2.error:
        return 0
