"""Standard input, and what the command line prints: results on standard output, all else on standard error."""

import json
import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quantize.datatypes import Encoded
from quantize.errors import ImageError, OutputError

# Of a file: standard input, or standard output.
STANDARD = Path("-")


@dataclass(frozen=True)
class Run:
    """What a command is given besides its inputs and the settings of a result.

    Attributes
    ----------
    output : Path or None
        Where the result goes, or a folder.
    codebook : Path or None
        The file of the codebook that images share.
    max_pixels : int
        Larger images are refused.
    force : bool
        Whether to replace what is there.
    quiet, as_json : bool
        What to print.
    report : bool
        Whether to write a page beside each result.
    skip_if_larger : bool
        Whether to refuse a result that saves no bytes.
    """

    output: Path | None
    codebook: Path | None
    max_pixels: int
    force: bool
    quiet: bool
    as_json: bool
    report: bool = False
    skip_if_larger: bool = False


def described(encoded: Encoded, name: str, place: str, seconds: float, notes: Sequence[str]) -> dict[str, Any]:
    """Describe a result for programs."""
    height, width, _ = encoded.pixels.shape
    return {
        "image": name,
        "output": place,
        "profile": encoded.profile,
        "width": width,
        "height": height,
        "bytes": len(encoded.data),
        "bits_per_pixel": encoded.bits_per_pixel,
        # JSON has no infinity.
        "psnr": encoded.psnr if math.isfinite(encoded.psnr) else None,
        "ssim": encoded.ssim,
        "quality": encoded.quality,
        "seconds": seconds,
        **encoded.details,
        "warnings": list(notes),
    }


def line(encoded: Encoded, name: str, place: str, seconds: float, reduced: bool) -> str:
    """Describe a result in a line; `reduced` says that the image lost something before it was encoded."""
    perfect = "no further loss" if reduced else "lossless"
    loss = f"PSNR {encoded.psnr:.2f} dB, SSIM {encoded.ssim:.4f}" if math.isfinite(encoded.psnr) else perfect
    size = f"{len(encoded.data)} bytes, {encoded.bits_per_pixel:.3f} bits per pixel"
    return printable(f"{name}: {encoded.profile}, {size}, {loss}, {seconds:.2f} s, in {place}")


def read_input(file: Path) -> bytes:
    """Bytes of a file, or of standard input."""
    if file == STANDARD:
        if sys.stdin is None:
            raise ImageError(f"{STANDARD}: standard input is closed; name a file")
        return sys.stdin.buffer.read()
    # Loaded here, with Pillow: help and usage errors do without.
    from quantize.images.files import read_file

    return read_file(file)


def print_bytes(data: bytes) -> None:
    """Print a file."""
    if sys.stdout.name == os.devnull:
        # In place of one that the shell closed.
        raise OutputError(f"{STANDARD}: standard output is closed; name a file with -o")
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def print_json(results: list[dict[str, Any]], failures: list[dict[str, str]]) -> None:
    """Print the one document of --json."""
    print(json.dumps({"results": results, "failures": failures}, indent=2, ensure_ascii=False))


def say(text: str) -> None:
    """Print a line on standard error."""
    print(printable(" ".join(text.split())), file=sys.stderr)


def printable(text: str) -> str:
    """Return a text in one line: file names may hold line breaks, and what a terminal takes for commands."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
