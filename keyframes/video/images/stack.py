"""TIFF stacks: the pages of a file, or the planes behind its only page.

tifffile reads the structure and, where the pages are plain, the pixels: it reports every page that is damaged, where
OpenCV shows a black one. Other compressions and colours are Pillow's, which reports damage too; what neither reads, or
Pillow reads wrongly, is OpenCV's.
"""

import logging
import struct
import warnings
from math import prod
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL.TiffImagePlugin import TiffImageFile

from keyframes.video.decoder_log import DecoderLog
from keyframes.video.images.decoder import ImageDecoder
from keyframes.video.images.source import READER_ERRORS, DamagedImageError, ImageSource, damage_raised
from keyframes.video.openable import openable_name

# Compressions that tifffile decodes by itself, without imagecodecs.
_PLAIN = {
    tifffile.COMPRESSION.NONE,
    tifffile.COMPRESSION.ADOBE_DEFLATE,
    tifffile.COMPRESSION.DEFLATE,
}
# Modes in which Pillow's pixels are taken as they are; those of palettes, masks and other colours become RGB.
_KEPT_MODES = {"L", "I", "F", "RGB", "I;16", "I;16B", "I;16L", "I;16N"}
# Compressions that OpenCV decodes: for others, version 4 shows a black page without a word.
_BY_OPENCV = {
    *_PLAIN,
    *(tifffile.COMPRESSION.LZW, tifffile.COMPRESSION.PACKBITS, tifffile.COMPRESSION.JPEG, tifffile.COMPRESSION.SGILOG),
    *(tifffile.COMPRESSION.CCITTRLE, tifffile.COMPRESSION.CCITT_T4, tifffile.COMPRESSION.CCITT_T6),
}

