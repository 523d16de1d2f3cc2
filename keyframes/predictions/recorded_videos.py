"""Which of the videos that a file holds is the one whose predictions are wanted."""

from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

from keyframes.errors import PredictionsError
from keyframes.names import composed, folded, n_agreeing, plain


def number_of(path: Path, recorded: Sequence[str], video: Path, remedies: tuple[str, str]) -> int:
    """Return the number of a video among the paths that a file knows its videos by.

    It is the one of this name, or of several, the one with the most folders in common. A PredictionsError says that
    there is none, or that several have as many, and what to do about either.
    """
    stem, own = folded(video.stem), _folders(str(video.absolute()))
    named = [number for number, one in enumerate(recorded) if folded(PureWindowsPath(one).stem) == stem]
    shared = [n_agreeing(_folders(recorded[number]), own) for number in named]
    likely = [number for number, n_shared in zip(named, shared, strict=True) if n_shared == max(shared)]
    if len(likely) == 1:
        return likely[0]
    raise PredictionsError(
        f"{path}: holds {'several videos' if likely else 'no video'} {video.name} (its videos: "
        f"{', '.join(recorded) or 'none'}); {remedies[bool(likely)]}"
    )


def _folders(path: str) -> list[str]:
    """Return the parts of a path of any system, the last one first."""
    return [composed(plain(part)) for part in PureWindowsPath(path).parts[::-1]]
