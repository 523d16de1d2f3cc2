"""SLEAP, through sleap-io: suggestions in a ``.slp``, and in a ``.pkg.slp`` that carries the images.

SLEAP seeks for a suggestion's frame in the video, which on a variable frame rate leads to another one; the package
holds the images of the result themselves, byte for byte.
"""

import json
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.datatypes import Exported, ExportOptions, LabelledFrame
from keyframes.errors import ExportError, OutputError
from keyframes.exporters.changes import project_changes
from keyframes.exporters.place import check_free, unused_file
from keyframes.exporters.recording import Recording, decode_image, png
from keyframes.names import is_utf8, restored, shown
from keyframes.output import result_folder
from keyframes.video.images import image_files
from keyframes.video.sources import TIFF_ENDINGS
from keyframes.video.stacks import series_shape

FILES = ("suggestions.slp", "suggestions.pkg.slp")


def check(options: ExportOptions, place: Path, videos: Sequence[Path]) -> None:
    """Raise where sleap-io is missing, or the project cannot be read or lacks a video."""
    sio = _need_sleap_io()
    if options.project is None:
        check_free(place)
        return
    labels = _load(sio, options.project)
    for video in videos:
        _find(sio, labels, options.project, video.absolute())


def write(recordings: Sequence[Recording], options: ExportOptions, place: Path, progress: bool) -> Exported:
    """Write the two files, or a copy of a project with the suggestions added."""
    sio = _need_sleap_io()
    if options.project is not None:
        return _add(sio, recordings, options.project, progress)
    check_free(place)
    with result_folder(place, overwrite=False) as folder, _scratch(place) as scratch:
        described = [_describe(sio, recording) for recording in recordings]
        _save(_labels(sio, recordings, described), folder / FILES[0])
        packed = []
        for number, (recording, video) in enumerate(zip(recordings, described, strict=True)):
            images = _image_files(recording, recording.frame_indices, scratch, "RGB", progress)
            packed.append(_pack(sio, scratch / f"{number}.h5", number, images, video, video))
        _save(_labels(sio, recordings, packed), folder / FILES[1])
    notes = [
        f"{recording.manifest['video']['path']} was not found: SLEAP will ask for it, or open {FILES[1]}"
        for recording in recordings
        if recording.video is None
    ]
    notes += [
        f"SLEAP cannot open {recording.video}, whose path is not UTF-8: label in {FILES[1]}"
        for recording in recordings
        if recording.video is not None and not is_utf8(recording.video)
    ]
    for recording in recordings:
        notes += _told_of_seeks(recording, f"label in {FILES[1]}")
    return Exported("sleap", place, sum(len(recording.frame_indices) for recording in recordings), tuple(notes))


def labelled_frames(project: Path) -> Iterator[LabelledFrame]:
    """Yield the frames of a project that are labelled or suggested, with their images where it is a package."""
    labels = _load(_need_sleap_io(), project)
    for video in labels.videos:
        wanted = {
            int(frame.frame_idx) for frame in (*labels.labeled_frames, *labels.suggestions) if frame.video is video
        }
        name = _recording_name(video)
        images = _unpacked(video, wanted) if _is_packed(video) else {}
        for index in sorted(wanted):
            image = images[index]() if index in images else None
            yield LabelledFrame(name, index, image)


def _need_sleap_io() -> Any:
    try:
        import sleap_io
    except ImportError:
        raise ExportError(
            "the sleap export needs sleap-io, which is not installed: pip install 'keyframes[sleap]'"
        ) from None
    return sleap_io


def _labels(sio: Any, recordings: Sequence[Recording], videos: Sequence[Any]) -> Any:
    return sio.Labels(
        videos=list(videos),
        skeletons=[],
        suggestions=[
            suggestion
            for recording, video in zip(recordings, videos, strict=True)
            for suggestion in _suggestions(sio, recording, video, recording.frame_indices)
        ],
    )


def _suggestions(sio: Any, recording: Recording, video: Any, wanted: Sequence[int]) -> list[Any]:
    """Suggestions in the order of their clusters, which SLEAP shows as groups."""
    entries = [entry for entry in recording.manifest["keyframes"] if entry["frame_index"] in set(wanted)]
    return [
        sio.SuggestionFrame(video=video, frame_idx=entry["frame_index"], metadata={"group": entry["cluster"]})
        for entry in sorted(entries, key=lambda entry: (entry["cluster"], entry["frame_index"]))
    ]


