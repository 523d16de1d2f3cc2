"""An existing SLEAP project, as sleap-io reads it: its videos, the frames that count, and the images in it."""

import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import ExportError
from keyframes.labelling.image_names import moved_with, parts_of, stem_of
from keyframes.labelling.labelled_frame import LabelledFrame, ProjectVideo
from keyframes.labelling.same_recording import OwnVideo, closest, matching
from keyframes.names import restored
from keyframes.predictions.hdf5 import DAMAGE, is_locked, texts
from keyframes.result.image_files import decoded, read_image
from keyframes.video.images import natural_order


def need_sleap_io() -> Any:
    """Return sleap-io, which is an extra."""
    try:
        import sleap_io
    except ImportError:
        raise ExportError(
            "the sleap export needs sleap-io, which is not installed: pip install '.[sleap]' in the repository"
        ) from None
    return sleap_io


def load(sio: Any, project: Path, lazy: bool = False) -> Any:
    """Read a project; no video stays open."""
    try:
        with project.open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        raise ExportError(f"{project}: no such file; give a SLEAP project (.slp) with --project") from None
    except OSError as error:
        raise ExportError(f"{project}: cannot be read ({error.strerror}); give a SLEAP project (.slp)") from None
    with _damage_told(project):
        if not _is_numbered_otherwise(project):
            labels = sio.load_slp(str(project), open_videos=False, lazy=lazy)
        else:
            # sleap-io goes by the numbers only of videos that it opens.
            labels = sio.load_slp(str(project), open_videos=True)
            for video in labels.videos:
                video.close()
                video.open_backend = False
        for video in filter(is_packed, labels.videos):
            video.filename = _place_of(video.filename, project)
        return labels


def _place_of(path: str, project: Path) -> str:
    """Return where a file is that a project names: a relative path counts from the project before the current folder.

    If it is not there, it may have been moved with the project.
    """
    if Path(path) == project or (os.path.isabs(path) and os.path.exists(path)):
        return path
    return moved_with(project.parent, path) or path


@contextmanager
def _damage_told(project: Path) -> Iterator[None]:
    """Raise an ExportError for what sleap-io, h5py and NumPy raise on damaged files."""
    try:
        yield
    except DAMAGE as error:
        if is_locked(error):
            raise ExportError(f"{project}: is open for writing in another program; close it there") from None
        reason = str(error).strip() or type(error).__name__
        raise ExportError(
            f"{project}: is not a SLEAP project, or is damaged ({reason}); restore it from a copy"
        ) from None


def _is_numbered_otherwise(project: Path) -> bool:
    """Whether frames go by other numbers of videos than their places in the list: a package keeps those that it had."""
    import h5py

    with h5py.File(project, "r") as file:
        backends = [json.loads(text).get("backend") or {} for text in texts(file["videos_json"])]
    groups = [str(backend.get("dataset") or "").partition("/")[0] for backend in backends]
    return any(re.fullmatch(r"video\d+", group) and group != f"video{place}" for place, group in enumerate(groups))


def source_of(video: Any) -> Any:
    """Return the video that a packed one was made from; of others, themselves."""
    return video.original_video or video.source_video or video


def is_packed(video: Any) -> bool:
    """Whether a project carries the images of a video."""
    return bool(video.backend_metadata.get("has_embedded_images") or video.backend_metadata.get("filename") == ".")


def path_of(video: Any) -> str:
    """Return the recorded path of a video; of a list of images that of their folder."""
    files = image_paths(video)
    if files is None:
        return restored(str(source_of(video).filename))
    return files[0].removesuffix(parts_of(files[0])[-1]).rstrip("/\\") if files else ""


def image_paths(video: Any) -> list[str] | None:
    """Return the recorded paths of a list of images; None for other videos."""
    filename = source_of(video).filename
    return [restored(str(name)) for name in filename] if isinstance(filename, list) else None


def described(video: Any, project: Path) -> ProjectVideo:
    """Describe a video, which may lie at its recorded path, or, if both were moved, beside the project or below it."""
    path = path_of(video)
    return ProjectVideo(stem_of(path), tuple(dict.fromkeys((path, moved_with(project.parent, path) or path))))


