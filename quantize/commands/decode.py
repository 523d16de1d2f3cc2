"""Decode .vqi files, or tell what is in them."""

import json
import time
from pathlib import Path

from quantize.commands.printing import STANDARD, Run, print_bytes, print_json, printable, read_input
from quantize.errors import OutputError, naming
from quantize.images.files import png_of_pixels
from quantize.output import write_file
from quantize.pipeline import decode_picture, describe, load_book


def decode_file(file: Path, run: Run, level: int, strip: bool, suffix: str = "", to_folder: bool = False) -> None:
    """Decode a file into a PNG; with `to_folder`, the output is a folder."""
    start = time.perf_counter()
    shared = None if run.codebook is None else load_book(run.codebook)
    data = read_input(file)
    with naming(file):
        picture = decode_picture(data, shared, run.max_pixels, level)
    place = _place(file, run.output, suffix, to_folder)
    if place != STANDARD and place.suffix.lower() != ".png":
        raise OutputError(f"{place}: only PNG is written by --decode; name a .png file with -o")
    png = png_of_pixels(picture.pixels, {} if strip else picture.metadata)
    if place == STANDARD:
        print_bytes(png)
        return
    write_file(place, png, run.force, None if file == STANDARD else file)
    height, width, _ = picture.pixels.shape
    seconds = time.perf_counter() - start
    if run.as_json:
        print_json(
            [{"file": str(file), "output": str(place), "width": width, "height": height, "seconds": seconds}], []
        )
    elif not run.quiet:
        print(printable(f"{file}: {width} x {height} in {place}, {seconds:.2f} s"))


def _place(file: Path, output: Path | None, suffix: str, to_folder: bool) -> Path:
    """Where the PNG of a file goes."""
    if output == STANDARD or (file == STANDARD and output is None):
        return STANDARD
    name = ("standard-input" if file == STANDARD else file.stem) + suffix + ".png"
    if output is None:
        return file.with_name(name)
    return output / name if to_folder else output


def show_info(file: Path, max_pixels: int, as_json: bool) -> None:
    """Print what a file says of itself."""
    data = read_input(file)
    with naming(file):
        found = describe(data, max_pixels)
    if as_json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for name, value in found.items():
        if isinstance(value, dict):
            shown = ", ".join(f"{key} {size} bytes" for key, size in value.items())
        elif isinstance(value, list):
            shown = ", ".join(f"{entry:.3g}" if isinstance(entry, float) else entry for entry in value) or "none"
        elif isinstance(value, bool):
            shown = "yes" if value else "no"
        else:
            shown = f"{value:.4g}" if isinstance(value, float) else str(value)
        print(f"{name.replace('_', ' '):<18}{shown}")
