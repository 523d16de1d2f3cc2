"""Names of images and paths in a project, which may come from another computer."""

import os
import re
from pathlib import Path

from keyframes.errors import ExportError

# The image files that DeepLabCut and the apps of napari and Lightning Pose list.
ENDINGS = ("png", "jpg", "jpeg")
# What a row of labels may name besides, because people import images and networks are trained on any.
LABELLED_ENDINGS = (*ENDINGS, "bmp", "tif", "tiff", "webp")
# Exactly what the tools write for a frame: DeepLabCut draws predictions into img0097labeled.png.
FRAME = re.compile(rf"img(\d+)\.(?:{'|'.join(ENDINGS)})", re.IGNORECASE)


def frames_in(folder: Path) -> dict[int, Path]:
    """Find the extracted frames of a folder, by index; of two images of one frame the first counts.

    An ExportError says that the folder may not be read: its frames must not count as none.
    """
    found: dict[int, Path] = {}
    try:
        paths = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise ExportError(f"{folder}: cannot be read ({error.strerror}); check its permissions") from None
    for path in paths:
        if match := FRAME.fullmatch(path.name):
            found.setdefault(int(match[1]), path)
    return found


def is_image(name: str) -> bool:
    """Whether a name or path is that of an image."""
    return name.rpartition(".")[2].lower() in LABELLED_ENDINGS


def parts_of(path: str) -> list[str]:
    """Split a path that may come from another system."""
    return re.split(r"[/\\]", path)


def stem_of(path: str) -> str:
    """Stem of a path that may come from another system."""
    return Path(parts_of(path)[-1]).stem


def moved_with(folder: Path, path: str) -> str | None:
    """Return where a file lies that was moved with the folder of its project: in the folder, or below it as before.

    None where it does not.
    """
    parts = parts_of(path)
    below = (str(folder.joinpath(*parts[-n:])) for n in range(len(parts), 0, -1))
    return next(filter(os.path.exists, below), None)


def index_in(path: str) -> int | None:
    """Frame index in the name of a labelled image: its first number, as the tools read it."""
    match = re.search("[0-9]+", stem_of(path))
    return int(match[0]) if match else None
