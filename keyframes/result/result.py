"""What an extraction made."""

from dataclasses import dataclass, field
from pathlib import Path

from keyframes.choice.selection import Keyframe
from keyframes.manifest import Manifest


@dataclass(frozen=True)
class Result:
    """What an extraction made.

    Attributes
    ----------
    folder : Path
        The result folder.
    keyframes : tuple of Keyframe
        In time order.
    manifest : dict
        Content of ``manifest.json``.
    n_frames : int
        Frames of the range that it was chosen from, in steps of `every`; a sparse scan looks at some of them.
    warnings : tuple of str
    """

    folder: Path
    keyframes: tuple[Keyframe, ...]
    manifest: Manifest = field(repr=False)
    n_frames: int
    warnings: tuple[str, ...] = ()

    @property
    def frame_indices(self) -> list[int]:
        """The chosen frame indices in time order."""
        return [keyframe.frame_index for keyframe in self.keyframes]

    @property
    def files(self) -> list[Path]:
        """The exported images in time order."""
        return [self.folder / entry["file"] for entry in self.manifest["keyframes"]]
