"""The ``keyframes`` command: it parses, calls the library and prints.

Nothing heavy is imported here, so that help and usage errors are there at once.
"""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from keyframes import __version__
from keyframes.datatypes import (
    MAX_AUTO_K,
    WITH_PROJECT,
    Algorithm,
    Crop,
    ExportOptions,
    ExportTool,
    FeatureKind,
    ImageFormat,
    ScanKind,
)
from keyframes.errors import KeyframesError, SettingsError
from keyframes.review_command import review

app = typer.Typer(
    name="keyframes",
    help="Pick the frames of a recording that are worth labelling.",
    epilog="Example: keyframes extract video.mp4 -k 150",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


def parse_bodyparts(text: str) -> tuple[str, ...]:
    """Read names separated by commas."""
    return tuple(part.strip() for part in text.split(",")) if text.strip() else ()


def _version(wanted: bool) -> None:
    if wanted:
        print(f"keyframes {__version__}")
        raise typer.Exit()


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    pass


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
Threads = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Threads to use; the result does not depend on it. Default: all processors."),
]


def network_settings(
    features: FeatureKind,
    algorithm: Algorithm,
    encoder: Path | None,
    encoder_minutes: float,
    input_size: tuple[int, int] | None,
    mean: tuple[float, ...] | None,
    std: tuple[float, ...] | None,
) -> dict[str, Any]:
    """Return the settings of features and clustering; a network that is named is used."""
    if encoder is None and (input_size or mean or std):
        raise typer.BadParameter("--input-size, --mean and --std tell of the network of --encoder; give that too")
    n_channels = len(mean or std or (0.0, 0.0, 0.0))
    return {
        "features": features if encoder is None else "encoder",
        "algorithm": algorithm,
        "encoder": encoder,
        "encoder_minutes": encoder_minutes,
        "input_size": input_size,
        "mean": mean or (0.0,) * n_channels,
        "std": std or (1.0,) * n_channels,
    }


