"""How commands print: results on standard output, all else on standard error, file names always readable."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from keyframes.commands.options import SettingsOptions, option_of
from keyframes.errors import KeyframesError, SettingsError
from keyframes.names import printable, shown_in

_SETTING = re.compile(r"(?:^(?P<first>\w+)(?: =)?|\b(?P<given>\w+) =) ")


@contextmanager
def errors_told(failed: list[dict[str, str]], **subject: str) -> Iterator[None]:
    """Print an error of ours in one line and note it in `failed`; any other is a defect and passes."""
    try:
        yield
    except SettingsError as error:
        raise typer.BadParameter(_as_options(str(error))) from None
    except KeyframesError as error:
        say(f"error: {error}")
        failed.append({**subject, "error": str(error)})


def _as_options(text: str) -> str:
    """Write settings in an error as their options: ``--min-gap``, where Python has `min_gap_s`.

    These are the one with which it begins, and those that are given a value: ``features = encoder``.
    """

    def option(found: re.Match[str]) -> str:
        name = found["first"] or found["given"]
        if name == "k" and "=" in found[0]:
            return "-k "
        return f"{option_of(name)} " if name in SettingsOptions.options else found[0]

    return _SETTING.sub(option, text)


def say(text: str) -> None:
    """Print a line on standard error."""
    print(printable(" ".join(text.split())), file=sys.stderr, flush=True)


def tell_of_compilation(quiet: bool) -> None:
    """Have it said on a terminal, once, that a kernel is being compiled: the default choice needs none."""
    if sys.stderr.isatty() and not quiet:
        from clustering import when_compiling

        when_compiling(lambda: say("compiling, which takes up to half a minute, once"))


def print_json(document: Any) -> None:
    """Print a JSON document that any encoding of standard output can hold."""
    print(json.dumps(shown_in(document), indent=2))
