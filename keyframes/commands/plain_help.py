"""Commands whose ``--help`` shows what a user types and nothing else, with every version of Typer."""

from typing import Any

from typer.core import TyperCommand, TyperGroup


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


class PlainGroup(TyperGroup):
    """A command with subcommands, for ``Typer(cls=PlainGroup)``."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, ``--help`` included."""
        return _without_types_of_switches(super().get_params(ctx))
