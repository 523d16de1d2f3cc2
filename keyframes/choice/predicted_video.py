"""What predictions say of a video, in place of a scan of its pictures: nothing is decoded."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from clustering import one_blas_thread
from keyframes.choice.selection import PredictionsEntry
from keyframes.errors import RegionError
from keyframes.predictions import Predictions, read_predictions
from keyframes.predictions.cleaning import CleanPoses, clean, link_animals
from keyframes.predictions.dense import of_animals, of_nodes, on_every_frame
from keyframes.predictions.doubt import Doubt, find_doubt
from keyframes.scan.components import PrincipalComponents
from keyframes.scan.scan import Scan
from keyframes.settings import Settings
from keyframes.video import PLAIN, VideoReader, frame_times

# Of each animal, as features that are kept and mapped: its place, and so many numbers of its posture.
MOST_SCORES = 8
SAMPLED_ROWS = 1 << 16
# From this share of the frames of a stride on, those without a row are taken for frames without an animal.
LEAST_OF_STRIDE = 0.5


@dataclass(frozen=True)
class PredictedVideo:
    """Predictions of a video, made comparable.

    Attributes
    ----------
    predictions : Predictions
        With a row for every frame up to the last one that has any.
    poses : CleanPoses
    doubt : Doubt
    eligible : array (n_frames,), bool
        Which frames can be chosen. A network may have looked at some frames alone: the others have nothing to correct.
    view : str
        What reasons call the video, where several views of a scene have predictions; "" otherwise.
    """

    predictions: Predictions
    poses: CleanPoses = field(repr=False)
    doubt: Doubt = field(repr=False)
    eligible: NDArray[np.bool_] = field(repr=False)
    view: str = ""

    @classmethod
    def of(cls, predictions: Predictions, settings: Settings, view: str = "") -> "PredictedVideo":
        """Clean predictions, of the keypoints that count, and find out where they are doubtful.

        A PredictionsError says that they have not all of these keypoints.
        """
        # Who names unique body parts wants them.
        chosen = of_nodes(predictions, settings.keypoints) if settings.keypoints else of_animals(predictions)
        dense = on_every_frame(chosen)
        linked = link_animals(dense.keypoints)
        poses = clean(linked.points)
        return cls(dense, poses, find_doubt(dense, linked, poses), _looked_at(predictions), view)

    def entry(self) -> PredictionsEntry:
        """Return what the manifest says of them."""
        own = self.predictions
        return {
            "file": own.source.name,
            "keypoints": list(own.names),
            "skeleton": [list(bone) for bone in own.skeleton],
            "animals": self.doubt.n_animals,
            "labelled": int(own.labelled.sum()),
        }

    @property
    def labelled(self) -> NDArray[np.int64]:
        """Frames that people labelled in the file of the predictions."""
        return np.flatnonzero(self.predictions.labelled)

    def scan(self, video: VideoReader, settings: Settings) -> Scan:
        """Return a row for each frame that can be chosen: those of range and stride that have predictions.

        Brightness, sharpness and fingerprints are of pictures, and nobody has seen them.
        """
        times = frame_times(video)
        n_frames = min(len(times), len(self.predictions.frames))
        stop_s = np.inf if settings.stop_s is None else settings.stop_s
        inside = np.arange(n_frames)
        if not np.isnan(times).any():
            inside = np.flatnonzero((times[:n_frames] >= settings.start_s) & (times[:n_frames] < stop_s))
        frames = inside[:: settings.every]
        frames = frames[self.eligible[frames]]
        if not len(frames):
            stop = "the end" if settings.stop_s is None else f"{stop_s:g} s"
            raise RegionError(
                f"{video.path}: no frame between {settings.start_s:g} s and {stop} has predictions; "
                "change --start and --stop"
            )
        features = self.features(frames)
        nothing = np.full(len(frames), np.nan, np.float32)
        return Scan(
            frame_index=frames,
            time_s=times[frames],
            brightness=nothing,
            sharpness=np.zeros(len(frames), np.float32),
            suspect=np.zeros(len(frames), bool),
            features=features.astype(np.float16),
            components=PrincipalComponents(np.empty(0, np.float32), np.empty((0, 0), np.float32)),
            place=leading_two(features),
            frames_decoded=len(times),
            warnings=(),
            fingerprint=np.empty(0, np.uint64),
            view=PLAIN,
            sample=None,
            levels=np.empty(0, np.uint8),
            doubt=self.doubt.level[frames],
            points=self.predictions.keypoints[frames],
        )

    def features(self, frames: NDArray[np.int64]) -> NDArray[np.float32]:
        """Place and posture of each animal in some frames, in units of its size: (n, n_features)."""
        model = self.poses.model
        n_scores = min(MOST_SCORES, len(model.basis))
        states = model.states(self.poses.points[frames])
        kept = np.concatenate([states[..., :n_scores], states[..., -4:-2]], axis=2)
        # A score is the root of a sum over the nodes, a place that of a mean.
        kept[..., :n_scores] /= np.sqrt(len(model.shape))
        kept[..., -2:] -= kept[..., -2:].mean(axis=(0, 1))
        return np.asarray(kept.reshape(len(frames), -1) / np.float32(self.poses.radius), np.float32)


def read_predicted(video: VideoReader, settings: Settings, view: str = "") -> tuple[Settings, PredictedVideo]:
    """Read the predictions that settings name, for a video; the settings come back with the file that was read.

    `view` is what reasons call it, if it is one of several views.
    A PredictionsError says that they cannot be read, are not of this video, or have not the keypoints that are named.
    """
    assert settings.predictions is not None
    found = read_predictions(settings.predictions, video, offset=settings.predictions_offset)
    return replace(settings, predictions=found.source), PredictedVideo.of(found, settings, view)


def _looked_at(predictions: Predictions) -> NDArray[np.bool_]:
    """Return which frames up to the last one a network looked at.

    Most tools write no row for a frame in which they find no animal. So where most frames of a regular stride have a
    row, the others of that stride were looked at too; where few have one, only these were.
    """
    looked_at = np.zeros(int(predictions.frames[-1]) + 1, bool)
    looked_at[predictions.frames] = True
    # A person labels frames off the stride, too.
    rows = predictions.frames[~predictions.labelled]
    if len(rows) > 1:
        stride = slice(int(rows[0]), None, int(np.gcd.reduce(np.diff(rows))))
        looked_at[stride] |= len(rows) >= LEAST_OF_STRIDE * len(looked_at[stride])
    return looked_at


def leading_two(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the first two principal components (n, 2) of rows of features."""
    step = max(1, len(features) // SAMPLED_ROWS)
    some = features[::step].astype(np.float64)
    mean = some.mean(axis=0)
    place = np.zeros((len(features), 2), np.float32)
    with one_blas_thread():
        _, vectors = np.linalg.eigh((some - mean).T @ (some - mean))
        leading = vectors[:, ::-1][:, :2]
        leading = leading * np.sign(leading[np.abs(leading).argmax(axis=0), np.arange(leading.shape[1])])
        place[:, : leading.shape[1]] = (features - mean.astype(np.float32)) @ leading.astype(np.float32)
    return place
