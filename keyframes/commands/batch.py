"""The ``keyframes batch`` command: extract's options, for every video below a folder."""

import inspect
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from keyframes.commands.extract import extract, network_settings
from keyframes.commands.options import export_options, parse_k, print_json, printable, say
from keyframes.errors import KeyframesError, SettingsError
from keyframes.settings import WITH_PROJECT, ExportOptions

F = TypeVar("F", bound=Callable[..., None])
# What extract has and this command has in its own way, or not at all.
OWN = {"videos", "k", "output", "views"}
OF_EXPORTS = ["project", "task", "scorer", "bodyparts", "individuals", "skeleton", "copy_videos"]
OF_NETWORKS = ["features", "algorithm", "encoder", "encoder_minutes", "input_size", "mean", "std"]
SETTINGS = [
    "every",
    "crop",
    "width",
    "color",
    "scan",
    "uniform",
    "allow_similar",
    "allow_dark",
    "allow_blurred",
    "seed",
    "format",
    "levels",
    "rate",
]
# Characters of a reason or a name in the table, where no terminal says how many fit; and at least.
SHOWN_REASON, FEWEST_SHOWN = 1000, 20


def with_options_of_extract(command: F) -> F:
    """Add extract's options to a command that takes them as keywords, so that they are declared once."""
    own = inspect.signature(command)
    theirs = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(extract).parameters.items()
        if name not in OWN
    ]
    parameters = [one for one in own.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    command.__signature__ = own.replace(parameters=[*parameters, *theirs])  # type: ignore[attr-defined]
    return command


@with_options_of_extract
def batch(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder that is searched for recordings, at any depth.")
    ],
    k: Annotated[
        Any, typer.Option("-k", parser=parse_k, metavar="N|auto", help="Number of frames to choose from each video; or")
    ] = None,
    total: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="frames of all videos together, spent where they cover most."),
    ] = None,
    at_least: Annotated[int, typer.Option(min=0, metavar="N", help="With --total: frames of each video at least.")] = 0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Folder of all results. Default: <name of the folder>-keyframes here."
        ),
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(
            metavar="GLOB",
            help="Only files whose name, or path from the folder, matches, such as 'cage1/*.avi'; may be given several "
            "times. Default: videos by their endings, TIFF stacks, and folders of images.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Leave these files out; may be given several times.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Videos at once. Default: one for each processor.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Let the workers of this dask scheduler do it, such as tcp://head-node:8786."
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--no-resume",
            help="Leave alone what is done while file and settings stay the same; or do all of it again.",
        ),
    ] = True,
    keep_scans: Annotated[
        float,
        typer.Option(
            min=0, metavar="GB", help="Space for what was seen of the videos, so that another choice decodes nothing."
        ),
    ] = 20.0,
    **options: Any,
) -> None:
    """Choose frames of every recording below DIR, each into a result folder of its own.

    A recording is a video, a TIFF of many pages or a folder of images.

    What is done stays done: run again, it goes on where it was, also after a crash. Two machines may share the folder.
    The output folder holds the results, index.html (which leads to their pages), summary.csv, batch.json, batch-state.
    """
    if (k is None) == (total is None):
        raise typer.BadParameter("give either -k, the frames of each video, or --total, those of all together")
    from keyframes.batch import run_batch

    quiet, as_json = options["quiet"], options["as_json"]
    given = {name: options[name] for name in SETTINGS} | network_settings(*(options[name] for name in OF_NETWORKS))
    given |= {
        "start_s": options["start"] or 0.0,
        "stop_s": options["stop"],
        "min_gap_s": options["min_gap"],
    }
    exported: list[dict[str, Any]] = []
    failures: list[dict[str, str]] = []
    try:
        _check_exports(options)
        done = run_batch(
            folder,
            k,
            total=total,
            at_least=at_least,
            output=output,
            include=include or (),
            exclude=exclude or (),
            jobs=jobs,
            scheduler=scheduler,
            resume=resume,
            keep_bytes=int(keep_scans * 1e9),
            unlike=options["unlike"] or (),
            overwrite=options["overwrite"],
            threads=options["threads"],
            progress=not quiet,
            say=say,
            **given,
        )
        results = [done.folder / row["place"] for row in done.rows if row["place"]]
        exported = _export(results, [folder / row["recording"] for row in done.rows if row["place"]], options, failures)
    except SettingsError as error:
        raise typer.BadParameter(str(error)) from None
    except KeyframesError as error:
        say(f"error: {error}")
        if as_json:
            print_json({"results": [], "failures": [{"error": str(error)}]})
        raise typer.Exit(1) from None
    failed = done.with_status("failed")
    if as_json:
        document = {
            "folder": str(done.folder),
            "results": [row for row in done.rows if row["status"] != "failed"],
            **({"exports": exported} if options["export_to"] else {}),
            "failures": [*failed, *failures],
            "left_out": done.left_out,
        }
        print_json(document)
    else:
        _print_table(done)
        for one in exported:
            print(printable(f"{one['tool']}: {one['frames']} frames in {one['place']}"))
    if failed or failures:
        raise typer.Exit(1)


