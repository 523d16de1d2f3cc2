"""One export: which tool, from which results, to which place.

A tool is a module with ``USES``, the options that it follows, and ``write``. One that keeps projects has ``check`` as
well, which raises where an export could not work, before anything is decoded.
"""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from keyframes.errors import OutputError, SettingsError
from keyframes.export_options import WITH_PROJECT, ExportOptions, ExportTool
from keyframes.labelling import coco, cvat, label_studio
from keyframes.labelling.deeplabcut import export as deeplabcut
from keyframes.labelling.exported import Exported
from keyframes.labelling.lightning_pose import export as lightning_pose
from keyframes.labelling.prelabels import with_predictions
from keyframes.labelling.sleap import export as sleap
from keyframes.labelling.unused_options import notes_on_unused
from keyframes.names import with_own_name
from keyframes.predictions import Predictions
from keyframes.predictions.finding import refuse_shared
from keyframes.result.dry_run import dry_run as planning
from keyframes.result.recordings import Recording, read_recordings


class Tool(Protocol):
    """Module of a tool."""

    USES: frozenset[str]

    def write(self, recordings: Sequence[Recording], options: ExportOptions, place: Path, progress: bool) -> Exported:
        """Make the export, whole or not at all."""


TOOLS: dict[ExportTool, Tool] = {
    "deeplabcut": deeplabcut,
    "sleap": sleap,
    "lightning-pose": lightning_pose,
    "coco": coco,
    "cvat": cvat,
    "label-studio": label_studio,
}
WITHOUT_PRELABELS = ("cvat",)
CHECKS = {"deeplabcut": deeplabcut.check, "sleap": sleap.check, "lightning-pose": lightning_pose.check}


def export(
    results: str | Path | Sequence[str | Path],
    tool: ExportTool,
    *,
    output: str | Path | None = None,
    videos: Sequence[str | Path] = (),
    views: Sequence[str] = (),
    progress: bool = False,
    project: str | Path | None = None,
    prelabels: str | Path | Predictions | None = None,
    offset: tuple[float, float] | None = None,
    dry_run: bool = False,
    **options: Any,
) -> Exported:
    """Bring earlier results into a labelling tool, all of them together.

    The images are used as they are. Only the context frames of Lightning Pose are decoded again, and JPEG images for
    tools that take PNG. A project is changed completely or not at all.

    Parameters
    ----------
    results : str, Path or a sequence of them
        Result folders, or folders that hold result folders at any depth.
    tool : {"deeplabcut", "sleap", "lightning-pose", "coco", "cvat", "label-studio"}
    output : str or Path, optional
        Place of a new export; by default ``<name>-<tool>`` beside ``<name>-keyframes``, ``<tool>`` in the folder
        that holds all of several results, and for DeepLabCut ``<task>-<scorer>-<date>`` in the current folder.
    videos : sequence of str or Path
        The videos of the results, if they are neither beside them nor in the current folder.
    views : sequence of str
        Names of the cameras, one for each result, if the videos show one scene.
    progress : bool, default=False
        Show progress bars on standard error where that is a terminal.
    project : str or Path, optional
        Project to add to: DeepLabCut's folder or ``config.yaml``, Lightning Pose's folder, or a ``.slp`` (it stays, a
        new file is written beside it). A folder that does not exist becomes a new project, if `bodyparts` are given,
        and for DeepLabCut `task` and `scorer`.
    prelabels : str, Path or Predictions, optional
        Predictions of a network, exported as labels to correct: the file, or a folder with one for each video, as
        `read_predictions` takes them, or, for one result, what that function returned. Without `bodyparts`, a
        new export has the points and the skeleton of the network.
    offset : (float, float), optional
        As `read_predictions` takes it.
    dry_run : bool, default=False
        Change nothing, and tell in `Exported.changes` which files would be written.
    **options
        The other fields of `ExportOptions`: ``task``, ``scorer``, ``bodyparts``, ``individuals``, ``skeleton``,
        ``copy_videos``. The notes list those that a tool ignores.

    Returns
    -------
    Exported

    Raises
    ------
    SettingsError, ExportError, PredictionsError, VideoError, OutputError
        See `keyframes.errors`.
    """
    folders = [results] if isinstance(results, str | Path) else list(results)
    if not folders:
        raise SettingsError("no results to export were given")
    asked = given = ExportOptions(project=None if project is None else Path(project), **options)
    if output is not None and given.project is not None:
        raise SettingsError("an export goes either into a project or to a new place; leave out --project or -o")
    write = _tool(tool).write
    recordings = read_recordings([Path(folder) for folder in folders], [Path(video) for video in videos], views)
    notes: list[str] = []
    if prelabels is not None and tool in WITHOUT_PRELABELS:
        notes.append(f"--prelabel is ignored: {tool} takes no predictions")
    elif prelabels is not None:
        recordings, given = _prelabelled(recordings, given, prelabels, offset)
        notes += [told for recording in recordings if recording.predictions for told in recording.predictions.warnings]
    place = Path(output) if output is not None else _place(tool, given, [recording.folder for recording in recordings])
    _check(tool, given, place, ())
    _check_free(tool, given, place)
    with planning() if dry_run else nullcontext(()) as changes:
        exported = write(recordings, given, place, progress)
    notes += notes_on_unused(asked, uses_of(tool), tool)
    return replace(exported, notes=(*exported.notes, *notes), changes=tuple(changes))


