"""How commands print: results on standard output, all else on standard error, file names always readable."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer

from keyframes.commands.options import option_of
from keyframes.errors import KeyframesError, SettingsError
from keyframes.names import printable, shown_in

_SETTING = re.compile(r"`(\w+)(?: = (\w+))?`")


@contextmanager
def errors_told(failed: list[dict[str, str]], **subject: str) -> Iterator[None]:
    """Print an error of ours in one line and note it in `failed`; any other is a defect and passes."""
    try:
        yield
    except SettingsError as error:
        raise typer.BadParameter(as_options(error)) from None
    except KeyframesError as error:
        say(f"error: {error}")
        failed.append({**subject, "error": str(error)})


def as_options(error: SettingsError) -> str:
    """Write the parameters in an error as options.

    Where Python has `min_gap_s` and `features = encoder` in backquotes, it is --min-gap and --features encoder.
    """
    return _SETTING.sub(lambda found: " ".join(filter(None, (option_of(found[1]), found[2]))), str(error))


def say(text: str) -> None:
    """Print a line on standard error."""
    print(printable(" ".join(text.split())), file=sys.stderr, flush=True)


def tell_of_compilation(quiet: bool) -> None:
    """Have it said on a terminal, once, that a kernel is being compiled: the default choice needs none."""
    if sys.stderr.isatty() and not quiet:
        from clustering import when_compiling

        when_compiling(lambda: say("compiling code, once; this takes up to half a minute"))


def print_json(document: Any) -> None:
    """Print a JSON document that any encoding of standard output can hold."""
    print(json.dumps(shown_in(document), indent=2))
