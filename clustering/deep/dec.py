"""Deep embedded clustering as a scikit-learn estimator."""

import copy
from dataclasses import KW_ONLY, dataclass
from numbers import Real
from typing import Annotated

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClusterMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from clustering.deep.assignment import ASSIGNMENTS, Assignment
from clustering.deep.autoencoder_features import SEEDS, AutoencoderFeatures
from clustering.deep.losses import OBJECTIVES, Objective
from clustering.deep.refinement import refine
from clustering.deep.schedule import TrainedEstimator, choose_device, seeded, steady
from clustering.estimators.parameters import Count, CountOrZero, Flag, NotNegative
from clustering.kmeans.k_means import k_means

# A softmax as wide as half the mean squared distance to the nearest centre is neither hard nor even.
TEMPERATURE_SHARE = 0.5


@dataclass(eq=False, repr=False)
class DEC(ClusterMixin, TrainedEstimator):
    """Deep embedded clustering: an encoder and the centres of its clusters, learned together.

    Centres start where k-means finds them in the encoder's features. Then the encoder and the centres are trained on
    views of the rows until the labels of the rows stay as they are.

    Parameters
    ----------
    n_clusters : int, default=8
    encoder : AutoencoderFeatures or None, default=None
        A fitted one is copied and its network refined, so that several clusterings can share it (scikit-learn's `clone`
        forgets that it is fitted); one that is not fitted is fitted first, except with "end-to-end", which takes its
        network as it starts. None means ``AutoencoderFeatures()``.
    objective : {"dec", "idec", "end-to-end", "neighbors"} or Objective, default="dec"
        What is minimised. "dec": the divergence of the soft assignments from their sharpened targets (Xie et al. 2016).
        "idec": that and the reconstruction (Guo et al. 2017). "neighbors": a row, another view of it and its near
        neighbours agree on a cluster, and the clusters have even sizes (after Van Gansbeke et al. 2020). "end-to-end":
        all of these from the start, nothing pretrained (after Moradi Fard et al. 2020). Or weights of one's own.
    assignment : {"auto", "student-t", "softmax"}, default="auto"
        See `soft_assignment`. "auto": Student's t, as published, for "dec" and "idec", else the softmax.
    temperature : float, "auto", "start" or "following", default="auto"
        Of the softmax, in squared units of the features. "start": half the mean squared distance of the rows from the
        nearest centre at the start, so that clusters grow surer as they draw apart. "following": half that distance at
        each look at all rows, for an encoder that is not trained yet, whose features still change in scale. "auto":
        "following" for "end-to-end", else "start".
    n_neighbors : int, default=10
        Neighbours that may be asked to agree.
    max_epochs : int, default=100
    interval : int, default=5
        Epochs from one look at all rows to the next.
    tol : float, default=0.001
        Stop where no more than this share of the labels has changed from one look to the next.
    n_init : int, default=20
        Starts of k-means.
    batch_size : int, default=256
    learning_rate : float, default=0.001
        Of Adam; that of the centres is ten times as high where the temperature is "following".
    decay : bool, default=False
        Let the learning rate fall to 0 along half a cosine over `max_epochs`.
    augmentation : Augmentation or None, default=None
        None: the encoder's.
    random_state : int, RandomState or None, default=None
        The same seed gives the same labels on the same machine.
    progress : callable or None, default=None
        Called with the number of epochs done, of all, and the mean loss, after each.

    Attributes
    ----------
    labels_ : array (n_samples,), int32
    cluster_centers_ : array (n_clusters, n_components), float32
    shares_ : array (n_samples, n_clusters), float32
        Soft assignments.
    encoder_ : AutoencoderFeatures
        With the refined network.
    temperature_ : float
    n_iter_ : int
        Epochs.
    changes_ : list of float
        Share of the labels that had changed, at each look but the first.
    n_features_in_ : int

    References
    ----------
    J. Xie, R. Girshick and A. Farhadi, "Unsupervised deep embedding for clustering analysis", ICML 2016, arXiv
    1511.06335; X. Guo, L. Gao, X. Liu and J. Yin, "Improved deep embedded clustering with local structure
    preservation", IJCAI 2017; X. Guo, E. Zhu, X. Liu and J. Yin, "Deep embedded clustering with data augmentation",
    ACML 2018; M. Moradi Fard, T. Thonet and E. Gaussier, "Deep k-means", Pattern Recognition Letters 138, 2020, arXiv
    1806.10069; W. Van Gansbeke et al., "SCAN: learning to classify images without labels", ECCV 2020, arXiv 2005.12320.

    Examples
    --------
    >>> import numpy as np
    >>> from clustering.deep import DEC, AutoencoderFeatures
    >>> X = np.repeat([[0.0] * 8, [1.0] * 8], 20, axis=0)
    >>> encoder = AutoencoderFeatures(2, hidden=(8,), epochs=5, random_state=0)
    >>> labels = DEC(2, encoder=encoder, max_epochs=5, random_state=0).fit_predict(X)
    >>> bool(np.ptp(labels[:20]) == 0 and labels[0] != labels[20])
    True
    """

    n_clusters: Count = 8
    _: KW_ONLY
    encoder: Annotated[AutoencoderFeatures | None, AutoencoderFeatures, None] = None
    objective: Annotated[str | Objective, StrOptions(set(OBJECTIVES)), Objective] = "dec"
    assignment: Annotated[str, StrOptions({"auto", *ASSIGNMENTS})] = "auto"
    temperature: Annotated[
        float | str, Interval(Real, 0, None, closed="neither"), StrOptions({"auto", "start", "following"})
    ] = "auto"
    n_neighbors: CountOrZero = 10
    max_epochs: CountOrZero = 100
    interval: Count = 5
    tol: NotNegative = 1e-3
    n_init: Count = 20
    decay: Flag = False

    def fit(self, X: ArrayLike, y: None = None) -> "DEC":
        """Cluster the rows of X.

        Parameters
        ----------
        X : array (n_samples, n_features)
            Values about 0 to 1; used as float32.
        y : ignored

        Returns
        -------
        DEC
            The estimator itself.

        Raises
        ------
        ValueError
            Where X is empty, not finite or not two-dimensional, has fewer rows than clusters, or does not fit the
            encoder.
        """
        self._validate_params()
        data = validate_data(self, X, dtype=np.float32, order="C")
        if len(data) < self.n_clusters:
            raise ValueError(f"n_samples={len(data)} should be >= n_clusters={self.n_clusters}.")
        random = check_random_state(self.random_state)
        encoder = self._encoder_for(data, random)
        features = encoder.transform(data)
        start = k_means(features, self.n_clusters, n_init=self.n_init, random_state=random)
        mean_distance = float(np.mean(start.squared_distances, dtype=np.float64))
        given = None if isinstance(self.temperature, str) else float(self.temperature)
        self.temperature_ = given or TEMPERATURE_SHARE * mean_distance or 1.0
        follows = self.temperature == "following" or (self.temperature == "auto" and self.objective == "end-to-end")
        device = choose_device(encoder.device)
        with seeded(int(random.randint(SEEDS, dtype=np.uint32))) as generator, steady(encoder.network_):
            shape, augmentation = encoder.picture_shape(data.shape[1]), self.augmentation or encoder.augmentation
            schedule = self.schedule(self.max_epochs, shape, augmentation, generator, device, self.decay)
            found = refine(
                encoder.network_,
                torch.from_numpy(np.asarray(start.centers, np.float32)),
                encoder.check_rows(data, reset=False),
                self._objective(),
                self._assignment(),
                schedule,
                n_neighbors=self.n_neighbors,
                interval=self.interval,
                tol=self.tol,
                following=TEMPERATURE_SHARE if follows else None,
            )
        self.temperature_ = found.temperature
        self.encoder_ = encoder
        self.cluster_centers_ = found.centers.numpy()
        self.shares_ = found.shares.numpy()
        self.labels_ = self.shares_.argmax(axis=1).astype(np.int32)
        self.n_iter_ = found.n_epochs
        self.changes_ = found.changes
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int32]:
        """Return the cluster of each row of X (n_samples, n_features)."""
        check_is_fitted(self, "cluster_centers_")
        features = torch.from_numpy(self.encoder_.transform(X))
        centers, assignment = torch.from_numpy(self.cluster_centers_), self._assignment()
        return np.asarray(assignment.shares(features, centers).argmax(dim=1).numpy().astype(np.int32))

    def restore(self, centers: NDArray[np.float32], temperature: float) -> None:
        """Take centres that were fitted in the features of the encoder, which is fitted."""
        self._validate_params()
        if self.encoder is None or centers.shape != (self.n_clusters, self.encoder.n_components):
            raise ValueError(f"centres of shape {centers.shape} do not fit")
        self.encoder_, self.cluster_centers_, self.temperature_ = self.encoder, centers, temperature
        self.n_features_in_ = self.encoder.n_features_in_

    def _encoder_for(self, data: NDArray[np.float32], random: np.random.RandomState) -> AutoencoderFeatures:
        """Return a fitted encoder that may be changed."""
        encoder = copy.copy(self.encoder or AutoencoderFeatures())
        if hasattr(encoder, "network_"):
            encoder.network_ = copy.deepcopy(encoder.network_).to(choose_device(encoder.device))
        else:
            if self.objective == "end-to-end":
                encoder.set_params(epochs=0)
            if encoder.random_state is None:
                encoder.set_params(random_state=random.randint(SEEDS, dtype=np.uint32))
            encoder.fit(data)
        return encoder

    def _objective(self) -> Objective:
        return self.objective if isinstance(self.objective, Objective) else OBJECTIVES[self.objective]

    def _assignment(self) -> Assignment:
        as_published = self.objective in ("dec", "idec")
        kind = self.assignment if self.assignment != "auto" else "student-t" if as_published else "softmax"
        return Assignment(kind, temperature=self.temperature_)
