"""The ``keyframes batch`` command: extract's options, for every video below a folder."""

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from keyframes.commands.extract import extract, network_settings
from keyframes.commands.options import export_options, parse_k, printable, say
from keyframes.datatypes import WITH_PROJECT, ExportOptions
from keyframes.errors import KeyframesError, SettingsError

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
]
SHOWN_REASON = 200


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
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder whose videos, at any depth, are looked at.")],
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
            "times. Default: the endings of videos.",
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
    """Choose frames of every video below DIR, each into a result folder of its own.

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
            print(json.dumps({"results": [], "failures": [{"error": str(error)}]}, indent=2))
        raise typer.Exit(1) from None
    failed = done.with_status("failed")
    if as_json:
        document = {
            "folder": str(done.folder),
            "results": [row for row in done.rows if row["status"] != "failed"],
            **({"exports": exported} if options["export_to"] else {}),
            "failures": [*failed, *failures],
        }
        print(json.dumps(document, indent=2))
    else:
        _print_table(done)
        for one in exported:
            print(f"{one['tool']}: {one['frames']} frames in {one['place']}")
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
    from keyframes.exporters import export, options_for

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
    order = {"skipped": 0, "done": 1, "failed": 2}
    rows = sorted(done.rows, key=lambda row: (order[row["status"]], row["recording"]))
    width = max(len("recording"), *(len(printable(row["recording"])) for row in rows))
    print(f"{'recording':<{width}}  {'status':<8}{'frames':>7}{'seconds':>9}  reason")
    for row in rows:
        told = row["reason"] if row["status"] == "failed" else "; ".join(f"warning: {text}" for text in row["warnings"])
        line = (
            f"{printable(row['recording']):<{width}}  {row['status']:<8}{row['frames']:>7}{row['seconds']:>9.1f}  "
            f"{printable(' '.join(told.split()))[:SHOWN_REASON]}"
        )
        print(line.rstrip())
    counts = ", ".join(f"{len(done.with_status(status))} {status}" for status in ("done", "skipped", "failed"))
    print(f"{counts}; {sum(row['frames'] for row in done.rows)} frames in {printable(str(done.folder))}")
