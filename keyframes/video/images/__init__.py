"""Folders of images, TIFF stacks and animated images, read as a video is.

In goes the path of one of them, and out comes an `ImageSequence`, which the reader treats like OpenCV's capture. Each
is an `ImageSource`: a `folder`, a `stack` or an `animation`. Image files are decoded by `decoder`; `levels` turns
images of more than 8 bits into images of 8.
"""

from keyframes.video.images.files import (
    IMAGE_ENDINGS,
    TIFF_ENDINGS,
    image_files,
    is_image_sequence,
    natural_order,
)
from keyframes.video.images.sequence import ImageSequence
from keyframes.video.images.stack import series_shape

__all__ = [
    "IMAGE_ENDINGS",
    "TIFF_ENDINGS",
    "ImageSequence",
    "image_files",
    "is_image_sequence",
    "natural_order",
    "series_shape",
]
