"""The command ``keyframes info``."""

from pathlib import Path
from typing import Annotated

import typer

from keyframes.commands.options import AsJson, Quiet, Threads
from keyframes.commands.printing import errors_told, print_json, printable


def info(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video file, folder of images, or TIFF.")],
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show what a video file says about itself, and what decoding all of it finds."""
    from keyframes.video.inspection import inspect

    failed: list[dict[str, str]] = []
    with errors_told(failed, video=str(video)):
        report = inspect(video, threads=threads, progress=not quiet)
        if as_json:
            print_json(report)
        else:
            for name, value in report.items():
                shown = "unknown" if value is None else value
                if isinstance(value, list):
                    shown = "; ".join(map(str, value)) or "none"
                print(f"{name.replace('_', ' '):<24}{printable(str(shown))}")
    if failed:
        raise typer.Exit(1)
