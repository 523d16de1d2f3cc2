"""Which files hold images, and in which order."""

import os
import re
from contextlib import suppress
from pathlib import Path

TIFF_ENDINGS = frozenset({".tif", ".tiff"})
IMAGE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".pgm", ".ppm"}) | TIFF_ENDINGS
ANIMATION_ENDINGS = frozenset({".gif", ".png", ".apng", ".webp"})


def is_image_sequence(path: Path) -> bool:
    """Whether this is a folder with images in it, a TIFF, or an image that may be animated."""
    if os.path.isdir(path):
        # What reads the header says why a folder cannot be listed.
        with suppress(OSError):
            return bool(image_files(path))
        return False
    return path.suffix.lower() in TIFF_ENDINGS | ANIMATION_ENDINGS


def image_files(folder: Path) -> tuple[Path, ...]:
    """List the images of a folder in the order of their names, numbers in them counted as numbers."""
    files = (path for path in folder.iterdir() if path.suffix.lower() in IMAGE_ENDINGS and path.name[0] != ".")
    return tuple(sorted((path for path in files if path.is_file()), key=natural_order))


def natural_order(path: Path) -> tuple[list[tuple[int, str]], str]:
    """Sort key of a name in which numbers count as numbers."""
    parts = re.split(r"([0-9]+)", path.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], path.name
