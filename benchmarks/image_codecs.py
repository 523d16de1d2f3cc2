"""The image formats that `quantize` is compared with: pixels to bytes and back, at several qualities.

mozjpeg comes with jpeglib, jpegli with pyjpegli, JPEG XL with imagecodecs: `pip install '.[image-codecs]'`. All have
their usual settings: JPEG and mozjpeg 4:2:0, jpegli as it chooses, WebP method 4, JPEG XL effort 7, AVIF speed 6.
"""

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image

JPEG_QUALITIES = (5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 88, 94)
WEBP_QUALITIES = (0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 88, 94)
AVIF_QUALITIES = (10, 18, 26, 34, 42, 50, 58, 66, 74, 82, 90)
# Butteraugli distances.
JXL_DISTANCES = (25, 15, 10, 7.5, 5.5, 4, 3, 2.2, 1.6, 1.1, 0.7)


def opened(data):
    """Pixels (height, width, 3) of a file that Pillow reads."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def by_pillow(pixels, kind, quality, **options):
    """Return the bytes, and the pixels that they decode to."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, quality=quality, **options)
    return buffer.getvalue(), opened(buffer.getvalue())


def by_mozjpeg(pixels, quality):
    """As `by_pillow`."""
    import jpeglib

    jpeglib.version.set("mozjpeg403")
    with TemporaryDirectory() as folder:
        path = Path(folder) / "image.jpg"
        jpeglib.from_spatial(pixels).write_spatial(str(path), qt=quality)
        data = path.read_bytes()
    return data, opened(data)


def by_jpegli(pixels, quality):
    """As `by_pillow`."""
    from pyjpegli import encode

    data = encode(pixels.tobytes(), pixels.shape[1], pixels.shape[0], quality)
    return data, opened(data)


def by_jpeg_xl(pixels, distance):
    """As `by_pillow`."""
    from imagecodecs import jpegxl_decode, jpegxl_encode

    data = jpegxl_encode(pixels, distance=distance, effort=7, lossless=False)
    return data, jpegxl_decode(data)


CODECS = {
    "JPEG": (lambda pixels, quality: by_pillow(pixels, "JPEG", quality, optimize=True), JPEG_QUALITIES),
    "mozjpeg": (by_mozjpeg, JPEG_QUALITIES),
    "jpegli": (by_jpegli, JPEG_QUALITIES),
    "WebP": (lambda pixels, quality: by_pillow(pixels, "WEBP", quality, method=4), WEBP_QUALITIES),
    "JPEG XL": (by_jpeg_xl, JXL_DISTANCES),
    "AVIF": (lambda pixels, quality: by_pillow(pixels, "AVIF", quality, speed=6), AVIF_QUALITIES),
}
