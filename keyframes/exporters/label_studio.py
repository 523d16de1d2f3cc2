"""Label Studio: ``labeled-data/``, ``tasks.json`` to import, and the labelling interface.

The tasks name the images as Label Studio serves local files: below the folder that
LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT names, which is the export's.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from keyframes.datatypes import Exported, ExportOptions
from keyframes.exporters.images import image_folder, write_json
from keyframes.exporters.place import check_free
from keyframes.exporters.recording import Recording
from keyframes.names import shown


def check(options: ExportOptions, place: Path, videos: Sequence[Path]) -> None:
    """Raise where something is at the place already."""
    check_free(place)


def write(recordings: Sequence[Recording], options: ExportOptions, place: Path, progress: bool) -> Exported:
    """Write the folder."""
    with image_folder(place, recordings, "labeled-data") as (folder, images):
        tasks = [
            {
                "data": {
                    "img": f"/data/local-files/?d={quote(os.fsencode(image.path))}",
                    "video": image.recording.manifest["video"]["path"],
                    "frame_index": image.entry["frame_index"],
                    **({} if image.entry["time_s"] is None else {"time_s": image.entry["time_s"]}),
                }
            }
            for image in images
        ]
        write_json(folder / "tasks.json", tasks)
        labels = "".join(f"    <Label value={quoteattr(part)}/>\n" for part in options.bodyparts)
        interface = (
            '<View>\n  <Image name="image" value="$img" zoom="true"/>\n'
            f'  <KeyPointLabels name="bodyparts" toName="image">\n{labels}  </KeyPointLabels>\n</View>\n'
        )
        (folder / "interface.xml").write_text(shown(interface), encoding="utf-8", newline="\n")
    note = f"set LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT to {place.absolute()} for Label Studio to find the images"
    return Exported("label-studio", place, len(images), (note,))
