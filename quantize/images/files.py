"""Image files: the only module that opens one.

Pillow is used itself and not through imageio, which decodes before it tells a size, reads 16-bit colours as 8 bits
without a word, and has no way to a palette's PNG. Damaged files are errors: Pillow raises where OpenCV hands out half a
picture in silence.
"""

import io
import re
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from quantize.container import IMAGE_SIGNATURE, MOST_METADATA
from quantize.datatypes import MOST_PIXELS, Picture
from quantize.errors import ImageError
from quantize.images import tiff
from quantize.images.color_profiles import SPACES, space_of, to_srgb
from quantize.images.png import carried_chunks, comment_chunk, resolution_chunk, with_chunks, xmp_chunk
from quantize.images.samples import ROUNDED, bits_a_sample, clear_sample, eight_bits, sixteen_bits

# Endings of the files that are looked for in a folder.
COMMON = (".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".png", ".tga", ".tif", ".tiff", ".webp")
SUFFIXES = frozenset((*COMMON, ".avif", ".pbm", ".pgm", ".pnm", ".ppm"))
ORIENTATION = 0x0112
# The orientation in XMP metadata, as an attribute or an element.
XMP_ORIENTATION = re.compile(rb"(tiff:Orientation\s*(?:=\s*[\"']|>)\s*)[1-8]")
PALETTE_MODES = ("P", "1")
# Formats whose comments people write; those of others name the program that wrote the file.
COMMENTED = ("GIF", "JPEG", "MPO")
# Held while Pillow has no limit of its own.
_limit = threading.Lock()


class _Silence:
    """Warnings are the whole process's: they are kept back as long as any thread wants that, and then as before.

    A thread that restored them by itself would do so while others still read, or restore what another one had set.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_threads = 0
        self._restoring = ExitStack()

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Keep warnings back."""
        with self._lock:
            if self._n_threads == 0:
                self._restoring.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
            self._n_threads += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_threads -= 1
                if self._n_threads == 0:
                    self._restoring.close()


_silence = _Silence()


def read_file(path: Path) -> bytes:
    """Bytes of a file; ImageError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ImageError(f"{path}: cannot be read ({error.strerror or error}); check the path") from error


def read_image(source: Path | bytes, name: str, max_pixels: int = MOST_PIXELS) -> Picture:
    """Read an image file, or what stands in it; `name` is what messages call it.

    Images of more than `max_pixels` are refused before any pixel of them is decoded. ImageError where it is no image,
    is damaged, or too large.
    """
    data = source if isinstance(source, bytes) else read_file(source)
    check_may_be_image(data, name)
    try:
        # Its own limit warns of what max_pixels decides; oddities of metadata are no matter of the pixels.
        with _silence.kept(), _opened(data) as image:
            return _picture(image, data, name, max_pixels)
    except UnidentifiedImageError:
        if data.startswith(tiff.SIGNATURES):
            kind = tiff.kind_of(data) or "unknown"
            told = f"this kind of TIFF ({kind}) is not supported; save it as PNG"
            raise ImageError(f"{name}: {told}") from None
        raise ImageError(f"{name}: is not an image that can be read; give PNG, JPEG, WebP, TIFF, GIF or BMP") from None
    except ImageError:
        raise
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name}: is too large for Pillow ({error}); save it as PNG") from None
    except Exception as error:  # Pillow raises whatever its parsers stumble over
        raise ImageError(f"{name}: is damaged or of a kind that cannot be read ({error}); save it again") from error


def check_may_be_image(data: bytes, name: str) -> None:
    """Raise an ImageError where a file is empty, or is a result already; `name` is what the message calls it."""
    if not data:
        raise ImageError(f"{name}: is empty; give an image")
    if data.startswith(IMAGE_SIGNATURE):
        raise ImageError(f"{name}: is a .vqi file; decode it with --decode")


def _opened(data: bytes) -> Image.Image:
    try:
        return _open(data)
    except UnidentifiedImageError:
        raise
    except Exception:
        # Pillow looks into a JPEG's EXIF data for a resolution; the image may be good where these are not.
        bare = _without_exif(data)
        if bare is None:
            raise
        image = _open(bare)
        image.info["quantize note"] = "has EXIF data that cannot be read and is left out"
        return image


def _open(data: bytes) -> Image.Image:
    with _without_limit():
        return Image.open(io.BytesIO(data))


@contextmanager
def _without_limit() -> Iterator[None]:
    """Let `max_pixels` alone say what is too large; Pillow's limit is one of the whole process."""
    with _limit:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _without_exif(data: bytes) -> bytes | None:
    """JPEG file without its EXIF data, or None if it has none."""
    place = 2
    while data.startswith(b"\xff\xd8") and data[place : place + 1] == b"\xff" and data[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if data[place + 1] == 0xE1 and data[place + 4 : place + 10] == b"Exif\0\0":
            return data[:place] + data[end:]
        place = end
    return None


def _picture(image: Image.Image, data: bytes, name: str, max_pixels: int) -> Picture:
    """Decode an opened image, and keep its metadata; ImageError where it has more than `max_pixels` pixels."""
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(f"{name}: has {width} x {height} pixels, more than {max_pixels}; allow them with --max-pixels")
    notes: list[str] = []
    n_frames = getattr(image, "n_frames", 1)
    if n_frames > 1:
        notes.append(f"has {n_frames} frames or pages; only the first one is used")
    # Turned images have no tags.
    tags: Mapping[int, Any] = getattr(image, "tag_v2", {})
    tiff.mend_planes(image, tags, data)
    # Colours of TIFFs of 16 bits come out as 8 without a word; only what the decoder is told shows them.
    tiles = " ".join(str(tile[3]) for tile in getattr(image, "tile", []))
    bits, mode = bits_a_sample(data), image.mode
    # A TIFF is held against Pillow's limit once more.
    with _without_limit() if width * height > MOST_PIXELS else nullcontext():
        image.load()
    metadata: dict[str, bytes] = {}
    image, orientation = _with_exif(image, metadata, notes)
    xmp = image.info.get("xmp")
    if xmp:
        metadata["xmp"] = XMP_ORIENTATION.sub(rb"\g<1>1", xmp if isinstance(xmp, bytes) else str(xmp).encode())
    clear = clear_sample(data)
    if clear is not None:
        image.info.pop("transparency", None)
    pixels, is_srgb = _converted(image, tags, metadata, notes)
    if clear is not None:
        pixels = np.concatenate([pixels, _alpha_of(np.asarray(image), clear, bits)[..., None]], axis=2)
    if (bits > 8 or ";16" in tiles) and ROUNDED not in notes and not mode.startswith(("I", "F")):
        notes.append(ROUNDED)
    chunks = _chunks_for(image, data, is_srgb)
    if chunks:
        metadata["png"] = chunks
    _drop_what_is_too_much(metadata, notes)
    if pixels.shape[2] in (2, 4) and (pixels[..., -1] == 255).all():
        pixels = pixels[..., :-1]
    whole = data.startswith(b"\x89PNG") and mode in PALETTE_MODES and n_frames == 1 and orientation == 1 and not notes
    return Picture(np.ascontiguousarray(pixels), metadata, tuple(notes), data if whole else b"")


def _with_exif(image: Image.Image, metadata: dict[str, bytes], notes: list[str]) -> tuple[Image.Image, int]:
    """Turn an image upright, and keep its EXIF data; returns it, and its orientation as it was."""
    told = image.info.pop("quantize note", None)
    if told:
        notes.append(told)
    orientation = 1
    try:
        exif = image.getexif()
        # Applied here, so that it must not be applied again.
        orientation = exif.pop(ORIENTATION, 1)
        if image.format == "TIFF":
            for tag in set(exif) - tiff.DESCRIPTIVE:
                del exif[tag]
        if len(exif):
            metadata["exif"] = exif.tobytes()
    except Exception:  # whatever Pillow's parser stumbles over
        notes.append("has EXIF data that cannot be read and is left out")
    methods = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }
    if orientation not in methods:
        return image, 1
    kind = image.format
    turned = image.transpose(methods[orientation])
    turned.format = kind
    return turned, orientation


def _converted(
    image: Image.Image, tags: Mapping[int, Any], metadata: dict[str, bytes], notes: list[str]
) -> tuple[NDArray[np.uint8], bool]:
    """Pixels (height, width, 1 to 4), and whether they were converted to sRGB; else a profile goes with them."""
    profile = image.info.get("icc_profile") or b""
    if image.mode in ("CMYK", "LAB"):
        return _to_rgb(image, profile, notes), True
    deep = image.mode.startswith(("I", "F"))
    pixels = _eight_bits_of(image, tags, notes) if deep else samples_of(image)
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    space = space_of(profile)
    if space == SPACES["L"] and pixels.shape[2] < 3:
        return _gray_through(pixels, profile, notes)
    if space == SPACES["RGB"] and not deep:
        metadata["icc"] = bytes(profile)
    elif profile:
        notes.append("has a colour profile that does not fit its colours; it is left out")
    return pixels, False


def _eight_bits_of(image: Image.Image, tags: Mapping[int, Any], notes: list[str]) -> NDArray[np.uint8]:
    """Return the samples (height, width) of an image with one channel of more than 8 bits, and a TIFF's tags."""
    samples, bits = np.asarray(image), tiff.bits_of(tags)
    if samples.dtype.kind != "f":
        samples = sixteen_bits(samples, bits, tags.get(tiff.INTERPRETATION) == tiff.WHITE_IS_ZERO)
    return eight_bits(samples, notes, is_wide=bits > 16)


def samples_of(image: Image.Image) -> NDArray[np.uint8]:
    """Return the samples (height, width, 1 to 4) of a Pillow image in gray, colours or a palette, of 8 bits at most."""
    mode = ("L" if image.mode in ("1", "L", "LA", "La") else "RGB") + ("A" if image.has_transparency_data else "")
    samples = np.asarray(image if image.mode == mode else image.convert(mode))
    return samples[..., None] if samples.ndim == 2 else samples


def _to_rgb(image: Image.Image, profile: bytes, notes: list[str]) -> NDArray[np.uint8]:
    """Pixels of a CMYK or CIELAB image in sRGB."""
    named = "CIELAB" if image.mode == "LAB" else "CMYK"
    if named == "CIELAB" or space_of(profile) == SPACES["CMYK"]:
        try:
            converted = np.asarray(to_srgb(image, None if named == "CIELAB" else profile))
        except ValueError:
            pass
        else:
            notes.append(f"is {named}; it is converted to sRGB{' through its colour profile' if profile else ''}")
            return converted
    notes.append(f"is {named}; it is converted to RGB without a colour profile")
    return np.asarray(image.convert("RGB"))


def _gray_through(pixels: NDArray[np.uint8], profile: bytes, notes: list[str]) -> tuple[NDArray[np.uint8], bool]:
    """Gray pixels in sRGB: palettes, which are in colour, cannot have a profile of gray."""
    try:
        # All there are: an image may have many of each.
        levels = np.asarray(to_srgb(Image.fromarray(np.arange(256, dtype=np.uint8)[None]), profile))[0, :, 1]
    except ValueError:
        notes.append("has a colour profile that cannot be used; it is left out")
        return pixels, False
    notes.append("has a gray colour profile; it is converted to sRGB")
    return np.concatenate([levels[pixels[..., :1]], pixels[..., 1:]], axis=2), True


def _alpha_of(samples: NDArray[Any], clear: tuple[int, ...], bits: int) -> NDArray[np.uint8]:
    """Alpha of an image whose file names a sample, or three, for what is transparent."""
    # Pillow spreads few bits over a byte, and keeps the upper half of 16 bits of a colour.
    few = 255 // ((1 << bits) - 1) if bits < 8 else 1
    wanted = np.array(clear) >> 8 if len(clear) == 3 and bits == 16 else np.array(clear) * few
    if samples.dtype == bool:
        samples = samples.astype(np.uint8) * 255
    same = samples == wanted[0] if len(clear) == 1 else (samples == wanted).all(axis=2)
    return np.where(same, 0, 255).astype(np.uint8)


def _chunks_for(image: Image.Image, data: bytes, is_srgb: bool) -> bytes:
    """Chunks of a PNG file that go with an image: those that it has, and its resolution and comment if it is no PNG.

    Where it was converted to sRGB, those about its colours hold no more.
    """
    chunks = carried_chunks(data, colors=not is_srgb)
    if image.format != "PNG" and image.info.get("dpi"):
        chunks += _resolution(image.info["dpi"])
    if image.format in COMMENTED and isinstance(image.info.get("comment"), bytes):
        chunks += comment_chunk(image.info["comment"])
    return chunks


def _resolution(dots_per_inch: object) -> bytes:
    """Chunk of a resolution as Pillow tells it, which may be anything; nothing where it is none."""
    try:
        across, down = (float(dots) for dots in dots_per_inch)  # type: ignore[attr-defined]
        return resolution_chunk((across, down))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        return b""


def _drop_what_is_too_much(metadata: dict[str, bytes], notes: list[str]) -> None:
    """Leave out metadata that no reader would take back."""
    for key in [key for key, value in metadata.items() if len(value) > MOST_METADATA]:
        size = len(metadata.pop(key)) / (1 << 20)
        notes.append(f"has {size:.1f} MiB of metadata ({key}), more than {MOST_METADATA >> 20} MiB; they are left out")


def png_of_pixels(pixels: NDArray[np.uint8], metadata: dict[str, bytes]) -> bytes:
    """PNG file of an image (height, width, 1 to 4)."""
    profile = metadata.get("icc")
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    if profile and pixels.shape[2] < 3 and space_of(profile) != SPACES["L"]:
        # A profile of colours is not allowed with gray.
        image = image.convert("RGB" if pixels.shape[2] == 1 else "RGBA")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", icc_profile=profile, exif=metadata.get("exif"), compress_level=6)
    chunks = metadata.get("png", b"") + (xmp_chunk(metadata["xmp"]) if "xmp" in metadata else b"")
    return with_chunks(buffer.getvalue(), chunks)