def _describe(sio: Any, recording: Recording) -> Any:
    """Describe a video to SLEAP as the manifest knows it; the file is not opened."""
    video = recording.manifest["video"]
    path = recording.video or Path(video["path"])
    if path.is_dir() and _is_text(path):
        return sio.load_video(_file_names(path))
    filename, gray = _text(path), _is_gray(recording)
    n_frames = max(video["frames_claimed"], video["frames_decoded"])
    metadata = {
        "type": "MediaVideo",
        "shape": (n_frames, video["height"], video["width"], 1 if gray else 3),
        "filename": filename,
        "grayscale": gray,
        "bgr": True,
        "dataset": "",
        "input_format": "",
        "fps": video["frame_rate"] or None,
    }
    if path.suffix.lower() in TIFF_ENDINGS:
        metadata |= {"type": "TiffVideo", "keep_open": True, "format": "multi_page"}
    return sio.Video(filename=filename, backend_metadata=metadata, open_backend=False)


def _file_names(path: Path) -> str | list[str]:
    """Path of a video; of a folder of images those of all, in the order of their indices, if a .slp can hold them."""
    files = image_files(path) if path.is_dir() else ()
    return [file.as_posix() for file in files] if files and all(map(_is_text, files)) else _text(path)


def _is_text(path: Path) -> bool:
    return _text(path) == path.as_posix()


def _text(path: Path) -> str:
    """Return a path as a .slp can hold it; sleap-io takes a backslash for a separator."""
    return shown(path.as_posix()).replace("\\", "_")


def _told_of_seeks(recording: Recording, instead: str) -> list[str]:
    """Return the note that SLEAP may show other frames: of a stack, or where the average rate does not tell times."""
    if recording.video is not None and recording.video.suffix.lower() in TIFF_ENDINGS:
        return _told_of_stack(recording, recording.video, instead)
    rate = recording.manifest["video"]["frame_rate"]
    if not rate or any(entry["time_s"] is None for entry in recording.manifest["keyframes"]):
        return []
    shifts = [entry["time_s"] - entry["frame_index"] / rate for entry in recording.manifest["keyframes"]]
    if max(shifts) - min(shifts) <= 0.5 / rate:
        return []
    name = recording.manifest["video"]["path"]
    return [f"the frame rate of {name} varies, and SLEAP may show other frames of it: {instead}"]


def _told_of_stack(recording: Recording, path: Path, instead: str) -> list[str]:
    """Return the note that SLEAP takes a stack for frames of another shape, or shows other levels, where it does."""
    video, shape = recording.manifest["video"], series_shape(path)
    # sleap-io 0.9.5 goes by the shape alone: of three axes the last one is time, unless the last two are equal.
    if len(shape) > 2 and not (len(shape) == 3 and shape[1] == shape[2] != shape[0]):
        size = f"{shape[0]} x {shape[1]}" if len(shape) == 3 else "another size"
        return [f"SLEAP reads {video['path']} as frames of {size} pixels: {instead}"]
    if "levels" in video:
        return [f"SLEAP does not show the levels of {video['path']} as the images do: {instead}"]
    return []


