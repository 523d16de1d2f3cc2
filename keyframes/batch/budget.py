"""One number of frames for all recordings, spent where it covers most."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from keyframes.batch.coresets import (
    GRID,
    Coreset,
    SharedSpace,
    coreset_rows,
    find_shared_space,
    on_grid,
    shared_directions,
)
from keyframes.choice.distance import FrameDistance
from keyframes.choice.guards import Limits
from keyframes.choice.selection import Selection
from keyframes.scan.array_files import load_arrays, save_arrays
from keyframes.scan.scan import Scan
from keyframes.settings import Settings

if TYPE_CHECKING:
    from clustering import Workers

# Rows of the sample that k-means sees, because it keeps bounds for every row and group of centres.
SAMPLED_ROWS = 1 << 19
# How often k-means moves its centres, at most.
MOST_MOVES = 50
# Rows that are mapped into the shared space at a time.
ASSIGNED_ROWS = 1 << 16


@dataclass(frozen=True)
class Plan:
    """The frames to find: a centre for each in the shared space, and the number of the recording that comes nearest."""

    space: SharedSpace
    centers: NDArray[np.float32]
    owners: NDArray[np.int32]
    names: tuple[str, ...]

    def share_of(self, name: str) -> "Plan":
        """Return what one recording has to do."""
        own = self.owners == self.names.index(name)
        return replace(self, centers=self.centers[own], owners=self.owners[own])

    def __len__(self) -> int:
        return len(self.centers)

    @property
    def digest(self) -> str:
        """What tells one recording's share from another."""
        digest = hashlib.sha256()
        for array in (self.space.mean, self.space.basis, self.centers):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]

    def choose(self, scan: Scan, settings: Settings, shape: tuple[int, ...], threads: int | None) -> Selection:
        """Choose the frame nearest to each centre, as far as the guards let it; `shape` is that of the thumbnails."""
        from keyframes.choice.clusters import clusters_around
        from keyframes.choice.members import select_members

        matrix, place = self.space.map_of(*on_grid(scan.components, shape))
        # Around the recording's own mean, so that float32 keeps its digits.
        features = np.empty((len(scan.features), len(self.space.basis)), np.float32)
        for first in range(0, len(features), ASSIGNED_ROWS):
            chunk = slice(first, first + ASSIGNED_ROWS)
            # Summed in one order: a product of matrices need not give equal rows equal results.
            features[chunk] = np.einsum("ij,jk->ik", scan.features[chunk].astype(np.float32), matrix)
        n_pixels = GRID * GRID * (shape[2] if len(shape) == 3 else 1)
        distance = FrameDistance.of_features(features, n_pixels)
        clusters = clusters_around(distance, np.ascontiguousarray(self.centers - place), threads)
        limits = Limits.of(scan, settings, distance.alike)
        return select_members(replace(scan, features=features), clusters, len(self.centers), limits)


def plan_budget(
    load: Callable[[str], Coreset],
    names: Sequence[str],
    total: int,
    *,
    at_least: int = 0,
    seed: int = 0,
    threads: int | None = None,
) -> Plan:
    """Cluster the coresets of all recordings together, and give each centre to the recording that comes nearest to it.

    What a clustering of the coresets costs differs from what it costs all frames by no more than their inertias allow
    (see `Coreset`); so where the budget goes is decided as if all frames lay side by side.

    `load` gives the coreset of a recording by its name. `total` frames are to be chosen, or fewer where fewer rows
    differ, and at least `at_least` from each recording, as far as it has that many different rows. Those that would get
    fewer have a clustering of their own for that number, whose centres stay where they are while the rest of the budget
    is spent. The result depends on the seed, not on `threads`.
    """
    most_rows = len(names) * coreset_rows(total, len(names))
    space = find_shared_space(map(load, names), shared_directions(most_rows))
    rows, weights, recording = [], [], []
    for number, name in enumerate(names):
        coreset = load(name)
        matrix, place = space.map_of(coreset.mean, coreset.basis)
        rows.append(np.einsum("ij,jk->ik", coreset.rows, matrix) + place)
        weights.append(coreset.weights)
        recording.append(np.full(len(coreset.weights), number, np.int32))
    together = np.concatenate(rows), np.concatenate(weights), np.concatenate(recording)
    del rows, weights, recording
    centers, owners = spend(*together, total, at_least=at_least, seed=seed, threads=threads)
    return Plan(space, centers, owners, tuple(names))


