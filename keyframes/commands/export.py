"""The command ``keyframes export``."""

from pathlib import Path
from typing import Annotated, Any

import typer

from keyframes.commands.options import (
    AsJson,
    Bodyparts,
    CopyVideos,
    Individuals,
    Project,
    Quiet,
    Scorer,
    Skeleton,
    Task,
    errors_told,
    export_options,
    print_json,
    printable,
    say,
)
from keyframes.settings import ExportOptions, ExportTool


def export(
    results: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Result folders of extractions, or the folder of several.")
    ],
    tool: Annotated[ExportTool, typer.Option("--to", help="The labelling tool.")],
    project: Project = None,
    task: Task = "",
    scorer: Scorer = "",
    bodyparts: Bodyparts = "",
    individuals: Individuals = "",
    skeleton: Skeleton = "",
    copy_videos: CopyVideos = False,
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
        typer.Option(
            metavar="VIDEO",
            help="The video, where it is neither beside the result nor here; may be given several times.",
        ),
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
    with errors_told(failed):
        options = export_options(project, task, scorer, bodyparts, individuals, skeleton, copy_videos)
    export_results(
        results, tool, options, exports, failed, as_json, output=output, videos=video or (), progress=not quiet
    )
    if as_json:
        print_json({"exports": exports, "failures": failed})
    if failed:
        raise typer.Exit(1)


def export_results(
    results: list[Path],
    tool: ExportTool,
    options: ExportOptions,
    exports: list[dict[str, Any]],
    failed: list[dict[str, str]],
    as_json: bool,
    **how: Any,
) -> None:
    """Export, say so, and note it in `exports` or `failed`."""
    from keyframes.labelling import export as run

    with errors_told(failed, export=tool):
        done = run(results, tool, **vars(options), **how)
        for note in done.notes:
            say(f"note: {tool}: {note}")
        exports.append({"tool": tool, "place": str(done.place), "frames": done.n_frames, "notes": list(done.notes)})
        if not as_json:
            print(printable(f"{tool}: {done.n_frames} frames in {done.place}"))
