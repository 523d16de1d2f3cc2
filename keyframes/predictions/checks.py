"""Whether predictions are of a video: of as many frames, inside its picture."""

from dataclasses import replace

import numpy as np

from keyframes.errors import PredictionsError
from keyframes.predictions.assembly import only_rows
from keyframes.predictions.predictions import Predictions
from keyframes.video import VideoReader
from keyframes.wording import counted

# Networks place points a little outside the picture, and now and then one far outside.
MARGIN, MOST_OUTSIDE = 0.1, 0.05


def checked(predictions: Predictions, video: VideoReader) -> Predictions:
    """Return predictions of a video without the empty rows behind its end.

    Where they begin late or end early, they have a warning.

    A PredictionsError says why they are not of the video, or no use.
    """
    predictions = _within(predictions, video)
    source, frames = predictions.source, predictions.frames
    if len(frames) < 2:
        raise PredictionsError(f"{source}: holds {counted(len(frames), 'frame')}; predict the whole video")
    if np.isnan(predictions.keypoints).all():
        raise PredictionsError(f"{source}: every point is missing; predict again")
    _refuse_other_size(predictions, video)
    n_frames = n_frames_of(video)
    # Tools also write rows without any point.
    seen = frames[np.isfinite(predictions.keypoints[..., 0]).any(axis=(1, 2))]
    longest_gap = int(np.diff(seen).max(initial=1)) - 1
    n_before, n_behind = int(seen[0]), n_frames - 1 - int(seen[-1])
    told = []
    if n_before > longest_gap:
        told.append(f"{source.name} begins at frame {seen[0]}: {_lacking('first', n_before, n_frames)}")
    if n_behind > longest_gap:
        told.append(f"{source.name} ends at frame {seen[-1]}: {_lacking('last', n_behind, n_frames)}")
    return replace(predictions, warnings=(*predictions.warnings, *told)) if told else predictions


def _lacking(which: str, number: int, n_frames: int) -> str:
    these = f"{which} one of {n_frames} frames has" if number == 1 else f"{which} {number} of {n_frames} frames have"
    return f"the {these} no predictions"


def n_frames_of(video: VideoReader) -> int:
    """How many frames a video has at most, by its packets and by its header; 0 where neither says."""
    return max(len(video.packets.times_ms), video.header.frames_claimed)


def refuse_size(source: object, size: tuple[int, int], video: VideoReader) -> None:
    """Raise a PredictionsError where predictions were made of pictures of another size (height, width)."""
    own = (video.header.height, video.header.width)
    # A tool may note the size before it turns the picture.
    turned = size[::-1] if video.header.rotation in (90, 270) else size
    if own not in (size, turned):
        raise PredictionsError(
            f"{source}: was predicted on pictures of {size[1]} x {size[0]} pixels, but those of {video.header.name} "
            f"have {own[1]} x {own[0]}; give the predictions of this video"
        )


def _within(predictions: Predictions, video: VideoReader) -> Predictions:
    """Leave out empty rows behind the end; tools count the frames that the file claims."""
    n_frames = n_frames_of(video)
    beyond = predictions.frames >= n_frames
    if not n_frames or not beyond.any():
        return predictions
    if np.isfinite(predictions.keypoints[beyond]).any() or predictions.labelled[beyond].any():
        raise PredictionsError(
            f"{predictions.source}: has poses up to frame {predictions.frames[-1]}, but the frames of "
            f"{video.header.name} are 0 to {n_frames - 1}; give the predictions of this video"
        )
    return only_rows(predictions, ~beyond)


def _refuse_other_size(predictions: Predictions, video: VideoReader) -> None:
    """Raise a PredictionsError where too many points lie outside the picture, or all in its first pixel."""
    width, height = video.header.width, video.header.height
    if max(np.nanmax(predictions.keypoints), -np.nanmin(predictions.keypoints)) <= 1:
        raise PredictionsError(
            f"{predictions.source}: all of its points lie within 1 pixel of the upper left corner; give x and y in "
            "pixels, not as shares of the picture"
        )
    outside = np.zeros(predictions.keypoints.shape[:-1], bool)
    for axis, length in enumerate((width, height)):
        values = predictions.keypoints[..., axis]
        outside |= (values < -MARGIN * length) | (values > (1 + MARGIN) * length)
    n_outside, n_points = int(outside.sum()), int(np.isfinite(predictions.keypoints[..., 0]).sum())
    if n_outside > MOST_OUTSIDE * n_points:
        raise PredictionsError(
            f"{predictions.source}: {n_outside / n_points:.0%} of its points lie outside the picture of "
            f"{video.header.name} ({width} x {height} pixels); give the predictions of this video"
        )


def in_corner(predictions: Predictions, video: VideoReader) -> bool:
    """Whether all points lie in the upper left quarter of the picture, as they do inside a crop."""
    lengths = np.array([video.header.width, video.header.height])
    return bool((np.nanmax(predictions.keypoints, axis=(0, 1, 2), initial=-np.inf) < lengths / 2).all())
