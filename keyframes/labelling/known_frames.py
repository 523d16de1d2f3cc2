"""What projects have labelled or chosen already, as a new choice sees it: never again, and nothing like it."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from keyframes.choice.selection import Known
from keyframes.labelling.deeplabcut import project as deeplabcut
from keyframes.labelling.labelled_frame import LabelledFrame, ProjectVideo
from keyframes.labelling.lightning_pose import project as lightning_pose
from keyframes.labelling.project_kind import Kind, kind_of
from keyframes.labelling.same_recording import OwnVideo, matching
from keyframes.labelling.sleap import project as sleap
from keyframes.manifest import UnlikeEntry
from keyframes.result.image_files import read_image
from keyframes.result.recordings import read_manifest, results_in
from keyframes.scan.scan import Scan
from keyframes.scan.thumbnails import Thumbnailer
from keyframes.settings import Crop
from keyframes.video import VideoReader


@dataclass(frozen=True)
class Labelled:
    """What projects have, reduced to thumbnails before the video is looked at.

    Attributes
    ----------
    thumbnails : array (n_images, n_pixels), uint8
        Of all images that count by their looks.
    seen : array (n_images, n_pixels), bool
        The pixels that an image shows: all, unless the project crops its images.
    frame_index : array (n_of_this_video,), int64
    by_index : array (n_without,), int64
        Those of them that no thumbnail represents: they are found in the scan.
    projects : tuple of UnlikeEntry
        Each project's name, and how many frames it has, for the manifest.
    warnings : tuple of str
        Which frames were ignored, and which projects have none.
    """

    thumbnails: NDArray[np.uint8] = field(repr=False)
    seen: NDArray[np.bool_] = field(repr=False)
    frame_index: NDArray[np.int64] = field(repr=False)
    by_index: NDArray[np.int64] = field(repr=False)
    projects: tuple[UnlikeEntry, ...]
    warnings: tuple[str, ...]

    def known(self, scan: Scan) -> Known:
        """Return them as features of a scan, with its own basis; what a crop leaves out is as the video's average."""
        average = np.rint(scan.components.mean * 255).astype(np.uint8)
        thumbnails = np.where(self.seen, self.thumbnails, average)
        looks = thumbnails if scan.features.dtype == np.uint8 else scan.components.transform(thumbnails)
        scanned = np.isin(scan.frame_index, self.by_index)
        features = np.unique(np.concatenate([looks, scan.features[scanned]]), axis=0)
        return Known(features, self.frame_index, np.flatnonzero(np.isin(scan.frame_index, self.frame_index)))


def read_labelled(projects: Sequence[Path], video: VideoReader, thumbnailer: Thumbnailer) -> Labelled:
    """Read what projects have; nothing in them is changed.

    A frame is one of this video where the project's video has this one's content, or, if the project's video is not
    on this computer, this one's name. Images are reduced as those of the video are; so those of other videos of the
    same camera count as well.

    `projects` are DeepLabCut's folder or ``config.yaml``, a ``.slp``, Lightning Pose's folder or ``project.yaml``, a
    result folder or its ``manifest.json``, or a folder of these; `thumbnailer` is that of the scan, for pictures. An
    ExportError says that a path is no project, or that what is in it cannot be read.
    """
    looks: list[tuple[NDArray[np.uint8], NDArray[np.bool_]]] = []
    of_this: list[int] = []
    by_index: list[int] = []
    told: list[UnlikeEntry] = []
    warnings: list[str] = []
    own = OwnVideo.of(video)
    places = own.image_places
    for project in projects:
        n_same, n_lost = 0, 0
        frames = list(_frames_of(project))
        videos = matching(own, dict.fromkeys(frame.video for frame in frames))
        for frame in frames:
            same = frame.video in videos
            index = places.get(frame.image_name, frame.frame_index)
            if same:
                n_same += 1
                of_this.append(index)
            look = _look_at(frame, video, thumbnailer)
            # Of an earlier result, and where the image is only a part, the scan's own frame says more.
            if look is not None and (not same or (look[1].all() and not frame.video.content_hash)):
                looks.append(look)
            elif same:
                by_index.append(index)
            else:
                n_lost += 1
        name = _name_of(project)
        told.append({"project": name, "frames": len(frames), "of_this_video": n_same})
        warnings += _warnings_of(name, len(frames), n_lost)
    n_pixels = int(np.prod(thumbnailer.shape))
    return Labelled(
        thumbnails=np.array([thumbnail for thumbnail, _ in looks], np.uint8).reshape(-1, n_pixels),
        seen=np.array([seen for _, seen in looks], bool).reshape(-1, n_pixels),
        frame_index=np.unique(np.array(of_this, np.int64)),
        by_index=np.unique(np.array(by_index, np.int64)),
        projects=tuple(told),
        warnings=tuple(warnings),
    )


