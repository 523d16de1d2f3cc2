"""Image files: the only module that opens one.

Pillow is used itself and not through imageio, which decodes before it tells a size, reads 16-bit colours as 8 bits
without a word, and has no way to a palette's PNG. Damaged files are errors: Pillow raises where OpenCV hands out half a
picture in silence.
"""

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from quantize.datatypes import MOST_PIXELS, Picture
from quantize.errors import ImageError

# Endings of the files that are looked for in a folder.
COMMON = (".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".png", ".tga", ".tif", ".tiff", ".webp")
SUFFIXES = frozenset((*COMMON, ".avif", ".pbm", ".pgm", ".pnm", ".ppm"))
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Of zlib: with less memory its blocks are shorter, and its codes keep up with the picture (0.7 % smaller than with 9).
MEMORY_LEVEL = 7
# The last levels make the indices of a photograph a hundredth smaller, in three times the time, and those of a drawing
# a tenth. A drawing shrinks to less than this share of its indices at once.
QUICK_LEVEL, BEST_LEVEL = 7, 9
SHARE_OF_DRAWINGS = 1 / 8
ORIENTATION = 0x0112
XMP_KEYWORD = b"XML:com.adobe.xmp"


def read_image(source: Path | bytes, name: str, max_pixels: int = MOST_PIXELS) -> Picture:
    """Read an image file.

    Parameters
    ----------
    source : Path or bytes
        The file, or what stands in it.
    name : str
        What to call it in a message.
    max_pixels : int
        Larger images are refused before any pixel of them is decoded.

    Raises
    ------
    ImageError
        Where it is no image, is damaged, or too large.
    """
    try:
        data = source if isinstance(source, bytes) else source.read_bytes()
    except OSError as error:
        raise ImageError(f"{name}: cannot be read ({error.strerror or error}); check the path") from error
    if not data:
        raise ImageError(f"{name}: is empty; give an image")
    try:
        with warnings.catch_warnings():
            # Its own limit warns of what max_pixels decides; oddities of metadata are no matter of the pixels.
            warnings.simplefilter("ignore")
            with _opened(data) as image:
                return _picture(image, name, max_pixels)
    except UnidentifiedImageError:
        raise ImageError(f"{name}: is no image that can be read; give PNG, JPEG, WebP, TIFF, GIF or BMP") from None
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: is too large ({error}); allow it with --max-pixels") from None
    except Exception as error:  # Pillow raises whatever its parsers stumble over
        raise ImageError(f"{name}: is damaged or of a kind that cannot be read ({error}); save it anew") from error


def _opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def _picture(image: Image.Image, name: str, max_pixels: int) -> Picture:
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(f"{name}: has {width} x {height} pixels, more than {max_pixels}; allow them with --max-pixels")
    notes = []
    n_frames = getattr(image, "n_frames", 1)
    if n_frames > 1:
        notes.append(f"has {n_frames} frames or pages; the first one is taken")
    if _is_deep(image):
        notes.append("has more than 8 bits a sample; they are rounded to 8")
    metadata = {}
    if image.mode not in ("CMYK", "LAB", "YCbCr", "HSV") and image.info.get("icc_profile"):
        metadata["icc"] = bytes(image.info["icc_profile"])
    if image.mode == "CMYK":
        notes.append("is CMYK; it is converted to RGB without its colour profile")
    xmp = image.info.get("xmp")
    if xmp:
        metadata["xmp"] = xmp if isinstance(xmp, bytes) else str(xmp).encode()
    image.load()
    exif = image.getexif()
    if exif:
        orientation = exif.get(ORIENTATION, 1)
        # Applied here, so that it must not be applied again.
        exif.pop(ORIENTATION, None)
        if len(exif):
            metadata["exif"] = exif.tobytes()
        image = _upright(image, orientation)
    pixels = _eight_bits(image)
    if pixels.shape[2] in (2, 4) and (pixels[..., -1] == 255).all():
        pixels = pixels[..., :-1]
    return Picture(np.ascontiguousarray(pixels), metadata, tuple(notes))


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    methods = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    return image.transpose(methods[orientation]) if orientation in methods else image


def _is_deep(image: Image.Image) -> bool:
    # Colours of 16 bits come out as 8 without a word; only what the decoder is told shows them.
    tiles = " ".join(str(tile[3]) for tile in getattr(image, "tile", []))
    return image.mode.startswith(("I", "F")) or ";16" in tiles


def _eight_bits(image: Image.Image) -> NDArray[np.uint8]:
    """Pixels (height, width, 1 to 4), uint8."""
    if image.mode.startswith("I;16") or image.mode == "I":
        samples = np.asarray(image, dtype=np.int64)
        # Rounded, and the same as a sample written twice: 257 = 65535 / 255.
        return ((np.clip(samples, 0, 65535) + 128) // 257).astype(np.uint8)[..., None]
    if image.mode == "F":
        samples = np.nan_to_num(np.asarray(image, dtype=np.float64))
        most = samples.max(initial=0)
        return np.clip(np.rint(samples * (255 if most <= 1 else 1)), 0, 255).astype(np.uint8)[..., None]
    mode = ("L" if image.mode in ("1", "L", "LA", "La") else "RGB") + ("A" if image.has_transparency_data else "")
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def png_of_palette(indices: NDArray[np.uint8], palette: NDArray[np.uint8], metadata: dict[str, bytes]) -> bytes:
    """PNG file of an indexed image, with 1, 2, 4 or 8 bits a pixel as it takes.

    Parameters
    ----------
    indices : array (height, width), uint8
    palette : array (n_entries, 4), uint8
        Entries that are not opaque come first, so that the others need no alpha.
    metadata : dict of str to bytes
    """
    height, width = indices.shape
    depth = next(bits for bits in (1, 2, 4, 8) if len(palette) <= 1 << bits)
    if depth == 8:
        packed = indices
    else:
        bits = np.unpackbits(indices[..., None], axis=2)[..., 8 - depth :]
        packed = np.packbits(bits.reshape(height, -1), axis=1)
    # Filters predict brightness; indices, even of sorted entries, compress best as they are (filter type 0).
    rows = np.pad(packed, ((0, 0), (1, 0)))
    n_transparent = int((palette[:, 3] < 255).sum())
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 3, 0, 0, 0))]
    if "icc" in metadata:
        chunks.append((b"iCCP", b"icc\0\0" + zlib.compress(metadata["icc"], 9)))
    chunks.append((b"PLTE", palette[:, :3].tobytes()))
    if n_transparent:
        chunks.append((b"tRNS", palette[:n_transparent, 3].tobytes()))
    if "exif" in metadata:
        chunks.append((b"eXIf", metadata["exif"].removeprefix(b"Exif\0\0")))
    if "xmp" in metadata:
        chunks.append((b"iTXt", XMP_KEYWORD + b"\0\1\0\0\0" + zlib.compress(metadata["xmp"], 9)))
    chunks += [(b"IDAT", _deflated(rows.tobytes())), (b"IEND", b"")]
    return PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def _deflated(rows: bytes) -> bytes:
    quick = _compressed(rows, QUICK_LEVEL)
    return quick if len(quick) > SHARE_OF_DRAWINGS * len(rows) else _compressed(rows, BEST_LEVEL)


def _compressed(rows: bytes, level: int) -> bytes:
    coder = zlib.compressobj(level, zlib.DEFLATED, zlib.MAX_WBITS, MEMORY_LEVEL)
    return coder.compress(rows) + coder.flush()


def png_of_pixels(pixels: NDArray[np.uint8], metadata: dict[str, bytes]) -> bytes:
    """PNG file of an image (height, width, 1 to 4)."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    info = PngImagePlugin.PngInfo()
    if "xmp" in metadata:
        info.add_itxt(XMP_KEYWORD.decode(), metadata["xmp"].decode("utf-8", "replace"), zip=True)
    buffer = io.BytesIO()
    image.save(
        buffer, "PNG", icc_profile=metadata.get("icc"), exif=metadata.get("exif"), pnginfo=info, compress_level=6
    )
    return buffer.getvalue()
