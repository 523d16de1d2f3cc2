"""Poses that can be compared: animals followed through time, gaps filled, and steadied where the animal is steady.

What a network says of a doubtful point tells where it is doubtful, not where the animal is; and noise makes a rest look
like many postures. Nothing here has a threshold in pixels or in units of confidence: all of it follows from the
predictions' own noise.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from clustering import one_blas_thread
from keyframes.predictions.kernels.linking import common_motion, deviations, link
from keyframes.predictions.kernels.steadying import fill_gaps, from_states, place_by_shape, steady, to_states
from keyframes.sampling import even_rows

# A point is bad that deviates from its neighbours in time by so many times the noise.
BAD_NOISES = 4.0
# Noise is told from motion by the lower part of what second differences there are.
QUIET_SHARE = 0.25
# The same quantile of the lengths that white noise of a standard deviation of 1 has, which are Rayleigh's.
RAYLEIGH = float(np.sqrt(-12 * np.log(1 - QUIET_SHARE)))
# Where rests show no noise, what moves is taken for noise up to this share of the animal's size.
COARSEST = 0.1
# An animal that is on the move all over deviates more; so many frames on each side tell that.
MOTION_REACH = 6
# Over gaps of more frames than this, the other nodes say better where a point is than its neighbours in time do.
LONGEST_LINE = 10
# A steady pose is averaged over so many frames on each side, then over every fourth of as many, by when it is known
# twice as well.
REACH, PASSES = 8, ((1, 1.0), (4, 2.0))
# Where no frame has predictions beside its own, those that lie so many frames apart at most tell the noise.
MOST_APART = 30
# Statistics are taken of so many frames, evenly spread.
MOST_SAMPLED = 1 << 14


@dataclass(frozen=True)
class Linked:
    """Points by animals that were followed through time, whatever the file says of who is who.

    Attributes
    ----------
    points : array (n_frames, n_animals, n_nodes, 2), float32
        NaN where missing.
    order : array (n_frames, n_animals), int16
        Place of each animal on the axis of the predictions.
    gain : array (n_frames,), float32
        Where two animals changed their places in the file: how many pixels a node is nearer without that; 0 elsewhere.
    """

    points: NDArray[np.float32]
    order: NDArray[np.int16]
    gain: NDArray[np.float32]

    def of(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return values (n_frames, n_places, n_nodes) of the predictions by these animals."""
        return np.take_along_axis(values, self.order[..., None].astype(np.int64), axis=1)


@dataclass(frozen=True)
class CleanPoses:
    """Poses of all frames, without gaps.

    Attributes
    ----------
    points : array (n_frames, n_animals, n_nodes, 2), float32
    radius : float
        Size of an animal: median root mean square distance of its nodes from their mean, in pixels.
    noise : float
        Of the points as they were predicted, a coordinate, in pixels.
    blur : array (n_frames,), float32
        Mean square distance of the points from where they are that noise is expected to leave, in pixels squared.
    model : PoseModel
    """

    points: NDArray[np.float32]
    radius: float
    noise: float
    blur: NDArray[np.float32] = field(repr=False)
    model: "PoseModel" = field(repr=False)


