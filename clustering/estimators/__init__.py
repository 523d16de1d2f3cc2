"""The clustering algorithms as scikit-learn estimators: they check what they are given and call the functions."""

from clustering.estimators.centnn import CentNN
from clustering.estimators.kmeans import KMeans
from clustering.estimators.minibatch import MiniBatchKMeans

__all__ = ["CentNN", "KMeans", "MiniBatchKMeans"]