@app.command(
    epilog="Example: keyframes extract mouse.mp4 -k 50 --start 1:30 --stop 12:00 -o mouse-frames\n\n"
    "keyframes extract mouse.mp4 -k 50 --unlike ~/dlc/reach-anna-2026-11-20 -o more\n\n"
    "keyframes extract top.mp4 side.mp4 -k 50 --views",
)
def extract(
    videos: Annotated[
        list[Path], typer.Argument(metavar="VIDEO", help="One or more video files, folders of images, or TIFFs.")
    ],
    # Typer knows no "int or a word": the parser alone says what comes out.
    k: Annotated[
        Any,
        typer.Option(
            "-k",
            parser=parse_k,
            metavar="N|auto",
            help="Number of frames to choose from each video; auto finds the number, "
            f"2 to {MAX_AUTO_K}, beyond which more of them add little, and shows it in k_curve.png.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Result folder; of several videos, the folder of their results. Default: <video name>-keyframes here.",
        ),
    ] = None,
    features: Annotated[
        FeatureKind,
        typer.Option(
            help="What stands for a frame: places and postures of the animals, principal components of its thumbnail, "
            "the thumbnail's pixels, or what a network makes of it, which is trained on this recording (needs PyTorch) "
            "or is that of --encoder."
        ),
    ] = "auto",
    algorithm: Annotated[
        Algorithm,
        typer.Option(
            help="Frames that stand for all others, the members nearest to the centres of k-means, or, with --features "
            "encoder, dec: features and clusters learned in one."
        ),
    ] = "auto",
    encoder: Annotated[
        Path | None,
        typer.Option(metavar="FILE.onnx", help="Compare frames by this pretrained network (--features encoder)."),
    ] = None,
    encoder_minutes: Annotated[
        float,
        typer.Option(
            min=0.01, metavar="M", help="Train a network for about so long on two slow cores; a fixed amount of work."
        ),
    ] = 3.0,
    input_size: Annotated[
        Any,
        typer.Option(parser=parse_size, metavar="W,H", help="Size of the input of --encoder. Default: 224,224."),
    ] = None,
    mean: Annotated[
        Any,
        typer.Option(
            parser=parse_channels,
            metavar="R,G,B",
            help="What --encoder wants subtracted, white being 1; one number: it wants gray. Default: 0,0,0.",
        ),
    ] = None,
    std: Annotated[
        Any,
        typer.Option(parser=parse_channels, metavar="R,G,B", help="What it wants divided by. Default: 1,1,1."),
    ] = None,
    start: Annotated[
        float | None,
        typer.Option(parser=parse_time, metavar="T", help="Look from this time on: seconds or [HH:]MM:SS."),
    ] = None,
    stop: Annotated[
        float | None,
        typer.Option(parser=parse_time, metavar="T", help="Look at frames before this time. Default: the end."),
    ] = None,
    every: Annotated[int, typer.Option(min=1, metavar="N", help="Look at every N-th frame.")] = 1,
    crop: Annotated[
        Crop | None,
        typer.Option(
            parser=parse_crop,
            metavar="X,Y,W,H",
            help="Look at this part of the picture, in pixels; the exported images are whole. Default: all.",
        ),
    ] = None,
    width: Annotated[int, typer.Option(min=4, metavar="PX", help="Width of the thumbnails that are compared.")] = 64,
    color: Annotated[bool, typer.Option("--color", help="Compare in colour instead of gray.")] = False,
    scan: Annotated[
        ScanKind,
        typer.Option(
            help="Look at every frame, or, fast, leave out B-frames where the file has them; "
            "the images are exact in both."
        ),
    ] = "exact",
    uniform: Annotated[
        bool,
        typer.Option("--uniform", help="Take frames evenly spread over the range, whatever they show: the baseline."),
    ] = False,
    unlike: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PROJECT",
            help="Choose frames unlike those that this project has labelled or chosen, of this video or of others of "
            "the same camera: a DeepLabCut or Lightning Pose folder, a .slp, or an earlier result; may be "
            "given several times.",
        ),
    ] = None,
    views: Annotated[
        bool,
        typer.Option(
            "--views",
            help="The videos are cameras of one scene, frame by frame: choose the same frames of each, by all of them.",
        ),
    ] = False,
    min_gap: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="Least time between two chosen frames, as far as possible; 0: none."
        ),
    ] = 0.1,
    allow_similar: Annotated[
        bool, typer.Option("--allow-similar", help="Do not replace a frame that looks like another chosen one.")
    ] = False,
    allow_dark: Annotated[
        bool, typer.Option("--allow-dark", help="Do not replace a frame that is much darker than most.")
    ] = False,
    allow_blurred: Annotated[
        bool,
        typer.Option("--allow-blurred", help="Do not replace a frame that is blurred, nor prefer the sharper of two."),
    ] = False,
    seed: Annotated[
        int, typer.Option(min=0, max=2**32 - 1, metavar="N", help="Another seed gives another choice.")
    ] = 0,
    threads: Threads = None,
    format: Annotated[ImageFormat, typer.Option(help="File format of the exported images.")] = "png",
    export_to: Annotated[
        # Typer knows no list of a choice of words.
        list[Any] | None,
        typer.Option(
            "--export",
            parser=parse_tool,
            metavar="TOOL",
            help=f"Bring the frames into this labelling tool too ({', '.join(get_args(ExportTool))}); "
            "may be given several times.",
        ),
    ] = None,
    project: Project = None,
    task: Task = "",
    scorer: Scorer = "",
    bodyparts: Bodyparts = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier result.")] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Choose the K frames of each video that differ most from one another, and write them.

    The result folder holds the images (frames/img<index>.png), manifest.json, keyframes.csv, report.html,
    contact_sheet.jpg, scan.npz and, with -k auto, k_curve.png. The same video, options and seed give the same bytes.
    """
    settings: dict[str, Any] = {
        **network_settings(features, algorithm, encoder, encoder_minutes, input_size, mean, std),
        "start_s": start or 0.0,
        "stop_s": stop,
        "every": every,
        "crop": crop,
        "width": width,
        "color": color,
        "scan": scan,
        "uniform": uniform,
        "min_gap_s": min_gap,
        "allow_similar": allow_similar,
        "allow_dark": allow_dark,
        "allow_blurred": allow_blurred,
        "seed": seed,
        "format": format,
    }
    if views and (len(videos) < 2 or unlike):
        raise typer.BadParameter("--views takes two videos or more, and no --unlike")
    if stop is not None and stop <= (start or 0.0):
        raise typer.BadParameter(f"--stop {stop:g} s must be later than --start {start or 0.0:g} s")
    from keyframes.exporters import check_export
    from keyframes.output import result_names, view_names
    from keyframes.pipeline import extract as run
    from keyframes.pipeline import extract_views

    places = [output or Path(result_names(videos)[0])]
    if len(videos) > 1:
        places = [(output or Path()) / name for name in result_names(videos)]
    done: list[dict[str, Any]] = []
    exports: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    target: dict[str, Any] = {
        "project": project,
        "task": task,
        "scorer": scorer,
        "bodyparts": parse_bodyparts(bodyparts),
    }
    tools = list(dict.fromkeys(export_to or []))
    if tools or project is not None:
        # Told before hours of decoding, not after them.
        with _errors_told(failed):
            check_export(tools, ExportOptions(**target), videos, places)
    common: dict[str, Any] = {"overwrite": overwrite, "threads": threads, "progress": not quiet, **settings}
    together: list[Any] = []
    if views and not failed:
        with _errors_told(failed, video=", ".join(map(str, videos))):
            together = extract_views(videos, k, outputs=places, **common)
    for number, (video, place) in enumerate([] if failed else zip(videos, places, strict=True)):
        with _errors_told(failed, video=str(video)):
            result = together[number] if views else run(video, k, output=place, unlike=unlike or (), **common)
            for warning in result.warnings:
                _say(f"warning: {video}: {warning}")
            done.append({"folder": str(place), **result.manifest})
            if not as_json:
                n_decoded = result.manifest["video"]["frames_decoded"]
                found = f" (k = {result.manifest['k_selection']['k']}, see k_curve.png)" if k == "auto" else ""
                print(f"{video}: {len(result.keyframes)} of {n_decoded} frames in {place}{found}")
    for tool in tools if done else []:
        own = target if tool in WITH_PROJECT else {**target, "project": None}
        folders = [Path(result["folder"]) for result in done]
        names = view_names(videos) if views and tool == "lightning-pose" else ()
        _export(folders, tool, exports, failed, as_json, videos=videos, views=names, progress=not quiet, **own)
    if as_json:
        document = {"results": done, **({"exports": exports} if tools else {}), "failures": failed}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    if failed:
        raise typer.Exit(1)


@app.command(epilog="Example: keyframes export mouse-keyframes --to deeplabcut --project ~/dlc/reach-anna-2026-11-20")
def export(
    results: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Result folders of extractions, or the folder of several.")
    ],
    tool: Annotated[ExportTool, typer.Option("--to", help="The labelling tool.")],
    project: Project = None,
    task: Task = "",
    scorer: Scorer = "",
    bodyparts: Bodyparts = "",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Place of a new export. Default: <video name>-<tool> beside the result; "
            "for DeepLabCut <task>-<scorer>-<date> here.",
        ),
    ] = None,
    video: Annotated[
        list[Path] | None,
        typer.Option(metavar="VIDEO", help="The video, where it is neither beside the result nor here."),
    ] = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Bring the frames of earlier extractions into a labelling tool.

    The images are taken as they are; only Lightning Pose's context frames are decoded from the video. Frames that a
    project has already stay as they are. On any error the project is left as it was.
    """
    exports: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    _export(
        results,
        tool,
        exports,
        failed,
        as_json,
        output=output,
        videos=video or (),
        project=project,
        task=task,
        scorer=scorer,
        bodyparts=parse_bodyparts(bodyparts),
        progress=not quiet,
    )
    if as_json:
        print(json.dumps({"exports": exports, "failures": failed}, indent=2, ensure_ascii=False))
    if failed:
        raise typer.Exit(1)


