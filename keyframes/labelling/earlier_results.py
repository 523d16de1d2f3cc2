"""Earlier results as projects: their chosen frames are known."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from keyframes.labelling.exported import LabelledFrame
from keyframes.result.earlier import read_image, read_manifest, results_in


def labelled_frames(folder: Path) -> Iterator[LabelledFrame]:
    """Yield the chosen frames of earlier results."""
    for result in results_in(folder):
        manifest = read_manifest(result)
        video = manifest["video"]
        for entry in manifest["keyframes"]:
            read = partial(read_image, result / entry["file"])
            yield LabelledFrame(Path(video["path"]).stem, entry["frame_index"], read, video["hash"])
