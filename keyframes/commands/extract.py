"""The command ``keyframes extract``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keyframes.commands import options
from keyframes.commands.export import WantedExports, check_prelabel
from keyframes.commands.printing import errors_told, print_json, say, tell_of_compilation
from keyframes.names import printable, with_own_name
from keyframes.settings import Settings

if TYPE_CHECKING:
    from keyframes.result.result import Result


@options.grouped
def extract(
    videos: Annotated[
        list[Path], typer.Argument(metavar="VIDEO", help="One or more video files, folders of images, or TIFFs.")
    ],
    k: options.K,
    *,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Result folder; for several recordings, the folder that holds them. Default: <video name>-keyframes.",
        ),
    ] = None,
    settings: options.SettingsOptions,
    views: options.Views = False,
    unlike: options.Unlike = None,
    export_to: options.Export = None,
    prelabel: options.Prelabel = False,
    to: options.ProjectOptions,
    format: options.Format = Settings.format,
    overwrite: options.Overwrite = False,
    threads: options.Threads = None,
    quiet: options.Quiet = False,
    as_json: options.AsJson = False,
) -> None:
    """Choose the K frames of each recording that best represent all its frames, and write them as images.

    The result folder holds the images (frames/img<index>.png), manifest.json, keyframes.csv, report.html,
    contact_sheet.jpg, scan.npz and, with -k auto, k_curve.png. The same recording, options and seed give the same
    bytes.
    """
    if views and len(videos) < 2:
        raise typer.BadParameter("--views needs two or more recordings")
    if views and unlike:
        raise typer.BadParameter("--views cannot be combined with --unlike; leave one of them out")
    check_prelabel(prelabel, export_to, settings)
    from keyframes.pipeline import extract as run
    from keyframes.result.naming import result_names, view_names
    from keyframes.views import extract_views

    tell_of_compilation(quiet)
    videos = [with_own_name(video) for video in videos]
    places = [output or Path(result_names(videos)[0])]
    if len(videos) > 1:
        places = [(output or Path()) / name for name in result_names(videos)]
    common: dict[str, Any] = {}
    done: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    with errors_told(failed):
        common = {"overwrite": overwrite, "threads": threads, "progress": not quiet, **settings.given(format)}
        exports = WantedExports.of(export_to, to, prelabel, settings)
        if settings["predictions"] is not None and not views:
            from keyframes.predictions.finding import refuse_shared

            refuse_shared(settings["predictions"], videos)
        exports.check(videos, places)
    together: list[Result] = []
    if views and not failed:
        with errors_told(failed, video=", ".join(map(str, videos))):
            together = extract_views(videos, k, outputs=places, **common)
    for number, (video, place) in enumerate([] if failed else zip(videos, places, strict=True)):
        with errors_told(failed, video=str(video)):
            result = together[number] if views else run(video, k, output=place, unlike=unlike or (), **common)
            _tell_of(result, video, has_given_levels=settings["levels"] is not None)
            done.append({"folder": str(place), **result.manifest})
            if not as_json:
                found = f" (k = {result.manifest['k_selection']['k']}, see k_curve.png)" if k == "auto" else ""
                print(printable(f"{video}: {len(result.keyframes)} of {result.n_frames:,} frames in {place}{found}"))
    folders, names = [Path(result["folder"]) for result in done], view_names(videos) if views else ()
    exported = exports.write(folders, videos, names, failed, as_json=as_json, progress=not quiet)
    if as_json:
        print_json({"results": done, **({"exports": exported} if exports.tools else {}), "failures": failed})
    if failed:
        raise typer.Exit(1)


def _tell_of(result: "Result", video: Path, *, has_given_levels: bool) -> None:
    """Say what there is to know of a result beside its frames."""
    about = result.manifest["video"]
    if read_with := about.get("read_with"):
        say(f"note: {video}: read with {read_with}")
    for warning in result.warnings:
        say(f"warning: {video}: {warning}")
    if "levels" in about and not has_given_levels:
        low, high = about["levels"]
        say(f"note: {video}: levels {low:g} to {high:g} are shown as black to white; --levels changes that")
