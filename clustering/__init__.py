"""Clustering core: arrays in, clusters out. It knows nothing of video, images or files.

From the bottom up: `workers` (threads, and BLAS on one), `kernels` (how loops are compiled), `kmeans`, `minibatch`,
`centnn` (each algorithm with its compiled loops), `medoids`, `k_selection`, `estimators` (all of it in
scikit-learn's manner), and `deep` (features that a network learns). What the two commands share beside it, such as
ending in an orderly way when they are interrupted, or which folders are searched, is exported here too.

The names load on first use, so that importing the package compiles nothing and starts no thread.
"""

from typing import TYPE_CHECKING

from clustering.lazy_loading import lazy_names

if TYPE_CHECKING:
    from clustering.announcements import telling_of_compilation, when_compiling
    from clustering.arguments import refuse_empty_arguments
    from clustering.array_type import Array
    from clustering.centnn.cent_nn import Network, cent_nn
    from clustering.disk_space import lacks_space
    from clustering.errors import ClusteringError, InvalidInputError
    from clustering.estimators import CentNN, KMeans, MiniBatchKMeans
    from clustering.evaluation import Evaluation, clustering_accuracy, evaluate, majority_accuracy, majority_map
    from clustering.folders import is_searched
    from clustering.interruption import run_interruptible
    from clustering.k_selection import KSelection, select_k
    from clustering.kernels.compilation import (
        FAST_MATH,
        compiled,
        kernel_cache_folder,
        squared_distance,
        start_numba,
    )
    from clustering.kmeans.byte_rows import byte_row_k_means, nearest_byte_rows
    from clustering.kmeans.k_means import k_means
    from clustering.kmeans.lloyd import Partition, nearest_centers
    from clustering.kmeans.sampling import sample_rows
    from clustering.medoids.k_medoids import k_medoids
    from clustering.nearest_members import representatives
    from clustering.renaming import rename_when_free
    from clustering.standard_streams import prepare_standard_streams
    from clustering.workers import BLOCK_ROWS, Workers, available_threads, one_blas_thread

__all__ = [
    "BLOCK_ROWS",
    "FAST_MATH",
    "Array",
    "CentNN",
    "ClusteringError",
    "Evaluation",
    "InvalidInputError",
    "KMeans",
    "KSelection",
    "MiniBatchKMeans",
    "Network",
    "Partition",
    "Workers",
    "available_threads",
    "byte_row_k_means",
    "cent_nn",
    "clustering_accuracy",
    "compiled",
    "evaluate",
    "is_searched",
    "k_means",
    "k_medoids",
    "kernel_cache_folder",
    "lacks_space",
    "lazy_names",
    "majority_accuracy",
    "majority_map",
    "nearest_byte_rows",
    "nearest_centers",
    "one_blas_thread",
    "prepare_standard_streams",
    "refuse_empty_arguments",
    "rename_when_free",
    "representatives",
    "run_interruptible",
    "sample_rows",
    "select_k",
    "squared_distance",
    "start_numba",
    "telling_of_compilation",
    "when_compiling",
]

__getattr__, __dir__ = lazy_names(
    globals(),
    {
        **dict.fromkeys(("Network", "cent_nn"), "centnn.cent_nn"),
        "Array": "array_type",
        **dict.fromkeys(("ClusteringError", "InvalidInputError"), "errors"),
        **dict.fromkeys(("CentNN", "KMeans", "MiniBatchKMeans"), "estimators"),
        **dict.fromkeys(
            ("Evaluation", "clustering_accuracy", "evaluate", "majority_accuracy", "majority_map"), "evaluation"
        ),
        "run_interruptible": "interruption",
        **dict.fromkeys(("KSelection", "select_k"), "k_selection"),
        **dict.fromkeys(("telling_of_compilation", "when_compiling"), "announcements"),
        **dict.fromkeys(
            ("FAST_MATH", "compiled", "kernel_cache_folder", "squared_distance", "start_numba"), "kernels.compilation"
        ),
        **dict.fromkeys(("byte_row_k_means", "nearest_byte_rows"), "kmeans.byte_rows"),
        "k_means": "kmeans.k_means",
        **dict.fromkeys(("Partition", "nearest_centers"), "kmeans.lloyd"),
        "sample_rows": "kmeans.sampling",
        "k_medoids": "medoids.k_medoids",
        "representatives": "nearest_members",
        "lacks_space": "disk_space",
        "is_searched": "folders",
        "rename_when_free": "renaming",
        "prepare_standard_streams": "standard_streams",
        "refuse_empty_arguments": "arguments",
        **dict.fromkeys(("BLOCK_ROWS", "Workers", "available_threads", "one_blas_thread"), "workers"),
    },
)
