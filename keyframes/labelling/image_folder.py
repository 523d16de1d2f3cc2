"""A plain folder of images, and its JSON: what CVAT, Label Studio and whatever reads COCO take."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keyframes.manifest import KeyframeEntry
from keyframes.names import shown_in
from keyframes.result.folder import result_folder
from keyframes.result.image_files import read_intact
from keyframes.result.recordings import Recording


@contextmanager
def image_folder(
    place: Path, recordings: Sequence[Recording], below: str
) -> Iterator[tuple[Path, list[tuple[str, KeyframeEntry, Recording]]]]:
    """Copy all images to ``<below>/<recording>/`` of a new folder, which appears when the block has ended.

    Gives the folder, and for each image its path there, the keyframe that it shows, and its recording.
    """
    with result_folder(place, overwrite=None) as folder:
        copied = []
        for recording in recordings:
            (folder / below / recording.name).mkdir(parents=True)
            for entry in recording.manifest["keyframes"]:
                source = recording.folder / entry["file"]
                path = f"{below}/{recording.name}/{source.name}"
                (folder / path).write_bytes(read_intact(source))
                copied.append((path, entry, recording))
        yield folder, copied


def write_json(path: Path, content: Any) -> None:
    """Write JSON as people read it."""
    path.write_text(json.dumps(shown_in(content), indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
