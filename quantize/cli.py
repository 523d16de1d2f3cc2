"""The ``quantize`` command: it parses, calls the library and prints.

Nothing heavy is imported here, so that help and usage errors are there at once.
"""

import gc
import json
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from quantize import __version__
from quantize.datatypes import DEFAULT_QUALITY, MOST_PIXELS, Algorithm, Profile, Settings, Subsampling, Tune
from quantize.errors import ImageError, OutputError, QuantizeError, SettingsError

if TYPE_CHECKING:
    from quantize.batch import Done
    from quantize.datatypes import Encoded

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
STANDARD = Path("-")


def _version(wanted: bool) -> None:
    if wanted:
        print(f"quantize {__version__}")
        raise typer.Exit()


@app.command(
    epilog="Example: quantize photo.png --quality 80 -o photo.vqi; quantize --decode photo.vqi",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
def main(
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="IMAGE|DIR", show_default=False, help="Images, folders of images, or - for one on standard input."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            help="Where the result goes: .png for a palette, .vqi for any, - for standard output; "
            "of several images, a folder. Default: <stem>-quantized.png or <stem>.vqi beside the image.",
        ),
    ] = None,
    profile: Annotated[Profile, typer.Option(help="How to encode; auto takes what serves the image.")] = "auto",
    quality: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100,
            metavar="1..100",
            help=f"How good the result shall be. Default: {DEFAULT_QUALITY}; of palettes, the best there is.",
        ),
    ] = None,
    psnr: Annotated[float | None, typer.Option(metavar="DB", help="Reach this PSNR, and not much more.")] = None,
    bpp: Annotated[float | None, typer.Option(metavar="B", help="Take this many bits a pixel.")] = None,
    max_bytes: Annotated[int | None, typer.Option(min=1, metavar="N", help="Take no more bytes than this.")] = None,
    min_quality: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=100,
            metavar="Q",
            help="Write nothing (exit status 99) if the result is worse than this: 0 is 20 dB, 100 is 45 dB.",
        ),
    ] = None,
    skip_if_larger: Annotated[
        bool, typer.Option("--skip-if-larger", help="Write nothing (exit status 98) unless it saves bytes.")
    ] = False,
    block: Annotated[
        Literal["1", "2", "4", "8"] | None,
        typer.Option(help="Side of the blocks; 1 makes a palette. Default: what serves the image."),
    ] = None,
    codewords: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=1024,
            metavar="N",
            help="Most colours of a palette (256), or codewords for luma (as the image has it).",
        ),
    ] = None,
    subsampling: Annotated[
        Subsampling | None, typer.Option(help="Chroma at half the resolution (420), or at all of it (444).")
    ] = None,
    algorithm: Annotated[Algorithm, typer.Option(help="What finds the codewords.")] = "kmeans",
    tune: Annotated[
        Tune, typer.Option(help="Of photographs: least squared error, or most structural similarity.")
    ] = "psnr",
    codebook: Annotated[
        Path | None,
        typer.Option(metavar="BOOK.vqc", help="A codebook that many images share; needed to decode them, too."),
    ] = None,
    train_codebook: Annotated[
        Path | None, typer.Option(metavar="BOOK.vqc", help="Train a codebook on the images, and do nothing else.")
    ] = None,
    dither: Annotated[
        bool, typer.Option("--dither/--no-dither", help="Of palettes: mix colours (Floyd-Steinberg).")
    ] = False,
    strip: Annotated[bool, typer.Option("--strip", help="Leave out the colour profile and other metadata.")] = False,
    report: Annotated[
        bool,
        typer.Option("--report", help="Write a page beside each result: original, result, error, and the figures."),
    ] = False,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="Another seed gives other codewords.")
    ] = 0,
    decode: Annotated[
        Path | None,
        typer.Option(metavar="FILE.vqi", help="Turn a .vqi file back into a PNG: <stem>.png, or what -o says."),
    ] = None,
    level: Annotated[
        int,
        typer.Option(
            min=0,
            max=6,
            metavar="N",
            help="With --decode: halve the image N times. The file may end early: its coarse levels stand first.",
        ),
    ] = 0,
    info: Annotated[Path | None, typer.Option(metavar="FILE.vqi", help="Tell what is in a .vqi file.")] = None,
    max_pixels: Annotated[int, typer.Option(min=1, metavar="N", help="Refuse larger images.")] = MOST_PIXELS,
    suffix: Annotated[
        str | None,
        typer.Option(metavar="S", help="Put this after the stem of each result. Default: -quantized for PNG."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "--overwrite", "-f", help="Replace what is there.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar, no line for each image.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Make images small by vector quantisation: as a palette that anyone can open, or as .vqi.

    Of a folder, what has been done before is passed by, so that an interrupted run goes on where it was.
    """
    with _usage():
        settings = Settings(
            profile=profile,
            quality=quality,
            psnr=psnr,
            bpp=bpp,
            max_bytes=max_bytes,
            block=None if block is None else int(block),
            codewords=codewords,
            subsampling=subsampling,
            algorithm=algorithm,
            dither=dither,
            tune=tune,
            strip=strip,
            min_quality=min_quality,
            skip_if_larger=skip_if_larger,
            seed=seed,
        )
        chosen = [name for name, given in (("--decode", decode), ("--info", info), ("images", inputs)) if given]
        if len(chosen) != 1:
            raise SettingsError(f"give images, --decode or --info, one of them; got {' and '.join(chosen) or 'none'}")
        if train_codebook is not None and not inputs:
            raise SettingsError("--train-codebook needs images to train on")
        if level and decode is None:
            raise SettingsError("--level is for --decode; leave it out")
        if report and (not inputs or train_codebook is not None):
            raise SettingsError("--report is about images that are encoded; leave it out")
        if report and (output == STANDARD or (STANDARD in (inputs or []) and output is None)):
            raise SettingsError("--report stands beside the result; name a file with -o")
        if as_json and output == STANDARD:
            raise SettingsError("--json and the result cannot both go to standard output; name a file with -o")
    try:
        if info is None:
            _load()
        if decode is not None:
            _decode(decode, output, codebook, max_pixels, level, settings.strip, force, quiet, as_json)
        elif info is not None:
            _info(info, max_pixels, as_json)
        elif train_codebook is not None:
            _train(inputs or [], train_codebook, settings, max_pixels, force, quiet, as_json)
        elif STANDARD in (inputs or []) or output == STANDARD:
            _pipe(inputs or [], output, codebook, settings, max_pixels, report, force, quiet, as_json)
        else:
            _batch(inputs or [], output, codebook, settings, suffix, max_pixels, report, force, quiet, as_json)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    except QuantizeError as error:
        _say(f"error: {error}")
        if as_json:
            _print_json([], [{"error": str(error)}])
        raise typer.Exit(error.exit_status) from None


def _load() -> None:
    """Load what every task needs, which is most of the time of a short one."""
    from clustering.kernels.compilation import start_numba

    start_numba()
    gc.freeze()
    gc.enable()


def _batch(
    inputs: list[Path],
    output: Path | None,
    codebook: Path | None,
    settings: Settings,
    suffix: str | None,
    max_pixels: int,
    report: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    from quantize.batch import find_jobs, run_jobs
    from quantize.pipeline import load_book
    from quantize.progress import progress_bar

    jobs = find_jobs(inputs, output, settings, suffix)
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
                    _say(f"error: {done.error}")
            elif done.encoded is None:
                n_before += 1
            else:
                for note in done.notes:
                    bar.write(f"warning: {done.source}: {note}", file=sys.stderr)
                results.append(_entry(done))
                if not quiet and not as_json:
                    bar.write(_line(done.encoded, str(done.source), str(done.place), done.seconds), file=sys.stdout)
    if as_json:
        _print_json(results, [{"image": str(source), "error": str(error)} for source, error in failures])
    if len(jobs) > 1:
        _say(f"{len(results)} done, {n_before} done before, {len(failures)} failed")
        for _, error in failures:
            _say(f"error: {error}")
    if failures:
        statuses = {error.exit_status for _, error in failures}
        raise typer.Exit(1 if 1 in statuses else max(statuses))


def _pipe(
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
    from quantize.images import read_image
    from quantize.output import write_file
    from quantize.pipeline import check_size, encode_picture, load_book
    from quantize.report import report_page, report_place

    start = time.perf_counter()
    piped = inputs[0] == STANDARD
    name = "standard input" if piped else str(inputs[0])
    source = sys.stdin.buffer.read() if piped else inputs[0]
    picture = read_image(source, name, max_pixels)
    original_bytes = len(source) if isinstance(source, bytes) else inputs[0].stat().st_size
    place = output or STANDARD
    to_file = place != STANDARD
    ending = place.suffix.lower() if to_file else ".png" if settings.wants_palette else "auto"
    encoded = encode_picture(picture, settings, ending, None if codebook is None else load_book(codebook))
    if settings.skip_if_larger:
        check_size(encoded, original_bytes)
    for note in picture.notes:
        _say(f"warning: {name}: {note}")
    if to_file:
        write_file(place, encoded.data, force)
        if report:
            page = report_page(picture, encoded, name, place.name, original_bytes)
            write_file(report_place(place), page, force)
    else:
        sys.stdout.buffer.write(encoded.data)
        sys.stdout.buffer.flush()
    seconds = time.perf_counter() - start
    if as_json:
        _print_json([_described(encoded, name, str(place), seconds, picture.notes)], [])
    elif not quiet:
        print(_line(encoded, name, str(place), seconds), file=sys.stdout if to_file else sys.stderr)


def _decode(
    file: Path,
    output: Path | None,
    codebook: Path | None,
    max_pixels: int,
    level: int,
    strip: bool,
    force: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    from dataclasses import replace

    from quantize.output import write_file
    from quantize.pipeline import decode_picture, load_book, png_of

    start = time.perf_counter()
    shared = None if codebook is None else load_book(codebook)
    with _of_file(file):
        picture = decode_picture(_read(file), shared, max_pixels, level)
    place = output or (STANDARD if file == STANDARD else file.with_suffix(".png"))
    if place != STANDARD and place.suffix.lower() != ".png":
        raise OutputError(f"{place}: only PNG is written by --decode; name a .png file with -o")
    data = png_of(replace(picture, metadata={}) if strip else picture)
    if place == STANDARD:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    write_file(place, data, force)
    height, width, _ = picture.pixels.shape
    seconds = time.perf_counter() - start
    if as_json:
        _print_json(
            [{"file": str(file), "output": str(place), "width": width, "height": height, "seconds": seconds}], []
        )
    elif not quiet:
        print(f"{file}: {width} x {height} in {place}, {seconds:.2f} s")


def _info(file: Path, max_pixels: int, as_json: bool) -> None:
    from quantize.pipeline import describe

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


def _train(
    inputs: list[Path], place: Path, settings: Settings, max_pixels: int, force: bool, quiet: bool, as_json: bool
) -> None:
    from quantize.batch import find_jobs
    from quantize.images import read_image
    from quantize.output import write_file
    from quantize.pipeline import train_codebook
    from quantize.progress import progress_bar

    start = time.perf_counter()
    pictures, failures = [], []
    sources = [job.source for job in find_jobs(inputs, None, settings, None)]
    with progress_bar(sources, len(sources), not quiet) as bar:
        for source in bar:
            try:
                pictures.append(read_image(source, str(source), max_pixels))
            except ImageError as error:
                failures.append({"image": str(source), "error": str(error)})
                _say(f"error: {error}")
    data = train_codebook(pictures, settings)
    write_file(place, data, force)
    seconds = time.perf_counter() - start
    entry = {"output": str(place), "bytes": len(data), "images": len(pictures), "seconds": seconds}
    if as_json:
        _print_json([entry], failures)
    elif not quiet:
        print(f"{place}: {len(data)} bytes, trained on {len(pictures)} images, {seconds:.2f} s")
    if failures:
        raise typer.Exit(1)


def _read(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if file == STANDARD else file.read_bytes()
    except OSError as error:
        raise ImageError(f"cannot be read ({error.strerror or error}); check the path") from error


def _entry(done: "Done") -> dict[str, Any]:
    assert done.encoded is not None
    return _described(done.encoded, str(done.source), str(done.place), done.seconds, done.notes)


def _described(encoded: "Encoded", name: str, place: str, seconds: float, notes: tuple[str, ...]) -> dict[str, Any]:
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


def _line(encoded: "Encoded", name: str, place: str, seconds: float) -> str:
    loss = f"PSNR {encoded.psnr:.2f} dB, SSIM {encoded.ssim:.4f}" if math.isfinite(encoded.psnr) else "lossless"
    size = f"{len(encoded.data)} bytes, {encoded.bits_per_pixel:.3f} bits a pixel"
    return f"{name}: {encoded.profile}, {size}, {loss}, {seconds:.2f} s, in {place}"


@contextmanager
def _usage() -> Iterator[None]:
    try:
        yield
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None


@contextmanager
def _of_file(file: Path) -> Iterator[None]:
    """Name the file in every error."""
    try:
        yield
    except QuantizeError as error:
        raise type(error)(f"{file}: {error}") from error


def _print_json(results: list[dict[str, Any]], failures: list[dict[str, str]]) -> None:
    print(json.dumps({"results": results, "failures": failures}, indent=2, ensure_ascii=False))


def _say(text: str) -> None:
    print(" ".join(text.split()), file=sys.stderr)
