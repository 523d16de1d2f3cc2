"""What all estimators that end in centres have in common."""

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, ClusterMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import _check_sample_weight, check_array, check_is_fitted, validate_data

from clustering.array_type import Array
from clustering.estimators.parameters import CheckedEstimator
from clustering.kmeans.lloyd import Partition, distances_to_all, nearest_centers
from clustering.workers import Workers

DTYPES = [np.float64, np.float32]


class CentersEstimator(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClusterMixin, CheckedEstimator):
    """Checks, predictions and distances of an estimator with `cluster_centers_`."""

    n_clusters: int
    n_threads: int | None

    def __sklearn_tags__(self) -> Any:
        """Say what scikit-learn may ask: distances are in the dtype of the data."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:
        """Return the label of the centre nearest to each row of X (n_samples, n_features)."""
        return self._nearest(X)[0]

    def transform(self, X: ArrayLike) -> Array:
        """Return the distance of each row of X to each centre, (n_samples, n_centers)."""
        data, centers = self._centered(X)
        with Workers(self.n_threads) as workers:
            return distances_to_all(data, centers, workers)

    def score(self, X: ArrayLike, y: None = None, sample_weight: ArrayLike | None = None) -> float:
        """Return minus the (weighted) sum of the squared distances of the rows of X to their nearest centres."""
        distances = self._nearest(X)[1]
        weights = self._check_weights(sample_weight, distances)
        return -float(np.sum(distances * weights, dtype=np.float64))

    def _nearest(self, X: ArrayLike) -> tuple[NDArray[np.int32], Array]:
        data, centers = self._centered(X)
        with Workers(self.n_threads) as workers:
            return nearest_centers(data, centers, workers)

    def _centered(self, X: ArrayLike) -> tuple[Array, Array]:
        """Rows and centres about the origin, where float32 keeps its digits."""
        check_is_fitted(self)
        data: Array = validate_data(self, X, dtype=DTYPES, order="C", reset=False)
        mean = self.cluster_centers_.mean(axis=0)
        return data - mean.astype(data.dtype), self.cluster_centers_ - mean

    def _check_data(self, X: ArrayLike) -> Array:
        data: Array = validate_data(self, X, dtype=DTYPES, order="C")
        if len(data) < self.n_clusters:
            raise ValueError(f"n_samples={len(data)} should be >= n_clusters={self.n_clusters}.")
        return data

    @staticmethod
    def _check_weights(sample_weight: ArrayLike | None, X: Array) -> Array:
        weights: Array = _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)
        if not weights.any():
            raise ValueError("Sample weights must not all be zero.")
        return weights

    @staticmethod
    def _check_centers(centers: Any, X: Array) -> Any:
        """Return given centres as an array of X's dtype; the name of a start, or None, as it is."""
        if centers is None or isinstance(centers, str):
            return centers
        return check_array(centers, dtype=X.dtype, order="C")

    def _keep(self, found: Partition, weights: Array) -> None:
        """Make attributes of what was found, and warn where it is less than was asked for."""
        self.cluster_centers_ = found.centers
        self.labels_ = found.labels
        self.inertia_ = float(np.sum(found.squared_distances * weights, dtype=np.float64))
        self.n_iter_ = found.n_iter
        self._n_features_out = len(found.centers)
        self._warn_of_few(np.unique(found.labels[found.labels < self.n_clusters]).size)

    def _warn_of_few(self, n_found: int) -> None:
        if n_found < self.n_clusters:
            warnings.warn(
                f"Number of distinct clusters ({n_found}) found smaller than n_clusters ({self.n_clusters}). "
                "Possibly due to duplicate points in X.",
                ConvergenceWarning,
                stacklevel=4,
            )
