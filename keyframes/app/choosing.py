"""What the page asks for, as the arguments of ``keyframes batch``: the page shows the command that it runs."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from keyframes.errors import AppError
from keyframes.names import shown

LONGEST_VALUE = 500


@dataclass(frozen=True)
class Field:
    """An option of the command, as the page asks for it.

    `flag` is that of the command, `group` the panel of its help, `default` what counts where nothing is filled in, and
    `kind` says what is filled in: a switch, one of `choices`, a number or any text.
    """

    name: str
    flag: str
    help: str
    group: str
    kind: Literal["switch", "choice", "number", "text"]
    default: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    `number` of frames is that of each recording or, with `together`, of all of them, with `at_least` from each;
    `include` and `exclude` are patterns, `options` the values of fields by their names, and `files` the paths of
    options by their flags. With `views`, the recordings are cameras of one scene.
    """

    number: str
    together: bool
    at_least: str
    include: Sequence[str]
    exclude: Sequence[str]
    options: Mapping[str, str | bool]
    files: Sequence[tuple[str, Path]]
    views: bool = False

    def arguments(self, folder: Path, output: Path, fields: Sequence[Field]) -> list[str]:
        """Return the arguments of the command, without its name."""
        given = ["batch", os.fspath(folder), "--total" if self.together else "-k", self.number]
        if self.together and self.at_least not in ("", "0"):
            given += ["--at-least", self.at_least]
        given += ["-o", os.fspath(output)]
        given += ["--views"] if self.views else []
        for field in fields:
            value = self.options.get(field.name)
            if field.kind == "switch":
                given += [field.flag] if value is True else []
            elif isinstance(value, str) and value.strip() not in ("", field.default):
                # In one word, so that a value is never taken for another option.
                given.append(f"{field.flag}={value.strip()}")
        given += [f"{flag}={path}" for flag, path in self.files]
        given += [f"--include={pattern}" for pattern in self.include]
        return given + [f"--exclude={pattern}" for pattern in self.exclude]


def read_number_of_frames(text: Any, fewest: int = 1) -> str:
    """Return a number of frames, or "auto", as it was filled in; an AppError says that there is none."""
    number = str(text).strip() if isinstance(text, str | int) and not isinstance(text, bool) else ""
    is_number = number.isascii() and number.isdecimal() and len(number) < 10
    if number != "auto" and not (is_number and int(number) >= fewest):
        raise AppError(f"give a number of frames, {fewest} or more, or auto")
    return number


def read_options(given: Any, fields: Sequence[Field]) -> dict[str, str | bool]:
    """Return the values of known fields; an AppError says that one is too long."""
    found: dict[str, str | bool] = {}
    for field in fields:
        value = given.get(field.name) if isinstance(given, dict) else None
        if isinstance(value, bool):
            found[field.name] = value
        elif isinstance(value, str):
            if len(value) > LONGEST_VALUE or not value.isprintable():
                raise AppError(f"{field.flag}: this value is too long, or is not plain text")
            found[field.name] = value
    return found


def as_typed(arguments: Sequence[str]) -> str:
    """Return a command as it is typed in a shell of this system."""
    command = ["keyframes", *map(shown, arguments)]
    return subprocess.list2cmdline(command) if os.name == "nt" else shlex.join(command)
