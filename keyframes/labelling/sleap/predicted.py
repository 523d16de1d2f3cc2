"""A network's animals in a SLEAP project: predicted instances, which a double click makes labels of."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from keyframes.labelling.prelabels import PredictedAnimal, animals_on, in_order, inside, named_points
from keyframes.names import shown, shown_in
from keyframes.result.recordings import Recording


def add_predicted(sio: Any, labels: Any, recording: Recording, video: Any, indices: Mapping[int, int]) -> None:
    """Add what was predicted on frames, given as SLEAP's indices by ours; animals that a frame has already stay alone.

    In a video that the project crops, points are inside the crop. An ExportError says that the names of the points
    differ from those of the project's skeleton.
    """
    predictions = recording.predictions
    if predictions is None or not indices:
        return
    if not labels.skeletons:
        names = shown_in(predictions.names)
        edges = [(names[one], names[other]) for one, other in predictions.skeleton]
        labels.skeletons.append(sio.Skeleton(names, edges=edges))
    # Of several, the one that has most of the points.
    skeleton = max(labels.skeletons, key=lambda one: len({*predictions.names} & {*one.node_names}))
    owner = "the project" if len(labels.skeletons) == 1 else "the project's best-fitting skeleton"
    places = named_points(predictions, skeleton.node_names, owner)
    tracks = {track.name: track for track in labels.tracks}
    frames = {int(frame.frame_idx): frame for frame in labels.labeled_frames if frame.video is video}
    for ours, theirs in sorted(indices.items()):
        animals = _in_crop(animals_on(recording, ours), video)
        if not animals or (theirs in frames and frames[theirs].instances):
            continue
        if theirs not in frames:
            frames[theirs] = sio.LabeledFrame(video=video, frame_idx=theirs)
            labels.labeled_frames.append(frames[theirs])
        for animal in animals:
            if animal.name and animal.name not in tracks:
                tracks[animal.name] = sio.Track(shown(animal.name))
                labels.tracks.append(tracks[animal.name])
            points, confidence = in_order(animal, places)
            frames[theirs].instances.append(
                sio.PredictedInstance.from_numpy(
                    points,
                    skeleton,
                    # It has no mark for "unknown", and its own default is 0.
                    point_scores=np.nan_to_num(confidence),
                    score=animal.score or 0.0,
                    track=tracks.get(animal.name),
                )
            )


def _in_crop(animals: list[PredictedAnimal], video: Any) -> list[PredictedAnimal]:
    """Return animals as they are inside the part that a project crops a video to; all of them where it does not."""
    if "crop" not in video.backend_metadata:
        return animals
    left, top, right, bottom = video.backend_metadata["crop"]
    moved = [
        replace(animal, points=inside(animal.points - (left, top), right - left, bottom - top)) for animal in animals
    ]
    return [animal for animal in moved if np.isfinite(animal.points).any()]