def _name_of(project: Path) -> str:
    """Name a project: by its folder, also where a file in it is given, or by the .slp that is all of it."""
    place = project.resolve()
    return place.name if place.suffix.lower() == ".slp" or place.is_dir() else place.parent.name


def _warnings_of(project: str, n_frames: int, n_lost: int) -> list[str]:
    """Say what of a project does not count."""
    if not n_frames:
        return [f"{project} has no frames yet: it does not affect the choice"]
    if not n_lost:
        return []
    are, have, they, were = ("is", "has", "it", "was") if n_lost == 1 else ("are", "have", "they", "were")
    return [
        f"{n_lost} of the {n_frames} frames of {project} {are} of another video and {have} no image of this "
        f"video's size; {they} {were} ignored"
    ]


def _look_at(
    frame: LabelledFrame, video: VideoReader, thumbnailer: Thumbnailer
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]] | None:
    """Reduce a frame's image, and tell which pixels of the thumbnail it shows; None where it shows none."""
    if frame.read is None:
        return None
    image = frame.read()
    height, width = video.header.height, video.header.width
    if image.shape[:2] == (height, width):
        thumbnail = thumbnailer(video.cropped(image)).reshape(-1)
        return thumbnail, np.ones(len(thumbnail), bool)
    part = frame.crop and _part_of(frame.crop, image, height, width)
    if not part:
        return None
    # In its place in a frame that is black elsewhere; a pixel of the thumbnail counts if all of it is shown.
    whole, shown = np.zeros((2, height, width, 3), np.uint8)
    whole[part], shown[part] = image, 255
    seen = thumbnailer(video.cropped(shown)).reshape(-1) == 255
    return (thumbnailer(video.cropped(whole)).reshape(-1), seen) if seen.any() else None


def _part_of(crop: Crop, image: NDArray[np.uint8], height: int, width: int) -> tuple[slice, slice] | None:
    """Rows and columns of a frame of this size that a cropped image shows; None where it does not fit."""
    rows, columns = slice(crop.y, crop.y + image.shape[0]), slice(crop.x, crop.x + image.shape[1])
    # DeepLabCut clips a crop to the frame, and its rounding may cost a pixel.
    lost = {min(crop.y + crop.height, height) - rows.stop, min(crop.x + crop.width, width) - columns.stop}
    return (rows, columns) if lost <= {0, 1} else None


def _frames_of(project: Path) -> Iterator[LabelledFrame]:
    is_manifest = project.name == "manifest.json" and os.path.isfile(project)
    return READERS[kind_of(project)](project.parent if is_manifest else project)


def _frames_of_results(folder: Path) -> Iterator[LabelledFrame]:
    for result in results_in(folder):
        manifest = read_manifest(result)
        described = ProjectVideo(Path(manifest["video"]["path"]).stem, content_hash=manifest["video"]["hash"])
        for entry in manifest["keyframes"]:
            read = partial(read_image, result / entry["file"])
            yield LabelledFrame(described, entry["frame_index"], read)


READERS: dict[Kind, Callable[[Path], Iterator[LabelledFrame]]] = {
    "deeplabcut": deeplabcut.labelled_frames,
    "sleap": sleap.labelled_frames,
    "lightning-pose": lightning_pose.labelled_frames,
    "result": _frames_of_results,
}