def _check_exports(options: dict[str, Any]) -> None:
    """Raise, before hours of decoding, where an export names what is no project."""
    tools = options["export_to"] or []
    if options["project"] is not None and sum(tool in WITH_PROJECT for tool in tools) != 1:
        raise SettingsError(f"--project needs exactly one --export to {', '.join(WITH_PROJECT)}")
    _target(options)


def _target(options: dict[str, Any]) -> ExportOptions:
    return export_options(*(options[name] for name in OF_EXPORTS))


def _export(
    results: list[Path], videos: list[Path], options: dict[str, Any], failures: list[dict[str, str]]
) -> list[dict[str, Any]]:
    """Bring all results into labelling tools, and tell of it; what fails is noted."""
    from keyframes.labelling import export, options_for

    exported = []
    tools = list(dict.fromkeys(options["export_to"] or [] if results else []))
    for tool in tools:
        own = options_for(tool, _target(options), tools)
        try:
            made = export(results, tool, videos=videos, progress=not options["quiet"], **vars(own))
        except KeyframesError as error:
            say(f"error: {error}")
            failures.append({"export": tool, "error": str(error)})
            continue
        for note in made.notes:
            say(f"note: {tool}: {note}")
        exported.append({"tool": tool, "place": str(made.place), "frames": made.n_frames, "notes": list(made.notes)})
    return exported


def _print_table(done: Any) -> None:
    """Print what became of each recording: what failed last, where the eye is."""
    from keyframes.batch import describe_left_out

    order = {"skipped": 0, "done": 1, "failed": 2}
    rows = sorted(done.rows, key=lambda row: (order[row["status"]], os.fsencode(row["recording"])))
    # A log may have lines of any length.
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    names = [_name(row, columns) for row in rows]
    width = max(len("recording"), *map(len, names))
    print(f"{'recording':<{width}}  {'status':<8}{'frames':>7}{'seconds':>9}  reason")
    for name, row in zip(names, rows, strict=True):
        told = row["reason"] if row["status"] == "failed" else "; ".join(f"warning: {text}" for text in row["warnings"])
        start = f"{name:<{width}}  {row['status']:<8}{row['frames']:>7}{row['seconds']:>9.1f}  "
        room = max(FEWEST_SHOWN, columns - len(start)) if columns else SHOWN_REASON
        print((start + _cut(printable(" ".join(told.split())), room)).rstrip())
    if done.left_out:
        print(printable(describe_left_out(done.left_out)))
    counts = ", ".join(f"{len(done.with_status(status))} {status}" for status in ("done", "skipped", "failed"))
    print(f"{counts}; {sum(row['frames'] for row in done.rows)} frames in {printable(str(done.folder))}")


def _name(row: dict[str, Any], columns: int) -> str:
    """Name of a recording; on a terminal, the end of it that fits into two fifths of its columns."""
    name = printable(row["recording"])
    room = max(FEWEST_SHOWN, 2 * columns // 5)
    return name if not columns or len(name) <= room else f"…{name[1 - room :]}"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"
