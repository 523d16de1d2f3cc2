"""What the first pass keeps of each picture: its thumbnail, its figures and its fingerprint."""

import struct
from array import array
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.scan.equal_rows import hashed
from keyframes.scan.pretrained_network import NetworkFeatures
from keyframes.scan.thumbnails import Thumbnailer, brightness_and_sharpness
from keyframes.video import Picture, VideoReader, View, side_by_side

# Pictures go to the second thread in groups, so that handing them over costs little: this many, or this many bytes.
GROUP_FRAMES = 32
GROUP_BYTES = 8 << 20
GROUPS_WAITING = 2


@dataclass
class Figures:
    """The figures of some frames, a column each; those of another stretch can be put behind them.

    `n_decoded` is how many frames were decoded for them, where nothing else tells it. `digests` has the eight bytes of
    each frame's `digest`, `prints` those of its `fingerprint`, and `encoded` what a network made of it, float32; it is
    empty without one.
    """

    index: "array[int]" = field(default_factory=lambda: array("q"))
    time_s: "array[float]" = field(default_factory=lambda: array("d"))
    brightness: "array[float]" = field(default_factory=lambda: array("f"))
    sharpness: "array[float]" = field(default_factory=lambda: array("f"))
    digests: bytearray = field(default_factory=bytearray)
    prints: bytearray = field(default_factory=bytearray)
    encoded: bytearray = field(default_factory=bytearray)
    n_decoded: int = 0

    def extend(self, others: "Figures") -> None:
        """Put those of the frames that follow behind these."""
        for name in self.__dataclass_fields__:
            if name != "n_decoded":
                getattr(self, name).extend(getattr(others, name))


def energy(image: NDArray[np.uint8]) -> float:
    """Sum of all squared levels of a picture: it tells what a thumbnail leaves out."""
    return cv2.norm(image, cv2.NORM_L2SQR)


def fingerprint(image_energy: float, thumbnail: NDArray[np.uint8]) -> bytes:
    """Return the eight bytes by which a picture is recognized, from its energy and its thumbnail."""
    return _digest_and_print(image_energy, thumbnail)[1]


def _digest_and_print(image_energy: float, thumbnail: NDArray[np.uint8]) -> tuple[bytes, bytes]:
    """Return the digest of a thumbnail, and the fingerprint of its picture; the thumbnail is hashed once."""
    found = hashed(thumbnail)
    digest = found.digest()
    found.update(struct.pack("<d", image_energy))
    return digest, found.digest()


def measure(
    pictures: Iterable[Picture], video: VideoReader, thumbnailer: Thumbnailer, network: NetworkFeatures | None
) -> tuple[Figures, NDArray[np.uint8]]:
    """Return the figures and the thumbnails (n_frames, n_pixels) of some frames."""
    found, energies, blocks = Figures(), array("d"), [np.empty((0, *thumbnailer.shape), np.uint8)]
    for index, time_s, image in pictures:
        found.index.append(index)
        found.time_s.append(time_s)
        energies.append(energy(image))
        place = (len(energies) - 1) % GROUP_FRAMES
        if place == 0:
            blocks.append(np.empty((GROUP_FRAMES, *thumbnailer.shape), np.uint8))
        thumbnailer.shrunk(video.cropped(image), blocks[-1][place])
        if network is not None:
            found.encoded += network(video.cropped(image)).data
    # Not while frames are decoded, which would push the code and the data for this out of the processor's caches; and
    # many at a time, because the threads take turns at each call of OpenCV.
    thumbnails = np.concatenate(blocks)[: len(energies)]
    for first in range(0, len(thumbnails), GROUP_FRAMES):
        block = thumbnails[first : first + GROUP_FRAMES]
        block[:] = thumbnailer.in_gray(block.reshape(-1, *thumbnailer.shape[1:])).reshape(block.shape)
        brightness, sharpness = brightness_and_sharpness(block)
        found.brightness.frombytes(brightness.tobytes())
        found.sharpness.frombytes(sharpness.tobytes())
    for thumbnail, image_energy in zip(thumbnails, energies, strict=True):
        digest, print_ = _digest_and_print(image_energy, thumbnail)
        found.digests += digest
        found.prints += print_
    return found, thumbnails.reshape(len(thumbnails), int(np.prod(thumbnailer.shape)))


def measure_walk(
    video: VideoReader, view: View, thumbnailer: Thumbnailer, network: NetworkFeatures | None
) -> Generator[tuple[Figures, NDArray[np.uint8]], None, None]:
    """Yield what `measure` gives of groups of a walk's frames; a second thread does it while the next are decoded."""
    spare: list[NDArray[np.uint8]] = []

    def measured(group: list[Picture]) -> tuple[Figures, NDArray[np.uint8]]:
        found = measure(group, video, thumbnailer, network)
        spare.extend(image for _, _, image in group)
        return found

    with closing(video.pictures(view, spare)) as pictures:
        groups = side_by_side(measured, _grouped(pictures), 1, "keyframes-scan", n_waiting=GROUPS_WAITING)
        with closing(groups):
            yield from groups


def _grouped(pictures: Iterable[Picture]) -> Iterator[list[Picture]]:
    group: list[Picture] = []
    for picture in pictures:
        group.append(picture)
        if len(group) >= min(GROUP_FRAMES, 1 + GROUP_BYTES // picture[2].nbytes):
            yield group
            group = []
    if group:
        yield group
