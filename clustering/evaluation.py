"""How well clusters agree with known classes.

Neither kind of label needs an order or a range: any whole numbers do, and renaming them changes no figure.
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment

from clustering.errors import InvalidInputError


@dataclass(frozen=True)
class Evaluation:
    """Figures of a clustering against known classes.

    Attributes
    ----------
    n_classes, n_clusters : int
        How many different labels there are of each kind.
    clustering_accuracy : float
        See `clustering_accuracy`, 0 to 1.
    majority_accuracy : float
        See `majority_accuracy`, 0 to 1.
    homogeneity : float
        1 where each cluster holds one class only; scikit-learn's ``homogeneity_score``.
    normalized_mutual_info : float
        scikit-learn's ``normalized_mutual_info_score``, 0 to 1.
    adjusted_rand : float
        scikit-learn's ``adjusted_rand_score``: 1 where the two agree, around 0 by chance.
    """

    n_classes: int
    n_clusters: int
    clustering_accuracy: float
    majority_accuracy: float
    homogeneity: float
    normalized_mutual_info: float
    adjusted_rand: float


def evaluate(labels_true: ArrayLike, labels_pred: ArrayLike) -> Evaluation:
    """Compare clusters with known classes.

    Parameters
    ----------
    labels_true, labels_pred : array (n_samples,), int
        Class and cluster of each row.

    Returns
    -------
    Evaluation

    Raises
    ------
    InvalidInputError
        Where the two are empty, differ in length, or are no whole numbers.
    """
    true, pred = _check_pair(labels_true, labels_pred)
    from sklearn.metrics import adjusted_rand_score, homogeneity_score, normalized_mutual_info_score

    with warnings.catch_warnings():
        # scikit-learn takes many different labels for numbers to be predicted; here they are labels.
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        return Evaluation(
            n_classes=len(np.unique(true)),
            n_clusters=len(np.unique(pred)),
            clustering_accuracy=clustering_accuracy(true, pred),
            majority_accuracy=majority_accuracy(true, pred),
            homogeneity=float(homogeneity_score(true, pred)),
            normalized_mutual_info=float(normalized_mutual_info_score(true, pred)),
            adjusted_rand=float(adjusted_rand_score(true, pred)),
        )


def clustering_accuracy(labels_true: ArrayLike, labels_pred: ArrayLike) -> float:
    """Share of rows whose cluster is matched with their class, in the best matching of clusters with classes.

    Each cluster is matched with at most one class and each class with at most one cluster, by the Hungarian method
    (H. W. Kuhn, "The Hungarian method for the assignment problem", Naval Research Logistics Quarterly 2, 1955). With
    more clusters than classes, or fewer, some stay alone and their rows count as wrong.

    Parameters
    ----------
    labels_true, labels_pred
        As of `evaluate`, with its errors.

    Returns
    -------
    float
        0 to 1.

    Examples
    --------
    >>> from clustering import clustering_accuracy
    >>> clustering_accuracy([0, 0, 1, 1], [7, 7, 7, 3])
    0.75
    """
    true, pred = _check_pair(labels_true, labels_pred)
    classes, class_of = np.unique(true, return_inverse=True)
    clusters, cluster_of = np.unique(pred, return_inverse=True)
    table = np.bincount(cluster_of * len(classes) + class_of, minlength=len(clusters) * len(classes))
    table = table.reshape(len(clusters), len(classes))
    matched = linear_sum_assignment(table, maximize=True)
    return float(table[matched].sum() / len(true))


def majority_accuracy(labels_true: ArrayLike, labels_pred: ArrayLike) -> float:
    """Share of rows that are of the most frequent class of their cluster (also called purity).

    Several clusters may represent one class, so it grows with the number of clusters: compare at the same number, or on
    rows held out (`majority_map`).

    Parameters
    ----------
    labels_true, labels_pred
        As of `evaluate`, with its errors.

    Returns
    -------
    float
        Above 0, up to 1.

    Examples
    --------
    >>> from clustering import majority_accuracy
    >>> majority_accuracy([0, 0, 1, 1], [5, 6, 7, 7])
    1.0
    """
    true, pred = _check_pair(labels_true, labels_pred)
    _, cluster_of = np.unique(pred, return_inverse=True)
    return float(np.mean(_majorities(true, cluster_of)[1][cluster_of] == true))


def majority_map(
    labels_true: ArrayLike, labels_pred: ArrayLike, n_clusters: int | None = None, *, missing: int = -1
) -> NDArray[np.int64]:
    """Find the class that each cluster represents: the most frequent one among its members.

    With it, the clusters of rows held out are scored: ``np.mean(majority_map(...)[clusters_held_out] == classes)``.

    Parameters
    ----------
    labels_true : array (n_samples,), int
        Class of each row.
    labels_pred : array (n_samples,), int
        Cluster of each row, 0 to n_clusters - 1.
    n_clusters : int or None, default=None
        Number of clusters; None takes one more than the largest of `labels_pred`.
    missing : int, default=-1
        Class of a cluster that has no member. No class may have this number if there is such a cluster.

    Returns
    -------
    array (n_clusters,), int64
        Class of each cluster; of equally frequent ones the smallest.

    Raises
    ------
    InvalidInputError
        Where the labels are empty, differ in length, are no whole numbers, a cluster lies outside its range, or
        `missing` is a class.

    Examples
    --------
    >>> from clustering import majority_map
    >>> majority_map([4, 4, 9, 9], [0, 0, 0, 2]).tolist()
    [4, -1, 9]
    """
    true, pred = _check_pair(labels_true, labels_pred)
    total = int(pred.max()) + 1 if n_clusters is None else n_clusters
    if pred.min() < 0 or pred.max() >= total:
        raise InvalidInputError(f"clusters {pred.min()} to {pred.max()} must lie in 0 to n_clusters - 1 = {total - 1}")
    clusters, classes = _majorities(true, pred)
    if len(clusters) < total and np.any(true == missing):
        raise InvalidInputError(f"missing={missing} is a class; choose a number that is none")
    found = np.full(total, missing, np.int64)
    found[clusters] = classes
    return found


def _majorities(true: NDArray[np.int64], pred: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Clusters that have members, in ascending order, and the most frequent class of each."""
    pairs, counts = np.unique(np.stack([pred, true], axis=1), axis=0, return_counts=True)
    # By cluster, then the most frequent class first, then the smallest class.
    order = np.lexsort((pairs[:, 1], -counts, pairs[:, 0]))
    clusters, first = np.unique(pairs[order, 0], return_index=True)
    return clusters, pairs[order[first], 1]


def _check_pair(labels_true: ArrayLike, labels_pred: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    true, pred = _check_labels("labels_true", labels_true), _check_labels("labels_pred", labels_pred)
    if len(true) != len(pred):
        raise InvalidInputError(
            f"labels_true has {len(true)} rows and labels_pred {len(pred)}; give one each for a row"
        )
    return true, pred


def _check_labels(name: str, labels: ArrayLike) -> NDArray[np.int64]:
    try:
        array = np.asarray(labels)
    except ValueError:
        raise InvalidInputError(f"{name} must be 1-D, a label for each row") from None
    if array.ndim != 1 or array.size == 0:
        raise InvalidInputError(f"{name} must be 1-D with a label or more; got the shape {array.shape}")
    if not np.issubdtype(array.dtype, np.integer) or array.max() > np.iinfo(np.int64).max:
        raise InvalidInputError(f"{name} must be whole numbers of 64 bits, got {array.dtype}")
    return array.astype(np.int64)
