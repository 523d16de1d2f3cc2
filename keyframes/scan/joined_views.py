"""Several cameras of one scene as one recording: the same frame of each makes one row."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from keyframes.scan.components import PrincipalComponents
from keyframes.scan.scan import Scan, at_frames


def common_part(scans: Sequence[Scan]) -> tuple[Scan, ...]:
    """Return the rows of each scan whose frame index all of them have."""
    common = reduce(np.intersect1d, (scan.frame_index for scan in scans))
    return tuple(at_frames(scan, common) for scan in scans)


def joined(scans: Sequence[Scan]) -> Scan:
    """Join scans of the same frame indices into one, whose features are those of all of them side by side.

    A frame is as dark and as blurred as in the view where it is most so, measured by that view's median, and in doubt
    where any view is. Times and the map are those of the first view.
    """
    first = scans[0]
    components = PrincipalComponents(
        np.concatenate([scan.components.mean for scan in scans]),
        np.asarray(block_diag(*(scan.components.basis for scan in scans)), np.float32),
    )
    return replace(
        first,
        brightness=_least([scan.brightness for scan in scans]),
        sharpness=_least([scan.sharpness for scan in scans]),
        suspect=np.any([scan.suspect for scan in scans], axis=0),
        features=np.concatenate([scan.features for scan in scans], axis=1),
        components=components,
        centers=None,
    )


def _least(columns: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the smallest of each frame's shares of the medians of the views, in units of the first view."""
    medians = [float(np.median(column)) or 1.0 for column in columns]
    shares = [column / np.float32(median) for column, median in zip(columns, medians, strict=True)]
    return np.asarray(np.min(shares, axis=0) * np.float32(medians[0]), np.float32)
