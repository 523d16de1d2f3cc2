"""Samples of more than 8 bits: which files have them, and what becomes of them."""

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantize.images.png import SIGNATURE, chunks_of

JPEG_2000 = b"\xff\x4f\xff\x51"
# Place of the first component's depth behind the start of a JPEG 2000 stream.
JPEG_2000_DEPTH = 42
ROUNDED = "has more than 8 bits per sample; they are rounded to 8"


def bits_a_sample(data: bytes) -> int:
    """Bits of a sample as a file tells them: PNG, AVIF, JPEG 2000 and PPM; 8 of all others.

    Pillow hands these out as 8 bits without a word.
    """
    if data.startswith(SIGNATURE):
        return data[24]
    if data[4:8] == b"ftyp" and b"av1C" in data:
        flags = data[data.index(b"av1C") + 6]
        return (12 if flags & 32 else 10) if flags & 64 else 8
    start = data.find(JPEG_2000, 0, 1 << 16)
    if start >= 0 and len(data) > start + JPEG_2000_DEPTH:
        return (data[start + JPEG_2000_DEPTH] & 127) + 1
    if data[:2] in (b"P3", b"P6"):
        return max(8, _portable_most(data).bit_length())
    return 8


def _portable_most(data: bytes) -> int:
    """Largest sample of a PPM file, from its header."""
    words = b" ".join(line.partition(b"#")[0] for line in data[:4096].splitlines()).split()
    return int(words[3]) if len(words) > 3 and words[3].isdigit() else 255


def clear_sample(data: bytes) -> tuple[int, ...] | None:
    """Sample (gray) or samples (red, green, blue) of a PNG file that mean transparency, of as many bits as it has."""
    if not data.startswith(SIGNATURE) or data[25] not in (0, 2):
        return None
    n = 1 if data[25] == 0 else 3
    for kind, body in chunks_of(data):
        if kind == b"IDAT":
            break
        if kind == b"tRNS" and len(body) >= 2 * n:
            return struct.unpack_from(f">{n}H", body)
    return None


def sixteen_bits(samples: NDArray[Any], bits: int, is_inverse: bool) -> NDArray[Any]:
    """Return the samples of a TIFF file as though it had 16 bits for each, and white were the largest.

    Pillow hands out those of 12 bits as they are, and of 16 bits also where white is 0.
    """
    if 8 < bits < 16:
        most = (1 << bits) - 1
        samples = (samples.astype(np.int64) * 65535 + most // 2) // most
    return 65535 - samples if is_inverse and 8 < bits <= 16 else samples


def eight_bits(samples: NDArray[Any], notes: list[str], *, is_wide: bool = False) -> NDArray[np.uint8]:
    """Turn samples of 16 bits, or of any range, into bytes; notes tell what became of them.

    Parameters
    ----------
    samples : array
        Integers of up to 16 bits; other integers and floats are taken as they are if they fit a byte, or, of floats, 0
        to 1, and else spread from their least to their largest.
    notes : list of str
        Longer afterwards.
    is_wide : bool, default=False
        Whether integers have more than 16 bits in the file, however small they are.
    """
    floats = samples.astype(np.float64)
    broken = ~np.isfinite(floats)
    if broken.any():
        notes.append(f"has {np.count_nonzero(broken)} samples that are NaN or infinite; they become the smallest value")
        floats[broken] = floats[~broken].min() if not broken.all() else 0
    least, most = floats.min(initial=0), floats.max(initial=0)
    if samples.dtype.kind != "f" and not is_wide and least >= 0 and most <= 65535:
        notes.append(ROUNDED)
        # Rounded, and the same as a sample written twice: 257 = 65535 / 255.
        return ((samples.astype(np.int64) + 128) // 257).astype(np.uint8)
    if least >= 0 and most <= 1 and samples.dtype.kind == "f":
        floats *= 255
    elif least < 0 or most > 255:
        least = floats.min()
        notes.append(f"has samples from {least:g} to {most:g}; they are scaled to 0 to 255")
        floats = (floats - least) * (255 / max(most - least, 1e-300))
    if (floats != np.rint(floats)).any():
        notes.append(ROUNDED)
    return np.clip(np.rint(floats), 0, 255).astype(np.uint8)
