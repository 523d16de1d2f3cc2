"""Clustering core: arrays in, clusters out. It knows nothing of video, images or files.

The names load on first use, so that importing the package compiles nothing and starts no thread.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clustering.centnn import Network, cent_nn
    from clustering.errors import ClusteringError, InvalidInputError
    from clustering.estimators import CentNN, KMeans, MiniBatchKMeans
    from clustering.evaluation import Evaluation, clustering_accuracy, evaluate, majority_accuracy, majority_map
    from clustering.k_selection import KSelection, select_k
    from clustering.kmeans import k_means
    from clustering.lloyd import Partition
    from clustering.medoids import k_medoids
    from clustering.representatives import representatives

__all__ = [
    "CentNN",
    "ClusteringError",
    "Evaluation",
    "InvalidInputError",
    "KMeans",
    "KSelection",
    "MiniBatchKMeans",
    "Network",
    "Partition",
    "cent_nn",
    "clustering_accuracy",
    "evaluate",
    "k_means",
    "k_medoids",
    "majority_accuracy",
    "majority_map",
    "representatives",
    "select_k",
]

_MODULES = {
    "CentNN": "estimators",
    "ClusteringError": "errors",
    "Evaluation": "evaluation",
    "InvalidInputError": "errors",
    "KMeans": "estimators",
    "KSelection": "k_selection",
    "MiniBatchKMeans": "estimators",
    "Network": "centnn",
    "Partition": "lloyd",
    "cent_nn": "centnn",
    "clustering_accuracy": "evaluation",
    "evaluate": "evaluation",
    "k_means": "kmeans",
    "k_medoids": "medoids",
    "majority_accuracy": "evaluation",
    "majority_map": "evaluation",
    "representatives": "representatives",
    "select_k": "k_selection",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    # A submodule of the same name becomes an attribute on import; the public object takes its place.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
