"""Where the animals are and what posture they have, as far as thumbnails show it.

An animal is a patch that differs from the still background. Its posture is the picture of that patch turned to its own
axis, so that neither place nor direction changes it; there is no model of any body.

The numbers below were chosen by the scores of `benchmarks/coverage.py`; `benchmarks/RESULTS.md` has what they reach.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import permutations
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from clustering import one_blas_thread
from keyframes.sampling import even_rows

# The background is the median of at most so many frames.
N_BACKGROUND = 256
MOST_ANIMALS = 3
# A crop is so many numbers wide and high, and reaches so many times the root of an animal's area around its middle.
CROP = 24
REACH = 1.6
# The light of pixels brighter than this, where there are many, tells the gain of a frame.
LIT = 20
LIT_SHARE = 0.3
# A patch is what differs by this share of what the strongest percent of pixels typically does.
FOREGROUND_SHARE = 0.4
# Patches of this share of a typical animal's area count when the animals are counted, and when they are looked at.
COUNTED_SHARE, SEEN_SHARE = 0.35, 0.17
BLUR = 0.5


@dataclass(frozen=True)
class Animals:
    """Places and postures in some frames, the largest animal of a frame first.

    Attributes
    ----------
    places : array (n_frames, n_animals, 2), float32
        Middle of each animal, x and y in units of the reach of its crop.
    postures : array (n_frames, n_animals, CROP * CROP), float32
        Root of the difference from the background around it, turned to its axis.
    held : float
        Share of what differs from the background, in pixels, that these animals hold.
    """

    places: NDArray[np.float32]
    postures: NDArray[np.float32]
    held: float = 1.0

    def distances(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Distance of places and of postures of all pairs of frames: two arrays (n_frames, n_frames), float32.

        Root mean squares over the animals, which are matched as fits best, since nobody knows who is who.
        """
        # With two threads BLAS sums in another order.
        with one_blas_thread():
            return matched_distances(self.places), matched_distances(self.postures)


def find_animals(thumbnails: NDArray[np.uint8]) -> Animals | None:
    """Find the animals in a sample of frames; None where nothing differs from the background.

    The thumbnails are (n_frames, height, width), or (n_frames, height, width, 3) in colour.
    """
    differences = _differences(thumbnails)
    some = even_rows(len(differences), N_BACKGROUND)
    strong = np.percentile(differences[some].reshape(len(some), -1), 99, axis=1)
    threshold = max(FOREGROUND_SHARE * float(np.median(strong)), 1.0)
    parts = [cv2.connectedComponentsWithStats((image > threshold).astype(np.uint8)) for image in differences]
    areas = [np.sort(parts[frame][2][1:, cv2.CC_STAT_AREA])[::-1] for frame in some]
    largest = [found[0] for found in areas if len(found)]
    if not largest:
        return None
    area = float(np.median(largest))
    n_animals = int(np.clip(np.median([(found > COUNTED_SHARE * area).sum() for found in areas]), 1, MOST_ANIMALS))
    held = float(np.mean([found[:n_animals].sum() / max(found.sum(), 1) for found in areas]))
    reach = REACH * float(np.sqrt(area))
    places = np.zeros((len(differences), n_animals, 2), np.float32)
    postures = np.zeros((len(differences), n_animals, CROP * CROP), np.float32)
    for frame, (image, (_, labels, stats, _)) in enumerate(zip(differences, parts, strict=True)):
        patches = 1 + np.argsort(-stats[1:, cv2.CC_STAT_AREA], kind="stable")[:n_animals]
        root = np.sqrt(cv2.GaussianBlur(image, (0, 0), max(BLUR * reach / CROP, 0.3)))
        for animal in range(n_animals):
            if animal < len(patches) and (not animal or stats[patches[animal], 4] >= SEEN_SHARE * area):
                middle, axis = _placed(image, labels, stats, int(patches[animal]))
                places[frame, animal] = middle[0] / reach, middle[1] / reach
                postures[frame, animal] = _turned(root, middle, axis, reach).reshape(-1)
            else:
                # One that cannot be told from another is where that one is; one that is gone, where it was.
                source = (frame, animal - 1) if animal else (max(frame - 1, 0), 0)
                places[frame, animal], postures[frame, animal] = places[source], postures[source]
    return Animals(places, postures, held)


