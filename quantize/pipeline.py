"""From an image to a file and back, whichever profile serves it."""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quantize.container import Container, pack, pack_book, unpack
from quantize.datatypes import MOST_COLORS, MOST_PIXELS, Encoded, Options, Picture, Settings, psnr_of, whole_number
from quantize.errors import (
    CodebookError,
    ContainerError,
    OutputError,
    QualityRefusal,
    QuantizeError,
    SettingsError,
    TargetError,
    check,
)
from quantize.images.png import png_of_palette
from quantize.palette.colors import as_rgba, find_colors
from quantize.palette.profile import as_original, encode_palette, n_bits_of

if TYPE_CHECKING:
    from types import ModuleType

    from typing_extensions import Unpack

    from quantize.block.profile import SharedBook

# To look at before all pixels are counted.
SAMPLED_PIXELS = 4096
# A palette is tried where as many pixels are like their left neighbour: of photographs, hardly any are.
FLAT_SHARE = 0.2
# And taken where it is smaller and its PSNR is this, or as good as that of the other.
LEAST_PALETTE_PSNR = 30.0
# Icons, of at most so many rows and columns, stay as they are if a palette can hold their colours.
ICON_SIDE = 64


def encode(
    image: NDArray[np.uint8], *, codebook: str | Path | bytes | None = None, **options: "Unpack[Options]"
) -> bytes:
    """Encode an image as a .vqi file.

    Parameters
    ----------
    image : array (height, width) or (height, width, 1 to 4), uint8
        Gray, gray and alpha, red green blue, or these and alpha.
    codebook : path, bytes or None
        A shared codebook.
    **options
        The attributes of `Settings`.

    Returns
    -------
    bytes

    Raises
    ------
    SettingsError
        Where an option is wrong, or the image is not such an array.
    CodebookError
        Where the codebook cannot be read, or is for other blocks or another subsampling.
    TargetError
        Where a size or PSNR that was asked for is out of reach, or the image is a strip too narrow for the profile.
    QualityRefusal
        Where the result would be below `min_quality`.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.zeros((4, 6, 3), np.uint8)
    >>> bool((decode(encode(image)) == image).all())
    True
    """
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or not 1 <= pixels.shape[2] <= 4 or pixels.size == 0:
        raise SettingsError(
            "image must be uint8, (height, width) or (height, width, 1 to 4), and not empty; "
            f"got {pixels.dtype} {pixels.shape}"
        )
    shared = None if codebook is None else load_book(codebook)
    return encode_picture(Picture(np.ascontiguousarray(pixels)), Settings.of(**options), ".vqi", shared).data


def decode(
    data: bytes, *, codebook: str | Path | bytes | None = None, max_pixels: int = MOST_PIXELS, level: int = 0
) -> NDArray[np.uint8]:
    """Decode a .vqi file.

    Parameters
    ----------
    data : bytes
    codebook : path, bytes or None
        The shared codebook that the file was made with.
    max_pixels : int
        Larger images are refused before anything is allocated.
    level : int, default=0
        Of a multi-resolution file: how many times to halve the image. The file may end before its finer levels.

    Returns
    -------
    array (height, width), or (height, width, 2 to 4), uint8

    Raises
    ------
    SettingsError
        Where `data` is not bytes, or `level` is not a whole number.
    ContainerError
        Where the file is damaged, has more pixels than `max_pixels`, or no such level.
    CodebookError
        Where the codebook cannot be read, or the file needs another one.
    """
    if not isinstance(data, bytes):
        raise SettingsError(f"data must be the bytes of a .vqi file, not of type {type(data).__name__}")
    level = whole_number("level", level)
    shared = None if codebook is None else load_book(codebook)
    pixels = decode_picture(data, shared, max_pixels, level).pixels
    return pixels[..., 0] if pixels.shape[2] == 1 else pixels


def encode_picture(picture: Picture, settings: Settings, ending: str, shared: "SharedBook | None" = None) -> Encoded:
    """Encode with the profile that was asked for, or that serves the image, as a file with this ending.

    It is ".png", ".vqi" or "auto". Only a palette can be a PNG; "auto" makes one of each palette. An OutputError says
    that there is no such kind of file, a QualityRefusal that the result is below the least quality.
    """
    if ending not in (".png", ".vqi", "auto"):
        unknown = f"{ending} files cannot be written" if ending else "the output has no extension"
        raise OutputError(f"{unknown}; name a .vqi or .png file with -o")
    if ending == ".png" and (settings.wants_blocks or settings.wants_levels):
        raise SettingsError("only a palette can be a .png; name a .vqi file with -o, or ask for --block 1")
    if ending == ".png" and (settings.codewords or 0) > MOST_COLORS:
        raise SettingsError(f"a .png has at most {MOST_COLORS} colours; name a .vqi file with -o, or lower --codewords")
    if shared is not None and (ending == ".png" or settings.wants_palette or settings.wants_levels):
        raise SettingsError("a codebook is for blocks; leave it out, or name a .vqi file with -o")
    encoded = _encoded(picture, settings, ending, shared)
    encoded = replace(encoded, notes=(*encoded.notes, *_unused(settings, encoded.profile, shared is not None)))
    encoded = _no_larger(encoded, picture, settings)
    if settings.min_quality is not None and encoded.psnr < (least := psnr_of(settings.min_quality)):
        raise QualityRefusal(
            f"its PSNR would be {encoded.psnr:.2f} dB, below the {least:.2f} dB of quality {settings.min_quality}; not "
            "written"
        )
    return encoded


