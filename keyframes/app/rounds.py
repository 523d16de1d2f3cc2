"""Where results go: a folder for each round of choosing frames."""

import os
from dataclasses import dataclass
from pathlib import Path

from keyframes.batch.tasks import state_folder
from keyframes.errors import AppError, OutputError


@dataclass(frozen=True)
class Round:
    """A round: `output` is the folder of a batch, and `own` holds what the app notes beside the batch's states."""

    number: int
    output: Path

    @property
    def own(self) -> Path:
        """Folder of the app's own notes."""
        return state_folder(self.output) / "app"


class Rounds:
    """The rounds that were begun: the first one in `output`, the others beside it, with their numbers."""

    def __init__(self, output: Path) -> None:
        self.output = output

    def all(self) -> list[Round]:
        """Return the rounds, the first one first."""
        found = [self._round(1)]
        while os.path.isdir((following := self._round(len(found) + 1)).output):
            found.append(following)
        return found

    def get(self, number: int) -> Round:
        """Return a round, or raise an AppError where it was not begun."""
        rounds = self.all()
        if not 1 <= number <= len(rounds):
            raise AppError(f"there is no round {number}; reload the page")
        return rounds[number - 1]

    def begin(self) -> Round:
        """Begin another round."""
        begun = self._round(len(self.all()) + 1)
        try:
            begun.output.mkdir(parents=True)
        except OSError as error:
            if os.path.isdir(begun.output):
                # Another window has just begun this one.
                return self.begin()
            raise OutputError(f"{begun.output}: cannot be created ({error.strerror}); check its permissions") from None
        return begun

    def _round(self, number: int) -> Round:
        name = self.output.name if number == 1 else f"{self.output.name}-{number}"
        return Round(number, self.output.with_name(name))
