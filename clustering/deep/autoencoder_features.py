"""Features that an autoencoder learns, as a scikit-learn estimator."""

from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data
from torch.utils.flop_counter import FlopCounterMode

from clustering.deep.networks import CHANNELS, HIDDEN, Autoencoder, convolutional, fully_connected, variational
from clustering.deep.pretraining import embed, pretrain
from clustering.deep.schedule import DEVICES, TrainedEstimator, choose_device, seeded, steady
from clustering.estimators.parameters import Count, CountOrZero, Flag, NotNegative

NETWORKS = ("fully-connected", "convolutional", "variational")
SEEDS = 2**32


@dataclass(eq=False, repr=False)
class AutoencoderFeatures(ClassNamePrefixFeaturesOutMixin, TransformerMixin, TrainedEstimator):
    """Features that an autoencoder learns: what it must know of a row to draw it again.

    Parameters
    ----------
    n_components : int, default=10
        Numbers that a row is squeezed into.
    network : {"fully-connected", "convolutional", "variational"}, default="fully-connected"
        784-500-500-2000-10 for 784 columns, and its mirror image (Xie et al. 2016); three convolutions that halve the
        picture (Guo et al. 2017); the first with a normal distribution for each row (Kingma and Welling 2014).
    image_shape : tuple of int or None, default=None
        (height, width) or (channels, height, width) of a row as a picture; the convolutional network and augmentation
        need it.
    attention : bool, default=False
        A self-attention block in the convolutional encoder (Zhang et al. 2019).
    hidden : tuple of int, default=(500, 500, 2000)
        Widths of the fully connected encoder's layers.
    channels : tuple of int, default=(32, 64, 128)
        Of the convolutional encoder's steps, three or fewer.
    beta : float, default=1.0
        Weight of the variational network's divergence from its prior, of which the errors' is 1 a picture.
    epochs : int, default=200
        Times that every row is seen; 0 leaves the network as it starts.
    batch_size : int, default=256
    learning_rate : float, default=0.001
        Of Adam.
    augmentation : Augmentation or None, default=None
        How views differ from their pictures; None shows these as they are (Guo et al. 2018).
    device : {"auto", "cpu", "cuda", "mps"}, default="auto"
    random_state : int, RandomState or None, default=None
        The same seed gives the same features on the same machine.
    progress : callable or None, default=None
        Called with the number of epochs done, of all, and the mean loss, after each.

    Attributes
    ----------
    network_ : torch.nn.Module
    n_features_in_ : int

    References
    ----------
    J. Xie, R. Girshick and A. Farhadi, "Unsupervised deep embedding for clustering analysis", ICML 2016, arXiv
    1511.06335; X. Guo, X. Liu, E. Zhu and J. Yin, "Deep clustering with convolutional autoencoders", ICONIP 2017;
    D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", ICLR 2014, arXiv 1312.6114; X. Guo, E. Zhu, X. Liu
    and J. Yin, "Deep embedded clustering with data augmentation", ACML 2018; H. Zhang et al., "Self-attention
    generative adversarial networks", ICML 2019, arXiv 1805.08318.

    Examples
    --------
    >>> import numpy as np
    >>> from clustering.deep import AutoencoderFeatures
    >>> X = np.random.default_rng(0).random((50, 16))
    >>> AutoencoderFeatures(3, hidden=(8,), epochs=2, random_state=0).fit_transform(X).shape
    (50, 3)
    """

    n_components: Count = 10
    _: KW_ONLY
    network: Annotated[str, StrOptions(set(NETWORKS))] = "fully-connected"
    image_shape: Annotated[tuple[int, ...] | None, tuple, None] = None
    attention: Flag = False
    hidden: Annotated[tuple[int, ...], tuple] = HIDDEN
    channels: Annotated[tuple[int, ...], tuple] = CHANNELS
    beta: NotNegative = 1.0
    epochs: CountOrZero = 200
    device: Annotated[str, StrOptions(set(DEVICES))] = "auto"

    def __sklearn_tags__(self) -> Any:
        """Say what scikit-learn may ask: features are float32, whatever the dtype of the data."""
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags

    def fit(self, X: ArrayLike, y: None = None) -> "AutoencoderFeatures":
        """Train the network on the rows of X.

        Parameters
        ----------
        X : array (n_samples, n_features)
            Values about 0 to 1; used as float32.
        y : ignored

        Returns
        -------
        AutoencoderFeatures
            The estimator itself.

        Raises
        ------
        ValueError
            Where X is empty, not finite or not two-dimensional, does not have the shape of the pictures, or the device
            is not there.
        """
        self._validate_params()
        rows = self.check_rows(X, reset=True)
        device = choose_device(self.device)
        with seeded(int(check_random_state(self.random_state).randint(SEEDS, dtype=np.uint32))) as generator:
            self.network_ = self._build(rows.shape[1]).to(device)
            shape = self.picture_shape(rows.shape[1])
            schedule = self.schedule(self.epochs, shape, self.augmentation, generator, device)
            with steady(self.network_):
                pretrain(self.network_, rows, schedule, self.beta)
        self._n_features_out = self.n_components
        return self

    def transform(self, X: ArrayLike) -> NDArray[np.float32]:
        """Return the features of the rows of X: (n_samples, n_components), float32."""
        check_is_fitted(self, "network_")
        rows = self.check_rows(X, reset=False)
        with steady(self.network_):
            return np.asarray(embed(self.network_, rows, self._device()).numpy())

    def inverse_transform(self, features: ArrayLike) -> NDArray[np.float32]:
        """Draw rows again from features (n, n_components): (n, n_features), float32."""
        check_is_fitted(self, "network_")
        with steady(self.network_), torch.inference_mode():
            points = torch.from_numpy(np.array(features, np.float32)).to(self._device())
            return np.asarray(self.network_.decode(points).cpu().numpy())

    def work_per_row(self, n_features: int) -> int:
        """Floating-point operations of a training step for one row of so many columns."""
        with seeded(0), FlopCounterMode(display=False) as counter:
            self._build(n_features)(torch.zeros(1, n_features)).sum().backward()
        return int(counter.get_total_flops())

    def restore(self, weights: dict[str, torch.Tensor], n_features: int) -> None:
        """Take the weights of a network that was fitted to rows of so many columns."""
        self._validate_params()
        # Nothing is allocated for a network that the weights do not fit.
        with torch.device("meta"):
            self.network_ = self._build(n_features)
        self.network_.load_state_dict(weights, assign=True)
        self.network_.to(choose_device(self.device))
        self.n_features_in_, self._n_features_out = n_features, self.n_components

    def check_rows(self, X: ArrayLike, *, reset: bool) -> torch.Tensor:
        """Return X as a tensor, float32."""
        return torch.from_numpy(np.array(validate_data(self, X, dtype=np.float32, order="C", reset=reset)))

    def picture_shape(self, n_features: int) -> tuple[int, int, int]:
        """(channels, height, width) of a row of so many columns."""
        if self.image_shape is None:
            if self.augmentation is not None or self.network == "convolutional":
                raise ValueError("image_shape=None: give (height, width) or (channels, height, width) of a row")
            return (1, 1, n_features)
        shape = (1,) * (3 - len(self.image_shape)) + tuple(int(length) for length in self.image_shape)
        if len(shape) != 3 or min(shape) < 1 or int(np.prod(shape)) != n_features:
            raise ValueError(f"image_shape={self.image_shape} does not fit rows of {n_features} columns")
        return shape[0], shape[1], shape[2]

    def _build(self, n_features: int) -> Autoencoder:
        if self.network == "convolutional":
            shape = self.picture_shape(n_features)
            return convolutional(shape, self.n_components, self.channels, attention=self.attention)
        if self.network == "variational":
            return variational(n_features, self.n_components, self.hidden)
        return fully_connected(n_features, self.n_components, self.hidden)

    def _device(self) -> torch.device:
        return next(self.network_.parameters()).device