# This package reports damage itself: without a handler, Python would print what these log about it.
for _name in ("tifffile", "PIL"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


class TiffStack(ImageSource):
    """The images of a TIFF file in the order of its pages.

    A stack of more than 4 GB by ImageJ, and others written in one go, have a single page that is followed by the
    pixels of all planes.

    Raises a DamagedImageError where the file is no TIFF, or nothing can be found in it.
    """

    noun = "page"

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._pillow: TiffImageFile | None = None
        self._jpegs: ImageDecoder | None = None
        with damage_raised():
            self._tiff = tifffile.TiffFile(path)
        try:
            with damage_raised():
                self._n_pages = len(self._tiff.pages)
                self.cut_off = self._leads_on()
                self._n_planes = self._count_planes()
        except DamagedImageError:
            self._tiff.close()
            raise
        if self._n_planes:
            self.cut_off = False

    def __len__(self) -> int:
        return self._n_planes or self._n_pages

    def read(self, place: int) -> NDArray[Any]:
        """Return an image."""
        with damage_raised():
            page = self._tiff.pages[0 if self._n_planes else place]
            if not isinstance(page, tifffile.TiffPage):
                raise DamagedImageError("its description cannot be read")
            return self._plane(page, place) if self._n_planes else self._page(page, place)

    def close(self) -> None:
        """Release the file."""
        self._tiff.close()
        for other in (self._pillow, self._jpegs):
            if other is not None:
                other.close()

    def _leads_on(self) -> bool:
        """Whether the last page that can be read names a following one."""
        tiff, file = self._tiff.tiff, self._tiff.filehandle
        file.seek(self._tiff.pages[self._n_pages - 1].offset)
        (n_tags,) = struct.unpack(tiff.tagnoformat, file.read(tiff.tagnosize))
        file.seek(n_tags * tiff.tagsize, 1)
        return any(file.read(tiff.offsetsize))

    def _count_planes(self) -> int:
        """Return how many planes follow the first page; 0 where each has a page of its own."""
        page = self._tiff.pages[0]
        if not (self._n_pages == 1 or self.cut_off) or not isinstance(page, tifffile.TiffPage):
            return 0
        # In OME files each plane has a page, and the description may be that of a recording in many files.
        if self._tiff.is_ome or page.compression != tifffile.COMPRESSION.NONE or not page.is_contiguous:
            return 0
        if self._tiff.is_imagej:
            n_planes = int((self._tiff.imagej_metadata or {}).get("images", 1))
        else:
            n_planes = prod(self._tiff.series[0].shape) // max(1, prod(page.shape))
        return n_planes if n_planes > self._n_pages else 0

    def _plane(self, page: tifffile.TiffPage, place: int) -> NDArray[Any]:
        """Return one of the planes that lie behind one another."""
        dtype = np.dtype(f"{self._tiff.byteorder}{page.dtype.char}" if page.dtype is not None else "u1")
        n_bytes = prod(page.shape) * dtype.itemsize
        file = self._tiff.filehandle
        file.seek(page.dataoffsets[0] + place * n_bytes)
        data = file.read(n_bytes)
        if len(data) < n_bytes:
            raise DamagedImageError("it was cut off")
        return _in_colors(np.frombuffer(data, dtype).reshape(page.shape))

    def _page(self, page: tifffile.TiffPage, place: int) -> NDArray[Any]:
        if 0 in page.databytecounts or not page.databytecounts:
            raise DamagedImageError("a part of it was never written")
        if _is_plain(page):
            return _in_colors(page.asarray(maxworkers=1))
        if page.compression == tifffile.COMPRESSION.JPEG:
            self._check_jpegs(page)
        return self._by_opencv(page, place) if _is_misread(page) else self._by_pillow(page, place)

    def _check_jpegs(self, page: tifffile.TiffPage) -> None:
        """Raise where the parts of a page are damaged JPEGs, which Pillow fills up without a word."""
        self._jpegs = self._jpegs or ImageDecoder()
        tables = page.jpegtables or b"\xff\xd8\xff\xd9"
        for offset, n_bytes in zip(page.dataoffsets, page.databytecounts, strict=True):
            self._tiff.filehandle.seek(offset)
            self._jpegs.decode(tables[:-2] + self._tiff.filehandle.read(n_bytes)[2:])

    def _by_pillow(self, page: tifffile.TiffPage, place: int) -> NDArray[Any]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                if self._pillow is None:
                    self._pillow = TiffImageFile(self._path)
                self._pillow.seek(place)
            except (SyntaxError, TypeError):
                return self._by_opencv(page, place)
            image = self._pillow if self._pillow.mode in _KEPT_MODES else self._pillow.convert("RGB")
            pixels = np.asarray(image)
            # Pillow takes signed bytes for unsigned ones.
            return _in_colors(pixels.view(np.int8) if page.dtype == np.int8 else pixels)

    def _by_opencv(self, page: tifffile.TiffPage, place: int) -> NDArray[Any]:
        if page.compression not in _BY_OPENCV:
            kind = getattr(page.compression, "name", page.compression)
            raise DamagedImageError(f"its compression, {kind}, cannot be read; save it uncompressed or with LZW")
        flags = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
        with DecoderLog() as log, openable_name(self._path) as name:
            done, pages = cv2.imreadmulti(name, place, 1, flags=flags)
        if not done or not pages:
            raise DamagedImageError("its compression or colours cannot be read; save it uncompressed or with LZW")
        if log.image_messages:
            raise DamagedImageError(log.image_messages[0].removeprefix(f"{name}: "))
        return np.asarray(pages[0])


def series_shape(path: Path) -> tuple[int, ...]:
    """Return the shape of a TIFF's first series of pages, as programs that read it through tifffile take it."""
    try:
        with tifffile.TiffFile(path) as file:
            return tuple(file.series[0].shape)
    except READER_ERRORS:
        return ()


def _is_plain(page: tifffile.TiffPage) -> bool:
    """Whether a page's numbers are those of the picture: gray or colour, the right way up, white the highest level."""
    orientation = page.tags.get("Orientation")
    return (
        page.compression in _PLAIN
        and page.photometric in (tifffile.PHOTOMETRIC.MINISBLACK, tifffile.PHOTOMETRIC.RGB)
        and page.bitspersample in (8, 16, 32, 64)
        and (orientation is None or orientation.value == 1)
        and not (page.bitspersample == 8 and page.extrasamples and page.samplesperpixel <= 4)
    )


def _is_misread(page: tifffile.TiffPage) -> bool:
    """Whether Pillow changes a page's numbers without a word, and OpenCV does not.

    Pillow makes 8 bits of deeper colours, and swaps the bytes of signed numbers and floats in big-endian files once too
    often. OpenCV mixes up deep colours in separate planes.
    """
    if page.photometric == tifffile.PHOTOMETRIC.RGB:
        return page.bitspersample > 8 and page.planarconfig == tifffile.PLANARCONFIG.CONTIG
    return page.parent.byteorder == ">" and page.bitspersample > 8 and page.sampleformat != tifffile.SAMPLEFORMAT.UINT


def _in_colors(image: NDArray[Any]) -> NDArray[Any]:
    """Return (height, width) of gray levels, or (height, width, 3) of blue, green and red, of an image in RGB."""
    image = np.squeeze(image)
    if image.ndim == 3 and image.shape[0] in (3, 4) and image.shape[2] not in (3, 4):
        image = np.moveaxis(image, 0, 2)
    if image.dtype.kind == "c" or image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] not in (2, 3, 4)):
        raise DamagedImageError(
            f"it is an array of {' x '.join(map(str, image.shape))} {image.dtype.name} numbers, not a gray or RGB "
            "image; save one channel as a stack of its own"
        )
    if image.ndim == 3:
        image = image[..., 0] if image.shape[2] == 2 else image[..., 2::-1]
    return image.astype(image.dtype.newbyteorder("="), copy=False)
