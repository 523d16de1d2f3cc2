"""The command ``keyframes review``: it opens the page and waits."""

from pathlib import Path
from typing import Annotated

import typer

from keyframes.commands.page import AsJson, Browser, Port, opener
from keyframes.commands.printing import say
from keyframes.errors import KeyframesError


def review(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Result folder of an extraction.")],
    video: Annotated[
        Path | None,
        typer.Option(metavar="VIDEO", help="The video, if it is neither beside the result nor in the current folder."),
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Project that Export on the page adds to: a DeepLabCut or Lightning Pose folder, or a .slp. "
            "Default: a new folder beside the result.",
        ),
    ] = None,
    port: Port = 0,
    browser: Browser = True,
    as_json: AsJson = False,
) -> None:
    """Review a choice in the browser: swap, drop or add frames, undo, write notes, export again.

    Every change is saved at once to the result folder. The page is served to this machine only. Press Ctrl-C to stop.
    """
    from keyframes.batch import videos_of
    from keyframes.review import Session, serve

    try:
        # A result of a batch finds its video by itself.
        video = video or next(iter(videos_of([folder])), None)
        with Session(folder, video, project) as session:
            serve(session, port, opener(as_json, browser))
    except KeyframesError as error:
        say(f"error: {error}")
        raise typer.Exit(1) from None
