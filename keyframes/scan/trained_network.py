"""A small network trained on the thumbnails of a recording, and their features by it.

Its work is fixed before it starts, by the minutes it may take on two slow cores, never by a clock: the same seed gives
the same choice.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import EncoderError
from keyframes.progress import Progress, progress_bar
from keyframes.scan.components import spread_of
from keyframes.settings import Settings

if TYPE_CHECKING:
    from clustering.deep import AutoencoderFeatures

N_FEATURES = 32
CHANNELS = (16, 32, 64)
BATCH_ROWS = 64
# Most thumbnails, evenly spread, that the network learns from, and most bytes of them.
N_TRAINED = 4096
TRAINED_BYTES = 64 << 20
MOST_EPOCHS = 200
# It sees each thumbnail this many times or more; where the minutes do not allow that, it gets fewer thumbnails.
FEWEST_EPOCHS = 10
# Floating-point operations a second that two slow cores do in training.
SPEED = 14e9
# Clusters are refined for this share of the time.
REFINED_SHARE = 0.3


class RecordingEncoder:
    """Features that a convolutional autoencoder learns of a recording; with ``algorithm="dec"`` clusters too.

    The shape is that of a thumbnail: (height, width) or (height, width, 3). `centers`, (n_clusters, n_features), are
    those of the clusters that were learned with the features. An EncoderError where PyTorch is not installed.
    """

    def __init__(self, shape: tuple[int, ...], settings: Settings, progress: Progress) -> None:
        if find_spec("torch") is None:
            raise EncoderError(
                "--features encoder needs PyTorch, which is not installed: pip install '.[encoder]' in the repository"
            )
        self._shape = shape if len(shape) == 3 else (*shape, 1)
        self._settings, self._progress = settings, progress
        self._features: AutoencoderFeatures | None = None
        self._scale = np.float32(1)
        self.centers: NDArray[np.float32] | None = None

    @property
    def n_wanted(self) -> int:
        """How many thumbnails it wants to learn from."""
        n_pixels = int(np.prod(self._shape))
        n_affordable = int(self._budget() / (FEWEST_EPOCHS * self._network(0).work_per_row(n_pixels)))
        # Clusters need members.
        least = max(256, 4 * self._settings.k) if isinstance(self._settings.k, int) else 256
        return int(np.clip(min(n_affordable, TRAINED_BYTES // (4 * n_pixels)), least, max(least, N_TRAINED)))

    @property
    def fitted(self) -> bool:
        """Whether it has learned."""
        return self._features is not None

    def fit(self, thumbnails: NDArray[np.uint8]) -> None:
        """Learn from thumbnails (n, n_pixels), uint8."""
        self._mean = thumbnails.mean(axis=0, dtype=np.float64).astype(np.float32)
        # What stays as it is in all frames needs no drawing; what changes is drawn at the scale that networks start at.
        deviation = float(np.sqrt(np.mean([np.square(row - self._mean).mean() for row in thumbnails])))
        self._gain = np.float32(1 / (deviation or 1.0))
        rows = self._rows(thumbnails)
        refines = self._settings.algorithm == "dec"
        epochs = self._epochs(rows, 1 - REFINED_SHARE if refines else 1)
        with progress_bar(None, "train", epochs, "epochs", self._progress) as bar:
            self._features = self._network(epochs, lambda *_: bar.update()).fit(rows)
        if refines:
            self._refine(rows)
        found = self._features.transform(rows)
        # What counts as alike is known for thumbnails, in units of full white: features are brought to their scale.
        self._scale = np.float32(deviation / 255 * np.sqrt(thumbnails.shape[1]) / (spread_of(found) or 1.0))
        if self.centers is not None:
            self.centers = self.centers * self._scale

    def transform_chunk(self, thumbnails: NDArray[np.uint8]) -> NDArray[np.float16]:
        """Features of thumbnails (n, n_pixels), uint8: (n, n_features), float16."""
        assert self._features is not None
        return np.asarray(self._features.transform(self._rows(thumbnails)) * self._scale, np.float16)

    def _refine(self, rows: NDArray[np.float32]) -> None:
        from clustering.deep import DEC

        n_clusters, epochs = min(int(self._settings.k), len(rows)), self._epochs(rows, REFINED_SHARE)
        with progress_bar(None, "refine", epochs, "epochs", self._progress) as bar:
            model = DEC(
                n_clusters,
                encoder=self._features,
                objective="idec",
                max_epochs=epochs,
                n_init=1,
                batch_size=BATCH_ROWS,
                random_state=self._settings.seed,
                progress=lambda *_: bar.update(),
            ).fit(rows)
        self._features, self.centers = model.encoder_, model.cluster_centers_

    def _network(self, epochs: int, progress: Callable[..., Any] | None = None) -> "AutoencoderFeatures":
        from clustering.deep import Augmentation, AutoencoderFeatures

        height, width, n_channels = self._shape
        return AutoencoderFeatures(
            N_FEATURES,
            network="convolutional",
            image_shape=(n_channels, height, width),
            channels=CHANNELS,
            epochs=epochs,
            batch_size=BATCH_ROWS,
            augmentation=Augmentation(shift=0.03, rotation=3),
            random_state=self._settings.seed,
            progress=progress,
        )

    def _rows(self, thumbnails: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Thumbnails as the network takes them, channel by channel."""
        rows = (thumbnails - self._mean) * self._gain
        return np.ascontiguousarray(rows.reshape(-1, *self._shape).transpose(0, 3, 1, 2).reshape(rows.shape))

    def _budget(self) -> float:
        """Floating-point operations that training may take."""
        return 60 * self._settings.encoder_minutes * SPEED

    def _epochs(self, rows: NDArray[np.float32], share: float) -> int:
        work = len(rows) * self._network(0).work_per_row(rows.shape[1])
        return int(np.clip(share * self._budget() / work, 1, MOST_EPOCHS))


def recording_encoder(settings: Settings, shape: tuple[int, ...], progress: Progress) -> RecordingEncoder | None:
    """Return what is to be trained for the settings; None where they want no such features."""
    if settings.features != "encoder" or settings.encoder is not None:
        return None
    return RecordingEncoder(shape, settings, progress)
