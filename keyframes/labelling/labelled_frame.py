"""A frame that a project has labelled already, or chosen to be labelled."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from keyframes.settings import Crop


@dataclass(frozen=True)
class ProjectVideo:
    """A video as a project knows it.

    Attributes
    ----------
    name : str
        Stem of its file's name.
    paths : tuple of str
        Where the project expects it, the recorded path first. They may be of another computer.
    content_hash : str
        "" where the project does not know it.
    """

    name: str
    paths: tuple[str, ...] = ()
    content_hash: str = ""


@dataclass(frozen=True)
class LabelledFrame:
    """A frame that a project has labelled or chosen.

    Attributes
    ----------
    video : ProjectVideo
    frame_index : int
    read : callable or None
        Returns its image (height, width, 3), uint8, in blue, green, red; None where the project has no image of it.
    crop : Crop or None
        The part of the frame that the image shows, if it is not all of it. An image of the frame's size is whole.
    """

    video: ProjectVideo
    frame_index: int
    read: Callable[[], NDArray[np.uint8]] | None = field(default=None, repr=False)
    crop: Crop | None = None
