"""Compiled kernels. Every one works on the rows ``first:last`` of its arrays, so that several threads can share them.

Arguments are marked IN, OUT or INOUT. Products run over blocks of 256 rows, counted from row 0: the block, and with it
every bit of the result, is the same whichever thread works on it.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

BLOCK_ROWS = 256

# Without nnan and ninf: the kernels compare with infinities.
FAST_MATH = {"reassoc", "contract", "arcp", "nsz"}

# Below this share of the squared norms, |x|^2 + |c|^2 - 2 x.c has lost its digits and the distance is taken directly.
CANCELLATION = 1e-3


def compiled(**flags: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Compile a kernel on first use and keep its machine code on disk, where there is a place for it.

    There is none in a read-only installation without a home folder, as in containers on a cluster, or on a full disk.
    Numba raises in both cases; here the kernel is then compiled anew in each process.
    """

    def decorate(kernel: Callable[..., Any]) -> Callable[..., Any]:
        try:
            dispatcher = njit(nogil=True, cache=True, **flags)(kernel)
        except RuntimeError:
            return njit(nogil=True, **flags)(kernel)
        cache = getattr(dispatcher, "_cache", None)
        if cache is not None:
            save = cache.save_overload

            def save_if_possible(signature: Any, machine_code: Any) -> None:
                with suppress(OSError):
                    save(signature, machine_code)

            cache.save_overload = save_if_possible
        return dispatcher

    return decorate


@compiled(fastmath=FAST_MATH)
def squared_distance(a: NDArray, b: NDArray) -> float:
    """Squared Euclidean distance of two vectors of one length."""
    total = a[0] * 0
    for j in range(a.shape[0]):
        difference = a[j] - b[j]
        total += difference * difference
    return total


@compiled(fastmath=FAST_MATH)
def squared_norms(X: NDArray, first: int, last: int, norms: NDArray) -> None:
    """Squared norm of each row.

    IN: X (n_samples, n_features). OUT: norms (n_samples,).
    """
    for i in range(first, last):
        total = X[i, 0] * 0
        for j in range(X.shape[1]):
            total += X[i, j] * X[i, j]
        norms[i] = total


@compiled(fastmath=FAST_MATH)
def assign(
    X: NDArray,
    centers: NDArray,
    centers_T: NDArray,
    half_norms: NDArray,
    tolerance: float,
    first: int,
    last: int,
    labels: NDArray,
    distances: NDArray,
) -> None:
    """Nearest centre of each row, the first one where several are equally near, and the squared distance to it.

    The product of a block of rows with all centres finds the nearest up to rounding; centres within the rounding error
    of the best are then compared by their distances proper.

    IN: X (n_samples, n_features); centers (n_clusters, n_features), centers_T its transposed copy, half_norms
    (n_clusters,) half its squared norms; tolerance, the products' error as a share of the squared norms. OUT: labels
    (n_samples,) int32; distances (n_samples,) squared.
    """
    longest = 2 * half_norms.max()
    for start in range(first, last, BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, last)
        scores = np.dot(X[start:stop], centers_T)
        for i in range(start, stop):
            score = scores[i - start]
            lowest = half_norms[0] - score[0]
            for c in range(score.shape[0]):
                score[c] = half_norms[c] - score[c]
                lowest = min(lowest, score[c])
            norm = X[i, 0] * 0
            for j in range(X.shape[1]):
                norm += X[i, j] * X[i, j]
            margin = lowest + tolerance * (norm + longest)
            nearest = -1
            shortest = norm
            for c in range(score.shape[0]):
                if score[c] <= margin:
                    distance = squared_distance(X[i], centers[c])
                    if nearest < 0 or distance < shortest:
                        nearest = c
                        shortest = distance
            labels[i] = nearest
            distances[i] = shortest


@compiled()
def group_by_label(labels: NDArray, starts: NDArray, members: NDArray) -> None:
    """Order rows by label, and by row within a label (a counting sort).

    IN: labels (n_samples,). OUT: starts (n_clusters + 1,), the members of cluster c stand at starts[c]:starts[c + 1];
    members (n_samples,) row numbers.
    """
    starts[:] = 0
    for i in range(labels.shape[0]):
        starts[labels[i] + 1] += 1
    for c in range(1, starts.shape[0]):
        starts[c] += starts[c - 1]
    place = starts[:-1].copy()
    for i in range(labels.shape[0]):
        c = labels[i]
        members[place[c]] = i
        place[c] += 1


@compiled()
def cluster_means(X: NDArray, starts: NDArray, members: NDArray, first: int, last: int, centers: NDArray) -> None:
    """Mean of the members of the clusters first:last, summed in float64 in row order; an empty one keeps its centre.

    IN: X (n_samples, n_features); starts, members from `group_by_label`. INOUT: centers (n_clusters, n_features).
    """
    total = np.empty(X.shape[1], np.float64)
    for c in range(first, last):
        size = starts[c + 1] - starts[c]
        if size == 0:
            continue
        total[:] = 0.0
        for m in range(starts[c], starts[c + 1]):
            row = X[members[m]]
            for j in range(row.shape[0]):
                total[j] += row[j]
        for j in range(total.shape[0]):
            centers[c, j] = total[j] / size


@compiled(fastmath=FAST_MATH)
def candidate_potentials(
    X: NDArray,
    norms: NDArray,
    candidates: NDArray,
    candidates_T: NDArray,
    closest: NDArray,
    first: int,
    last: int,
    improved: NDArray,
    potentials: NDArray,
) -> None:
    """For each seeding candidate: every row's squared distance to its nearest seed if the candidate became one.

    IN: X (n_samples, n_features); norms (n_samples,) squared; candidates (n_candidates, n_features), candidates_T its
    transposed copy; closest (n_samples,) squared distance to the seeds so far. OUT: improved (n_candidates, n_samples);
    potentials (n_blocks, n_candidates) float64, the sums over each block of rows.
    """
    candidate_norms = np.empty(candidates.shape[0], X.dtype)
    for c in range(candidates.shape[0]):
        candidate_norms[c] = squared_distance(candidates[c], np.zeros_like(candidates[c]))
    for start in range(first, last, BLOCK_ROWS):
        stop = min(start + BLOCK_ROWS, last)
        products = np.dot(X[start:stop], candidates_T)
        for c in range(candidates.shape[0]):
            total = 0.0
            for i in range(start, stop):
                scale = norms[i] + candidate_norms[c]
                distance = scale - 2 * products[i - start, c]
                if distance < CANCELLATION * scale:
                    distance = squared_distance(X[i], candidates[c])
                distance = min(distance, closest[i])
                improved[c, i] = distance
                total += distance
            potentials[start // BLOCK_ROWS, c] = total
