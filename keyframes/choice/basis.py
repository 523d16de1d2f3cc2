"""What the distance of two frames is made of: the recording decides, by what can be measured on it.

Where animals are told from the background, their places and postures say most. Where they cannot be (one fills the
picture, there are too many of them, they hardly differ from what is behind them), their patches hold little of the
foreground, or their places jump about while the picture hardly changes: then whole pictures say more. What moved
between two frames bounds their distance, unless more moves between frames than their path adds up to.

The limits lie between what 39 recordings with known poses show (`benchmarks/RESULTS.md`): those where places and
postures cover the poses better than pictures do, and those where they do not.
"""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.choice.animals import background_of, steadied
from keyframes.sampling import even_rows
from keyframes.scan.path import BLUR, NOISE_DEVIATIONS, NORMAL_DEVIATION, ROUNDING
from keyframes.scan.scan import Sample, Scan

# The animals hold at least this share of the foreground. Measured: 0.875 and more, or 0.83 and less.
LEAST_HELD = 0.85
# From one frame to the next they move, as a share of their mean distance, at most so many times as far as whole
# pictures do. Measured: 1.2 and less, or 1.43 and more.
MOST_JUMPING = 1.35
# Pairs of frames without a step between them, between which all the same this share of a typical step has moved, ...
UNSEEN_STEP = 0.25
# ... are at most this share of all such pairs. Measured: 0.03 and less, or 0.07 and more; ...
MOST_UNSEEN = 0.05
# ... where fewer frames have such a partner, they do not count.
LEAST_PAIRED = 0.01
# Pairs that are looked at.
N_PAIRS = 128


@dataclass(frozen=True)
class Basis:
    """What a distance of frames is made of, and what was measured to decide that.

    Attributes
    ----------
    compares : {"animals", "pictures"}
    held : float
        Share of the foreground that the animals hold.
    jumping : float
        How far the animals move from one frame to the next, relative to how far whole pictures do; 0 where they hold
        too little for that to matter.
    unseen : float
        Share of the pairs of frames without a step between them where something has moved all the same.
    """

    compares: Literal["animals", "pictures"]
    held: float
    jumping: float
    unseen: float

    @property
    def bounded(self) -> bool:
        """Whether distances are limited by the movement between two frames."""
        return self.unseen <= MOST_UNSEEN

    @property
    def reason(self) -> str:
        """What was decided, and why, in a sentence."""
        if self.compares == "animals":
            how = (
                f"by the places and postures of the animals, which make up {self.held:.0%} of the foreground and move "
                "smoothly"
            )
        elif self.held < LEAST_HELD:
            how = f"as whole pictures, because the animals found make up only {self.held:.0%} of the foreground"
        else:
            how = "as whole pictures, because the places of the animals found jump from frame to frame"
        bound = (
            "the distance between two frames is at most the movement between them"
            if self.bounded
            else "distances are not limited by movement, because slow or faint movement would be missed"
        )
        return f"Frames were compared {how}; {bound}."


def find_basis(
    sample: Sample,
    held: float,
    places: NDArray[np.float32] | None,
    features: NDArray[np.float32],
    unseen: float,
) -> Basis:
    """Measure on a sample what its distances can be made of.

    Parameters
    ----------
    sample : Sample
    held : float
        Share of the foreground that the animals hold.
    places : array (n, n), float32, or None
        Distances of the animals' places, as a share of their mean; None where the animals hold too little.
    features : array (n, n_features), float32
        Of whole pictures, in units of their mean distance.
    unseen : float
        As of `unseen_share`.
    """
    if places is None:
        return Basis("pictures", held, 0.0, unseen)
    pairs = _neighbours(sample)
    weights = np.minimum(sample.path[pairs + 1] - sample.path[pairs], 1) + 1e-9
    of_places = float(np.average(places[pairs, pairs + 1], weights=weights))
    of_pictures = float(np.average(np.linalg.norm(features[pairs + 1] - features[pairs], axis=1), weights=weights))
    jumping = of_places / of_pictures if of_pictures > 0 else 0.0
    return Basis("animals" if jumping <= MOST_JUMPING else "pictures", held, jumping, unseen)


def unseen_share(sample: Sample) -> float:
    """Share of the pairs of frames without a step between them where something has moved all the same."""
    path, n_frames = sample.path, len(sample.path)
    first = even_rows(n_frames, N_PAIRS)
    last = np.searchsorted(path, path[first], side="right") - 1
    first, last = first[last > first], last[last > first]
    if len(first) <= LEAST_PAIRED * min(n_frames, N_PAIRS):
        return 0.0
    neighbours = _neighbours(sample)
    neighbours = neighbours[even_rows(len(neighbours), N_PAIRS)]
    background = background_of(sample.thumbnails)

    def changes(here: NDArray[np.int64], there: NDArray[np.int64]) -> NDArray[np.float32]:
        """How much each pixel changes between the frames of some pairs, whatever the light does."""
        rows = np.union1d(here, there)
        steady = steadied(sample.thumbnails[rows], background)
        seen = np.stack([cv2.GaussianBlur(frame, (0, 0), BLUR).reshape(-1) for frame in steady])
        return np.asarray(np.abs(seen[np.searchsorted(rows, here)] - seen[np.searchsorted(rows, there)]), np.float32)

    of_neighbours = changes(neighbours, neighbours + 1)
    noise = NOISE_DEVIATIONS * (NORMAL_DEVIATION * np.median(of_neighbours, axis=0) + ROUNDING)
    moved, stepped = (np.maximum(some - noise, 0).sum(axis=1) for some in (changes(first, last), of_neighbours))
    length = float((path[neighbours + 1] - path[neighbours]).sum())
    typical = float(stepped.sum()) / length if length > 0 else 0.0
    return float((moved > UNSEEN_STEP * typical).mean())


def path_of_frames(scan: Scan) -> NDArray[np.float64]:
    """Length of the path to each frame of a scan with a sample."""
    assert scan.sample is not None
    return np.interp(np.arange(len(scan.frame_index)), scan.sample.rows, scan.sample.path)


def movement_of(scan: Scan, basis: Basis | None) -> NDArray[np.float64] | None:
    """Length of the path to each frame, each one a step from the next where the path misses movement.

    None where there is no sample. What the basis has measured is not measured again.
    """
    if scan.sample is None:
        return None
    unseen = unseen_share(scan.sample) if basis is None else basis.unseen
    if unseen > MOST_UNSEEN:
        return np.arange(len(scan.frame_index), dtype=np.float64)
    return path_of_frames(scan)


def _neighbours(sample: Sample) -> NDArray[np.int64]:
    """Return the rows of a sample that are nearest to the next one in time."""
    gaps = np.diff(sample.moments)
    return np.flatnonzero(gaps <= np.median(gaps))
