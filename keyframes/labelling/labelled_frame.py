"""A frame that a project has labelled already, or chosen to be labelled."""

from collections.abc import Callable
from dataclasses import dataclass, field

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
