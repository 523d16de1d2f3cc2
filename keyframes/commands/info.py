"""The command ``keyframes info``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from keyframes.commands.options import AsJson, Quiet, Threads
from keyframes.commands.printing import errors_told, print_json
from keyframes.names import printable


def info(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video file, folder of images, or TIFF.")],
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show what the header of a video claims, and what decoding the whole file finds."""
    from keyframes.result.folder import refuse_result
    from keyframes.video.inspection import inspect

    failed: list[dict[str, str]] = []
    with errors_told(failed, video=str(video)):
        refuse_result(video)
        report = inspect(video, threads=threads, progress=not quiet)
        if as_json:
            print_json(report)
        else:
            for name, value in report.items():
                print(f"{_spoken(name):<24}{printable(_shown(name, value))}")
    if failed:
        raise typer.Exit(1)


def _spoken(name: str) -> str:
    """Write the key of a report for people: "duration_s" is "duration (s)"."""
    what, _, unit = name.rpartition("_")
    return f"{what.replace('_', ' ')} ({unit})" if unit in ("s", "bytes") else name.replace("_", " ")


def _shown(name: str, value: Any) -> str:
    if name == "levels":
        return " to ".join(f"{level:g}" for level in value)
    if isinstance(value, list):
        return "; ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    # A header that does not say has a rate of 0, and no codec.
    unsaid = value in (None, "") or (name == "frame_rate" and not value)
    return "unknown" if unsaid else str(value)
