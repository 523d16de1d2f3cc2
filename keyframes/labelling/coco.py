"""COCO keypoints: ``images/`` and ``annotations.json`` without annotations yet."""

from collections.abc import Sequence
from pathlib import Path

from keyframes.labelling.exported import Exported
from keyframes.labelling.image_folder import image_folder, write_json
from keyframes.result.recordings import Recording
from keyframes.settings import ExportOptions

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
                        "width": video["width"],
                        "height": video["height"],
                        "video": video["path"],
                        "frame_index": keyframe["frame_index"],
                    }
                    for number, (path, keyframe, video) in enumerate(images, start=1)
                ],
                "annotations": [],
                "categories": [
                    {
                        "id": 1,
                        "name": "animal",
                        "supercategory": "animal",
                        "keypoints": list(options.bodyparts),
                        # Numbers of key points, the first one 1.
                        "skeleton": [[options.bodyparts.index(part) + 1 for part in pair] for pair in options.skeleton],
                    }
                ],
            },
        )
    return Exported("coco", place, len(images))
