"""Exports of several results to a labelling tool: what one would change, and what it did."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast, get_args

from keyframes.app.rounds import Round
from keyframes.errors import AppError
from keyframes.export_options import WITH_PROJECT, ExportOptions, ExportTool
from keyframes.labelling import export, uses_of
from keyframes.labelling.exported import Exported
from keyframes.result.naming import unused_file, view_names


@dataclass(frozen=True)
class ExportWish:
    """What is to be exported to where: `project` is an existing one, or None for a new export.

    `views` names the camera of each result, where these show one scene.
    """

    tool: ExportTool
    results: Sequence[Path]
    videos: Sequence[Path]
    options: ExportOptions
    project: Path | None
    prelabels: Path | None = None
    views: Sequence[str] = ()


def read_tool(name: str) -> ExportTool:
    """Return the name of a labelling tool, or raise an AppError."""
    if name not in get_args(ExportTool):
        raise AppError(f"{name!r} is not a labelling tool; choose one of {', '.join(get_args(ExportTool))}")
    return cast(ExportTool, name)


def cameras_of(tool: ExportTool, states: Mapping[str, dict[str, Any]]) -> list[str]:
    """Return the names of the cameras for a tool that keeps them, or none; `states` are those of recordings.

    An AppError says that the recordings are cameras of a scene, but not all of them, or not of one scene alone.
    """
    if tool != "lightning-pose" or len(states) < 2:
        return []
    scenes = [state.get("settings", {}).get("views") for state in states.values()]
    scene = next(filter(None, scenes), None)
    if scene is None:
        return []
    if set(scene) != set(states):
        raise AppError(
            f"Lightning Pose takes the cameras of one scene at a time; select only these: {', '.join(scene)}"
        )
    return view_names([Path(recording) for recording in states])


def run_export(wish: ExportWish, round_: Round, dry_run: bool) -> Exported:
    """Export, or find out what an export would change; a new one goes into the folder of the round."""
    if wish.project is not None and wish.tool not in WITH_PROJECT:
        raise AppError(f"{wish.tool} keeps no project to add to; choose a new export")
    # The page keeps what was filled in for another tool.
    unused = {field.name for field in fields(ExportOptions)} - uses_of(wish.tool) - {"project"}
    empty: dict[str, Any] = {name: getattr(ExportOptions, name) for name in unused}
    options = replace(wish.options, project=wish.project, **empty)
    return export(
        list(wish.results),
        wish.tool,
        output=None if wish.project is not None else _new_place(wish.tool, options, round_),
        videos=list(wish.videos),
        views=wish.views,
        prelabels=wish.prelabels,
        dry_run=dry_run,
        **vars(options),
    )


def _new_place(tool: ExportTool, options: ExportOptions, round_: Round) -> Path:
    from keyframes.labelling.deeplabcut.export import default_place

    name = default_place(options).name if tool == "deeplabcut" else f"for-{tool}"
    return unused_file(round_.output / name, "")


def described(done: Exported) -> dict[str, Any]:
    """Return what an export made, or would make, for the page."""
    return {
        "tool": done.tool,
        "place": str(done.place),
        "frames": done.n_frames,
        "notes": list(done.notes),
        "changes": [vars(change) for change in done.changes],
    }
