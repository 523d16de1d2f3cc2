"""Guards of a choice: against frames that look alike, that lie close together, that are dark, and that are blurred.

They are mild: a cluster without another member keeps its frame, and the number of frames stays what it was.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keyframes.choice.basis import Basis, movement_of
from keyframes.scan.scan import Scan
from keyframes.settings import Settings

# Frames closer in time are near-duplicates where nothing moves between them: the gap that nobody asked for.
GAP_S = 0.1
# A time is known to so many seconds.
TIME_DIGITS = 1e-6
# Darker than this share of the median brightness is dark.
DARK_SHARE = 0.5
# Blurred is what is less sharp than the median by this share of it, and by this many times the upper quartile's lead
# over the median: what is blurred lies below the median, so the upper half tells how much sharpness varies by itself.
BLURRED_SHARE = 0.3
BLURRED_SPREADS = 6


@dataclass(frozen=True)
class Limits:
    """What counts as alike, close, dark and blurred; 0 switches a guard off.

    Attributes
    ----------
    similar : float
        Distance of two frames below which they look alike (`keyframes.choice.distance`).
    min_gap_s : float
        Least time between two frames in seconds.
    dark : float
        Brightness in gray levels below which a frame is dark.
    blurred : float
        Variance of the Laplacian in gray levels squared below which a frame is blurred.
    path : array (n_frames,), float64, or None
        How far the scene has moved up to each frame: where it moves between two frames, they are not close. None where
        only time counts.
    """

    similar: float = 0.0
    min_gap_s: float = 0.0
    dark: float = 0.0
    blurred: float = 0.0
    path: NDArray[np.float64] | None = None

    @classmethod
    def of(cls, scan: Scan, settings: Settings, alike: float, basis: Basis | None = None) -> "Limits":
        """Find what counts as dark and as blurred in a recording, for the guards that are on.

        A least gap that nobody asked for follows the movement.
        """
        return cls(
            similar=0.0 if settings.allow_similar else alike,
            min_gap_s=least_gap_s(settings),
            dark=0.0 if settings.allow_dark else dark_limit(scan.brightness),
            blurred=0.0 if settings.allow_blurred else blurred_limit(scan.sharpness),
            path=movement_of(scan, basis) if settings.min_gap_s is None else None,
        )


def least_gap_s(settings: Settings) -> float:
    """Least time between two frames in seconds: as asked for, or the gap that nobody asked for."""
    return GAP_S if settings.min_gap_s is None else settings.min_gap_s


def n_close(time_s: Sequence[float], known_s: Sequence[float], min_gap_s: float) -> int:
    """Count the frames, in the order of their choice, that lie closer than the gap to a known or an earlier one."""
    times = np.array([*known_s, *time_s])
    pairs = range(len(known_s), len(times))
    # Each of two times may be rounded.
    close_s = min_gap_s - 2 * TIME_DIGITS
    return sum(bool((np.abs(times[:place] - times[place]) < close_s).any()) for place in pairs)


def dark_limit(brightness: NDArray[np.float32]) -> float:
    """Brightness below which a frame is dark."""
    return DARK_SHARE * float(np.median(brightness))


def blurred_limit(sharpness: NDArray[np.float32]) -> float:
    """Sharpness below which a frame is blurred; 0 where sharpness varies so much by itself that it does not tell."""
    median, upper = (float(value) for value in np.percentile(sharpness, (50, 75)))
    return max(0.0, median - max(BLURRED_SHARE * median, BLURRED_SPREADS * (upper - median)))


def blemishes(suspect: NDArray[np.bool_], dark: NDArray[np.bool_], blurred: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """How bad each frame is; of a cluster's members only those of the lowest value can be chosen."""
    return (4 * suspect + 2 * dark + blurred).astype(np.uint8)
