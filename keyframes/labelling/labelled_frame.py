"""A frame that a project has labelled already, or chosen to be labelled."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from keyframes.settings import Crop


@dataclass(frozen=True)
class ProjectVideo:
    """A video as a project knows it: the stem of its file's name, and a hash if the project knows one.

    The project expects it at `paths`, the recorded one first; they may be of another computer.
    """

    name: str
    paths: tuple[str, ...] = ()
    content_hash: str = ""


@dataclass(frozen=True)
class LabelledFrame:
    """A frame that a project has labelled or chosen.

    `read` returns its image (height, width, 3), uint8, in blue, green, red; None where the project has no image of it.
    `crop` is the part of the frame that the image shows, if not all of it. An image of the frame's size is whole.
    Of a list of images, `image_name` is what the frame's is called: a folder may hold more of them than the list.
    """

    video: ProjectVideo
    frame_index: int
    read: Callable[[], NDArray[np.uint8]] | None = field(default=None, repr=False)
    crop: Crop | None = None
    image_name: str = ""
