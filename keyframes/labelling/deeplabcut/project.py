"""An existing DeepLabCut project: its configuration, its frames, and the part of a frame that it labels."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from keyframes.errors import ExportError
from keyframes.labelling.image_names import frames_in, index_in, is_image, moved_with, parts_of, stem_of
from keyframes.labelling.label_tables import images_in_h5, rows_in_csv
from keyframes.labelling.labelled_frame import LabelledFrame, ProjectVideo
from keyframes.labelling.project_file import ENDINGS, ProjectFile, read_project_file
from keyframes.manifest import VideoEntry
from keyframes.names import folded, restored
from keyframes.result.image_files import read_image
from keyframes.settings import Crop

NEEDED = ("Task", "scorer", "video_sets")
# Where a project was cropped as a whole, this holds its videos, and video_sets their cropped frames.
ORIGINALS = "video_sets_original"


@dataclass(frozen=True)
class DeepLabCutProject:
    """What the config.yaml in the folder `root` says.

    `key` names the mapping that lists the videos; `videos` is that mapping, with the names as this system has them.
    """

    file: ProjectFile
    root: Path
    key: str
    videos: dict[str, Any]

    @property
    def place(self) -> Path:
        """The folder as DeepLabCut spells it in the paths of videos: as the project does, if that is this folder."""
        with suppress(OSError, ValueError, KeyError, AttributeError):
            told = Path(restored(self.file.data["project_path"]))
            if told.samefile(self.root):
                return Path(os.path.abspath(told))
        return Path(os.path.abspath(self.root))

    def places_of(self, video: str) -> tuple[str, ...]:
        """Where a listed video may lie: at its path, or, in a project that was moved, below it or in its ``videos``."""
        return video, moved_with(self.root, video) or str(self.root / "videos" / parts_of(video)[-1])

    def crop_of(self, video: str) -> Crop | None:
        """Return the part of a listed video that is labelled, if the file says so."""
        entry = self.videos[video]
        numbers = re.findall(r"-?\d+", str(entry.get("crop", ""))) if isinstance(entry, dict) else []
        if len(numbers) != 4:
            return None
        crop = _between(*map(int, numbers))
        return crop if min(crop.x, crop.y) >= 0 and min(crop.width, crop.height) > 0 else None


def read_project(path: Path) -> DeepLabCutProject:
    """Read a project's folder or its config.yaml; an ExportError says that it is no project of DeepLabCut."""
    if os.path.isfile(path) and path.suffix.lower() not in ENDINGS:
        raise ExportError(f"{path}: is not a project of DeepLabCut; give its folder, or its config.yaml")
    file = read_project_file(path / "config.yaml" if os.path.isdir(path) else path, NEEDED)
    key = ORIGINALS if ORIGINALS in file.data else "video_sets"
    videos = file.data[key] or {}
    if not isinstance(videos, dict):
        raise ExportError(f"{file.path}: its {key} are not a mapping of videos; restore it from a copy")
    named = {restored(str(video)): entry for video, entry in videos.items()}
    return DeepLabCutProject(file, file.path.parent, key, named)


def labelled_frames(path: Path) -> Iterator[LabelledFrame]:
    """Yield the frames of a project that are labelled or extracted for it."""
    project = read_project(path)
    listed = {folded(stem_of(video)): video for video in reversed(project.videos)}
    folders = _folders_in(project.root / "labeled-data")
    for folder in folders:
        # There DeepLabCut draws the labels into the images.
        if folder.name.endswith("_labeled") and folder.with_name(folder.name.removesuffix("_labeled")) in folders:
            continue
        video = listed.get(folded(folder.name))
        described = ProjectVideo(folder.name, project.places_of(video) if video else ())
        crop = project.crop_of(video) if video else None
        for index, image in sorted(frames_there(folder).items()):
            yield LabelledFrame(described, index, partial(read_image, image) if image else None, crop)


