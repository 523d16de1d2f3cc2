"""Train one codebook on many images."""

import os
import time
from pathlib import Path

from quantize.commands.printing import Run, print_json, printable, say
from quantize.commands.progress import progress_bar
from quantize.datatypes import Settings
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
    pictures, failures = [], []
    sources = [job.source for job in find_jobs(inputs, None, settings, None)]
    with progress_bar(sources, len(sources), not run.quiet) as bar:
        for source in bar:
            try:
                pictures.append(read_image(source, str(source), run.max_pixels))
            except ImageError as error:
                failures.append({"image": str(source), "error": str(error)})
                say(f"error: {error}")
    data = train_codebook(pictures, settings)
    write_file(place, data, run.force, option="--train-codebook")
    seconds = time.perf_counter() - start
    entry = {"output": str(place), "bytes": len(data), "images": len(pictures), "seconds": seconds}
    if run.as_json:
        print_json([entry], failures)
    elif not run.quiet:
        images = "1 image" if len(pictures) == 1 else f"{len(pictures)} images"
        print(printable(f"{place}: {len(data)} bytes, trained on {images}, {seconds:.2f} s"))
    return 1 if failures else 0