def find_video(about: Sequence[ProjectVideo], project: Path, own: OwnVideo) -> int:
    """Find the number of a project's video by its content, or else by its name; an ExportError says that not one fits.

    `about` are all videos of the project as `described`.
    """
    likely = closest(matching(own, about), own.path)
    found = [number for number, video in enumerate(about) if video in likely]
    if len(found) == 1:
        return found[0]
    names = ", ".join(video.paths[0] for video in about) or "none"
    remedy = "show SLEAP where they are, or remove those without labels, and save it" if found else "add it in SLEAP"
    raise ExportError(
        f"{project}: has {'several videos' if found else 'no video'} {own.path.name} (its videos: {names}); {remedy}"
    )


def image_names(video: Any) -> list[str]:
    """Return the names of a list of images; none for other videos, and of images of several folders."""
    names = [parts_of(path)[-1] for path in image_paths(video) or []]
    return names if len(set(names)) == len(names) else []


def in_own_order(names: Sequence[str]) -> list[str]:
    """Sort the names of a list of images as those of a folder's images are counted."""
    return sorted(names, key=lambda name: natural_order(Path(name)))


def frames_that_count(labels: Any) -> list[set[int]]:
    """Find the frames of each video that a person labelled, or called empty, and those suggested; not predictions."""
    found: dict[int, set[int]] = {id(video): set() for video in labels.videos}
    for frame in (*labels.user_labeled_frames, *labels.suggestions):
        found.setdefault(id(frame.video), set()).add(int(frame.frame_idx))
    return [found[id(video)] for video in labels.videos]


def labelled_frames(project: Path) -> Iterator[LabelledFrame]:
    """Yield the frames of a project that count, with the images that it carries, or that its list of images names."""
    # Thousands of predicted frames are skipped without a look at each.
    labels = load(need_sleap_io(), project, lazy=True)
    with _damage_told(project):
        counted = frames_that_count(labels)
    for video, wanted in zip(labels.videos, counted, strict=True):
        about, names, listed = described(video, project), image_names(video), image_paths(video) or []
        images = unpacked(video, wanted) if is_packed(video) else {}
        if names and not images:
            files = {index: Path(_place_of(listed[index], project)) for index in wanted if index < len(listed)}
            images = {index: partial(read_image, file) for index, file in files.items() if os.path.isfile(file)}
        ranks = {name: rank for rank, name in enumerate(in_own_order(names))}
        for index in sorted(wanted):
            name = names[index] if index < len(names) else ""
            yield LabelledFrame(about, ranks.get(name, index), images.get(index), image_name=name)


def unpacked(video: Any, wanted: set[int]) -> dict[int, Callable[[], NDArray[np.uint8]]]:
    """Give, for each wanted frame that a package holds an image of, a function that reads it."""
    import h5py

    path, dataset = Path(video.filename), video.backend_metadata["dataset"]
    if not os.path.isfile(path):
        # Predictions refer to the package that they were made on, which may be elsewhere.
        return {}

    def read(row: int) -> NDArray[np.uint8]:
        with h5py.File(path, "r") as file:
            stored, told = np.asarray(file[dataset][row]), dict(file[dataset].attrs)
        if told.get("format") in ("png", "jpg", "jpeg"):
            image = decoded(path, stored.astype(np.int8).tobytes())
            return image if told.get("channel_order", "BGR") == "RGB" else np.ascontiguousarray(image[..., ::-1])
        image = np.broadcast_to(stored, (*stored.shape[:2], 3)) if stored.ndim == 3 else stored
        return np.ascontiguousarray(image[..., ::-1], np.uint8)

    try:
        with h5py.File(path, "r") as file:
            indices = file[dataset].parent["frame_numbers"][:].tolist()
    except (OSError, KeyError) as error:
        raise ExportError(f"{path}: its images cannot be read ({error}); restore it from a copy") from None
    return {int(index): partial(read, row) for row, index in enumerate(indices) if int(index) in wanted}
