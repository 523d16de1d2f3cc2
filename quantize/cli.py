"""The ``quantize`` command: it parses, calls the library and prints.

Nothing heavy is imported here, so that help and usage errors are there at once.
"""

import gc
import sys
from pathlib import Path
from typing import Annotated, Literal, get_args

import typer

from quantize import __version__
from quantize.commands.plain_help import PlainCommand
from quantize.commands.printing import STANDARD, Run, print_json, say
from quantize.commands.usage import check_usage, is_folder, settings_of
from quantize.datatypes import DEFAULT_QUALITY, MOST_PIXELS, Algorithm, Options, Profile, Settings, Subsampling, Tune
from quantize.errors import QuantizeError, SettingsError

app = typer.Typer(pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"quantize {__version__}")
        raise typer.Exit()


@app.command(
    cls=PlainCommand,
    epilog="""Examples: quantize photo.png --quality 80 -o photo.vqi; quantize --decode photo.vqi

Documentation: README.md and the folder docs/ of the repository, or of the source archive of this version.""",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
def main(
    context: typer.Context,
    inputs: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="IMAGE|DIR", show_default=False, help="Images, folders of images, or - for one on standard input."
        ),
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            help="Where the result goes: .png for a palette, .vqi for any profile, - for standard output; "
            "a folder if it ends in a slash or for several images. "
            "Default: <stem>-quantized.png or <stem>.vqi beside the image.",
        ),
    ] = None,
    profile: Annotated[
        Profile,
        typer.Option(
            metavar="HOW",
            help=f"How to encode: {', '.join(get_args(Profile))}. auto chooses what suits the image.",
        ),
    ] = "auto",
    quality: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100,
            metavar="1..100",
            help=f"Quality of the result. Default: {DEFAULT_QUALITY}; for a palette, the best possible.",
        ),
    ] = None,
    psnr: Annotated[
        float | None, typer.Option(metavar="DB", help="Reach this PSNR with as few bytes as possible.")
    ] = None,
    bpp: Annotated[
        float | None, typer.Option(metavar="B", help="Use at most this many bits per pixel, with a tolerance of 2 %.")
    ] = None,
    max_bytes: Annotated[int | None, typer.Option(min=1, metavar="N", help="Use at most this many bytes.")] = None,
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
        typer.Option(
            metavar="N",
            help="Side of the blocks, in pixels: 1, 2, 4 or 8; 1 makes a palette. Default: what suits the image.",
        ),
    ] = None,
    codewords: Annotated[
        int | None,
        typer.Option(
            min=2,
            max=1024,
            metavar="N",
            help="Maximum number of palette colours, or of luma codewords of blocks. Default: 256.",
        ),
    ] = None,
    subsampling: Annotated[
        Subsampling | None,
        typer.Option(metavar="420|444", help="For blocks: chroma at half (420) or at full resolution (444)."),
    ] = None,
    algorithm: Annotated[
        Algorithm, typer.Option(metavar="HOW", help="For blocks: how to find the codewords, kmeans or centnn.")
    ] = "kmeans",
    tune: Annotated[
        Tune | None,
        typer.Option(
            metavar="FOR",
            help="For photographs: optimise what the eye sees (visual), the structural similarity (ssim), or the "
            "squared error (psnr). Default: visual; with --psnr, psnr.",
        ),
    ] = None,
    codebook: Annotated[
        Path | None,
        typer.Option(metavar="BOOK.vqc", help="A codebook that many images share; needed to decode them, too."),
    ] = None,
    train_codebook: Annotated[
        Path | None, typer.Option(metavar="BOOK.vqc", help="Train a codebook on the images, and do nothing else.")
    ] = None,
    dither: Annotated[
        bool, typer.Option("--dither/--no-dither", help="For palettes: dither (Floyd-Steinberg).")
    ] = False,
    dither_level: Annotated[
        float | None,
        typer.Option(min=0, max=1, metavar="0..1", help="Strength of the dithering. Default: 1 with --dither, else 0."),
    ] = None,
    strip: Annotated[bool, typer.Option("--strip", help="Leave out the colour profile and other metadata.")] = False,
    report: Annotated[
        bool,
        typer.Option("--report", help="Write a page beside each result: original, result, error, and the figures."),
    ] = False,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="Random seed for palettes and blocks.")
    ] = 0,
    decode: Annotated[
        Path | None,
        typer.Option(metavar="FILE.vqi", help="Decode a .vqi file to PNG: <stem>.png, or the file that -o names."),
    ] = None,
    level: Annotated[
        int,
        typer.Option(
            min=0,
            max=6,
            metavar="N",
            help="With --decode: halve the image N times. Also works for a file that was cut off, because coarse "
            "levels come first.",
        ),
    ] = 0,
    info: Annotated[Path | None, typer.Option(metavar="FILE.vqi", help="Show what is in a .vqi file.")] = None,
    web: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write vqi.js and the codebooks that it loads, to show .vqi images on web pages."
        ),
    ] = None,
    max_pixels: Annotated[
        int, typer.Option(min=1, metavar="N", help="Refuse images of more than N pixels.")
    ] = MOST_PIXELS,
    suffix: Annotated[
        str | None,
        typer.Option(metavar="S", help="Add this to the stem of each result. Default: -quantized for PNG."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "--overwrite", "-f", help="Replace existing files.")] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress bar, and no line for each image.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Compress images by vector quantisation: to a palette PNG that any program opens, or to a .vqi file.

    In a folder, images that were done before with the same settings are skipped: an interrupted run resumes.
    """
    output = None if out is None else Path(out)
    to_folder = out is not None and is_folder(out)
    try:
        chosen = {name: context.params[name] for name in Options.__annotations__}
        settings = settings_of({**chosen, "block": None if block is None else int(block)})
        check_usage({name: value for name, value in context.params.items() if _is_given(context, name)})
        if info is None and web is None:
            _load(settings, decode is not None, output, quiet)
        status = 0
        run = Run(
            output=output,
            codebook=codebook,
            max_pixels=max_pixels,
            force=force,
            quiet=quiet,
            as_json=as_json,
            report=report,
            skip_if_larger=skip_if_larger,
        )
        if decode is not None:
            from quantize.commands.decode import decode_file

            decode_file(decode, run, level, strip, suffix or "", to_folder)
        elif info is not None:
            from quantize.commands.decode import show_info

            show_info(info, max_pixels, as_json)
        elif web is not None:
            from quantize.commands.web import write_decoder

            write_decoder(web, run)
        elif train_codebook is not None:
            from quantize.commands.train import train_on

            status = train_on(inputs or [], train_codebook, settings, run)
        elif STANDARD in (inputs or []) or output == STANDARD:
            from quantize.commands.encode import encode_piped

            encode_piped(inputs or [], settings, run)
        else:
            from quantize.commands.encode import encode_files

            status = encode_files(inputs or [], settings, run, suffix, to_folder)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    except QuantizeError as error:
        say(f"error: {error}")
        if as_json:
            print_json([], [{"error": str(error)}])
        raise typer.Exit(error.exit_status) from None
    if status:
        raise typer.Exit(status)


def _is_given(context: typer.Context, parameter: str) -> bool:
    source = context.get_parameter_source(parameter)
    return source is not None and source.name == "COMMANDLINE"


def _load(settings: Settings, decoding: bool, output: Path | None, quiet: bool) -> None:
    """Load what a task needs before it has threads, which is most of the time of a short one."""
    of_palette = settings.wants_palette and not settings.dither_strength
    if decoding or not of_palette or (output is not None and output.suffix.lower() == ".vqi"):
        from clustering import start_numba, when_compiling

        if sys.stderr.isatty() and not quiet:
            when_compiling(lambda: say("compiling code, once; this takes up to half a minute"))
        start_numba()
    gc.freeze()
    gc.enable()
