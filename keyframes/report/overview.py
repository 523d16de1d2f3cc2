"""What a screen can show of a recording: a timeline in bins, a map in dots, and a hue for each cluster."""

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# A screen has hardly more places across, nor room for more dots.
MOST_BINS = 1200
MOST_DOTS = 24_000
FINEST_GRID = 512
# A doubt of so many times the digits of the number of frames is shown as the most.
MOST_DOUBT = 1.5


@dataclass(frozen=True)
class Overview:
    """A recording, reduced to what a screen can show.

    Attributes
    ----------
    first_s, last_s : float
        Range of the timeline in seconds, or in frames where these have no times.
    bin_label : array (n_bins,), int32
        Cluster of most frames of each equal stretch of that range; where no frame begins, that of the frame before, or
        -1 where only some frames were looked at.
    dot_row : array (n_dots,), int64
        Rows of the frames that stand on the map for all that lie at the same place of a grid.
    dot_xy : array (n_dots, 2), float32
        Place on the map, 0 to 1, to the right and upwards; both axes have one scale.
    grid : int
        Places of that grid along the longer side.
    hue : array (n_clusters,), int64
        Degrees, 0 to 359: clusters that lie near one another on the map have like ones.
    n_frames : int
        All frames that were looked at.
    """

    first_s: float
    last_s: float
    bin_label: NDArray[np.int32]
    dot_row: NDArray[np.int64]
    dot_xy: NDArray[np.float32]
    grid: int
    hue: NDArray[np.int64]
    n_frames: int

    def as_dict(
        self,
        frame_index: NDArray[Any],
        time_s: NDArray[Any],
        label: NDArray[Any],
        doubt: NDArray[np.float32] | None = None,
    ) -> dict[str, Any]:
        """Return it as plain JSON types for the scripts of a page, long columns as base64 of 32-bit numbers.

        Doubt comes as shares of the most that there is, the largest one of each stretch of the timeline.
        """
        rows = self.dot_row
        doubts = {}
        if doubt is not None:
            shares = np.clip(doubt / (MOST_DOUBT * np.log10(max(10, len(doubt)))), 0, 1)
            doubts = {
                "doubt": {
                    "bins": _packed(_highest(time_s, shares, len(self.bin_label)), "<f4"),
                    "dots": _packed(shares[rows], "<f4"),
                }
            }
        return {
            "first_s": self.first_s,
            "last_s": self.last_s,
            "n_frames": self.n_frames,
            "hues": self.hue.tolist(),
            **doubts,
            "bins": _packed(self.bin_label, "<i4"),
            "dots": {
                "x": _packed(self.dot_xy[:, 0], "<f4"),
                "y": _packed(self.dot_xy[:, 1], "<f4"),
                "label": _packed(label[rows], "<i4"),
                "frame": _packed(frame_index[rows], "<i4"),
                "time": _packed(time_s[rows], "<f4"),
            },
        }


def timeline(frame_index: NDArray[np.int64], time_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where frames lie on a timeline: their times, or their indices where they have none."""
    return frame_index.astype(np.float64) if np.isnan(time_s).any() else time_s


def _packed(column: NDArray[Any], kind: str) -> str:
    return base64.b64encode(np.ascontiguousarray(column, kind).tobytes()).decode()


def make_overview(
    time_s: NDArray[np.float64],
    label: NDArray[np.int32],
    place: NDArray[np.float32],
    chosen: NDArray[np.int64],
    *,
    has_gaps: bool = False,
) -> Overview:
    """Reduce the rows of a scan to what a screen can show.

    `time_s` grows: it is where frames lie on the timeline; `place` (n_frames, 2) is where they lie on the map, on which
    the rows `chosen` are shown whatever lies at the same place. With gaps, nothing is shown where no frame lies.
    """
    # The longer side of the map goes from 0 to 1, and the other one is in the middle.
    middle, side = map_square(place)
    xy = np.asarray(0.5 + (place - middle) / side, np.float32)
    rows, grid = _dots(xy, chosen)
    return Overview(
        first_s=float(time_s[0]),
        last_s=float(time_s[-1]),
        bin_label=_bins(time_s, label, has_gaps),
        dot_row=rows,
        dot_xy=xy[rows],
        grid=grid,
        hue=_hues(label, place),
        n_frames=len(time_s),
    )


def map_square(place: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Return the middle and the side of the square that the map shows."""
    low, high = place.min(axis=0).astype(np.float64), place.max(axis=0).astype(np.float64)
    return (low + high) / 2, float((high - low).max()) or 1.0


def _dots(xy: NDArray[np.float32], chosen: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Rows of one frame for each occupied place of the finest grid that has few enough of them, and its side."""
    # The first row at each place is drawn for it, so the chosen ones come first.
    order = np.concatenate([chosen, np.arange(len(xy))])
    grid = FINEST_GRID
    while True:
        cells = np.minimum((xy[order] * grid).astype(np.int64), grid - 1)
        _, first = np.unique(cells[:, 0] * grid + cells[:, 1], return_index=True)
        if len(first) <= MOST_DOTS or grid == 1:
            return np.union1d(order[first], chosen), grid
        grid //= 2


def _bin_of(time_s: NDArray[np.float64], n_bins: int) -> NDArray[np.int64]:
    """Return the stretch of time that each frame begins in, of so many equal ones from the first frame to the last."""
    length = float(time_s[-1] - time_s[0]) or 1.0
    bins = ((time_s - time_s[0]) / length * n_bins).astype(np.int64)
    return np.asarray(np.minimum(bins, n_bins - 1))


def _bins(time_s: NDArray[np.float64], label: NDArray[np.int32], has_gaps: bool) -> NDArray[np.int32]:
    """Most frequent cluster of each stretch of time, the lower one of two as frequent."""
    n_bins = min(MOST_BINS, len(time_s))
    bins = _bin_of(time_s, n_bins)
    n_labels = int(label.max()) + 1
    pairs, counts = np.unique(bins * n_labels + label, return_counts=True)
    # By bin, then by falling count, then by label.
    order = np.lexsort((pairs, -counts, pairs // n_labels))
    filled, first = np.unique(pairs[order] // n_labels, return_index=True)
    found = np.full(n_bins, -1, np.int32)
    found[filled] = pairs[order][first] % n_labels
    if has_gaps:
        return found
    latest = np.maximum.accumulate(np.where(found >= 0, np.arange(n_bins), 0))
    return np.asarray(found[latest])


def _highest(time_s: NDArray[np.float64], values: NDArray[np.float32], n_bins: int) -> NDArray[np.float32]:
    """Highest value of each stretch of time; 0 where no frame begins."""
    found = np.zeros(n_bins, np.float32)
    np.maximum.at(found, _bin_of(time_s, n_bins), values)
    return found


def _hues(label: NDArray[np.int32], place: NDArray[np.float32]) -> NDArray[np.int64]:
    """Spread the clusters evenly over the circle of hues, in the order of their direction from the map's middle."""
    counts = np.maximum(np.bincount(label), 1)
    centers = np.stack([np.bincount(label, place[:, axis]) / counts for axis in (0, 1)], axis=1)
    away = centers - np.median(centers, axis=0)
    order = np.argsort(np.arctan2(away[:, 1], away[:, 0]), kind="stable")
    hues = np.empty(len(order), np.int64)
    hues[order] = np.arange(len(order)) * 360 // len(order)
    return hues
