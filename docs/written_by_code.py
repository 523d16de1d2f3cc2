"""A hook of MkDocs: it writes what the code says of itself where a page asks for it.

``<!-- command: keyframes.commands.cli -->`` asks for the reference of a command, as Typer knows it, and names the
module of its ``app``; ``<!-- docstring: quantize.container -->`` asks for the docstring of a module, in which ``::``
alone on a line begins a literal block, as in reStructuredText.
"""

import importlib
import inspect
import re
from collections.abc import Iterator
from typing import Any

from typer.main import get_command

WANTED = re.compile(r"^<!-- (command|docstring): ([\w.]+) -->$", re.MULTILINE)
LITERAL = re.compile(r"^::\n", re.MULTILINE)


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace each request by the reference; MkDocs calls this for every page."""
    return WANTED.sub(lambda found: WRITERS[found[1]](found[2]), markdown)


def reference(module: str) -> str:
    """Return the reference of the command in `module`, with all its subcommands, as Markdown."""
    app = importlib.import_module(module).app
    command = get_command(app)
    name = module.partition(".")[0]
    return "\n\n".join(_sections(command, name))


def docstring(module: str) -> str:
    """Return the docstring of a module as Markdown."""
    return LITERAL.sub("", inspect.getdoc(importlib.import_module(module)) or "")


WRITERS = {"command": reference, "docstring": docstring}


def _sections(command: Any, name: str, parent: Any = None) -> Iterator[str]:
    context = command.context_class(command, info_name=name.split()[-1], parent=parent)
    yield f"## {name}"
    yield f"    {command.get_usage(context).removeprefix('Usage: ')}"
    yield _escaped(command.help or "")
    panels: dict[str, list[str]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        is_argument = parameter.param_type_name == "argument"
        panel = "Arguments" if is_argument else getattr(parameter, "rich_help_panel", None) or "Options"
        if record is not None and parameter.name != "help":
            names = parameter.metavar if is_argument else record[0]
            panels.setdefault(panel, []).append(_row(names, record[1]))
    for panel, rows in panels.items():
        yield f"**{panel}**"
        title = "argument" if panel == "Arguments" else "option"
        yield "\n".join((f"| {title} | meaning |", "|---|---|", *rows))
    if command.epilog:
        yield "**Examples**"
        yield "\n".join(f"    {line}" for line in command.epilog.removeprefix("Example: ").split("\n") if line)
    for subcommand in getattr(command, "commands", {}).values():
        yield from _sections(subcommand, f"{name} {subcommand.name}", context)


def _row(names: str, text: str) -> str:
    return f"| `{names}` | {_escaped(text)} |"


def _escaped(text: str) -> str:
    """Return text in which nothing is Markdown, HTML or the border of a cell."""
    text = re.sub(r"([\\`*_\[\]])", r"\\\1", text)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("|", "&#124;")
