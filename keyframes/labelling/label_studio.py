"""Label Studio: ``labeled-data/``, ``tasks.json`` to import, and the labelling interface.

The tasks name the images as Label Studio serves local files: below the folder that
LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT names, which is the export's. It serves only what lies in a local storage of a
project, and only if LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED is true.
"""

import os
import shlex
from collections.abc import Iterator, Sequence
from math import isnan
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from keyframes.export_options import ExportOptions
from keyframes.labelling.exported import Exported
from keyframes.labelling.image_folder import image_folder, write_json
from keyframes.labelling.prelabels import PredictedAnimal, animals_on, named_points
from keyframes.names import shown
from keyframes.result.recordings import Recording

USES = frozenset({"bodyparts"})
# Of a point, in percent of the picture.
POINT_WIDTH = 0.5


def write(recordings: Sequence[Recording], options: ExportOptions, place: Path, progress: bool) -> Exported:
    """Write the folder."""
    with image_folder(place, recordings, "labeled-data") as (folder, images):
        tasks = [
            {
                "data": {
                    "img": f"/data/local-files/?d={quote(os.fsencode(path))}",
                    "video": recording.manifest["video"]["path"],
                    "frame_index": keyframe["frame_index"],
                    **({} if keyframe["time_s"] is None else {"time_s": keyframe["time_s"]}),
                },
                **_predicted(recording, keyframe["frame_index"], options.bodyparts),
            }
            for path, keyframe, recording in images
        ]
        write_json(folder / "tasks.json", tasks)
        labels = "".join(f"    <Label value={quoteattr(part)}/>\n" for part in options.bodyparts)
        interface = (
            '<View>\n  <Image name="image" value="$img" zoom="true"/>\n'
            f'  <KeyPointLabels name="bodyparts" toName="image">\n{labels}  </KeyPointLabels>\n</View>\n'
        )
        (folder / "interface.xml").write_text(shown(interface), encoding="utf-8", newline="\n")
    return Exported("label-studio", place, len(images), _steps(Path(os.path.abspath(place)), bool(options.bodyparts)))


def _predicted(recording: Recording, index: int, bodyparts: Sequence[str]) -> dict[str, Any]:
    """Return what a network saw on a frame as a task's predictions, which become labels when they are accepted."""
    predictions = recording.predictions
    if predictions is None or not (animals := animals_on(recording, index)):
        return {}
    named_points(predictions, bodyparts, "the export")
    size = recording.manifest["video"]
    scores = [animal.score for animal in animals if animal.score is not None]
    result = [
        region
        for number, animal in enumerate(animals, start=1)
        for region in _regions(animal, number, len(animals), predictions.names, size["width"], size["height"])
    ]
    score = {"score": sum(scores) / len(scores)} if scores else {}
    return {"predictions": [{"model_version": shown(predictions.source.stem), **score, "result": result}]}


def _regions(
    animal: PredictedAnimal, number: int, n_animals: int, names: Sequence[str], width: int, height: int
) -> Iterator[dict[str, Any]]:
    """Yield the points of an animal, in percent of the picture; where there are several, the region's text names it."""
    called = animal.name or (f"animal {number}" if n_animals > 1 else "")
    for name, (x, y), confidence in zip(names, animal.points.tolist(), animal.confidence.tolist(), strict=True):
        if not isnan(x):
            yield {
                "id": f"{number}-{name}",
                "type": "keypointlabels",
                "from_name": "bodyparts",
                "to_name": "image",
                "original_width": width,
                "original_height": height,
                "image_rotation": 0,
                "value": {
                    "x": 100 * x / width,
                    "y": 100 * y / height,
                    "width": POINT_WIDTH,
                    "keypointlabels": [name],
                },
                **({"meta": {"text": [called]}} if called else {}),
                **({} if isnan(confidence) else {"score": confidence}),
            }


def _steps(place: Path, has_bodyparts: bool) -> tuple[str, ...]:
    """Say what makes the images appear; without one of these steps Label Studio answers 403 or 404 for each."""
    return (
        "1. start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true "
        f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={shlex.quote(str(place))} label-studio",
        "2. in the project's settings, Cloud Storage, add a source storage of the type Local Files with the path "
        f"{place / 'labeled-data'}, and save it without a sync",
        "3. in Labeling Interface, Code, paste interface.xml"
        + ("" if has_bodyparts else " and add a Label for each keypoint (--bodyparts writes them)"),
        "4. import tasks.json",
    )
