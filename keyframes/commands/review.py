"""The command ``keyframes review``: it parses, opens the page and waits."""

import importlib.util
import json
from pathlib import Path
from typing import Annotated

import typer

from keyframes.commands.options import say
from keyframes.errors import KeyframesError, ReviewError

NEEDED = ("starlette", "uvicorn")


def review(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Result folder of an extraction.")],
    video: Annotated[
        Path | None,
        typer.Option(metavar="VIDEO", help="The video, where it is neither beside the result nor here."),
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Project that the page's Export adds to: DeepLabCut's or Lightning Pose's folder, or a .slp. "
            "Default: a new place beside the result.",
        ),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on this machine; 0: a free one.")] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as a JSON document.")] = False,
) -> None:
    """Look over a choice in the browser, on this machine alone: swap, drop, add, undo, note, export again.

    Every change is saved at once to the result folder. Ctrl-C ends it.
    """

    def opened(address: str) -> None:
        print(json.dumps({"address": address}) if as_json else address, flush=True)
        if browser:
            import webbrowser

            webbrowser.open(address)

    try:
        missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
        if missing:
            raise ReviewError(
                f"the review page needs {' and '.join(missing)}; install them: pip install 'keyframes[review]'"
            )
        from keyframes.review import Session, serve

        with Session(folder, video, project) as session:
            serve(session, port, opened)
    except KeyframesError as error:
        say(f"error: {error}")
        raise typer.Exit(1) from None
