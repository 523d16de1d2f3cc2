"""What an export made."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Exported:
    """What an export made.

    Attributes
    ----------
    tool : str
    place : Path
        The project, folder or file.
    n_frames : int
        Frames that were added; those that it had before do not count.
    notes : tuple of str
        What the user should know.
    """

    tool: str
    place: Path
    n_frames: int
    notes: tuple[str, ...] = ()
