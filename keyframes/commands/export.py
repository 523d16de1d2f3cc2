"""The command ``keyframes export``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from keyframes.commands.options import AsJson, ProjectOptions, Quiet, SettingsOptions, grouped
from keyframes.commands.parsing import parse_numbers, parse_tool
from keyframes.commands.printing import errors_told, print_json, say
from keyframes.export_options import ExportOptions, ExportTool
from keyframes.names import printable
from keyframes.wording import counted


@grouped
def export(
    results: Annotated[
        list[Path], typer.Argument(metavar="DIR", help="Result folders of extractions, or a folder that holds several.")
    ],
    tool: Annotated[
        ExportTool,
        typer.Option(
            "--to",
            parser=parse_tool,
            metavar="TOOL",
            help=f"The labelling tool: {', '.join(get_args(ExportTool))}.",
        ),
    ],
    *,
    to: ProjectOptions,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder for a new export. Default: <name>-<tool> beside the result <name> or <name>-keyframes; "
            "<tool> in the folder that holds several results; for DeepLabCut <task>-<scorer>-<date> in the current "
            "folder.",
        ),
    ] = None,
    video: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="VIDEO", help="The video, if it is neither beside the result nor in the current folder. Repeatable."
        ),
    ] = None,
    prelabel: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Predictions of a network, exported as labels to correct: a DeepLabCut, SLEAP or Lightning Pose "
            "file, a plain table, or the folder that holds it.",
        ),
    ] = None,
    offset: Annotated[
        Any,
        typer.Option(
            "--predictions-offset",
            parser=parse_numbers,
            metavar="X,Y",
            help="Upper left corner, in pixels, of the crop that the network saw. Default: what DeepLabCut recorded.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Change nothing; list the files that would be written.")
    ] = False,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Export the frames of earlier extractions to a labelling tool.

    The images are used as they are; only the context frames of Lightning Pose are decoded from the video. Frames that a
    project already has are left as they are. After an error, the project is unchanged.
    """
    if offset is not None and (prelabel is None or len(offset) != 2):
        raise typer.BadParameter("--predictions-offset takes X,Y, and needs --prelabel")
    exports: list[dict[str, Any]] = []
    failed: list[dict[str, str]] = []
    with errors_told(failed):
        from keyframes.batch import videos_of

        exports = export_results(
            results,
            [tool],
            to.given(),
            failed,
            as_json,
            output=output,
            videos=video or videos_of(results),
            prelabels=prelabel,
            offset=offset,
            dry_run=dry_run,
            progress=not quiet,
        )
    if as_json:
        print_json({"exports": exports, "failures": failed})
    if failed:
        raise typer.Exit(1)


@dataclass(frozen=True)
class WantedExports:
    """The exports that a command is asked for beside its results.

    `prelabels` are the predictions that go with the frames as labels to correct, and `offset` is theirs; None without.
    """

    tools: Sequence[ExportTool]
    options: ExportOptions
    prelabels: Path | None = None
    offset: tuple[float, float] | None = None

    @classmethod
    def of(
        cls, tools: Sequence[ExportTool] | None, to: ProjectOptions, prelabel: bool, settings: SettingsOptions
    ) -> "WantedExports":
        """Take them from the options of a command, each tool once, or raise a SettingsError."""
        given = (settings["predictions"], settings["predictions_offset"]) if prelabel else ()
        return cls(tuple(dict.fromkeys(tools or ())), to.given(), *given)

    def check(self, videos: Sequence[Path] = (), results: Sequence[Path] = ()) -> None:
        """Raise where they could not work, with what is known of the results: not after hours of decoding."""
        if self.tools or self.options != ExportOptions():
            from keyframes.labelling import check_export

            check_export(self.tools, self.options, videos, results, has_prelabels=self.prelabels is not None)

    def write(
        self,
        results: Sequence[Path],
        videos: Sequence[Path],
        views: Sequence[str],
        failed: list[dict[str, str]],
        *,
        as_json: bool,
        progress: bool,
    ) -> list[dict[str, Any]]:
        """Do what `export_results` does, as far as there are results."""
        tools = self.tools if results else ()
        how = {"prelabels": self.prelabels, "offset": self.offset, "videos": videos, "progress": progress}
        return export_results(results, tools, self.options, failed, as_json, views, **how)


def check_prelabel(prelabel: bool, tools: Sequence[ExportTool] | None, settings: SettingsOptions) -> None:
    """Raise a BadParameter where labels to correct are asked for without what they are made of and go into."""
    if prelabel and not (settings["predictions"] and tools):
        raise typer.BadParameter("--prelabel needs --predictions and --export")


def export_results(
    results: Sequence[Path],
    tools: Sequence[ExportTool],
    options: ExportOptions,
    failed: list[dict[str, str]],
    as_json: bool,
    views: Sequence[str] = (),
    **how: Any,
) -> list[dict[str, Any]]:
    """Export to each tool, print what was made, and return it; what fails is added to `failed`."""
    if not tools:
        return []
    from keyframes.labelling import export as run
    from keyframes.labelling import options_for

    exports = []
    for tool in tools:
        own = options_for(tool, options, tools) if len(tools) > 1 else options
        names = views if tool == "lightning-pose" else ()
        with errors_told(failed, export=tool):
            done = run(results, tool, views=names, **vars(own), **how)
            for note in done.notes:
                say(f"note: {tool}: {note}")
            changes = {"changes": [vars(change) for change in done.changes]} if how.get("dry_run") else {}
            told = {"tool": tool, "place": str(done.place), "frames": done.n_frames, "notes": list(done.notes)}
            exports.append({**told, **changes})
            if not as_json:
                for change in done.changes:
                    print(printable(f"{'new' if change.is_new else 'changed':<8} {change.path}"))
                would_be = "would be " if changes else ""
                print(printable(f"{tool}: {counted(done.n_frames, 'frame')} {would_be}added to {done.place}"))
    return exports
