"""The command ``keyframes app``: it opens the page and waits."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

import typer

from keyframes.commands.batch import batch
from keyframes.commands.options import Format, ProjectOptions, SettingsOptions
from keyframes.commands.page import AsJson, Browser, Port, opener
from keyframes.commands.parsing import read_names
from keyframes.commands.plain_help import PlainCommand
from keyframes.commands.printing import as_options, say
from keyframes.errors import KeyframesError, SettingsError
from keyframes.export_options import ExportOptions
from keyframes.settings import Settings

if TYPE_CHECKING:
    from keyframes.app.choosing import Field

# Typer has had Click as a package, and as a part of its own.
USAGE_ERROR: Any = typer.BadParameter.__base__


def app(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Folder to search for recordings, at any depth.")
    ] = Path(),
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="DIR",
            help="Folder for all results. Default: <DIR>-keyframes in the current folder.",
        ),
    ] = None,
    project: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Project outside DIR that the page may export to or compare with: a DeepLabCut or Lightning Pose "
            "folder, or a .slp. Those below DIR are found without it. Repeatable.",
        ),
    ] = None,
    port: Port = 0,
    browser: Browser = True,
    as_json: AsJson = False,
) -> None:
    """Choose, review and export frames of the recordings below DIR in the browser.

    The page runs keyframes batch, so you can also use the command line on the same folder. You can close the page: the
    work continues. Only this machine can open it. Press Ctrl-C to stop.
    """
    from keyframes.app import App, serve
    from keyframes.app.app import Commands
    from keyframes.batch.run import default_output

    try:
        commands = Commands(fields(), check_batch, project_options)
        with App(folder, output or default_output(folder), commands, project or ()) as served:
            serve(served, port, opener(as_json, browser))
    except KeyframesError as error:
        say(f"error: {error}")
        raise typer.Exit(1) from None


def fields() -> "list[Field]":
    """Return the options of a choice as the page asks for them, with the words of the command's help."""
    from keyframes.app.app import OF_FILES
    from keyframes.app.choosing import Field

    flags = {parameter.name: parameter.opts[0] for parameter in _command().params}
    kinds = get_type_hints(Settings)
    found = []
    for parameter in SettingsOptions.parameters():
        # The page offers files as it finds them.
        if flags[parameter.name] in dict(OF_FILES):
            continue
        _, option = get_args(parameter.annotation)
        group = option.rich_help_panel or "Part of the recording"
        about = (parameter.name, flags[parameter.name], option.help, group)
        default = getattr(Settings, parameter.name)
        found.append(Field(*about, *_filled_in(kinds[parameter.name], default, bool(option.parser))))
    choices = get_args(get_args(Format)[0])
    return [*found, Field("format", "--format", get_args(Format)[1].help, "Output", "choice", Settings.format, choices)]


@cache
def _command() -> Any:
    """Return ``keyframes batch`` as what parses its arguments."""
    made = typer.Typer(add_completion=False)
    made.command(cls=PlainCommand)(batch)
    return typer.main.get_command(made)


def _filled_in(kind: Any, default: Any, is_parsed: bool) -> tuple[Any, ...]:
    """Return what is filled in for an option of a type: the kind of a field, its default, its choices."""
    if kind is bool:
        return ("switch",)
    if str(get_origin(kind)) == "typing.Literal":
        return "choice", default, get_args(kind)
    shown = "" if is_parsed or default is None else f"{default:g}"
    return "text" if is_parsed else "number", shown


def check_batch(arguments: Sequence[str]) -> None:
    """Raise a SettingsError where ``keyframes batch`` would refuse its arguments, which begin with its name."""
    from keyframes.batch.checks import batch_settings

    try:
        given = _command().make_context("batch", list(arguments[1:])).params
    except USAGE_ERROR as error:
        raise SettingsError(error.format_message()) from None
    settings = SettingsOptions({name: given[name] for name in SettingsOptions.options})
    numbers = given["k"], given["total"], given["at_least"]
    with _named_as_options():
        batch_settings(*numbers, given["unlike"] or (), settings.given(given["format"]), given["views"])


def project_options(given: dict[str, Any]) -> ExportOptions:
    """Return the options of an export from the texts that were filled in."""
    texts = {name: value if isinstance(value, str) else "" for name, value in given.items()}
    names = {name: read_names(texts.get(name, "")) for name in ("bodyparts", "individuals")}
    plain = {name: texts.get(name, "").strip() for name in ("task", "scorer")}
    skeleton = texts.get("skeleton", "")
    copies = given.get("copy_videos") is True
    with _named_as_options():
        return ProjectOptions(project=None, skeleton=skeleton, copy_videos=copies, **names, **plain).given()


@contextmanager
def _named_as_options() -> Iterator[None]:
    """Have errors name settings as the page does, which shows their options."""
    try:
        yield
    except SettingsError as error:
        raise SettingsError(as_options(error)) from None
