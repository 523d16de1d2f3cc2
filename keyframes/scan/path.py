"""How far the scene has moved along a recording, measured so that noise and drifting light do not count.

Two frames cannot differ by more than what has moved between them. At rest that is nothing, however the pictures
flicker.

The numbers below were chosen by the scores of `benchmarks/coverage.py`.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.sampling import even_rows
from keyframes.scan.thumbnail_store import Chunks, rows_at

# A pixel that changes by fewer standard deviations of its noise than this shows noise alone.
NOISE_DEVIATIONS = 5.0
# Gray levels by which pixels differ through rounding alone.
ROUNDING = 0.3
# Most pairs of neighbouring frames on which the noise is measured.
N_PAIRS = 512
BLUR = 0.7
# Pixels that the blur looks at on each side.
BLUR_REACH = 3
# Frames that are measured together, which fit into the processor's caches.
BLOCK_FRAMES = 64
# The most that a step counts, in typical steps: a flash of light is no journey.
LONGEST_STEP = 5.0
# Standard deviation of a normal distribution, in units of the median of its absolute values.
NORMAL_DEVIATION = 1.4826


def path_of(
    chunks: Chunks, n_frames: int, shape: tuple[int, ...], gaps: NDArray[np.int64] | None = None
) -> NDArray[np.float64]:
    """Length of the path from the first frame to each one, in typical steps of a scene that moves.

    It never falls, and is equal where nothing moves. The chunks hold the thumbnails of all frames in their order, and
    are gone through twice.

    `gaps` (n_frames - 1,) are the frames of the recording from each one to the next, where these are not all of them:
    what is seen to move in between may have moved as far in each of them. A typical step is then one between frames as
    near to each other as most.
    """
    pairs = 1 + even_rows(n_frames - 1, N_PAIRS)
    if not len(pairs):
        return np.zeros(n_frames)
    # The median of a pixel's changes tells its noise: most pixels show what moves for a small part of the time.
    places = np.union1d(pairs - 1, pairs)
    sampled = _blurred(rows_at(chunks, places), shape)
    changes = cv2.absdiff(sampled[np.searchsorted(places, pairs)], sampled[np.searchsorted(places, pairs - 1)])
    noise = NORMAL_DEVIATION * np.median(changes, axis=0) + ROUNDING
    steps = _steps(chunks, shape, np.asarray(NOISE_DEVIATIONS * noise, np.float32))
    near = np.ones(len(steps), bool) if gaps is None else gaps <= np.median(gaps)
    lengths = np.minimum(steps / _typical(steps[near]), LONGEST_STEP)
    return np.concatenate([[0.0], np.cumsum(lengths if gaps is None else lengths * gaps)])


def _steps(chunks: Chunks, shape: tuple[int, ...], threshold: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far all pixels together move beyond their thresholds (n_pixels,) from each frame to the next."""
    steps = []
    before: NDArray[np.float32] = np.empty((0, len(threshold)), np.float32)
    for chunk in chunks:
        for first in range(0, len(chunk), BLOCK_FRAMES):
            blurred = np.concatenate([before, _blurred(chunk[first : first + BLOCK_FRAMES], shape)])
            before = blurred[-1:]
            if len(blurred) > 1:
                beyond = cv2.absdiff(blurred[1:], blurred[:-1]) - threshold
                moved = cv2.threshold(beyond, 0, 0, cv2.THRESH_TOZERO)[1]
                steps.append(cv2.reduce(moved, 1, cv2.REDUCE_SUM, dtype=cv2.CV_64F)[:, 0])
    return np.concatenate(steps)


def _blurred(rows: NDArray[np.uint8], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Thumbnails (n, n_pixels), each blurred by itself."""
    # One above the other, each with its own lines mirrored at both ends: one fast call for many of them.
    lines = np.pad(np.arange(shape[0]), BLUR_REACH, mode="reflect")
    column = rows.reshape(-1, *shape)[:, lines].astype(np.float32).reshape(-1, *shape[1:])
    side = 2 * BLUR_REACH + 1
    blurred = cv2.GaussianBlur(column, (side, side), BLUR, borderType=cv2.BORDER_REFLECT_101)
    own = blurred.reshape(len(rows), len(lines), -1)[:, BLUR_REACH : BLUR_REACH + shape[0]]
    return np.asarray(own.reshape(len(rows), -1), np.float32)


def _typical(steps: NDArray[np.float64]) -> float:
    """Return the step of which the larger ones make up half of the path; the rests between them do not count."""
    moving = np.sort(steps[steps > 0])
    if not len(moving):
        return 1.0
    moving = np.minimum(moving, np.percentile(moving, 99))
    lengths = np.cumsum(moving)
    return float(moving[np.searchsorted(lengths, lengths[-1] / 2)])
