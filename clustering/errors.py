"""Errors of the clustering core.

::

    ClusteringError
    ├── InvalidInputError (also a ValueError)
    ├── CheckpointError   saved bytes that are no checkpoint of an estimator
    └── MissingExtraError a package that an extra brings is not installed

Estimators raise ``ValueError`` themselves, as scikit-learn's do.
"""


class ClusteringError(Exception):
    """Base class of what the clustering functions raise on purpose."""


class InvalidInputError(ClusteringError, ValueError):
    """Arrays that do not fit together, or a number out of its range."""


class CheckpointError(ClusteringError):
    """Saved bytes that are no checkpoint of an estimator."""


class MissingExtraError(ClusteringError):
    """A package that an extra brings is not installed."""
