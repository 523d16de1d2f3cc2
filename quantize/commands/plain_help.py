"""A command whose ``--help`` shows what a user types and nothing else, with every version of Typer."""

from typing import Any

from typer.core import TyperCommand


class PlainCommand(TyperCommand):
    """A command, for ``app.command(cls=PlainCommand)``."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, ``--help`` included; new versions of Typer would show ``<bool>`` behind a switch."""
        parameters = super().get_params(ctx)
        for parameter in parameters:
            if getattr(parameter, "is_flag", False):
                parameter.metavar = ""
        return parameters
