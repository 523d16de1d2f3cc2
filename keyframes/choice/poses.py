"""How much predicted poses differ, and a sample of them that represents all."""

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from clustering import one_blas_thread
from keyframes.choice.kernels.matching import match_few, match_many
from keyframes.sampling import spread_rows

# So many frames, evenly spread over time and over what moves, represent a recording of any length.
MOST_SAMPLED = 2048
ROWS_AT_ONCE = 64
# Of more animals, not every way to match them is tried.
MOST_TRIED = 4


def pose_distances(
    points: NDArray[np.float32], radius: float, blur: NDArray[np.float32] | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Distances of all pairs of frames in place and posture, and in posture alone: two arrays (n_frames, n_frames).

    Root mean square distances of the nodes, in units of `radius`; the second one after each animal is moved and turned
    onto the other. The animals are matched as fits best, for each of the two by itself: nobody knows who is who. Of
    more than four, the match is one that no exchange of two animals makes better.

    Parameters
    ----------
    points : array (n_frames, n_animals, n_nodes, 2), float32
        No NaN.
    radius : float
        Size of an animal in pixels.
    blur : array (n_frames,), float32, or None
        Mean square distance of the points of each frame from where they are, in pixels squared: frames whose distance
        is no more than that explains are at the same place.
    """
    n_nodes = points.shape[2]
    # Around the middle, so that float32 keeps its digits.
    middle = points.mean(axis=(0, 1, 2), keepdims=True)
    z = np.ascontiguousarray((points - middle) / np.float32(radius * np.sqrt(n_nodes))).view(np.complex64)[..., 0]
    shapes = z - z.mean(axis=2, keepdims=True)
    own_blur = None if blur is None else (blur / radius**2).astype(np.float32)
    # With two threads BLAS sums in another order.
    with one_blas_thread():
        squared = _matched_squares(z, turned=False), _matched_squares(shapes, turned=True)
    for out in squared:
        if own_blur is not None:
            out -= own_blur[:, None]
            out -= own_blur
            np.maximum(out, 0, out=out)
        np.sqrt(out, out=out)
    return squared


def _matched_squares(nodes: NDArray[np.complex64], *, turned: bool) -> NDArray[np.float32]:
    """Mean squared distances (n_frames, n_frames) of animals that are matched as fits best.

    The nodes are (n_frames, n_animals, n_nodes), x + iy; with `turned` each animal is turned onto the other.
    """
    n_frames, n_animals, _ = nodes.shape
    orders = np.array(list(permutations(range(n_animals))) if n_animals <= MOST_TRIED else [], np.int64)
    energy = np.square(np.abs(nodes)).sum(axis=2)
    others = [np.ascontiguousarray(nodes[:, animal].T.conj()) for animal in range(n_animals)]
    squared = np.empty((n_frames, n_frames), np.float32)
    for first in range(0, n_frames, ROWS_AT_ONCE):
        rows = slice(first, first + ROWS_AT_ONCE)
        costs = np.empty((n_animals, n_animals, len(nodes[rows]), n_frames), np.float32)
        for here in range(n_animals):
            for there in range(n_animals):
                product = nodes[rows, here] @ others[there]
                costs[here, there] = energy[rows, here, None] + energy[None, :, there]
                costs[here, there] -= 2 * (np.abs(product) if turned else product.real)
        np.maximum(costs, 0, out=costs)
        if len(orders):
            match_few(costs, orders, squared[rows])
        else:
            match_many(costs, squared[rows])
    if not len(orders):
        # Which of two frames comes first must not matter.
        np.minimum(squared, squared.T, out=squared)
    np.fill_diagonal(squared, 0)
    squared /= np.float32(n_animals)
    return squared


def sample_of_poses(points: NDArray[np.float32], most: int = MOST_SAMPLED) -> NDArray[np.int64]:
    """Return rows (ascending) that are spread half over the time and half over the way that the nodes move.

    The points are those of all frames, (n_frames, n_animals, n_nodes, 2).
    """
    n_frames = len(points)
    if n_frames <= most:
        return np.arange(n_frames)
    path = np.zeros(n_frames)
    for first in range(0, n_frames - 1, 1 << 16):
        stop = min(first + (1 << 16), n_frames - 1)
        step = np.diff(points[first : stop + 1], axis=0)
        path[first + 1 : stop + 1] = np.sqrt(np.square(step).sum(axis=3).mean(axis=(1, 2)))
    return spread_rows(path.cumsum(), most)