def _export(
    results: list[Path],
    tool: ExportTool,
    exports: list[dict[str, Any]],
    failed: list[dict[str, str]],
    as_json: bool,
    **options: Any,
) -> None:
    """Export, say so, and note it in `exports` or `failed`."""
    from keyframes.exporters import export as run

    with _errors_told(failed, export=tool):
        done = run(results, tool, **options)
        for note in done.notes:
            _say(f"note: {tool}: {note}")
        exports.append({"tool": tool, "place": str(done.place), "frames": done.n_frames, "notes": list(done.notes)})
        if not as_json:
            print(f"{tool}: {done.n_frames} frames in {done.place}")


app.command(epilog="Example: keyframes review mouse-keyframes")(review)


@app.command(epilog="Example: keyframes info mouse.mp4")
def info(
    video: Annotated[Path, typer.Argument(metavar="VIDEO", help="A video file.")],
    threads: Threads = None,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Tell what a video file says of itself, and what decoding all of it shows."""
    from keyframes.inspection import inspect

    failed: list[dict[str, str]] = []
    with _errors_told(failed, video=str(video)):
        report = inspect(video, threads=threads, progress=not quiet)
        if as_json:
            print(json.dumps(report, indent=2, ensure_ascii=False))
        else:
            for name, value in report.items():
                shown = value if not isinstance(value, list) else "; ".join(value) or "none"
                print(f"{name.replace('_', ' '):<24}{shown}")
    if failed:
        raise typer.Exit(1)


@contextmanager
def _errors_told(failed: list[dict[str, str]], **subject: str) -> Iterator[None]:
    """Print an error of ours in one line, and note it in `failed`; anything else is a defect and passes."""
    try:
        yield
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    except KeyframesError as error:
        _say(f"error: {error}")
        failed.append({**subject, "error": str(error)})


def _say(text: str) -> None:
    print(" ".join(text.split()), file=sys.stderr)
