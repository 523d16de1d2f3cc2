"""Animated images, GIF, PNG and WebP, through imageio: OpenCV does not read all of them."""

from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
from numpy.typing import NDArray

from keyframes.video.images.source import READER_ERRORS, DamagedImageError, ImageSource, damage_raised

# How long players show an image that names no duration.
DEFAULT_MS = 100.0


class Animation(ImageSource):
    """The images of a GIF, an animated PNG or an animated WebP, with the times at which players show them.

    Raises a DamagedImageError where the file is no image.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._durations_ms: dict[int, float] = {}
        self._starts_ms = [0.0]
        self._open()
        try:
            self._count = int(self._file.properties(index=...).shape[0])  # type: ignore[arg-type]  # so documented
            self.cut_off = False
        except READER_ERRORS:
            # Pillow does not count the images of a GIF that was cut off.
            self._count, self.cut_off = self._count_one_by_one(), True

    def __len__(self) -> int:
        return self._count

    def read(self, place: int) -> NDArray[Any]:
        """Return an image."""
        with damage_raised():
            image = np.asarray(self._file.read(index=place))
            # Asked for later, it would lead Pillow back, from where it cannot go on in some formats.
            told = self._file.metadata(index=place, exclude_applied=False).get("duration")
        self._durations_ms[place] = float(told) if told else DEFAULT_MS
        if image.ndim == 3 and image.shape[2] == 2:
            return image[..., 0]
        return image if image.ndim == 2 else image[..., 2::-1]

    def time_ms(self, place: int) -> float:
        """Return when an image is shown, by the durations of those before it, which were read before."""
        while len(self._starts_ms) <= place:
            before = len(self._starts_ms) - 1
            self._starts_ms.append(self._starts_ms[before] + self._durations_ms.get(before, DEFAULT_MS))
        return self._starts_ms[place]

    def close(self) -> None:
        """Release the file."""
        self._file.close()

    def _open(self) -> None:
        try:
            self._file = iio.imopen(self._path, "r", plugin="pillow")
        except OSError as error:
            # imageio hides what Pillow raised behind words of its own.
            raise DamagedImageError(str(error.__cause__ or error)) from None

    def _count_one_by_one(self) -> int:
        """Return how many images can be read one after another."""
        place = 0
        try:
            while True:
                self.read(place)
                place += 1
        except DamagedImageError:
            # Pillow cannot go on, or back, from there.
            self._file.close()
            self._open()
        return place
