"""What projects have labelled or chosen already, as a new choice sees it: never again, and nothing like it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.datatypes import Known, LabelledFrame
from keyframes.errors import ExportError
from keyframes.features import Thumbnailer
from keyframes.names import shown
from keyframes.scan import Scan
from keyframes.video import VideoReader, file_hash

# What tells a project's kind: a file in its folder.
FILES = {"manifest.json": "recording", "config.yaml": "deeplabcut", "project.yaml": "lightning_pose"}


@dataclass(frozen=True)
class Labelled:
    """What projects have, reduced to thumbnails before the video is looked at.

    Attributes
    ----------
    thumbnails : array (n_images, n_pixels), uint8
        Of all images that count by their looks.
    frame_index : array (n_of_this_video,), int64
    by_index : array (n_without,), int64
        Those of them that no thumbnail stands for: they are found in the scan.
    projects : tuple of dict
        For the manifest: name of each project, number of its frames, and how many of them are of this video.
    warnings : tuple of str
    """

    thumbnails: NDArray[np.uint8] = field(repr=False)
    frame_index: NDArray[np.int64] = field(repr=False)
    by_index: NDArray[np.int64] = field(repr=False)
    projects: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...]

    def known(self, scan: Scan) -> Known:
        """Return them as features of a scan, with its own basis."""
        pixels = scan.features.dtype == np.uint8
        looks = self.thumbnails if pixels else scan.components.transform(self.thumbnails)
        scanned = np.isin(scan.frame_index, self.by_index)
        features = np.unique(np.concatenate([looks, scan.features[scanned]]), axis=0)
        return Known(features, self.frame_index, np.flatnonzero(np.isin(scan.frame_index, self.frame_index)))


def read_labelled(projects: Sequence[Path], video: VideoReader, thumbnailer: Thumbnailer) -> Labelled:
    """Read what projects have; nothing in them is changed.

    A frame is one of this video where its result has the video's hash, or its video's name the same stem. Images
    are reduced as those of the video are; so those of other videos of the same camera count as well.

    Parameters
    ----------
    projects : sequence of Path
        DeepLabCut's folder or ``config.yaml``, a ``.slp``, Lightning Pose's folder or ``project.yaml``, a result folder
        or its ``manifest.json``, or a folder of these.
    video : VideoReader
    thumbnailer : Thumbnailer
        That of the scan, for pictures.

    Raises
    ------
    ExportError
        Where a path is no project, or what is in it cannot be read.
    """
    thumbnails: list[NDArray[np.uint8]] = []
    of_this: list[int] = []
    by_index: list[int] = []
    told, warnings = [], []
    own_hash = file_hash(video.path, video.header.size_bytes)
    for project in projects:
        n_frames, n_same, n_lost = 0, 0, 0
        for frame in _frames_of(project):
            n_frames += 1
            same = _is_of(frame, video, own_hash)
            fits = frame.image is not None and frame.image.shape[:2] == (video.header.height, video.header.width)
            if same:
                n_same += 1
                of_this.append(frame.frame_index)
            if same and (frame.video_hash or not fits):
                by_index.append(frame.frame_index)
            elif fits:
                assert frame.image is not None
                thumbnails.append(thumbnailer(video.cropped(frame.image)).reshape(-1))
            else:
                n_lost += 1
        told.append({"project": project.resolve().name, "frames": n_frames, "of_this_video": n_same})
        if n_lost:
            warnings.append(
                f"{n_lost} of the {n_frames} frames of {project.name} are of another video and have no image of this "
                "one's size: they do not count"
            )
        elif not n_frames:
            warnings.append(f"{project.name} has no frames yet: the choice is as without it")
    n_pixels = int(np.prod(thumbnailer.shape))
    return Labelled(
        thumbnails=np.array(thumbnails, np.uint8).reshape(-1, n_pixels),
        frame_index=np.unique(np.array(of_this, np.int64)),
        by_index=np.unique(np.array(by_index, np.int64)),
        projects=tuple(told),
        warnings=tuple(warnings),
    )


def _is_of(frame: LabelledFrame, video: VideoReader, own_hash: str) -> bool:
    if frame.video_hash:
        return frame.video_hash == own_hash
    return shown(frame.recording).casefold() == shown(video.path.stem).casefold()


def _frames_of(project: Path) -> Iterator[LabelledFrame]:
    if project.suffix.lower() == ".slp":
        return _reader("sleap")(project)
    if not project.exists():
        raise ExportError(
            f"{project}: no such project; give --unlike a folder, a .slp, a config.yaml or a manifest.json"
        )
    if project.name in FILES:
        return _reader(FILES[project.name])(project.parent if project.name == "manifest.json" else project)
    for name, module in FILES.items():
        if (project / name).is_file():
            return _reader(module)(project)
    if any(project.glob("*/manifest.json")):
        return _reader("recording")(project)
    raise ExportError(
        f"{project}: is no project (it has no config.yaml, project.yaml or manifest.json, and is no .slp)"
    )


def _reader(module: str) -> Any:
    return import_module(f"keyframes.exporters.{module}").labelled_frames
