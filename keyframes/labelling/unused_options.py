"""What a user asked for that an export does not follow: it is reported, never dropped without a word."""

from collections.abc import Mapping, Set
from dataclasses import fields
from typing import Any

from keyframes.export_options import ExportOptions
from keyframes.names import shown

NAMES = tuple(field.name for field in fields(ExportOptions) if field.name != "project")


def _given(options: ExportOptions) -> list[str]:
    """Names of the options that are not empty, but for the project."""
    return [name for name in NAMES if getattr(options, name)]


def notes_on_unused(options: ExportOptions, uses: Set[str], tool: str) -> list[str]:
    """Return a note for each option that a tool has no use for."""
    return [f"{_option(name)} is ignored: {tool} does not use it" for name in _given(options) if name not in uses]


def _option(name: str) -> str:
    """Return the command line's name of an option."""
    return f"--{name.replace('_', '-')}"


def notes_on_differing(options: ExportOptions, has: Mapping[str, Any], file: str) -> list[str]:
    """Return a note for each option that an existing project decides in another way: by what its file says of each."""
    notes = []
    for name in _given(options):
        if name in has and (wanted := _plain(getattr(options, name))) != (theirs := _plain(has[name])):
            told = f"has {name} {_told(theirs)}" if theirs else f"has no {name}"
            notes.append(f"{file} {told} and stays unchanged: {_option(name)} {_told(wanted)} is ignored")
    return notes


def _plain(value: Any) -> Any:
    """Return text, or texts in a list, or pairs as a sorted list of sorted pairs."""
    if not isinstance(value, list | tuple):
        return "" if value is None else shown(value)
    if any(isinstance(one, list | tuple) for one in value):
        return sorted(sorted(shown(part) for part in pair) for pair in value)
    return [shown(one) for one in value]


def _told(value: Any) -> str:
    if isinstance(value, str):
        return value
    return ",".join(one if isinstance(one, str) else "-".join(one) for one in value)