def _unused(settings: Settings, profile: str, has_codebook: bool) -> list[str]:
    """Say which settings had no effect on an image that was encoded with a profile, or with a shared codebook."""
    notes = []
    if settings.dither_strength and profile != "palette":
        notes.append("was not dithered, because it is not a palette; use --block 1 for one")
    if settings.tune is not None and profile != "multiresolution":
        notes.append(f"was not tuned for {settings.tune}; use --profile multiresolution for that")
    if settings.subsampling is not None and profile != "block":
        notes.append("was encoded without --subsampling, which only blocks use; use --block 2 for blocks")
    if has_codebook:
        training = {"codewords": settings.codewords, "algorithm": settings.algorithm != "kmeans", "seed": settings.seed}
        unused = [f"--{name}" for name, given in training.items() if given]
        return [*notes, *(f"was encoded without {name}, because the codebook is trained already" for name in unused)]
    if settings.algorithm != "kmeans" and profile != "block":
        notes.append(f"was encoded without {settings.algorithm}, which only blocks use; use --block 2 for blocks")
    if settings.seed and profile == "multiresolution":
        notes.append("was encoded without the seed, which only palettes and blocks use")
    return notes


def _no_larger(encoded: Encoded, picture: Picture, settings: Settings) -> Encoded:
    """Return the file of the image itself where it is a palette of the same pixels, and smaller."""
    unchanged = encoded.ending == ".png" and encoded.psnr == float("inf") and not settings.strip
    if not unchanged or not 0 < len(picture.palette_file) < len(encoded.data):
        return encoded
    note = "is a palette already and would not become smaller; the result is a copy"
    return replace(encoded, data=picture.palette_file, notes=(*encoded.notes, note))


def _encoded(picture: Picture, settings: Settings, ending: str, shared: "SharedBook | None") -> Encoded:
    of_palette = ".vqi" if ending == ".vqi" else ".png"
    metadata = {} if settings.strip else picture.metadata

    def write(indices: NDArray[np.uint8], palette: NDArray[np.uint8], pixels: NDArray[np.uint8]) -> bytes:
        if of_palette == ".png":
            return png_of_palette(indices, palette, metadata)
        # Loaded here, with Numba: a palette's PNG does without.
        from quantize.entropy.streams import encode_symbols

        chunks = [(b"PLTE", palette.tobytes()), (b"INDX", encode_symbols(indices, n_bits_of(len(palette))))]
        return pack("palette", pixels, chunks, metadata)

    if ending == ".png" or settings.wants_palette:
        return encode_palette(picture, settings, write, of_palette)
    if settings.wants_blocks or settings.of_blocks or shared is not None:
        return _profile("block").encode_blocks(picture, settings, shared)
    if settings.wants_levels:
        return _profile("multiresolution").encode_levels(picture, settings)
    if not _may_be_drawn(picture.pixels):
        return _of_photograph(picture, settings)

    def drawn() -> Encoded:
        return encode_palette(picture, replace(settings, quality=None, tune=None), write, of_palette)

    if settings.psnr is not None or settings.bpp is not None or settings.max_bytes is not None:
        return _better(drawn, lambda: _of_photograph(picture, settings), settings)
    palette = drawn()
    # Nothing is lost with so few colours, and nobody wants to lose icons, unless a quality is asked for.
    is_icon = max(picture.pixels.shape[:2]) <= ICON_SIDE and settings.quality is None
    if palette.psnr == float("inf") and is_icon:
        return palette
    encoded = _of_photograph(picture, settings)
    good = palette.psnr >= min(LEAST_PALETTE_PSNR, encoded.psnr)
    return palette if good and len(palette.data) <= len(encoded.data) else encoded


def _better(drawn: Callable[[], Encoded], photographed: Callable[[], Encoded], settings: Settings) -> Encoded:
    """Encode in both ways what may be a drawing, and return what serves the target better; TargetError if neither."""
    try:
        palette = drawn()
    except TargetError:
        return photographed()
    if palette.psnr == float("inf") and settings.psnr is None:
        # No more bytes would help.
        return palette
    try:
        encoded = photographed()
    except TargetError:
        return palette
    if settings.psnr is None:
        return palette if palette.psnr >= encoded.psnr else encoded
    return palette if len(palette.data) <= len(encoded.data) else encoded


def _profile(name: str) -> "ModuleType":
    """Load a profile: the kernels of one that an image does without take longer than to read it."""
    return import_module(f"quantize.{name}.profile")


