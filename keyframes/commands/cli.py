"""The ``keyframes`` command: which subcommands there are.

Nothing heavy is imported here, so that help and usage errors are there at once.
"""

import inspect
import re
from collections.abc import Callable
from typing import Annotated

import typer

from keyframes import __version__
from keyframes.commands.app import app as open_app
from keyframes.commands.batch import batch
from keyframes.commands.doctor import doctor
from keyframes.commands.export import export
from keyframes.commands.extract import extract
from keyframes.commands.info import info
from keyframes.commands.plain_help import PlainCommand, PlainGroup
from keyframes.commands.review import review

app = typer.Typer(
    name="keyframes",
    cls=PlainGroup,
    help="Choose the frames of a recording that are worth labelling.",
    epilog="""Example: keyframes extract video.mp4 -k 150

Documentation: README.md and the folder docs/ of the repository, or of the source archive of this version.""",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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


# Paragraphs of a help text are filled again, to the width of the terminal.
LINE_BREAK = re.compile(r"(?<!\n)\n(?!\n)")
EXAMPLES: dict[Callable[..., None], str] = {
    extract: """keyframes extract mouse.mp4 -k 50 --start 1:30 --stop 12:00 -o mouse-frames

keyframes extract mouse.mp4 -k 50 --unlike ~/dlc/reach-anna-2026-11-20 -o more

keyframes extract top.mp4 side.mp4 -k 50 --views""",
    batch: """keyframes batch recordings -k 20 -o frames

keyframes batch recordings --total 500 --at-least 5 -o frames

keyframes batch recordings -k 20 --scheduler tcp://head-node:8786""",
    export: "keyframes export mouse-keyframes --to deeplabcut --project ~/dlc/reach-anna-2026-11-20",
    review: "keyframes review mouse-keyframes",
    open_app: "keyframes app recordings",
    info: "keyframes info mouse.mp4",
    doctor: "keyframes doctor > about-my-machine.txt",
}
for command, examples in EXAMPLES.items():
    help_text = LINE_BREAK.sub(" ", inspect.getdoc(command) or "")
    heading = "Examples" if "\n" in examples else "Example"
    app.command(command.__name__, cls=PlainCommand, help=help_text, epilog=f"{heading}: {examples}")(command)