def _prelabelled(
    recordings: Sequence[Recording],
    options: ExportOptions,
    given: str | Path | Predictions,
    offset: tuple[float, float] | None,
) -> tuple[tuple[Recording, ...], ExportOptions]:
    """Return the recordings with predictions, and the options of a new export with the names of their points."""
    if isinstance(given, Predictions) and len(recordings) > 1:
        raise SettingsError(
            f"these are the predictions of one video, but {len(recordings)} results are exported; "
            "give a folder of predictions"
        )
    if not isinstance(given, Predictions):
        refuse_shared(Path(given), [recording.need_video() for recording in recordings])
    predicted = tuple(with_predictions(recording, given, offset) for recording in recordings)
    first = predicted[0].predictions
    if first is not None and options.project is None and not options.bodyparts:
        bones = tuple((first.names[one], first.names[other]) for one, other in first.skeleton)
        options = replace(options, bodyparts=first.names, skeleton=bones)
    return predicted, options


def check_export(
    tools: Sequence[ExportTool],
    options: ExportOptions,
    videos: Sequence[Path] = (),
    results: Sequence[Path] = (),
    *,
    has_prelabels: bool = False,
) -> None:
    """Raise where exports of these videos' results, which are still to be made, could not work.

    Without `results`, the place of a new export is not known, and nobody checks that it is free. With prelabels,
    a new export will have the points of the network, which are not read yet.
    """
    if options.project is not None and sum(tool in WITH_PROJECT for tool in tools) != 1:
        raise SettingsError(f"--project needs exactly one --export to {', '.join(WITH_PROJECT)}")
    if not tools and (given := [f"--{name.replace('_', '-')}" for name, value in vars(options).items() if value]):
        raise SettingsError(f"without --export, {', '.join(given)} would have no effect; name a tool with --export")
    if has_prelabels and options.project is None and not options.bodyparts:
        options = replace(options, bodyparts=("predicted",))
    for tool in tools:
        own = options_for(tool, options)
        place = _place(tool, own, results) if results else own.project or Path()
        _check(tool, own, place, videos)
        if results:
            _check_free(tool, own, place)


def options_for(tool: ExportTool, options: ExportOptions, others: Sequence[ExportTool] = ()) -> ExportOptions:
    """Return the options of one of several exports: without what only others use, and without their project."""
    elsewhere = {name for other in others for name in uses_of(other)} - uses_of(tool)
    empty: dict[str, Any] = {name: getattr(ExportOptions, name) for name in elsewhere}
    return replace(options, project=options.project if tool in WITH_PROJECT else None, **empty)


def uses_of(tool: ExportTool) -> frozenset[str]:
    """Names of the options of `ExportOptions` that a tool uses, but for the project."""
    return _tool(tool).USES


def _tool(name: ExportTool) -> Tool:
    if name not in TOOLS:
        raise SettingsError(f"`tool` is {name!r}; choose one of {', '.join(TOOLS)}")
    return TOOLS[name]


def _check(tool: ExportTool, options: ExportOptions, place: Path, videos: Sequence[Path]) -> None:
    if check := CHECKS.get(tool):
        check(options, place, videos)
    elif options.project is not None:
        raise SettingsError(f"{tool} has no project to add to; choose the place of a new export with -o")


def _check_free(tool: ExportTool, options: ExportOptions, place: Path) -> None:
    """Raise an OutputError where the place of a new export holds something: it is never written over."""
    if not options.is_new:
        return
    try:
        taken = os.path.lexists(place) and (not place.is_dir() or bool(os.listdir(place)))
    except OSError as error:
        raise OutputError(f"{place}: cannot be opened ({error.strerror}); choose another path") from None
    if taken:
        instead = "add to it with --project" if tool in WITH_PROJECT else "remove it"
        raise OutputError(
            f"{place}: already exists, and may hold labels; {instead}, or choose another path with keyframes export -o"
        )


def _place(tool: ExportTool, options: ExportOptions, results: Sequence[Path]) -> Path:
    """Return the place of an export that was given none."""
    if options.project is not None:
        return options.project
    if tool == "deeplabcut":
        return deeplabcut.default_place(options)
    if len(results) > 1:
        return _holder(results) / tool
    result = with_own_name(results[0])
    return result.with_name(f"{result.name.removesuffix('-keyframes')}-{tool}")


def _holder(results: Sequence[Path]) -> Path:
    """Return the folder that holds all results."""
    try:
        common = os.path.commonpath([os.path.abspath(result.parent) for result in results])
    except ValueError:  # They are on several drives of Windows.
        return results[0].parent
    return Path(common if results[0].is_absolute() else os.path.relpath(common))
