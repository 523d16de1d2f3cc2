"""What an export made."""

from dataclasses import dataclass
from pathlib import Path

from keyframes.result.dry_run import FileChange


@dataclass(frozen=True)
class Exported:
    """What an export made, or with a dry run would have made.

    Attributes
    ----------
    tool : str
    place : Path
        The project, folder or file.
    n_frames : int
        Frames that were added; those that it had before do not count.
    notes : tuple of str
        What the user should know.
    changes : tuple of FileChange
        Of a dry run: the files that would be written.
    """

    tool: str
    place: Path
    n_frames: int
    notes: tuple[str, ...] = ()
    changes: tuple[FileChange, ...] = ()
