"""The command ``keyframes doctor``."""

import sys
from collections.abc import Iterator
from typing import Any

import typer

from keyframes.commands.options import AsJson, Quiet
from keyframes.commands.printing import print_json
from keyframes.names import printable

READERS = {"opencv": "read with OpenCV", "ffmpeg": "read with FFmpeg"}
WIDTH = 24


def doctor(quiet: Quiet = False, as_json: AsJson = False) -> None:
    """Show what a bug report needs: versions, codecs, extras, processors, and Numba's cache.

    A short clip is encoded with each codec and read again, so this takes a few seconds. Nothing is sent anywhere. The
    exit status is 1 if something does not work.
    """
    from keyframes.doctor import examine

    shows_progress = not quiet and sys.stderr.isatty()

    def trying(codec: str) -> None:
        if shows_progress:
            print(f"\r{f'trying {codec}':<{2 * WIDTH}}", end="", file=sys.stderr, flush=True)

    report = examine(trying)
    if shows_progress:
        print(f"\r{'':<{2 * WIDTH}}\r", end="", file=sys.stderr, flush=True)
    if as_json:
        print_json(report)
    else:
        for name, value in _lines(report):
            print(f"{name:<{WIDTH}}{printable(value)}".rstrip())
    if report["problems"]:
        raise typer.Exit(1)


def _lines(report: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a report as plain text."""
    for name in ("keyframes", "python", "executable", "system", "machine"):
        yield name, str(report[name])
    yield "processors", f"{report['processors_usable']} of {report['processors']} can be used"
    yield from report["packages"].items()
    yield "OpenCV comes from", _pairs(report["opencv_packages"]) or "an unknown package"
    yield "FFmpeg in OpenCV", _pairs(report["opencv_ffmpeg"]) or "OpenCV's build information lists no versions"
    ffmpeg = report["ffmpeg"]
    yield "FFmpeg of imageio", f"{ffmpeg['version']}, {ffmpeg['program']}" if ffmpeg["version"] else ffmpeg["reason"]
    for codec in report["codecs"]:
        yield codec["codec"], _outcome(codec)
    for extra, packages in report["extras"].items():
        yield f"extra {extra}", _pairs({name: version or "is not installed" for name, version in packages.items()})
    yield "Numba's cache", _folder(report["numba_cache"])
    yield "temporary files", _folder(report["temporary_folder"])
    yield "encodings", _pairs({name.replace("_", " "): value for name, value in report["encodings"].items()})
    for name, value in report["variables"].items():
        yield name, value
    for problem in report["problems"]:
        yield "problem", problem
    if not report["problems"]:
        yield "problems", "none found"


def _outcome(codec: dict[str, Any]) -> str:
    if codec["read_with"]:
        return READERS[codec["read_with"]]
    return f"cannot be read: {codec['reason']}" if codec["tried"] else f"was not tried: {codec['reason']}"


def _folder(found: dict[str, Any]) -> str:
    if found["folder"] is None:
        return "none"
    free = found.get("free_bytes")
    room = f", {free / 1e9:.1f} GB free" if free is not None else ""
    return f"{found['folder']} ({'' if found['writable'] else 'not '}writable{room})"


def _pairs(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
