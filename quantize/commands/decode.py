"""Decode .vqi files, or tell what is in them."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from quantize.commands.printing import STANDARD, Run, print_json
from quantize.errors import ImageError, OutputError, QuantizeError
from quantize.output import write_file
from quantize.pipeline import decode_picture, describe, load_book, png_of


def decode_file(file: Path, run: Run, level: int, strip: bool) -> None:
    """Decode a file into a PNG."""
    start = time.perf_counter()
    shared = None if run.codebook is None else load_book(run.codebook)
    with _of_file(file):
        picture = decode_picture(_read(file), shared, run.max_pixels, level)
    place = run.output or (STANDARD if file == STANDARD else file.with_suffix(".png"))
    if place != STANDARD and place.suffix.lower() != ".png":
        raise OutputError(f"{place}: only PNG is written by --decode; name a .png file with -o")
    data = png_of(replace(picture, metadata={}) if strip else picture)
    if place == STANDARD:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    write_file(place, data, run.force, None if file == STANDARD else file)
    height, width, _ = picture.pixels.shape
    seconds = time.perf_counter() - start
    if run.as_json:
        print_json(
            [{"file": str(file), "output": str(place), "width": width, "height": height, "seconds": seconds}], []
        )
    elif not run.quiet:
        print(f"{file}: {width} x {height} in {place}, {seconds:.2f} s")


def show_info(file: Path, max_pixels: int, as_json: bool) -> None:
    """Print what a file says of itself."""
    with _of_file(file):
        found = describe(_read(file), max_pixels)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for name, value in found.items():
        if isinstance(value, dict):
            shown = ", ".join(f"{key} {size} bytes" for key, size in value.items())
        elif isinstance(value, list):
            shown = ", ".join(value) or "none"
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        print(f"{name.replace('_', ' '):<16}{shown}")


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == STANDARD else file.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror or error}); check the path") from error


@contextmanager
def _of_file(file: Path) -> Iterator[None]:
    """Name the file in every error."""
    try:
        yield
    except QuantizeError as error:
        raise type(error)(f"{file}: {error}") from error
