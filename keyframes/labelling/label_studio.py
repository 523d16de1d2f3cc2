"""Label Studio: ``labeled-data/``, ``tasks.json`` to import, and the labelling interface.

The tasks name the images as Label Studio serves local files: below the folder that
LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT names, which is the export's. It serves only what lies in a local storage of a
project, and only if LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED is true.
"""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from keyframes.labelling.exported import Exported
from keyframes.labelling.image_folder import image_folder, write_json
from keyframes.names import shown
from keyframes.result.recordings import Recording
from keyframes.settings import ExportOptions

USES = frozenset({"bodyparts"})


def write(recordings: Sequence[Recording], options: ExportOptions, place: Path, progress: bool) -> Exported:
    """Write the folder."""
    with image_folder(place, recordings, "labeled-data") as (folder, images):
        tasks = [
            {
                "data": {
                    "img": f"/data/local-files/?d={quote(os.fsencode(path))}",
                    "video": video["path"],
                    "frame_index": keyframe["frame_index"],
                    **({} if keyframe["time_s"] is None else {"time_s": keyframe["time_s"]}),
                }
            }
            for path, keyframe, video in images
        ]
        write_json(folder / "tasks.json", tasks)
        labels = "".join(f"    <Label value={quoteattr(part)}/>\n" for part in options.bodyparts)
        interface = (
            '<View>\n  <Image name="image" value="$img" zoom="true"/>\n'
            f'  <KeyPointLabels name="bodyparts" toName="image">\n{labels}  </KeyPointLabels>\n</View>\n'
        )
        (folder / "interface.xml").write_text(shown(interface), encoding="utf-8", newline="\n")
    return Exported("label-studio", place, len(images), _steps(Path(os.path.abspath(place)), bool(options.bodyparts)))


def _steps(place: Path, has_bodyparts: bool) -> tuple[str, ...]:
    """Say what makes the images appear; without one of these steps Label Studio answers 403 or 404 for each."""
    return (
        "1. start Label Studio with LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true "
        f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={shlex.quote(str(place))} label-studio",
        "2. in the project's settings, Cloud Storage, add a source storage of the type Local Files with the path "
        f"{place / 'labeled-data'}, and save it without a sync",
        "3. in Labeling Interface, Code, paste interface.xml"
        + ("" if has_bodyparts else " and add a Label for each key point (--bodyparts writes them)"),
        "4. import tasks.json",
    )
