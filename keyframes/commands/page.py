"""What the commands that serve a page share: their options, and what they do once the page is there."""

import json
from collections.abc import Callable
from typing import Annotated

import typer

Port = Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Port on this machine; 0 for a free one.")]
Browser = Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in the browser.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the address as a JSON document.")]


def opener(as_json: bool, browser: bool) -> Callable[[str], None]:
    """Return what prints the address of a page, and opens it in the browser if that is wanted."""

    def opened(address: str) -> None:
        print(json.dumps({"address": address}) if as_json else address, flush=True)
        if browser:
            import webbrowser

            webbrowser.open(address)

    return opened
