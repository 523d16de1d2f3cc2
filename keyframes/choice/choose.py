"""From a scan to the frames that are chosen, as the settings say, and what there is to tell about that."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from keyframes.choice.distance import FrameDistance
from keyframes.choice.guards import Limits
from keyframes.choice.selection import Known, Selection
from keyframes.choice.uniform import select_uniform
from keyframes.errors import RegionError
from keyframes.progress import Progress, progress_bar
from keyframes.scan.scan import Scan
from keyframes.settings import Settings

if TYPE_CHECKING:
    from clustering import KSelection
    from keyframes.choice.clusters import Clusters


def choose_from_scan(
    scan: Scan,
    settings: Settings,
    threads: int | None,
    progress: Progress,
    known: Known | None = None,
) -> "tuple[Selection, KSelection | None]":
    """Return the clusters and their representatives, and how an automatic k was found.

    Parameters
    ----------
    scan : Scan
    settings : Settings
    threads : int or None
    progress : bool or callable
    known : Known or None, default=None
        Frames of projects.

    Raises
    ------
    RegionError
        Where projects have all that differ.
    """
    # Numba takes a second to load: a video that cannot be read is reported before that.
    from keyframes.choice.clusters import choose_k, count_different
    from keyframes.choice.members import select_members

    with progress_bar(None, "choose", 1, "steps", progress) as steps:
        k_selection = None
        if settings.k == "auto":
            k_selection = choose_k(scan.features, seed=settings.seed, threads=threads)
            k = k_selection.k
        elif settings.uniform:
            k = min(settings.k, len(scan.frame_index))
        else:
            k = count_different(_rows_to_choose(scan, known), settings.k, None if known is None else known.features)
            if not k:
                raise RegionError(
                    "every frame that differs from the others is in the projects already; choose frames of another "
                    "video"
                )
        if settings.uniform:
            selection = select_uniform(scan, k)
        else:
            clusters = _clusters(scan, k, settings, threads, known)
            limits = Limits.of(scan, settings, clusters.distance.alike, clusters.basis)
            selection = select_members(scan, clusters, k, limits, known)
        steps.update()
    return selection, k_selection


def _clusters(scan: Scan, k: int, settings: Settings, threads: int | None, known: Known | None) -> "Clusters":
    from keyframes.choice.clusters import Clusters, cluster_features, clusters_around
    from keyframes.choice.covering import covering_clusters

    if settings.algorithm == "auto" and (covering := covering_clusters(scan, k, known)) is not None:
        return covering
    distance = FrameDistance.of_features(scan.features, len(scan.components.mean))
    if scan.centers is not None:
        return clusters_around(distance, scan.centers, threads)
    algorithm = "kmeans" if settings.algorithm == "auto" else settings.algorithm
    fixed = None if known is None else known.features.astype(np.float32)
    found = cluster_features(
        scan.features, k, algorithm=algorithm, fixed=fixed, weights=scan.weights, seed=settings.seed, threads=threads
    )
    return Clusters(found[0], found[1], distance, found[2])


def _rows_to_choose(scan: Scan, known: Known | None) -> NDArray[Any]:
    """Return the features of the frames that no project has."""
    return scan.features if known is None else scan.features[~np.isin(scan.frame_index, known.frame_index)]
