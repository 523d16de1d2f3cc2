"""The command ``keyframes batch``: extract's options, for every recording below a folder."""

import os
import shutil
import sys
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keyframes.commands import options
from keyframes.commands.export import WantedExports, check_prelabel
from keyframes.commands.printing import errors_told, print_json, say, tell_of_compilation
from keyframes.names import printable
from keyframes.settings import KEEP_BYTES, Settings
from keyframes.wording import counted

if TYPE_CHECKING:
    from keyframes.batch import Batch

# Characters of a reason or a name in the table, where no terminal says how many fit; and at least.
SHOWN_REASON, FEWEST_SHOWN = 1000, 20


@options.grouped
def batch(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to search for recordings, at any depth.")],
    *,
    k: options.K = None,
    total: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Total number of frames for all recordings, instead of -k; more varied ones get more of them.",
        ),
    ] = None,
    at_least: Annotated[
        int, typer.Option(min=0, metavar="N", help="With --total: minimum number of frames from each recording.")
    ] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Folder for all results. Default: <DIR>-keyframes."),
    ] = None,
    settings: options.SettingsOptions,
    include: Annotated[
        list[str] | None,
        options.look(
            metavar="GLOB",
            help="Only files whose name, or path from DIR, matches, such as 'cage1/*.avi'. Repeatable. "
            "Default: videos by their extensions, TIFF stacks, and folders of images.",
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None, options.look(metavar="GLOB", help="Leave out files that match. Repeatable.")
    ] = None,
    views: options.Views = False,
    unlike: options.Unlike = None,
    export_to: options.Export = None,
    prelabel: options.Prelabel = False,
    to: options.ProjectOptions,
    jobs: Annotated[
        int | None,
        options.run_panel(min=1, metavar="N", help="Recordings to process at once. Default: one for each processor."),
    ] = None,
    scheduler: Annotated[
        str | None,
        options.run_panel(
            metavar="ADDRESS", help="Run on the workers of this dask scheduler, such as tcp://head-node:8786."
        ),
    ] = None,
    resume: Annotated[
        bool,
        options.run_panel(
            "--resume/--no-resume", help="Skip recordings that are done, unless the file or the settings have changed."
        ),
    ] = True,
    keep_scans: Annotated[
        float,
        options.run_panel(
            min=0,
            metavar="GB",
            help="Disk space for scans, which are kept so that another choice needs no second scan.",
        ),
    ] = KEEP_BYTES / 1e9,
    format: options.Format = Settings.format,
    overwrite: options.Overwrite = False,
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Choose frames from every recording in DIR and its subfolders. Each recording gets its own result folder.

    A recording is a video, a TIFF with several pages or a folder of images.

    Run it again to resume, even after a crash: recordings that are done are skipped. Several machines can work at once.

    The output folder holds the results, index.html (which links to them), summary.csv, batch.json and batch-state.
    """
    check_prelabel(prelabel, export_to, settings)
    if not isfinite(keep_scans):
        raise typer.BadParameter(f"--keep-scans is {keep_scans}; give a number of gigabytes")
    from keyframes.batch import run_batch
    from keyframes.result.naming import view_names

    tell_of_compilation(quiet)
    failures: list[dict[str, str]] = []
    with errors_told(failures):
        exports = WantedExports.of(export_to, to, prelabel, settings)
        exports.check()
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
            unlike=unlike or (),
            views=views,
            overwrite=overwrite,
            threads=threads,
            progress=not quiet,
            say=say,
            check=lambda places: exports.check(results=places),
            **settings.given(format),
        )
    if failures:
        if as_json:
            print_json({"results": [], "failures": failures})
        raise typer.Exit(1)
    if not as_json:
        _print_table(done)
    # An earlier result of what failed now is not what was asked for.
    there = [row for row in done.rows if row["place"] and row["status"] != "failed"]
    folders, videos = [done.folder / row["place"] for row in there], [folder / row["recording"] for row in there]
    names = view_names([Path(row["recording"]) for row in there]) if views and there else ()
    exported = exports.write(folders, videos, names, failures, as_json=as_json, progress=not quiet)
    failed = done.with_status("failed")
    if as_json:
        document = {
            "folder": str(done.folder),
            "results": [row for row in done.rows if row["status"] != "failed"],
            **({"exports": exported} if exports.tools else {}),
            "failures": [*failed, *failures],
            "left_out": done.left_out,
        }
        print_json(document)
    if failed or failures:
        raise typer.Exit(1)


def _print_table(done: "Batch") -> None:
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
        told = "; ".join(f"warning: {text}" for text in row["warnings"])
        if row["status"] == "failed":
            told = row["reason"] + (" (the earlier result is kept)" if row["frames"] else "")
        start = f"{name:<{width}}  {row['status']:<8}{row['frames']:>7}{row['seconds']:>9.1f}  "
        room = max(FEWEST_SHOWN, columns - len(start)) if columns else SHOWN_REASON
        print((start + _cut(printable(" ".join(told.split())), room)).rstrip())
    if done.left_out:
        print(printable(describe_left_out(done.left_out)))
    counts = ", ".join(f"{len(done.with_status(status))} {status}" for status in ("done", "skipped", "failed"))
    n_frames = sum(row["frames"] for row in done.rows)
    print(f"{counts}; {counted(n_frames, 'frame')} in {printable(str(done.folder))}")


def _name(row: dict[str, Any], columns: int) -> str:
    """Name of a recording; on a terminal, the end of it that fits into two fifths of its columns."""
    name = printable(row["recording"])
    room = max(FEWEST_SHOWN, 2 * columns // 5)
    return name if not columns or len(name) <= room else f"…{name[1 - room :]}"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1]}…"