def _folders_in(place: Path) -> list[Path]:
    """List the folders in one; an ExportError says that it may not be read: what it holds must not count as nothing."""
    try:
        with os.scandir(place) as entries:
            return sorted(place / entry.name for entry in entries if entry.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise ExportError(f"{place}: cannot be read ({error.strerror}); check its permissions") from None


def frames_there(folder: Path) -> dict[int, Path | None]:
    """Find a folder's frames, extracted or labelled, by index; None where the image of a label is gone."""
    found: dict[int, Path | None] = dict(frames_in(folder))
    for name in map(restored, _named_in_tables(folder)):
        index = index_in(name)
        if index is None:
            continue
        image = folder / name
        # People may label images that have other names.
        if found.get(index) is None:
            found[index] = image if os.path.isfile(image) else None
    return found


def _named_in_tables(folder: Path) -> Iterator[str]:
    """Yield the names of a folder's labelled images; old tables have one column for the path."""
    for table in sorted(folder.glob("CollectedData_*.csv")):
        yield from (parts_of(cell)[-1] for row in rows_in_csv(table) for cell in row[:3] if is_image(cell))
    for table in sorted(folder.glob("CollectedData_*.h5")):
        if not os.path.exists(table.with_suffix(".csv")):
            yield from (parts_of(name)[-1] for name in images_in_h5(table))


def crop_for(project: DeepLabCutProject, video: str, folder: Path, size: VideoEntry) -> Crop | None:
    """Return the part that DeepLabCut would keep of a listed video's frame; None for all of it.

    The images that the video's folder has decide, because the labelling tool opens only images of one size; in an empty
    folder the project's ``cropping`` does. An ExportError says that the images are neither whole frames nor the part
    that the project names.
    """
    crop, width, height = project.crop_of(video), size["width"], size["height"]
    crops_frames = project.file.data.get("cropping") is True
    if crop is None or crop.x >= width or crop.y >= height:
        if crops_frames and project.videos[video]:
            raise ExportError(
                f"{project.file.path}: the crop of {video} reaches outside its frames of {width} x {height}; correct it"
            )
        return None
    clipped = Crop(crop.x, crop.y, min(crop.width, width - crop.x), min(crop.height, height - crop.y))
    ways = [_as_deeplabcut_rounds(crop, width, height), clipped]
    there = _size_in(folder)
    if there is None:
        chosen = ways[0] if crops_frames else None
    elif there == (width, height):
        chosen = None
    else:
        chosen = next((way for way in ways if (way.width, way.height) == there), None)
        if chosen is None:
            raise ExportError(
                f"{folder}: its images of {there[0]} x {there[1]} are neither whole frames ({width} x {height}) nor "
                f"the crop {crop_text(crop)} of {project.file.path.name}; correct the crop there"
            )
    return None if chosen == Crop(0, 0, width, height) else chosen


def crop_text(crop: Crop) -> str:
    """Write a crop as config.yaml has it: left, right, top, bottom."""
    return f"{crop.x}, {crop.x + crop.width}, {crop.y}, {crop.y + crop.height}"


def _between(left: int, right: int, top: int, bottom: int) -> Crop:
    return Crop(left, top, right - left, bottom - top)


def _as_deeplabcut_rounds(crop: Crop, width: int, height: int) -> Crop:
    """Apply a crop as DeepLabCut does, which keeps it as fractions and rounds down: 1 pixel may get lost."""
    left, right = (int(width * min(x / width, 1)) for x in (crop.x, crop.x + crop.width))
    top, bottom = (int(height * min(y / height, 1)) for y in (crop.y, crop.y + crop.height))
    return _between(left, right, top, bottom)


def _size_in(folder: Path) -> tuple[int, int] | None:
    """Width and height of the first image of a folder that can be decoded."""
    for path in frames_in(folder).values():
        with suppress(ExportError):
            height, width = read_image(path).shape[:2]
            return width, height
    return None
