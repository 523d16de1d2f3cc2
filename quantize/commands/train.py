"""Train one codebook on many images."""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from quantize.commands.printing import Run, print_json, printable, say
from quantize.commands.progress import progress_bar
from quantize.datatypes import Picture, Settings
from quantize.errors import ImageError, SettingsError
from quantize.images.files import read_image
from quantize.jobs import find_jobs
from quantize.output import exists, write_file
from quantize.pipeline import train_codebook


def train_on(inputs: list[Path], place: Path, settings: Settings, run: Run) -> int:
    """Train a codebook; returns the exit status."""
    if settings.wants_palette or settings.wants_levels:
        raise SettingsError("a codebook is for blocks; ask for --block 2, 4 or 8, or leave --block and --profile out")
    start = time.perf_counter()
    # Before the training, which takes a while.
    if not run.force and os.path.lexists(place):
        raise exists(place, "--train-codebook")
    failures: list[dict[str, str]] = []
    sources = [job.source for job in find_jobs(inputs, None, settings, None)]
    with progress_bar(sources, len(sources), not run.quiet) as bar:
        data = train_codebook(_pictures(bar, run.max_pixels, failures), settings)
    write_file(place, data, run.force, option="--train-codebook")
    seconds = time.perf_counter() - start
    n_images = len(sources) - len(failures)
    entry = {"output": str(place), "bytes": len(data), "images": n_images, "seconds": seconds}
    if run.as_json:
        print_json([entry], failures)
    elif not run.quiet:
        images = "1 image" if n_images == 1 else f"{n_images} images"
        print(printable(f"{place}: {len(data)} bytes, trained on {images}, {seconds:.2f} s"))
    return 1 if failures else 0


def _pictures(sources: Iterable[Path], max_pixels: int, failures: list[dict[str, str]]) -> Iterator[Picture]:
    """Read one image after the other; those that cannot be read are reported, and added to `failures`."""
    for source in sources:
        try:
            picture = read_image(source, str(source), max_pixels)
        except ImageError as error:
            failures.append({"image": str(source), "error": str(error)})
            say(f"error: {error}")
        else:
            yield picture