def _is_gray(recording: Recording) -> bool:
    """Whether the first image has no colour, by which SLEAP tells a video in gray."""
    first = next(iter(recording.files.values()))
    try:
        image = cv2.imdecode(np.frombuffer(first.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        image = None
    if image is None:
        raise ExportError(f"{first}: cannot be read as an image; run the extraction again")
    return bool((image[..., :1] == image).all())


def _pack(
    sio: Any, path: Path, number: int, images: dict[int, Path], like: Any, source: Any, order: str = "RGB"
) -> Any:
    """Put PNG files into an HDF5 file as sleap-io keeps them, from which it copies them as they are."""
    import h5py

    indices = sorted(images)
    dataset = f"video{number}/video"
    shape = like.backend_metadata["shape"] if like.backend_metadata.get("shape") else like.shape
    with h5py.File(path, "w") as file:
        longest = max(image.stat().st_size for image in images.values())
        rows = file.create_dataset(dataset, (len(indices), longest), "int8")
        for row, index in enumerate(indices):
            image = np.frombuffer(images[index].read_bytes(), np.int8)
            rows[row, : len(image)] = image
        rows.attrs["format"], rows.attrs["channel_order"] = "png", order
        for name, value in zip(("frames", "height", "width", "channels"), shape, strict=True):
            rows.attrs[name] = value
        if (fps := like.backend_metadata.get("fps")) is not None:
            rows.attrs["fps"] = fps
        file[f"video{number}/frame_numbers"] = indices
    metadata = {
        "type": "HDF5Video",
        "shape": (len(indices), *shape[1:]),
        "filename": ".",
        "dataset": dataset,
        "input_format": "channels_last",
        "convert_range": False,
        "has_embedded_images": True,
        "grayscale": shape[-1] == 1,
        "fps": fps,
    }
    return sio.Video(filename=str(path), backend_metadata=metadata, source_video=source, open_backend=False)


def _add(sio: Any, recordings: Sequence[Recording], project: Path, progress: bool) -> Exported:
    """Save a copy of a project with the frames that it has not yet added to its suggestions."""
    labels = _load(sio, project)
    notes: list[str] = []
    n_frames = 0
    ending = ".pkg.slp" if project.name.endswith(".pkg.slp") else ".slp"
    stem = re.sub(r"-keyframes(-\d+)?$", "", project.name.removesuffix(ending))
    place = unused_file(project.with_name(stem), f"-keyframes{ending}")
    with project_changes(project.parent) as changes, _scratch(place) as scratch:
        for recording in recordings:
            path = recording.video or Path(recording.manifest["video"]["path"])
            video = _find(sio, labels, project, path)
            there = {frame.frame_idx for frame in labels.labeled_frames if frame.video is video}
            there |= {suggestion.frame_idx for suggestion in labels.suggestions if suggestion.video is video}
            wanted = [index for index in recording.frame_indices if index not in there]
            if wanted and _is_packed(video):
                number = labels.videos.index(video)
                images, order = _packed_images(video, scratch)
                images |= _image_files(recording, wanted, scratch, order, progress)
                packed = _pack(sio, scratch / f"{number}.h5", number, images, video, video.source_video, order)
                labels.replace_videos(video_map={video: packed})
                video = packed
            labels.suggestions.extend(_suggestions(sio, recording, video, wanted))
            n_frames += len(wanted)
            notes += recording.told_what_was_there(len(wanted))
            if wanted and not _is_packed(video):
                notes += _told_of_seeks(recording, "an export without --project makes a package with the exact images")
        if n_frames:
            _save(labels, changes.folder / place.name)
    return Exported("sleap", place if n_frames else project, n_frames, tuple(notes))


def _load(sio: Any, project: Path) -> Any:
    """Read a project; no video is opened."""
    try:
        with project.open("rb") as file:
            file.read(1)
    except FileNotFoundError:
        raise ExportError(f"{project}: no such file; give a SLEAP project (.slp) with --project") from None
    except OSError as error:
        raise ExportError(f"{project}: cannot be read ({error.strerror}); give a SLEAP project (.slp)") from None
    try:
        return sio.load_slp(str(project), open_videos=False)
    except Exception as error:
        # Whatever a damaged file makes the reader raise.
        if isinstance(error, BlockingIOError) or "unable to lock" in str(error):
            raise ExportError(f"{project}: is open for writing in another program; close it there") from None
        reason = str(error).strip() or type(error).__name__
        raise ExportError(f"{project}: is no SLEAP project, or damaged ({reason}); restore it from a copy") from None


def _find(sio: Any, labels: Any, project: Path, path: Path) -> Any:
    """Find a video of a project by its path, or by its name where that is the only one of it."""
    wanted = sio.Video(filename=_file_names(path), open_backend=False)
    for strict in (True, False):
        found = [video for video in labels.videos if (video.original_video or video).matches_path(wanted, strict)]
        if len(found) == 1:
            return found[0]
    names = ", ".join(str((video.original_video or video).filename) for video in labels.videos) or "none"
    raise ExportError(
        f"{project}: has {'several videos' if found else 'no video'} {path.name} (its videos: {names}); add it in SLEAP"
    )


def _is_packed(video: Any) -> bool:
    return bool(video.backend_metadata.get("has_embedded_images") or video.backend_metadata.get("filename") == ".")


def _image_files(
    recording: Recording, wanted: Sequence[int], scratch: Path, order: str, progress: bool
) -> dict[int, Path]:
    """Give a PNG file of each wanted frame: the result's own, or one made in the temporary folder."""
    files = {}
    for index, image in recording.images(wanted, progress):
        files[index] = recording.files[index]
        if order != "RGB":
            image = _swapped(image)
        if order != "RGB" or files[index].suffix != ".png":
            files[index] = scratch / f"{recording.name}-{index}.png"
            files[index].write_bytes(image)
    return files


def _packed_images(video: Any, scratch: Path) -> tuple[dict[int, Path], str]:
    """Unpack the images that a package holds of a video, by frame index, and tell the order of their colours."""
    import h5py

    with h5py.File(video.filename, "r") as file:
        rows = file[video.backend_metadata["dataset"]]
        indices = rows.parent["frame_numbers"][:]
        if len(indices) and rows.attrs["format"] != "png":
            raise ExportError(
                f"{video.filename}: holds {rows.attrs['format']} images, and only PNG can be added to; give the .slp"
            )
        images = {int(index): scratch / f"packed-{index:.0f}.png" for index in indices}
        for row, path in enumerate(images.values()):
            path.write_bytes(np.asarray(rows[row], np.int8).tobytes())
        return images, str(rows.attrs.get("channel_order", "BGR"))


def _recording_name(video: Any) -> str:
    """Stem of a video's name; of a list of images that of their folder."""
    filename = (video.original_video or video.source_video or video).filename
    names = re.split(r"[/\\]", filename[0] if isinstance(filename, list) else str(filename))
    return restored(names[-2] if isinstance(filename, list) and len(names) > 1 else Path(names[-1]).stem)


def _unpacked(video: Any, wanted: set[int]) -> dict[int, Callable[[], NDArray[np.uint8]]]:
    """Give, for each wanted frame that a package holds an image of, a function that reads it."""
    import h5py

    path, dataset = Path(video.filename), video.backend_metadata["dataset"]

    def read(row: int) -> NDArray[np.uint8]:
        with h5py.File(path, "r") as file:
            stored, told = np.asarray(file[dataset][row]), dict(file[dataset].attrs)
        if told.get("format") in ("png", "jpg", "jpeg"):
            image = decode_image(stored.astype(np.int8).tobytes(), path)
            return image if told.get("channel_order", "BGR") == "RGB" else np.ascontiguousarray(image[..., ::-1])
        image = np.broadcast_to(stored, (*stored.shape[:2], 3)) if stored.ndim == 3 else stored
        return np.ascontiguousarray(image[..., ::-1], np.uint8)

    try:
        with h5py.File(path, "r") as file:
            indices = file[dataset].parent["frame_numbers"][:].tolist()
    except (OSError, KeyError) as error:
        raise ExportError(f"{path}: its images cannot be read ({error}); restore it from a copy") from None
    return {int(index): partial(read, row) for row, index in enumerate(indices) if int(index) in wanted}


def _swapped(image: bytes) -> bytes:
    """Exchange red and blue of a PNG file, losslessly."""
    pixels = np.asarray(cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    return png(np.ascontiguousarray(pixels[..., ::-1]))


def _save(labels: Any, path: Path) -> None:
    """Save labels, packed images with them."""
    import h5py

    labels.save(str(path), embed=None, verbose=False)
    # A packed video names the file that its images were copied from, besides the one that holds them.
    with h5py.File(path, "r+") as file:
        for row, text in enumerate(file["videos_json"][:]):
            video = json.loads(text)
            if video["backend"].get("filename") == ".":
                file["videos_json"][row] = json.dumps({**video, "filename": "."}, separators=(",", ":"))


@contextmanager
def _scratch(place: Path) -> Iterator[Path]:
    """Give a temporary folder; tell the errors that HDF5 has no better name for."""
    try:
        with tempfile.TemporaryDirectory(prefix="keyframes-") as folder:
            yield Path(folder)
    except RuntimeError as error:
        raise OutputError(f"{place}: cannot be written ({error}); free space, or choose another place") from error
