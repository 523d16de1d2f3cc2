"""What several commands share: how options are read, and how errors are told."""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from keyframes.errors import KeyframesError, SettingsError
from keyframes.names import shown, shown_in
from keyframes.settings import Crop, ExportOptions, ExportTool

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Project = Annotated[
    Path | None,
    typer.Option(
        metavar="PATH",
        help="Add to this project: DeepLabCut's or Lightning Pose's folder, or a .slp, of which a copy is written. One "
        "that does not exist is made there, with --bodyparts.",
    ),
]
Task = Annotated[str, typer.Option(metavar="NAME", help="Task of a new DeepLabCut project.")]
Scorer = Annotated[str, typer.Option(metavar="NAME", help="Who labels, in a new project.")]
Bodyparts = Annotated[str, typer.Option(metavar="A,B", help="Key points of a new project.")]
Individuals = Annotated[
    str,
    typer.Option(
        metavar="A,B",
        help="Names of the animals: a new DeepLabCut project becomes a multi-animal one, SLEAP gets tracks.",
    ),
]
Skeleton = Annotated[
    str, typer.Option(metavar="A-B,...", help="Pairs of --bodyparts to connect by a line, such as nose-tail,tail-paw.")
]
CopyVideos = Annotated[
    bool,
    typer.Option(
        "--copy-videos", help="Copy the videos into a DeepLabCut or Lightning Pose project instead of linking to them."
    ),
]
Threads = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Threads to use; the result does not depend on it. Default: all processors."),
]


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
        raise typer.BadParameter(f"{text!r} is no time; give seconds (90.5) or [HH:]MM:SS (1:30.5)")
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def parse_crop(text: str) -> Crop:
    """Read a crop, X,Y,W,H in pixels."""
    match = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*", text)
    if match is None or int(match[3]) == 0 or int(match[4]) == 0:
        raise typer.BadParameter(f"{text!r} is no crop; give X,Y,W,H in whole pixels, such as 120,80,640,480")
    return Crop(*(int(part) for part in match.groups()))


def parse_size(text: str) -> tuple[int, int]:
    """Read a size, W,H in pixels."""
    match = re.fullmatch(r"\s*(\d{1,5})\s*[,x]\s*(\d{1,5})\s*", text)
    if match is None:
        raise typer.BadParameter(f"{text!r} is no size; give W,H in whole pixels, such as 224,224")
    return int(match[1]), int(match[2])


def parse_levels(text: str) -> tuple[float, float]:
    """Read two levels, LOW,HIGH."""
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        low = high = 0.0
    if not low < high:
        raise typer.BadParameter(f"{text!r} is no range; give LOW,HIGH, the second one higher, such as 0,4095")
    return low, high


def parse_rate(text: str) -> float:
    """Read a number of images a second."""
    try:
        rate = float(text)
    except ValueError:
        rate = 0.0
    if not 0 < rate < float("inf"):
        raise typer.BadParameter(f"{text!r} is no rate; give images a second, such as 25")
    return rate


def parse_channels(text: str) -> tuple[float, ...]:
    """Read a number for each channel: R,G,B, or one for gray."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise typer.BadParameter(f"{text!r} must be three numbers R,G,B, or one for gray") from None


def parse_tool(text: str) -> str:
    """Read the name of a labelling tool."""
    if text not in get_args(ExportTool):
        raise typer.BadParameter(f"{text!r} is none of the tools {', '.join(get_args(ExportTool))}")
    return text


def read_names(text: str) -> tuple[str, ...]:
    """Read names separated by commas."""
    return tuple(part.strip() for part in text.split(",")) if text.strip() else ()


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


def export_options(
    project: Path | None, task: str, scorer: str, bodyparts: str, individuals: str, skeleton: str, copy_videos: bool
) -> ExportOptions:
    """Read the options of exports, as they are given."""
    parts = read_names(bodyparts)
    pairs = read_skeleton(skeleton, parts)
    return ExportOptions(project, task, scorer, parts, read_names(individuals), pairs, copy_videos)


@contextmanager
def errors_told(failed: list[dict[str, str]], **subject: str) -> Iterator[None]:
    """Print an error of ours in one line, and note it in `failed`; anything else is a defect and passes."""
    try:
        yield
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    except KeyframesError as error:
        say(f"error: {error}")
        failed.append({**subject, "error": str(error)})


def say(text: str) -> None:
    """Tell something beside the result, in one line on standard error."""
    print(printable(" ".join(text.split())), file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Return a text that can be printed, whatever bytes a file name has."""
    return "".join(c if c.isprintable() else "?" for c in shown(text))


def print_json(document: Any) -> None:
    """Print a JSON document that any encoding of standard output can hold."""
    print(json.dumps(shown_in(document), indent=2))
