"""A recording reduced to a few hundred weighted rows, in a space that all recordings share.

Every recording has principal components of its own, and numbers of different bases tell nothing beside each other. But
each basis is one of pictures: a row represents the thumbnail ``mean + row @ basis``. Drawn on one grid, whatever the
size and the shape of the recording's pictures, these are comparable; resizing is linear, so that it is enough to draw
the mean and the basis there. The distance of two frames then is that of their pictures, in units of full white, whether
they are of one recording or of two.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from clustering import one_blas_thread
from keyframes.scan.array_files import load_arrays, save_arrays
from keyframes.scan.components import PrincipalComponents

# Height and width in pixels.
GRID = 64
# Directions of the shared space. The most hold all components of a few recordings; with millions of rows, memory and
# time allow fewer: as many as the rows, times the directions, make this size.
MOST_SHARED = 128
FEWEST_SHARED = 32
SHARED_SIZE = 1 << 26
# Shared directions that tell recordings apart by their means, at most; the others tell what changes within recordings.
N_BETWEEN = 8
# Directions are merged in bundles of BUNDLE times as many as are wanted, of which KEPT times as many are kept.
BUNDLE = 8
KEPT = 2
# Rows of a coreset, at least and at most, and of all coresets together.
FEWEST_ROWS = 256
MOST_ROWS = 4096
MOST_ROWS_TOGETHER = 1 << 20
# Rows for each frame of a recording that gets the whole budget.
ROWS_A_FRAME = 4


@dataclass(frozen=True)
class Coreset:
    """A recording in short.

    The rows are the centres of a fine clustering of its frames, and the weights the sizes of the clusters. For
    every set of centres Q, with the sum of squared distances to the nearest centre ``cost``, of the frames X and, by
    weight, of the coreset C:

        | sqrt(cost(X, Q)) - sqrt(cost(C, Q)) |  <=  sqrt(inertia)

    by the triangle inequality, because moving each frame to its row moves all of them by `inertia` together: a coreset
    by movement (S. Har-Peled and S. Mazumdar, "On coresets for k-means and k-median clustering", STOC 2004). The bound
    holds for certain, not with some probability as that of an importance sample does; it is known once the clustering
    is made; and coresets of several recordings together are one of all their frames, with the sum of their inertias.
    (What distances in the shared space leave out of those in the recording's own comes on top of it.)

    Attributes
    ----------
    rows : array (n_rows, n_components), float32
        In the recording's own components.
    weights : array (n_rows,), float32
        Frames that each row represents.
    inertia : float
        Sum of the squared distances of all frames to their rows.
    mean : array (n_pixels,), float32
        The recording's mean picture on the grid.
    basis : array (n_components, n_pixels), float32
        Its components on the grid.
    """

    rows: NDArray[np.float32]
    weights: NDArray[np.float32]
    inertia: float
    mean: NDArray[np.float32]
    basis: NDArray[np.float32]


def coreset_rows(total: int, n_recordings: int) -> int:
    """Rows of each coreset: enough for the recording that takes the most, and no more than fit in memory together."""
    wanted = min(ROWS_A_FRAME * total, MOST_ROWS, MOST_ROWS_TOGETHER // n_recordings)
    return max(FEWEST_ROWS, wanted)


def make_coreset(
    features: NDArray[np.float16],
    components: PrincipalComponents,
    shape: tuple[int, ...],
    n_rows: int,
    *,
    weights: NDArray[np.int64] | None = None,
    seed: int,
    threads: int | None = None,
) -> Coreset:
    """Reduce the frames of a recording to at most `n_rows` weighted rows; `shape` is that of its thumbnails.

    `weights` are how many frames each row of the features represents; one each by default.
    """
    from keyframes.choice.clusters import cluster_features, count_different

    n_rows = count_different(features, n_rows)
    labels, squared, centers = cluster_features(features, n_rows, weights=weights, seed=seed, threads=threads)
    mean, basis = on_grid(components, shape)
    sizes = np.bincount(labels, weights, minlength=len(centers)).astype(np.float32)
    inertia = float((squared if weights is None else squared * weights).sum(dtype=np.float64))
    return Coreset(centers, sizes, inertia, mean, basis)


def on_grid(components: PrincipalComponents, shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw the mean (n_pixels,) and the basis (n_components, n_pixels) of a recording on the grid of all."""
    drawn = [
        cv2.resize(row.reshape(shape), (GRID, GRID), interpolation=cv2.INTER_AREA).reshape(-1)
        for row in (components.mean, *components.basis)
    ]
    return drawn[0], np.array(drawn[1:], np.float32).reshape(len(components.basis), -1)


def save_coreset(path: Path, coreset: Coreset) -> None:
    """Write a coreset, whole or not at all."""
    save_arrays(path, **vars(coreset))


def load_coreset(path: Path) -> Coreset | None:
    """Return a coreset that was kept; None where there is none that can be read."""
    kept: dict[str, Any] = load_arrays(path, {field.name for field in fields(Coreset)})
    return Coreset(**{**kept, "inertia": float(kept["inertia"])}) if kept else None


@dataclass(frozen=True)
class SharedSpace:
    """Directions on the grid that serve all recordings: a mean picture, and orthonormal rows (n_shared, n_pixels)."""

    mean: NDArray[np.float32]
    basis: NDArray[np.float32]

    def map_of(
        self, mean: NDArray[np.float32], basis: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the map from a recording's own components to this space: matrix, and where its mean lies.

        A row x of its components lies at ``x @ matrix + place``.
        """
        with one_blas_thread():
            matrix = basis.astype(np.float64) @ self.basis.T.astype(np.float64)
            place = (mean - self.mean).astype(np.float64) @ self.basis.T.astype(np.float64)
        return matrix.astype(np.float32), place.astype(np.float32)


def shared_directions(n_rows: int) -> int:
    """Return in how many directions `n_rows` rows are compared."""
    return min(MOST_SHARED, max(FEWEST_SHARED, SHARED_SIZE // n_rows))


def find_shared_space(coresets: Iterable[Coreset], n_directions: int) -> SharedSpace:
    """Find at most `n_directions`: most tell what changes within recordings, and some tell recordings apart.

    A plain principal component analysis of all frames would spend its components on the backgrounds as soon as there
    are many recordings, and see no animal any more. So the variation within recordings, pooled over all of them, has
    its own share of the directions; what the recordings' means add outside of it has the rest. The coresets are read
    once, and only directions are kept.
    """
    means, weights, within = [], [], np.empty((0, 0))
    n_kept, n_bundle = KEPT * n_directions, BUNDLE * n_directions
    for coreset in coresets:
        weight = coreset.weights.astype(np.float64)
        with one_blas_thread():
            center = weight @ coreset.rows / weight.sum()
            scattered = (coreset.rows - center) * np.sqrt(weight)[:, None]
            values, vectors = eigh(scattered.T @ scattered)
            spread = (np.sqrt(np.maximum(values, 0)) * vectors).T @ coreset.basis
            means.append(coreset.mean + (center @ coreset.basis).astype(np.float32))
        weights.append(weight.sum())
        within = spread if not len(within) else np.concatenate([within, spread])
        if len(within) > n_bundle:
            within = _leading(within, n_kept)
    shares = np.array(weights) / np.sum(weights)
    with one_blas_thread():
        mean = shares @ np.array(means)
    n_between = min(N_BETWEEN, len(means) - 1)
    basis = _unit(_leading(within, n_directions - n_between))
    between = np.empty((0, len(mean)))
    for first in range(0, len(means), n_bundle):
        chunk = slice(first, first + n_bundle)
        apart = (np.array(means[chunk]) - mean) * np.sqrt(shares[chunk])[:, None]
        with one_blas_thread():
            apart -= (apart @ basis.T) @ basis
        between = _leading(np.concatenate([between, apart]), n_kept)
    basis = np.concatenate([basis, _unit(_leading(between, n_between))])
    return SharedSpace(mean.astype(np.float32), basis.astype(np.float32))


def _leading(rows: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Return at most `n` rows with as much of the scatter as they can have, the longest first (method of snapshots)."""
    n = min(n, len(rows))
    if n == 0:
        return rows[:0]
    with one_blas_thread():
        _, vectors = eigh(rows @ rows.T, subset_by_index=(len(rows) - n, len(rows) - 1))
        return np.asarray(vectors.T[::-1] @ rows)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give orthogonal rows the length 1; those without any to speak of are left out."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    known = lengths[:, 0] > 1e-6 * max(1e-9, float(lengths.max(initial=0)))
    return np.asarray(rows[known] / lengths[known])
