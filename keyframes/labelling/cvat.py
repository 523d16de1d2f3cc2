"""CVAT: ``images/``, the manifest that keeps their order, and labels for the constructor's raw view.

``manifest.jsonl`` follows https://docs.cvat.ai/docs/dataset_management/dataset_manifest/, version 1.1.
"""

import json
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from keyframes.export_options import ExportOptions
from keyframes.labelling.exported import Exported
from keyframes.labelling.image_folder import image_folder, write_json
from keyframes.names import shown_in
from keyframes.result.recordings import Recording

USES = frozenset({"bodyparts"})


def write(recordings: Sequence[Recording], options: ExportOptions, place: Path, progress: bool) -> Exported:
    """Write the folder."""
    with image_folder(place, recordings, "images") as (folder, images):
        lines: list[dict[str, Any]] = [{"version": "1.1"}, {"type": "images"}]
        lines += [
            {
                "name": str(PurePosixPath(path).with_suffix("")),
                "extension": PurePosixPath(path).suffix,
                "width": recording.manifest["video"]["width"],
                "height": recording.manifest["video"]["height"],
                "meta": {"video": recording.manifest["video"]["path"], "frame_index": keyframe["frame_index"]},
            }
            for path, keyframe, recording in images
        ]
        text = "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in shown_in(lines))
        (folder / "manifest.jsonl").write_text(text, encoding="utf-8", newline="\n")
        labels = [{"name": part, "type": "points", "attributes": []} for part in options.bodyparts]
        write_json(folder / "labels.json", labels)
    return Exported("cvat", place, len(images))
