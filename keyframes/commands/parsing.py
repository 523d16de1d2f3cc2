"""How the values of options are read."""

import csv
import os
import re
from collections.abc import Sequence
from glob import glob
from itertools import pairwise
from typing import Literal, get_args

import typer

from keyframes.errors import SettingsError
from keyframes.export_options import ExportTool
from keyframes.settings import Crop, ScanKind

# Options whose values are patterns, for `batch` to match.
PATTERNS = ("--include", "--exclude")


def expanded(arguments: Sequence[str]) -> list[str]:
    """Expand ``~``, variables and the patterns of file names, for the shells of Windows do not.

    Typer would expand the patterns of `batch` too, by what happens to lie in the working folder, and ``[1]`` in a name.
    """
    found = []
    for option, argument in pairwise(("", *arguments)):
        path = os.path.expandvars(os.path.expanduser(argument))
        matches = [] if option in PATTERNS or os.path.lexists(path) else sorted(glob(path, recursive=True))
        found += matches or [argument if option in PATTERNS else path]
    return found


def parse_k(text: str) -> int | Literal["auto"]:
    """Read a number of frames, 1 or more, or "auto"."""
    if text == "auto":
        return "auto"
    if re.fullmatch(r"[0-9]+", text.strip()) is None or int(text) == 0:
        raise typer.BadParameter(f"{text!r} is neither a number of frames, 1 or more, nor 'auto'")
    return int(text)


def parse_time(text: str) -> float:
    """Read a time, seconds or [HH:]MM:SS[.s], as seconds."""
    match = re.fullmatch(r"(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:\.\d*)?|\.\d+)", text.strip())
    clock = ":" in text
    if match is None or (clock and float(match[3]) >= 60) or (match[1] and int(match[2]) >= 60):
        raise typer.BadParameter(f"{text!r} is not a time; give seconds (90.5) or [HH:]MM:SS (1:30.5)")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def parse_crop(text: str) -> Crop:
    """Read a crop, X,Y,W,H in pixels."""
    match = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*", text)
    if match is None or int(match[3]) == 0 or int(match[4]) == 0:
        raise typer.BadParameter(f"{text!r} is not a crop; give X,Y,W,H in whole pixels, such as 120,80,640,480")
    return Crop(*(int(part) for part in match.groups()))


def parse_size(text: str) -> tuple[int, int]:
    """Read a size, W,H in pixels."""
    match = re.fullmatch(r"\s*(\d{1,5})\s*[,x]\s*(\d{1,5})\s*", text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is not a size; give W,H in whole pixels, such as 224,224")
    return int(match[1]), int(match[2])


def parse_numbers(text: str) -> tuple[float, ...]:
    """Read numbers separated by commas."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a list of numbers, such as 0.5,1") from None


def parse_tool(text: str) -> str:
    """Read the name of a labelling tool."""
    if text not in get_args(ExportTool):
        raise typer.BadParameter(f"{text!r} is not a labelling tool; choose one of {', '.join(get_args(ExportTool))}")
    return text


def parse_scan(text: str) -> str:
    """Read how to look at a recording; `fast` is a name of earlier versions."""
    if text not in (*get_args(ScanKind), "fast"):
        raise typer.BadParameter(f"{text!r} is not a kind of scan; choose one of {', '.join(get_args(ScanKind))}")
    return text


def read_names(text: str) -> tuple[str, ...]:
    """Read names separated by commas; one with a comma in it stands in quotes."""
    (parts,) = csv.reader([" ".join(text.splitlines())], skipinitialspace=True)
    return tuple(part.strip() for part in parts) if text.strip() else ()


def read_skeleton(text: str, bodyparts: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Read pairs of body parts, A-B,C-D; a body part may have hyphens in its name."""
    pairs = []
    for pair in read_names(text):
        words = pair.split("-")
        ways = [("-".join(words[:i]).strip(), "-".join(words[i:]).strip()) for i in range(1, len(words))]
        known = [way for way in ways if set(way) <= set(bodyparts)]
        if len(known) != 1:
            raise SettingsError(
                f"--skeleton has {pair!r}; give two of the --bodyparts ({', '.join(bodyparts) or 'none are given'}) "
                "with a hyphen between them"
            )
        pairs += known
    return tuple(pairs)
