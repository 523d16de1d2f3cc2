"""Folders of images, TIFF stacks and animated images, read as a video is."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.sampling import even_rows
from keyframes.video.images.animation import Animation
from keyframes.video.images.files import TIFF_ENDINGS, image_files
from keyframes.video.images.folder import ImageFolder
from keyframes.video.images.levels import Scale, find_range
from keyframes.video.images.source import DamagedImageError, ImageSource
from keyframes.video.images.stack import TiffStack

# Evenly spread images that tell the size of most, and the range of their levels.
N_SIZED = 5
N_SAMPLED = 24
# Images that a warning names.
N_NAMED = 10


def _open(path: Path) -> ImageSource:
    if os.path.isdir(path):
        return ImageFolder(image_files(path))
    return TiffStack(path) if path.suffix.lower() in TIFF_ENDINGS else Animation(path)


class ImageSequence:
    """Images with the methods of ``cv2.VideoCapture`` that the reader calls.

    An image that cannot be decoded, or is not of the size of most, is left out. The others keep their places: an index
    counts the files of the folder or the pages of the stack, from 0.

    Levels and rate are those of `keyframes.video.reader.VideoReader`; without a rate, an animation tells its times.

    Attributes
    ----------
    levels : (float, float) or None
        The range that is used; None where none is.
    deep : bool
        Whether there are images of more than 8 bits; known once it is open.
    reason : str
        What is wrong with the first image that could not be decoded; "" if all could.
    """

    def __init__(self, path: Path, levels: tuple[float, float] | None = None, rate: float | None = None) -> None:
        self.path, self.levels, self.rate = path, levels, rate
        self.deep, self.reason = False, ""
        self._scale: Scale | None = None if levels is None else Scale(*levels)
        # Levels that are given hold for 8-bit images too.
        self._scales_8_bits = levels is not None
        self._images: ImageSource | None = None
        self._size: tuple[int, int] | None = None
        self._count, self._noun, self._cut_off = 0, "image", False
        self._shortened: list[str] = []
        self._image: NDArray[np.uint8] | None = None
        self._begin()

    def reopen(self) -> "ImageSequence":
        """Open it anew, to be read from its first image."""
        self.release()
        self._begin()
        try:
            self._images = _open(self.path)
        except DamagedImageError as error:
            self.reason = str(error)
            return self
        if self._size is None and len(self._images):
            try:
                self._survey()
            except BaseException:
                self.release()
                raise
        # What the survey read is read again.
        self._images.shortened.clear()
        self._shortened = self._images.shortened
        return self

    def isOpened(self) -> bool:  # noqa: D102
        return self._images is not None and len(self._images) > 0

    def grab(self) -> bool:
        """Read the next image that can be decoded."""
        while self._images is not None and self._next < len(self._images):
            place = self._next
            self._next += 1
            image = self._read(place)
            if image is None:
                self._damaged.append(self._images.name(place))
            elif image.shape[:2] != (self._size or image.shape[:2]):
                self._other_size.append(self._images.name(place))
            else:
                self._image = self._in_8_bits(image)
                return True
        return False

    def retrieve(self, image: NDArray[np.uint8] | None = None) -> tuple[bool, NDArray[np.uint8] | None]:  # noqa: D102
        return self._image is not None, self._image

    def get(self, prop: int) -> float:
        """Return the number of images, their rate, or the place after the current image and its time.

        The rate is 0 and the time NaN where there is none.
        """
        if prop == cv2.CAP_PROP_POS_FRAMES:
            return float(self._next)
        if self._images is None:
            return 0.0
        if prop == cv2.CAP_PROP_FRAME_COUNT:
            return float(len(self._images))
        if prop == cv2.CAP_PROP_POS_MSEC:
            return self._time_ms(self._next - 1)
        if prop == cv2.CAP_PROP_FPS:
            period_ms = self._time_ms(1)
            return 1000 / period_ms if period_ms > 0 else 0.0
        return 0.0

    def release(self) -> None:  # noqa: D102
        if self._images is not None:
            self._images.close()
        self._images, self._image = None, None

    def losses(self) -> tuple[str, ...]:
        """Return what was left out since it was opened, a sentence each."""
        found, from_most = [], f"in size from most ({self._size_text()})"
        for names, one, several in (
            (self._damaged, "could not be decoded", "could not be decoded"),
            (self._other_size, f"differs {from_most}", f"differ {from_most}"),
        ):
            if names:
                what = f"{one} and is left out" if len(names) == 1 else f"{several} and are left out"
                found.append(f"{len(names)} of {self._count} {self._noun}s {what}: {_listed(names)}")
        if self._shortened:
            n_files = len(self._shortened)
            have = "file has" if n_files == 1 else f"of the {self._count} files have"
            found.append(f"{n_files} {have} several pages; only the first page was used: {_listed(self._shortened)}")
        if self._cut_off:
            found.append(f"the file was cut off: all {self._noun}s after the first {self._count} are lost")
        return tuple(found)

    def _begin(self) -> None:
        self._next, self._image = 0, None
        self._damaged: list[str] = []
        self._other_size: list[str] = []

    def _survey(self) -> None:
        """Find the size of most images, and the range of their levels where they are deeper than 8 bits."""
        assert self._images is not None
        self._count, self._noun, self._cut_off = len(self._images), self._images.noun, self._images.cut_off
        sized = list(self._sample(N_SIZED))
        if not sized:
            return
        self._size = Counter(image.shape[:2] for image in sized).most_common(1)[0][0]
        deep = [image for image in sized if image.dtype != np.uint8]
        self.deep = bool(deep)
        if self.deep and self._scale is None:
            sampled = (image for image in self._sample(N_SAMPLED) if image.dtype != np.uint8)
            first = next(sampled, None)
            # Where few are deep, the larger sample may have none of them.
            self._set_range(deep if first is None else chain([first], sampled))

    def _sample(self, n_images: int) -> Iterator[NDArray[Any]]:
        """Yield up to `n_images` evenly spread images; those that cannot be decoded are missing."""
        for place in even_rows(self._count, n_images).tolist():
            image = self._read(place)
            if image is not None:
                yield image

    def _set_range(self, images: Iterable[NDArray[Any]]) -> None:
        self.levels = find_range(images)
        self._scale = Scale(*self.levels)

    def _read(self, place: int) -> NDArray[Any] | None:
        assert self._images is not None
        try:
            return self._images.read(place)
        except DamagedImageError as error:
            self.reason = self.reason or str(error)
            return None

    def _in_8_bits(self, image: NDArray[Any]) -> NDArray[np.uint8]:
        """Return an image in blue, green and red of 8 bits."""
        deep = image.dtype != np.uint8
        if deep and self._scale is None:
            # The first deep one, among others of 8 bits.
            self.deep = True
            self._set_range([image])
        if self._scale is not None and (deep or self._scales_8_bits):
            image = self._scale(image)
        image = np.ascontiguousarray(image)
        return image if image.ndim == 3 else np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR))

    def _time_ms(self, place: int) -> float:
        assert self._images is not None
        return 1000 * place / self.rate if self.rate else self._images.time_ms(place)

    def _size_text(self) -> str:
        return f"{self._size[1]} x {self._size[0]} pixels" if self._size else ""


def _listed(names: Sequence[str]) -> str:
    """Write names in a row, the first ten and how many more there are."""
    more = f" and {len(names) - N_NAMED} more" if len(names) > N_NAMED else ""
    return ", ".join(names[:N_NAMED]) + more
