"""Errors of the clustering core.

::

    ClusteringError
    └── InvalidInputError (also a ValueError)

Estimators raise ``ValueError`` themselves, as scikit-learn's do.
"""


class ClusteringError(Exception):
    """Base class of what the clustering functions raise on purpose."""


class InvalidInputError(ClusteringError, ValueError):
    """Arrays that do not fit together, or a number out of its range."""
