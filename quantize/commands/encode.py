"""Encode images: files and folders, or one image by way of standard input and output."""

import os
import sys
import time
from pathlib import Path
from typing import Any

from quantize.batch import encode_file, files_of, run_jobs, write_result
from quantize.commands.printing import (
    STANDARD,
    Run,
    described,
    line,
    print_bytes,
    print_json,
    printable,
    read_input,
    say,
)
from quantize.commands.progress import progress_bar
from quantize.datatypes import Settings
from quantize.errors import QuantizeError, SettingsError, naming
from quantize.images.files import read_image
from quantize.jobs import find_jobs
from quantize.pipeline import load_book
from quantize.report import report_page


def encode_files(inputs: list[Path], settings: Settings, run: Run, suffix: str | None, to_folder: bool) -> int:
    """Encode files and folders; returns the exit status."""
    jobs = find_jobs(inputs, run.output, settings, suffix, to_folder)
    shared = None if run.codebook is None else load_book(run.codebook)
    results: list[dict[str, Any]] = []
    failures: list[tuple[Path, QuantizeError]] = []
    n_before = 0
    runs = run_jobs(
        jobs,
        settings,
        shared=shared,
        suffix=suffix,
        overwrite=run.force,
        max_pixels=run.max_pixels,
        report=run.report,
        skip_if_larger=run.skip_if_larger,
    )
    with progress_bar(runs, len(jobs), not run.quiet and len(jobs) > 1) as bar:
        for done in bar:
            if done.error is not None:
                if isinstance(done.error, SettingsError):
                    raise done.error
                failures.append((done.source, done.error))
                if len(jobs) == 1:
                    say(f"error: {done.error}")
            elif done.encoded is None:
                n_before += 1
            else:
                for note in done.notes:
                    bar.write(printable(f"warning: {done.source}: {note}"), file=sys.stderr)
                results.append(described(done.encoded, str(done.source), str(done.place), done.seconds, done.notes))
                if not run.quiet and not run.as_json:
                    bar.write(
                        line(done.encoded, str(done.source), str(done.place), done.seconds, done.reduced),
                        file=sys.stdout,
                    )
    if run.as_json:
        print_json(results, [{"image": str(source), "error": str(error)} for source, error in failures])
    errors = [error for _, error in failures]
    if len(jobs) > 1:
        say(f"{len(results)} done, {n_before} done before, {len(errors)} failed")
        for error in errors:
            say(f"error: {error}")
    return _status_of(errors)


def _status_of(errors: list[QuantizeError]) -> int:
    """Return the exit status after several images: a failure counts before a result that was not wanted."""
    statuses = {error.exit_status for error in errors}
    return 1 if 1 in statuses else max(statuses, default=0)


def encode_piped(inputs: list[Path], settings: Settings, run: Run) -> None:
    """One image from standard input, or to standard output, or both."""
    if len(inputs) != 1 or os.path.isdir(inputs[0]):
        raise SettingsError("standard input and output take one image; give a file, or -")
    start = time.perf_counter()
    piped = inputs[0] == STANDARD
    name = "standard input" if piped else str(inputs[0])
    data = read_input(inputs[0])
    picture = read_image(data, name, run.max_pixels)
    original = None if piped else inputs[0]
    place = run.output or STANDARD
    to_file = place != STANDARD
    ending = place.suffix.lower() if to_file else ".png" if settings.wants_palette else "auto"
    shared = None if run.codebook is None else load_book(run.codebook)
    with naming(Path(name)):
        encoded, notes = encode_file(picture, len(data), settings, ending, shared, run.skip_if_larger)
    for note in notes:
        say(f"warning: {name}: {note}")
    if to_file:
        page = report_page(picture, encoded, name, place.name, len(data)) if run.report else None
        write_result(files_of(place, encoded.data, page), run.force, original)
    else:
        print_bytes(encoded.data)
    seconds = time.perf_counter() - start
    if run.as_json:
        print_json([described(encoded, name, str(place), seconds, notes)], [])
    elif not run.quiet:
        print(line(encoded, name, str(place), seconds, bool(picture.notes)), file=sys.stdout if to_file else sys.stderr)
