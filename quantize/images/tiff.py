"""TIFF files: what their tags tell, and Pillow does not."""

import io
from collections.abc import Mapping
from typing import Any

from PIL import TiffImagePlugin, UnidentifiedImageError

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# Tags of how a file stores its own samples, which say nothing of a result, and ...
BITS, INTERPRETATION, N_SAMPLES, PLANES, FORMAT = 258, 262, 277, 284, 339
WHITE_IS_ZERO, SEPARATE = 0, 2
FORMATS = {1: "integers", 2: "signed integers", 3: "floats", 5: "complex integers", 6: "complex numbers"}
# ... of what it shows: description, make, model, resolution, software, time, artist, host, copyright, Exif and GPS.
DESCRIPTIVE = frozenset((270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 33432, 34665, 34853))


def bits_of(tags: Mapping[int, Any]) -> int:
    """Bits of a sample; 0 without any tags."""
    return max(_numbers(tags.get(BITS, 0)))


def mend_planes(image: Any, tags: Mapping[int, Any], data: bytes) -> None:
    """Have Pillow read planes of 16 bits as such: where they are not compressed, it takes each byte for a sample.

    UnidentifiedImageError for planes that it cannot read, or of which it reads the first one alone: gray and alpha.
    """
    if tags.get(PLANES) != SEPARATE or tags.get(N_SAMPLES, 1) == 1:
        return
    is_deep = bits_of(tags) == 16
    is_compressed = all(tile[0] != "raw" for tile in image.tile)
    if image.mode == "LA" or (image.mode == "CMYK" and is_deep and not is_compressed):
        raise UnidentifiedImageError
    if not is_deep:
        return
    # Pillow calls the order of bytes so: least or most significant first.
    depth = ";16B" if data.startswith(b"MM") else ";16L"
    image.tile = [
        tile._replace(args=(tile.args[0] + depth, *tile.args[1:])) if tile[0] == "raw" else tile for tile in image.tile
    ]


def kind_of(data: bytes) -> str:
    """Describe the samples of a file, such as "64-bit floats, 3 a pixel"; nothing where its tags cannot be read."""
    try:
        file = io.BytesIO(data)
        # The header of a BigTIFF is twice as long.
        tags = TiffImagePlugin.ImageFileDirectory_v2(file.read(16 if b"+" in data[2:4] else 8))
        file.seek(tags.next)
        tags.load(file)
        name = FORMATS.get(max(_numbers(tags.get(FORMAT, 1))), "samples")
        kind = f"{bits_of(tags)}-bit {name}"
        n_samples = int(tags.get(N_SAMPLES, 1))
        inverse = tags.get(INTERPRETATION) == WHITE_IS_ZERO
        planes = n_samples > 1 and tags.get(PLANES) == SEPARATE
    except Exception:
        # The file may be broken anywhere, and Pillow's parser raises what it stumbles over. That it cannot be read is
        # reported in any case; only what kind it is stays unsaid.
        return ""
    kind += f", {n_samples} a pixel" if n_samples > 1 else ""
    return kind + (" in separate planes" if planes else "") + (", white is 0" if inverse else "")


def _numbers(value: Any) -> tuple[int, ...]:
    """Return the numbers of a tag, which may be one for each sample."""
    return value if isinstance(value, tuple) else (int(value),)
