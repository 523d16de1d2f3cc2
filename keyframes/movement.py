"""How far the scene has moved along a recording, measured so that noise and drifting light count nothing.

Two frames cannot differ by more than what has moved between them. At rest that is nothing, however the pictures
flicker.
"""

from collections.abc import Callable, Container, Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

# What moves a pixel by less than so many standard deviations of its own noise is noise.
NOISE_DEVIATIONS = 5.0
# Pixels differ by so many gray levels through rounding alone.
ROUNDING = 0.3
# The noise is measured on at most so many pairs of neighbours.
N_PAIRS = 512
BLUR = 0.7
# A step counts as no more than so many typical ones: a flash of light is no journey.
LONGEST_STEP = 5.0
NORMAL_DEVIATION = 1.4826

Chunks = Callable[[], Iterator[NDArray[np.uint8]]]


def path_of(chunks: Chunks, n_frames: int, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Length of the path from the first frame to each one, in typical steps of a scene that moves.

    Parameters
    ----------
    chunks : callable
        Gives the thumbnails (n, n_pixels), uint8, of all frames in their order, chunk by chunk; it is called twice.
    n_frames : int
    shape : tuple of int
        Of a thumbnail.

    Returns
    -------
    array (n_frames,), float64
        Never falls; equal where nothing moves.
    """
    pairs = np.linspace(1, n_frames - 1, min(n_frames - 1, N_PAIRS)).astype(int)
    if not len(pairs):
        return np.zeros(n_frames)
    # The median of a pixel's changes tells its noise: most pixels show what moves for a small part of the time.
    sampled = list(_changes(chunks(), shape, set(pairs.tolist())))
    noise = NORMAL_DEVIATION * np.median(np.array(sampled), axis=0) + ROUNDING
    threshold = np.asarray(NOISE_DEVIATIONS * noise, np.float32)
    beyond = (cv2.subtract(change, threshold) for change in _changes(chunks(), shape, range(1, n_frames)))
    steps = np.array([cv2.sumElems(cv2.threshold(moved, 0, 0, cv2.THRESH_TOZERO)[1])[0] for moved in beyond])
    return np.concatenate([[0.0], np.cumsum(np.minimum(steps / _typical(steps), LONGEST_STEP))])


def _changes(
    chunks: Iterator[NDArray[np.uint8]], shape: tuple[int, ...], wanted: Container[int]
) -> Iterator[NDArray[np.float32]]:
    """Yield how much each number of a thumbnail differs from that of the frame before, for the wanted frames."""
    before, n_seen = None, 0
    for chunk in chunks:
        for number, row in enumerate(chunk, n_seen):
            if number in wanted or number + 1 in wanted:
                now = cv2.GaussianBlur(row.reshape(shape).astype(np.float32), (0, 0), BLUR).reshape(shape[0], -1)
                if number in wanted and before is not None:
                    yield np.asarray(cv2.absdiff(now, before), np.float32)
                before = now
        n_seen += len(chunk)


def _typical(steps: NDArray[np.float64]) -> float:
    """Return the step that half of the path is made of larger ones; the rests between them do not count."""
    moving = np.sort(steps[steps > 0])
    if not len(moving):
        return 1.0
    moving = np.minimum(moving, np.percentile(moving, 99))
    lengths = np.cumsum(moving)
    return float(moving[np.searchsorted(lengths, lengths[-1] / 2)])
