"""Encode images: files and folders, or one image by way of standard input and output."""

import sys
import time
from pathlib import Path
from typing import Any

from quantize.batch import find_jobs, notes_of, run_jobs
from quantize.commands.printing import STANDARD, described, line, print_json, say
from quantize.commands.progress import progress_bar
from quantize.datatypes import Settings
from quantize.errors import QuantizeError, SettingsError
from quantize.images.files import read_image
from quantize.output import write_file
from quantize.pipeline import check_size, encode_picture, load_book
from quantize.report import report_page, report_place


def encode_files(
    inputs: list[Path],
    output: Path | None,
    to_folder: bool,
    codebook: Path | None,
    settings: Settings,
    suffix: str | None,
    max_pixels: int,
    report: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> int:
    """Encode files and folders; returns the exit status."""
    jobs = find_jobs(inputs, output, settings, suffix, to_folder)
    shared = None if codebook is None else load_book(codebook)
    results: list[dict[str, Any]] = []
    failures: list[tuple[Path, QuantizeError]] = []
    n_before = 0
    runs = run_jobs(jobs, settings, shared=shared, suffix=suffix, overwrite=force, max_pixels=max_pixels, report=report)
    with progress_bar(runs, len(jobs), not quiet and len(jobs) > 1) as bar:
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
                    bar.write(f"warning: {done.source}: {note}", file=sys.stderr)
                results.append(described(done.encoded, str(done.source), str(done.place), done.seconds, done.notes))
                if not quiet and not as_json:
                    bar.write(
                        line(done.encoded, str(done.source), str(done.place), done.seconds, done.reduced),
                        file=sys.stdout,
                    )
    if as_json:
        print_json(results, [{"image": str(source), "error": str(error)} for source, error in failures])
    if len(jobs) > 1:
        say(f"{len(results)} done, {n_before} done before, {len(failures)} failed")
        for _, error in failures:
            say(f"error: {error}")
    statuses = {error.exit_status for _, error in failures}
    return 1 if 1 in statuses else max(statuses, default=0)


def encode_piped(
    inputs: list[Path],
    output: Path | None,
    codebook: Path | None,
    settings: Settings,
    max_pixels: int,
    report: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """One image from standard input, or to standard output, or both."""
    if len(inputs) != 1 or inputs[0].is_dir():
        raise SettingsError("standard input and output take one image; name its file or -")
    start = time.perf_counter()
    piped = inputs[0] == STANDARD
    name = "standard input" if piped else str(inputs[0])
    source = sys.stdin.buffer.read() if piped else inputs[0]
    picture = read_image(source, name, max_pixels)
    original_bytes = len(source) if isinstance(source, bytes) else inputs[0].stat().st_size
    original = None if piped else inputs[0]
    place = output or STANDARD
    to_file = place != STANDARD
    ending = place.suffix.lower() if to_file else ".png" if settings.wants_palette else "auto"
    encoded = encode_picture(picture, settings, ending, None if codebook is None else load_book(codebook))
    if settings.skip_if_larger:
        check_size(encoded, original_bytes)
    notes = notes_of(picture, encoded, original_bytes)
    for note in notes:
        say(f"warning: {name}: {note}")
    if to_file:
        write_file(place, encoded.data, force, original)
        if report:
            page = report_page(picture, encoded, name, place.name, original_bytes)
            write_file(report_place(place), page, force, original)
    else:
        sys.stdout.buffer.write(encoded.data)
        sys.stdout.buffer.flush()
    seconds = time.perf_counter() - start
    if as_json:
        print_json([described(encoded, name, str(place), seconds, notes)], [])
    elif not quiet:
        print(line(encoded, name, str(place), seconds, bool(picture.notes)), file=sys.stdout if to_file else sys.stderr)