@dataclass(frozen=True)
class PoseModel:
    """What postures there are: a mean shape and the directions in which postures vary by more than noise.

    Attributes
    ----------
    shape : array (n_nodes, 2), float64
        Onto which poses are turned.
    mean : array (2 * n_nodes,), float64
        Of the turned ones, x and y of a node beside each other.
    basis : array (n_scores, 2 * n_nodes), float64
        Orthonormal.
    others : array (2 * n_nodes, 2 * n_nodes), float64
        What a turned pose, its mean taken off, leaves of each node beside what the other nodes say of it.
    surprise : array (2 * n_nodes, 2 * n_nodes), float64
        The same in standard deviations, as far as these differ by direction.
    """

    shape: NDArray[np.float64]
    mean: NDArray[np.float64]
    basis: NDArray[np.float64]
    others: NDArray[np.float64]
    surprise: NDArray[np.float64]

    def states(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return scores, middle, cosine and sine of each pose: (n_frames, n_animals, n_scores + 4)."""
        states = np.empty((*points.shape[:2], len(self.basis) + 4), np.float32)
        to_states(points, self.shape, self.mean, self.basis, states)
        return states

    def beside_others(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how far each point is from where the other nodes of its animal put it, in pixels.

        Takes points (n_frames, n_animals, n_nodes, 2); returns (n_frames, n_animals, n_nodes), float32.
        """
        return self._lengths(points, self.others)

    def misfit(self, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return how badly each point fits the other nodes of its animal: the worst is the one that is wrong.

        In pixels, a wrong point can put a right one farther away than itself, if that one lies far from the others.
        Takes and returns the same as `beside_others`, in standard deviations.
        """
        return self._lengths(points, self.surprise)

    def _lengths(self, points: NDArray[np.float32], of_nodes: NDArray[np.float64]) -> NDArray[np.float32]:
        left = np.empty((*points.shape[:2], len(of_nodes) + 4), np.float32)
        to_states(points, self.shape, self.mean, of_nodes, left)
        return np.asarray(np.hypot(left[..., :-4:2], left[..., 1:-4:2]))


def typical_number(keypoints: NDArray[np.float32]) -> int:
    """Return how many animals most frames have that have any; 1 where none has."""
    present = np.isfinite(keypoints[..., 0]).any(axis=2).sum(axis=1)
    counts = np.bincount(present, minlength=2)
    counts[0] = 0
    return max(1, int(counts.argmax()))


def link_animals(keypoints: NDArray[np.float32]) -> Linked:
    """Follow as many animals through time as most frames have.

    Parameters
    ----------
    keypoints : array (n_frames, n_places, n_nodes, 2), float32
    """
    n_frames, n_places = keypoints.shape[:2]
    n_animals = min(typical_number(keypoints), n_places)
    latest = np.full((n_animals, *keypoints.shape[2:]), np.nan, np.float32)
    order, gain = np.empty((n_frames, n_animals), np.int16), np.empty(n_frames, np.float32)
    present = np.asarray(np.isfinite(keypoints[..., 0]).any(axis=2))
    # Started where all are seen at once.
    full = np.flatnonzero(present.sum(axis=1) >= n_animals)
    if len(full):
        latest[:] = keypoints[full[0], np.argsort(~present[full[0]], kind="stable")[:n_animals]]
    link(keypoints, latest, order, gain)
    gain[: full[0] + 1 if len(full) else 1] = 0
    points = np.take_along_axis(keypoints, order[..., None, None].astype(np.int64), axis=1)
    return Linked(np.ascontiguousarray(points), order, gain)


def clean(points: NDArray[np.float32]) -> CleanPoses:
    """Fill and steady the poses of animals that were followed through time.

    Points that deviate from their neighbours in time, and missing ones, are filled: short gaps by straight lines, long
    ones by where the other nodes say they are. Then each pose is reduced to what varies more than noise does, and
    averaged over the frames around it that noise alone may tell from it.

    Parameters
    ----------
    points : array (n_frames, n_animals, n_nodes, 2), float32
        At least one point of each animal in some frame.
    """
    # With other numbers of threads BLAS sums in another order.
    with one_blas_thread():
        return _clean(points.copy())


def _clean(points: NDArray[np.float32]) -> CleanPoses:
    noise, bad = _noise_and_bad(points)
    far = np.empty(bad.shape, np.bool_)
    fill_gaps(points, bad, LONGEST_LINE, far)
    _fill_never_seen(points, far)
    rows = _sampled_poses(points, far)
    shape = mean_shape(rows)
    place_by_shape(points, far, shape)
    turned = turned_onto(rows, shape).reshape(len(rows), -1)
    mean = turned.mean(axis=0)
    level = float(np.sqrt(np.mean(noise[np.isfinite(noise)] ** 2))) if np.isfinite(noise).any() else 0.0
    basis, shrunk = _basis_of(turned - mean, level)
    model = PoseModel(shape, mean, basis, *_others(turned - mean, shape, level))
    states, blur = model.states(points), np.zeros(len(points), np.float32)
    if level > 0:
        states, n_averaged, n_known = _steadied(states, model, level)
        states[..., : len(basis)] *= shrunk(float(np.median(n_averaged)))
        blur = level**2 * (len(basis) + 3) / len(shape) * (1 / n_known).mean(axis=1)
    from_states(states, mean, basis, points)
    radius = float(np.median(np.sqrt(np.square(rows - rows.mean(axis=1, keepdims=True)).sum(axis=2).mean(axis=1))))
    return CleanPoses(points, radius or 1.0, level, blur.astype(np.float32), model)


def _steadied(
    states: NDArray[np.float32], model: PoseModel, noise: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Average states (n_frames, n_animals, n_scores + 4) over the frames that noise alone may tell from each one.

    Returns the averages; of how many states each is one in the last pass; and of how many poses it is one over all
    passes. The states are written over.
    """
    size = float(np.sqrt(np.square(model.shape).sum()))
    # A place is known as many times better as there are nodes; a direction the better the larger the animal is.
    scale = np.full(states.shape[2], 1 / noise)
    scale[-4:-2] *= np.sqrt(len(model.shape))
    scale[-2:] *= max(size, noise)
    out, n_averaged = np.empty_like(states), np.empty(states.shape[:2], np.float32)
    n_known = np.ones_like(n_averaged)
    for stride, tight in PASSES:
        steady(states, (scale * tight).astype(np.float32), REACH, stride, out, n_averaged)
        n_known += stride * (n_averaged - 1)
        states, out = out, states
    return states, n_averaged, n_known


def noise_of(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """Noise of each node, a coordinate, in pixels, by second differences in time where the animal is quiet.

    Parameters
    ----------
    points : array (n_frames, n_animals, n_nodes, 2), float32
        NaN where a point does not count.

    Returns
    -------
    array (n_nodes,), float64
        Of white noise of a standard deviation s, second differences have the variance 6 s^2. NaN where nothing says it.
    """
    found = np.full(points.shape[2], np.nan)
    rows = np.flatnonzero(np.isfinite(points[..., 0]).any(axis=(1, 2)))
    for apart in range(1, MOST_APART + 1):
        middle = rows[(rows >= apart) & (rows < len(points) - apart)]
        if not len(middle) or not np.isnan(found).any():
            break
        middle = middle[even_rows(len(middle), MOST_SAMPLED)]
        second = points[middle - apart] - 2 * points[middle] + points[middle + apart]
        length = np.sqrt(np.square(second).sum(axis=3, dtype=np.float64))
        for node in np.flatnonzero(np.isnan(found)):
            own = length[:, :, node]
            own = own[np.isfinite(own)]
            if not len(own):
                continue
            found[node] = np.quantile(own, QUIET_SHARE) / RAYLEIGH
            if own.any() and (apart > 1 or not found[node]):
                # Points are rounded, or frames come twice, or lie apart. Without any noise, every motion would be an
                # error; and motion between frames that lie apart is no noise.
                moved = np.quantile(own[own > 0], QUIET_SHARE) / RAYLEIGH
                found[node] = min(moved, COARSEST * _size_of(points[middle]))
    return found


def _size_of(points: NDArray[np.float32]) -> float:
    """Median root mean square distance of the nodes from their mean, of animals that have all of them; else 0."""
    full = points[np.isfinite(points).all(axis=(2, 3))].astype(np.float64)
    squared = np.square(full - full.mean(axis=1, keepdims=True)).sum(axis=2).mean(axis=1)
    return float(np.sqrt(np.median(squared))) if len(full) else 0.0


def _noise_and_bad(points: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Noise of each node, and the points that are missing or deviate by more than it explains, which become NaN."""
    deviation = np.empty(points.shape[:3], np.float32)
    motion = np.empty(points.shape[:2], np.float32)
    bad: NDArray[np.bool_] = np.asarray(~np.isfinite(points).all(axis=3))
    noise = noise_of(points)
    # Outliers make the noise look larger and draw medians towards them: without the first ones both are known better.
    for _ in range(2):
        deviations(points, deviation)
        common_motion(deviation, MOTION_REACH, np.maximum(noise, 1e-6), motion)
        with np.errstate(invalid="ignore"):
            bad |= deviation > BAD_NOISES * noise * motion[..., None]
        points[bad] = np.nan
        noise = noise_of(points)
    return noise, bad


def _fill_never_seen(points: NDArray[np.float32], far: NDArray[np.bool_]) -> None:
    """Put nodes that an animal never has where its others are; an animal that is never seen, where any is."""
    lost = ~np.isfinite(points[0, :, :, 0])
    for animal, node in zip(*np.nonzero(lost), strict=True):
        others = points[:, animal, ~lost[animal]]
        points[:, animal, node] = others.mean(axis=1) if others.shape[1] else 0.0
        far[:, animal, node] = True


def _sampled_poses(points: NDArray[np.float32], far: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Poses (n, n_nodes, 2) of some frames, those that are known best."""
    frames = even_rows(len(points), MOST_SAMPLED)
    known = ~far[frames].any(axis=2)
    poses = points[frames].astype(np.float64)
    return poses[known] if known.sum() >= 2 else poses.reshape(-1, *poses.shape[2:])


def mean_shape(poses: NDArray[np.float64], n_rounds: int = 5) -> NDArray[np.float64]:
    """Return the median shape (n_nodes, 2) of poses (n, n_nodes, 2) that are turned onto each other."""
    centred = poses - poses.mean(axis=1, keepdims=True)
    sizes = np.sqrt(np.square(centred).sum(axis=(1, 2)))
    shape = centred[np.argsort(np.abs(sizes - np.median(sizes)), kind="stable")[0]]
    for _ in range(n_rounds):
        shape = np.median(turned_onto(poses, shape), axis=0)
        shape = shape - shape.mean(axis=0)
    return np.asarray(shape)


def turned_onto(poses: NDArray[np.float64], shape: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return poses (n, n_nodes, 2) around their means, turned so that they fit a shape best."""
    centred = poses - poses.mean(axis=1, keepdims=True)
    z = centred[..., 0] + 1j * centred[..., 1]
    turn = (z * (shape[:, 0] - 1j * shape[:, 1])).sum(axis=1)
    size = np.abs(turn)
    turn = np.where(size > 0, turn / np.where(size > 0, size, 1), 1)
    z = z * turn.conj()[:, None]
    return np.stack([z.real, z.imag], axis=2)


def _basis_of(
    turned: NDArray[np.float64], noise: float
) -> tuple[NDArray[np.float64], Callable[[float], NDArray[np.float64]]]:
    """Principal components that vary more than noise, and how far to shrink the scores of a mean of so many frames."""
    if len(turned) < 2:
        return np.eye(1, turned.shape[1]), lambda _: np.ones(1)
    values, vectors = np.linalg.eigh(np.cov(turned.T))
    values, vectors = values[::-1], vectors[:, ::-1].T
    signal = np.maximum(values - noise**2, 0)
    kept = signal > 0.3 * noise**2
    kept[0] = True
    signal = np.maximum(signal[kept], 1e-12)
    basis = np.ascontiguousarray(vectors[kept])
    # Eigenvectors have no sign of their own.
    basis *= np.sign(basis[np.arange(len(basis)), np.abs(basis).argmax(axis=1)])[:, None]

    def shrunk(counted: float) -> NDArray[np.float64]:
        return np.asarray(signal / (signal + noise**2 / counted))

    return basis, shrunk


def _others(
    turned: NDArray[np.float64], shape: NDArray[np.float64], noise: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the matrix that leaves of each node what the others do not explain, for normal distributions.

    With the inverse Q of the covariance, that is the inverse of a node's block of Q times its rows of Q. Where all of
    the animal is, and how it is turned, tells nothing of its posture. The second matrix returned says the same in
    standard deviations: the root of that inverse takes its place.
    """
    n_nodes = len(shape)
    moves = np.zeros((3, n_nodes, 2))
    moves[0, :, 0], moves[1, :, 1] = 1, 1
    moves[2] = np.stack([-shape[:, 1], shape[:, 0]], axis=1)
    # The rows behind the first three span all that is no move.
    postures = np.linalg.svd(moves.reshape(3, -1))[2][3:]
    covariance = np.atleast_2d(np.cov(postures @ turned.T)) if len(turned) > 1 else np.zeros(2 * (len(postures),))
    ridge = 0.1 * noise**2 + 1e-3 * float(np.trace(covariance)) / max(1, len(postures)) + 1e-9
    precision = postures.T @ np.linalg.inv(covariance + ridge * np.eye(len(postures))) @ postures
    found, surprise = np.empty_like(precision), np.empty_like(precision)
    for first in range(0, 2 * n_nodes, 2):
        own = slice(first, first + 2)
        found[own] = np.linalg.pinv(precision[own, own]) @ precision[own]
        values, vectors = np.linalg.eigh(precision[own, own])
        surprise[own] = np.sqrt(np.maximum(values, 0))[:, None] * (vectors.T @ found[own])
    return np.asarray(found, np.float64), np.asarray(surprise, np.float64)
