"""PNG files in chunks: what a file carries beside its pixels, and files of palettes.

Pillow writes the PNGs of other pixels (see `quantize.images.files`); of a palette it would not write the indices as
packed, filtered and compressed as small as they can be.
"""

import struct
import zlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from quantize.container import chunk

SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Of zlib: with less memory its blocks are shorter, and its codes keep up with the picture (0.7 % smaller than with 9).
MEMORY_LEVEL = 7
# The last levels make the indices of a photograph a hundredth smaller, in three times the time, and those of a drawing
# a tenth. A drawing shrinks to less than this share of its indices at once.
QUICK_LEVEL, BEST_LEVEL = 7, 9
SHARE_OF_DRAWINGS = 1 / 8
XMP_KEYWORD = b"XML:com.adobe.xmp"
# Of these, readers unpack no more than this; it is written as it is where it has more.
MOST_COMPRESSED_TEXT = 1 << 20
# Chunks that are carried over as they are: what the colours mean, the resolution, and texts.
COLOR_CHUNKS = frozenset((b"cHRM", b"cICP", b"gAMA", b"sRGB"))
TEXT_CHUNKS = frozenset((b"iTXt", b"tEXt", b"zTXt"))
CARRIED = COLOR_CHUNKS | TEXT_CHUNKS | {b"pHYs"}
# Texts that hold metadata which is read and written apart.
APART = (XMP_KEYWORD, b"Raw profile type exif", b"Raw profile type APP1", b"Raw profile type xmp")
INCHES_A_METER = 1 / 0.0254


def chunks_of(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each chunk of a file, as far as there are any."""
    place = len(SIGNATURE)
    while data.startswith(SIGNATURE) and place + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        yield kind, data[place + 8 : place + 8 + length]
        place += 12 + length


def carried_chunks(data: bytes, colors: bool) -> bytes:
    """Chunks of a PNG file that its copies keep, one after another; those about colours if `colors` says so."""
    kept = []
    for kind, body in chunks_of(data):
        if kind not in CARRIED or (kind in COLOR_CHUNKS and not colors):
            continue
        if kind not in TEXT_CHUNKS or body.partition(b"\0")[0] not in APART:
            kept.append(chunk(kind, body))
    return b"".join(kept)


def resolution_chunk(dots_per_inch: tuple[float, float]) -> bytes:
    """Chunk that tells a resolution, or nothing where it makes no sense."""
    across, down = (round(dots * INCHES_A_METER) for dots in dots_per_inch)
    return chunk(b"pHYs", struct.pack(">IIB", across, down, 1)) if 0 < across < 1 << 31 and 0 < down < 1 << 31 else b""


def comment_chunk(comment: bytes) -> bytes:
    """Chunk of a comment of another format, in UTF-8 or else Latin-1, or nothing where it is empty."""
    comment = comment.replace(b"\0", b" ").strip()
    if not comment:
        return b""
    try:
        comment.decode()
    except UnicodeDecodeError:
        return chunk(b"tEXt", b"Comment\0" + comment)
    return chunk(b"iTXt", b"Comment\0\0\0\0\0" + comment)


def with_chunks(data: bytes, chunks: bytes) -> bytes:
    """PNG file with more chunks, behind its header."""
    end = len(SIGNATURE) + 25
    return data[:end] + chunks + data[end:]


def xmp_chunk(xmp: bytes) -> bytes:
    """Chunk of XMP metadata."""
    if len(xmp) > MOST_COMPRESSED_TEXT:
        return chunk(b"iTXt", XMP_KEYWORD + b"\0\0\0\0\0" + xmp)
    return chunk(b"iTXt", XMP_KEYWORD + b"\0\1\0\0\0" + zlib.compress(xmp, 9))


def png_of_palette(indices: NDArray[np.uint8], palette: NDArray[np.uint8], metadata: dict[str, bytes]) -> bytes:
    """PNG file of an indexed image, with 1, 2, 4 or 8 bits a pixel, whichever makes it smaller.

    Parameters
    ----------
    indices : array (height, width), uint8
    palette : array (n_entries, 4), uint8
        Entries that are not opaque come first, so that the others need no alpha.
    metadata : dict of str to bytes
        As of `quantize.datatypes.Picture`.
    """
    height, width = indices.shape
    depth, data = _coded(indices, len(palette))
    n_transparent = int((palette[:, 3] < 255).sum())
    parts = [SIGNATURE, chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 3, 0, 0, 0))]
    parts.append(metadata.get("png", b""))
    if "icc" in metadata:
        parts.append(chunk(b"iCCP", b"icc\0\0" + zlib.compress(metadata["icc"], 9)))
    parts.append(chunk(b"PLTE", palette[:, :3].tobytes()))
    if n_transparent:
        parts.append(chunk(b"tRNS", palette[:n_transparent, 3].tobytes()))
    if "exif" in metadata:
        parts.append(chunk(b"eXIf", metadata["exif"].removeprefix(b"Exif\0\0")))
    if "xmp" in metadata:
        parts.append(xmp_chunk(metadata["xmp"]))
    return b"".join([*parts, chunk(b"IDAT", data), chunk(b"IEND", b"")])


def _coded(indices: NDArray[np.uint8], n_entries: int) -> tuple[int, bytes]:
    """Bits a pixel, and the compressed rows of indices.

    A byte for each pixel may take less than several pixels in a byte, where nothing begins at a byte's edge. Rows of
    drawings are compressed as differences too, which slopes may prefer.
    """
    least = next(bits for bits in (1, 2, 4, 8) if n_entries <= 1 << bits)
    forms = {bits: _rows(indices, bits) for bits in {least, 8}}
    quick = {bits: _compressed(rows, QUICK_LEVEL) for bits, rows in forms.items()}
    best = min(quick, key=lambda bits: len(quick[bits]))
    if len(quick[best]) > SHARE_OF_DRAWINGS * indices.size:
        return best, quick[best]
    tried = [(bits, _compressed(rows, BEST_LEVEL)) for bits, rows in forms.items()]
    differences = forms[8].copy()
    differences[:, 0] = 1
    differences[:, 2:] -= forms[8][:, 1:-1]
    return min([*tried, (8, _compressed(differences, BEST_LEVEL))], key=lambda found: len(found[1]))


def _rows(indices: NDArray[np.uint8], bits: int) -> NDArray[np.uint8]:
    """Rows with so many bits a pixel, each behind the number of its filter: none."""
    packed = indices
    if bits < 8:
        digits = np.unpackbits(indices[..., None], axis=2)[..., 8 - bits :]
        packed = np.packbits(digits.reshape(len(indices), -1), axis=1)
    return np.pad(packed, ((0, 0), (1, 0)))


def _compressed(rows: NDArray[np.uint8], level: int) -> bytes:
    coder = zlib.compressobj(level, zlib.DEFLATED, zlib.MAX_WBITS, MEMORY_LEVEL)
    return coder.compress(rows.tobytes()) + coder.flush()
