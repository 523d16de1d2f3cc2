"""COCO keypoints: ``images/`` and ``annotations.json``, whose annotations are what a network predicted, if anything."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from keyframes.export_options import ExportOptions
from keyframes.labelling.exported import Exported
from keyframes.labelling.image_folder import image_folder, write_json
from keyframes.labelling.prelabels import PredictedAnimal, animals_on, in_order, named_points
from keyframes.manifest import KeyframeEntry
from keyframes.result.recordings import Recording

USES = frozenset({"bodyparts", "skeleton"})


def write(recordings: Sequence[Recording], options: ExportOptions, place: Path, progress: bool) -> Exported:
    """Write the folder; an image keeps its frame index and video beside COCO's own fields."""
    with image_folder(place, recordings, "images") as (folder, images):
        write_json(
            folder / "annotations.json",
            {
                "info": {"description": "Frames to label"},
                "licenses": [],
                "images": [
                    {
                        "id": number,
                        "file_name": path,
                        "width": recording.manifest["video"]["width"],
                        "height": recording.manifest["video"]["height"],
                        "video": recording.manifest["video"]["path"],
                        "frame_index": keyframe["frame_index"],
                    }
                    for number, (path, keyframe, recording) in enumerate(images, start=1)
                ],
                "annotations": _annotations([(entry, recording) for _, entry, recording in images], options.bodyparts),
                "categories": [
                    {
                        "id": 1,
                        "name": "animal",
                        "supercategory": "animal",
                        "keypoints": list(options.bodyparts),
                        # Numbers of keypoints, the first one 1.
                        "skeleton": [[options.bodyparts.index(part) + 1 for part in pair] for pair in options.skeleton],
                    }
                ],
            },
        )
    return Exported("coco", place, len(images))


def _annotations(images: Sequence[tuple[KeyframeEntry, Recording]], bodyparts: Sequence[str]) -> list[dict[str, Any]]:
    """Return an annotation for each predicted animal."""
    annotations: list[dict[str, Any]] = []
    for number, (keyframe, recording) in enumerate(images, start=1):
        if recording.predictions is not None:
            places = named_points(recording.predictions, bodyparts, "the export")
            for animal in animals_on(recording, keyframe["frame_index"]):
                own = {"id": len(annotations) + 1, "image_id": number, "category_id": 1, "iscrowd": 0}
                annotations.append({**own, **_annotation(animal, places)})
    return annotations


def _annotation(animal: PredictedAnimal, places: Sequence[int]) -> dict[str, Any]:
    """Describe an animal: a missing point is at 0, 0 and not labelled (0), another one is visible (2)."""
    points, _ = in_order(animal, places)
    is_there = np.isfinite(points[:, 0])
    flat = np.column_stack([np.where(is_there[:, None], points, 0.0), np.where(is_there, 2, 0)]).tolist()
    (left, top), (right, bottom) = points[is_there].min(axis=0).tolist(), points[is_there].max(axis=0).tolist()
    return {
        "keypoints": [number for x, y, visible in flat for number in (x, y, int(visible))],
        "num_keypoints": int(is_there.sum()),
        "bbox": [left, top, right - left, bottom - top],
        "area": (right - left) * (bottom - top),
        **({} if animal.score is None else {"score": animal.score}),
    }
