"""What an export made, and what a project has labelled already."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keyframes.settings import Crop


@dataclass(frozen=True)
class LabelledFrame:
    """A frame that a project has labelled or chosen.

    Attributes
    ----------
    recording : str
        Stem of its video's name.
    frame_index : int
    read : callable or None
        Returns its image (height, width, 3), uint8, in blue, green, red; None where the project has no image of it.
    video_hash : str
        Hash of its video; "" where the project does not know it.
    videos : tuple of str
        Paths where the project expects its video, the recorded path first. They may be of another computer.
    crop : Crop or None
        The part of the frame that the image shows, if it is not all of it. An image of the frame's size is whole.
    """

    recording: str
    frame_index: int
    read: Callable[[], NDArray[np.uint8]] | None = field(default=None, repr=False)
    video_hash: str = ""
    videos: tuple[str, ...] = ()
    crop: Crop | None = None


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