def spend(
    rows: NDArray[np.float32],
    weights: NDArray[np.float32],
    recording: NDArray[np.int32],
    total: int,
    *,
    at_least: int = 0,
    seed: int = 0,
    threads: int | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Find at most `total` centres for weighted rows of several recordings, and the recording nearest to each.

    `recording` has the number of the recording of each row; the other parameters are those of `plan_budget`.
    """
    from clustering import Workers, k_means

    n_recordings = int(recording.max()) + 1
    own_centers: dict[int, NDArray[np.float32]] = {}
    with Workers(threads) as workers:
        while True:
            fixed = np.concatenate([rows[:0], *own_centers.values()])
            free = ~np.isin(recording, list(own_centers)) if own_centers else slice(None)
            n_left = min(total - len(fixed), len(recording[free]))
            centers, owners = rows[:0], recording[:0]
            if n_left > 0:
                centers, owners = _cluster_together(
                    rows[free], weights[free], recording[free], n_left, fixed, seed, workers
                )
            counts = np.bincount(owners, minlength=n_recordings)
            short = [
                number for number in range(n_recordings) if counts[number] < at_least and number not in own_centers
            ]
            if not short:
                break
            for number in short:
                own, own_weights = rows[recording == number], weights[recording == number]
                n_own = min(at_least, len(np.unique(own, axis=0)))
                found = k_means(own, n_own, sample_weight=own_weights, random_state=seed, n_threads=workers.n_threads)
                own_centers[number] = found.centers
    fixed_owners = [np.full(len(own), number, np.int32) for number, own in own_centers.items()]
    return np.concatenate([centers, fixed]), np.concatenate([owners, *fixed_owners])


def _cluster_together(
    rows: NDArray[np.float32],
    weights: NDArray[np.float32],
    recording: NDArray[np.int32],
    n_clusters: int,
    fixed: NDArray[np.float32],
    seed: int,
    workers: "Workers",
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """Find centres beside fixed ones, and the recording of the row that comes nearest to each."""
    from clustering import k_means, sample_rows
    from keyframes.choice.clusters import assign, count_different, ranked_members

    sampled, counts = sample_rows(weights, max(SAMPLED_ROWS, 8 * n_clusters), np.random.RandomState(seed))
    sample = rows[sampled]
    n_clusters = min(n_clusters, count_different(sample, n_clusters))
    found = k_means(
        sample,
        n_clusters,
        sample_weight=counts,
        fixed_centers=fixed,
        max_iter=MOST_MOVES,
        random_state=seed,
        n_threads=workers.n_threads,
    )
    labels, squared, centers = found.labels, found.squared_distances, found.centers
    if len(sample) < len(rows):
        _, _, means = assign(rows, centers, workers, weights)
        centers = np.concatenate([means[:n_clusters], fixed])
        labels, squared, _ = assign(rows, centers, workers)
    ranked = ranked_members(labels, squared, np.zeros(len(labels), np.uint8), n_clusters)
    # A cluster that the last move left empty covers nothing that others do not.
    full = np.array([number for number, members in enumerate(ranked) if len(members)], np.int64)
    nearest = np.array([ranked[number][0] for number in full], np.int64)
    return centers[full], recording[nearest]


def save_plan(path: Path, plan: Plan, key: str) -> None:
    """Write a plan under a key that tells what it was made of."""
    save_arrays(
        path,
        key=np.frombuffer(key.encode(), np.uint8),
        mean=plan.space.mean,
        basis=plan.space.basis,
        centers=plan.centers,
        owners=plan.owners,
        names=np.frombuffer("\n".join(plan.names).encode(), np.uint8),
    )


def load_plan(path: Path, key: str | None = None) -> Plan | None:
    """Return a plan; None where there is none that can be read, or its key is another one."""
    kept = load_arrays(path, {"key", "mean", "basis", "centers", "owners", "names"})
    if not kept or (key is not None and kept["key"].tobytes().decode() != key):
        return None
    names = tuple(kept["names"].tobytes().decode().split("\n"))
    return Plan(SharedSpace(kept["mean"], kept["basis"]), kept["centers"], kept["owners"], names)


def plan_key(coresets: Mapping[str, str], total: int, at_least: int, seed: int) -> str:
    """Return what a plan is made of, in short: the key of each recording's coreset, and the numbers."""
    text = repr((sorted(coresets.items()), total, at_least, seed))
    return hashlib.sha256(text.encode()).hexdigest()