def _of_photograph(picture: Picture, settings: Settings) -> Encoded:
    """Encode with the profile for photographs; strips of a few rows in blocks."""
    if _profile("multiresolution").serves(*picture.pixels.shape[:2]):
        return _profile("multiresolution").encode_levels(picture, settings)
    return _profile("block").encode_blocks(picture, settings)


def _may_be_drawn(pixels: NDArray[np.uint8]) -> bool:
    """Whether a palette may serve an image: there are few colours, or large parts of one."""
    rows = pixels[:: max(1, len(pixels) // 64)]
    alike = (rows[:, 1:] == rows[:, :-1]).all(axis=2)
    return alike.size == 0 or float(alike.mean()) >= FLAT_SHARE or _has_few_colors(pixels)


def _has_few_colors(pixels: NDArray[np.uint8]) -> bool:
    """Whether a palette can hold all colours; of most images a few thousand pixels tell that it cannot."""
    flat = pixels.reshape(-1, pixels.shape[2])
    sample = flat[:: max(1, len(flat) // SAMPLED_PIXELS)]
    seen = sample if pixels.shape[2] in (1, 3) else sample[sample[:, -1] > 0]
    if len(set(map(bytes, seen))) > MOST_COLORS:
        return False
    return len(find_colors(as_rgba(pixels)).rgba) <= MOST_COLORS


def decode_picture(
    data: bytes, shared: "SharedBook | None" = None, max_pixels: int = MOST_PIXELS, level: int = 0
) -> Picture:
    """Decode a .vqi file with its metadata, or the smaller picture of a level."""
    container = unpack(data, max_pixels, may_be_cut=level > 0)
    if level != 0 and container.profile != "multiresolution":
        raise ContainerError(f"has no levels (profile {container.profile}); leave out --level")
    if container.profile == "palette":
        pixels = _decode_palette(container)
    elif container.profile == "block":
        pixels = _with_alpha(_profile("block").decode_blocks(container, shared), container)
    else:
        pixels = _with_alpha(_profile("multiresolution").decode_levels(container, level), container, level)
    right = level > 0 or zlib.crc32(pixels.data) == container.checksum
    check(right, "does not decode to the pixels that it was made with")
    return Picture(pixels, container.metadata)


def _with_alpha(colors: NDArray[np.uint8], container: Container, level: int = 0) -> NDArray[np.uint8]:
    """Add alpha where there is any; of a smaller picture, one pixel of each square."""
    if container.channels == container.n_planes:
        return colors
    from quantize.entropy.streams import decode_symbols

    alpha = decode_symbols(container.one(b"ALPH"), container.height, container.width, 8)
    return np.concatenate([colors, alpha[:: 1 << level, :: 1 << level, None]], axis=2)


def _decode_palette(container: Container) -> NDArray[np.uint8]:
    from quantize.entropy.streams import decode_symbols

    palette = _palette_of(container)
    indices = decode_symbols(container.one(b"INDX"), container.height, container.width, n_bits_of(len(palette)))
    check(indices.max() < len(palette), "has an index beyond its palette")
    return as_original(palette[indices], container.channels)


def _palette_of(container: Container) -> NDArray[np.uint8]:
    """Read the chunk PLTE: colours (n_colors, 4), red green blue alpha."""
    entries = container.one(b"PLTE")
    check(len(entries) % 4 == 0 and 4 <= len(entries) <= 4 * MOST_COLORS, "has a palette of an impossible size")
    return np.frombuffer(entries, np.uint8).reshape(-1, 4)


def describe(data: bytes, max_pixels: int = MOST_PIXELS) -> dict[str, Any]:
    """Tell what a .vqi file says of itself, without decoding it; ContainerError where that is damaged."""
    container = unpack(data, max_pixels)
    found: dict[str, Any] = {
        "profile": container.profile,
        "width": container.width,
        "height": container.height,
        "channels": container.channels,
        "bytes": len(data),
        "bits_per_pixel": 8 * len(data) / (container.width * container.height),
    }
    if container.profile == "palette":
        found["colors"] = len(_palette_of(container))
    elif container.profile == "multiresolution":
        found |= _profile("multiresolution").describe_levels(container)
    else:
        found |= _profile("block").describe_blocks(container)
    found["metadata"] = sorted(container.metadata)
    sizes: dict[str, int] = {}
    for kind, body in container.chunks:
        sizes[kind.decode()] = sizes.get(kind.decode(), 0) + len(body)
    return {**found, "chunks": sizes}


def load_book(source: str | Path | bytes) -> "SharedBook":
    """Read a .vqc file; CodebookError where it cannot be read, or is none."""
    name = "the codebook" if isinstance(source, bytes) else source
    try:
        return _profile("block").read_book(source if isinstance(source, bytes) else Path(source).read_bytes())
    except OSError as error:
        raise CodebookError(f"{name}: cannot be read ({error.strerror or error}); check --codebook") from error
    except QuantizeError as error:
        raise CodebookError(f"{name}: {error}") from error


def train_codebook(pictures: Iterable[Picture], settings: Settings) -> bytes:
    """Train one codebook on many images, one of which is held at a time: the bytes of a .vqc file."""
    return pack_book(*_profile("block").train_book(pictures, settings))
