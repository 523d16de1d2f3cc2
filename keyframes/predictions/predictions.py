"""A network's poses on the frames of a video, whichever tool predicted them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Predictions:
    """A network's poses on the frames of a video.

    Attributes
    ----------
    source : Path
        The file that was read.
    frames : array (n_frames,), int64
        Frame index in the video of each row; ascending, each once. Frames without an animal may have no row.
    keypoints : array (n_frames, n_animals, n_nodes, 2), float32
        x and y in pixels of the whole picture; NaN where a point is missing. An animal keeps its place on the second
        axis only as far as the file says who is who.
    confidence : array (n_frames, n_animals, n_nodes), float32
        As the network gives it, on the network's own scale; NaN where a point is missing or the file has no confidence.
    names : tuple of str
        Names of the nodes (body parts).
    skeleton : tuple of (int, int)
        Pairs of nodes that a bone connects; empty where the file has none.
    labelled : array (n_frames,), bool
        Whether a person labelled the frame; its points are then the person's.
    animals : tuple of str
        Name of each place on the axis of the animals, its track or individual; "" where several tracks share a place,
        or animals without a track have it. Empty where the file does not say who is who at all.
    errors : mapping of str to array (n_frames, n_animals, n_nodes), float32
        Further measures of doubt of each point, as Lightning Pose writes them: ``temporal_norm``,
        ``pca_singleview_error``, ``pca_multiview_error``. NaN where there is no value.
    warnings : tuple of str
        What the user should know about the file, one sentence each.
    """

    source: Path
    frames: NDArray[np.int64] = field(repr=False)
    keypoints: NDArray[np.float32] = field(repr=False)
    confidence: NDArray[np.float32] = field(repr=False)
    names: tuple[str, ...]
    skeleton: tuple[tuple[int, int], ...]
    labelled: NDArray[np.bool_] = field(repr=False)
    animals: tuple[str, ...] = ()
    errors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict, repr=False)
    warnings: tuple[str, ...] = ()
