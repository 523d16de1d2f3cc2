"""Commands whose ``--help`` and errors show what a user types and nothing else, with every version of Typer."""

import re
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

# What new versions of Typer add to "'red' is not one of ..." and to "Input should be a valid integer".
NOT_FOR_USERS = re.compile(r"^Value error, |, unable to parse string as an? \w+$")


def _without_types_of_switches(parameters: list[Any]) -> list[Any]:
    """Let switches show nothing behind their names; new versions of Typer would show ``<bool>``."""
    for parameter in parameters:
        if getattr(parameter, "is_flag", False):
            parameter.metavar = ""
    return parameters


class PlainCommand(TyperCommand):
    """A command, for ``app.command(cls=PlainCommand)``."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, ``--help`` included."""
        return _without_types_of_switches(super().get_params(ctx))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; a wrong one is reported without the words of the library that found it."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            error.message = NOT_FOR_USERS.sub("", error.message)
            raise


class PlainGroup(TyperGroup):
    """A command with subcommands, for ``Typer(cls=PlainGroup)``."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, ``--help`` included."""
        return _without_types_of_switches(super().get_params(ctx))