def background_of(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return what most frames show at each pixel."""
    some = even_rows(len(thumbnails), N_BACKGROUND)
    return np.asarray(np.median(thumbnails[some], axis=0), np.float32)


def steadied(thumbnails: Iterable[NDArray[np.uint8]], background: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    """Yield frames in the light of the background, where enough of that is bright enough to tell."""
    lit = background > LIT
    tells, level = lit.mean() > LIT_SHARE, background[lit]
    for thumbnail in thumbnails:
        gain = _median(thumbnail[lit] / level) if tells else 1.0
        yield np.asarray(thumbnail / np.float32(max(gain, 0.1)), np.float32)


def _median(values: NDArray[np.floating[Any]]) -> float:
    """Do what np.median does with a row of numbers, which takes five times as long."""
    low, high = (len(values) - 1) // 2, len(values) // 2
    return float(np.partition(values, (low, high))[low : high + 1].mean())


def _differences(thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
    """How much each pixel differs from the background, (n_frames, height, width), in gray levels."""
    background = background_of(thumbnails)
    differences = np.empty(thumbnails.shape[:3], np.float32)
    for frame, steady in enumerate(steadied(thumbnails, background)):
        difference = np.abs(steady - background)
        gray = difference if difference.ndim == 2 else difference.max(axis=2)
        differences[frame] = cv2.GaussianBlur(gray, (0, 0), BLUR)
    return differences


def _placed(
    image: NDArray[np.float32], labels: NDArray[np.int32], stats: NDArray[np.int32], patch: int
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Middle of a patch, and the direction of its axis, to the side where it reaches farther, from its moments."""
    left, top, width, height, _ = stats[patch].tolist()
    window = (slice(top, top + height), slice(left, left + width))
    # With a border, because OpenCV takes two columns of floats for the corners of a polygon.
    bordered = np.zeros((height + 2, width + 2), np.float32)
    np.copyto(bordered[1:-1, 1:-1], image[window], where=labels[window] == patch)
    moments = cv2.moments(bordered)
    angle = 0.5 * np.arctan2(2 * moments["mu11"], moments["mu20"] - moments["mu02"])
    c, s = float(np.cos(angle)), float(np.sin(angle))
    skew = (
        c**3 * moments["mu30"]
        + 3 * c * c * s * moments["mu21"]
        + 3 * c * s * s * moments["mu12"]
        + s**3 * moments["mu03"]
    )
    middle = (left - 1 + moments["m10"] / moments["m00"], top - 1 + moments["m01"] / moments["m00"])
    return middle, (c, s) if skew >= 0 else (-c, -s)


def _turned(
    image: NDArray[np.float32], middle: tuple[float, float], axis: tuple[float, float], reach: float
) -> NDArray[np.float32]:
    """Crop around a place, turned so that the axis lies to the right."""
    c, s = (2 * reach / CROP * value for value in axis)
    half = (CROP - 1) / 2
    turn = np.array([[c, -s, middle[0] - half * (c - s)], [s, c, middle[1] - half * (s + c)]])
    crop = cv2.warpAffine(image, turn, (CROP, CROP), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return np.asarray(crop, np.float32)


def matched_distances(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance (n_frames, n_frames) of rows (n_frames, n_animals, n_features), the animals matched as fits best."""
    n_frames, n_animals = rows.shape[:2]
    rows = rows - rows.mean(axis=(0, 1))
    norms = np.einsum("ijk,ijk->ij", rows, rows)
    pairs = {
        (i, j): norms[:, i, None] + norms[None, :, j] - 2 * (rows[:, i] @ rows[:, j].T)
        for i in range(n_animals)
        for j in range(n_animals)
    }
    best = np.full((n_frames, n_frames), np.inf, np.float32)
    for order in permutations(range(n_animals)):
        np.minimum(best, sum(pairs[i, j] for i, j in enumerate(order)), out=best)
    # Squared norms that cancel leave what rounding makes of them.
    np.fill_diagonal(best, 0)
    return np.asarray(np.sqrt(np.maximum(best / n_animals, 0)), np.float32)
