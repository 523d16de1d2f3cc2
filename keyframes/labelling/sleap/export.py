"""SLEAP, through sleap-io: suggestions in a ``.slp``, and in a ``.pkg.slp`` that carries the images.

SLEAP seeks for a suggestion's frame in the video, which on a variable frame rate leads to another one; the package
holds the images of the result themselves, byte for byte.
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keyframes.errors import ExportError, VideoError
from keyframes.export_options import ExportOptions
from keyframes.labelling.exported import Exported
from keyframes.labelling.labelled_frame import ProjectVideo
from keyframes.labelling.project_changes import project_changes
from keyframes.labelling.project_videos import told_of_copy
from keyframes.labelling.same_recording import OwnVideo
from keyframes.labelling.sleap.packages import image_files_of, pack, repacked, save, scratch_folder
from keyframes.labelling.sleap.predicted import add_predicted
from keyframes.labelling.sleap.project import (
    described,
    find_video,
    frames_that_count,
    image_names,
    in_own_order,
    is_packed,
    load,
    need_sleap_io,
)
from keyframes.labelling.unused_options import notes_on_differing
from keyframes.names import is_utf8, plain, shown_in
from keyframes.result.folder import result_folder
from keyframes.result.image_files import read_image
from keyframes.result.naming import unused_file
from keyframes.result.recordings import Recording
from keyframes.video import VideoReader
from keyframes.video.images import TIFF_ENDINGS, image_files, series_shape

USES = frozenset({"bodyparts", "individuals", "skeleton"})
FILES = ("suggestions.slp", "suggestions.pkg.slp")


def check(options: ExportOptions, place: Path, videos: Sequence[Path]) -> None:
    """Raise where sleap-io is missing, or the project cannot be read or lacks a video."""
    sio = need_sleap_io()
    if options.project is None:
        return
    about = [described(video, options.project) for video in load(sio, options.project, lazy=True).videos]
    for video in videos:
        try:
            with VideoReader(video) as reader:
                own = OwnVideo.of(reader)
        except VideoError:
            # The extraction says what is wrong with it.
            continue
        find_video(about, options.project, own)


def write(recordings: Sequence[Recording], options: ExportOptions, place: Path, progress: bool) -> Exported:
    """Write the two files, or a copy of a project with the suggestions added."""
    sio = need_sleap_io()
    if options.project is not None:
        return _add(sio, recordings, options, options.project, progress)
    with result_folder(place, overwrite=None) as folder, scratch_folder(place) as scratch:
        described = [_describe(sio, recording) for recording in recordings]
        save(_labels(sio, recordings, described, options), folder / FILES[0])
        packed = []
        for number, (recording, video) in enumerate(zip(recordings, described, strict=True)):
            images = image_files_of(recording, recording.frame_indices, scratch, "RGB", progress)
            packed.append(pack(sio, scratch / f"{number}.h5", number, images, video, video))
        save(_labels(sio, recordings, packed, options), folder / FILES[1])
    notes = []
    for recording in recordings:
        if recording.video is None:
            name = recording.manifest["video"]["path"]
            notes.append(f"{name} was not found: SLEAP will ask for it; or open {FILES[1]}")
        elif not is_utf8(recording.video):
            notes.append(f"SLEAP cannot open {recording.video}, whose path is not UTF-8: label in {FILES[1]}")
        notes += _told_of_seeks(recording, f"label in {FILES[1]}")
    return Exported("sleap", place, sum(len(recording.frame_indices) for recording in recordings), tuple(notes))


def _labels(sio: Any, recordings: Sequence[Recording], videos: Sequence[Any], options: ExportOptions) -> Any:
    labels = sio.Labels(videos=list(videos))
    _add_names(sio, labels, options, "")
    for recording, video in zip(recordings, videos, strict=True):
        indices = {index: index for index in recording.frame_indices}
        labels.suggestions.extend(_suggestions(sio, recording, video, indices))
        add_predicted(sio, labels, recording, video, indices)
    return labels


def _suggestions(sio: Any, recording: Recording, video: Any, indices: dict[int, int]) -> list[Any]:
    """Suggestions in the order of their clusters, which SLEAP shows as groups; `indices` are SLEAP's, by ours."""
    entries = [entry for entry in recording.manifest["keyframes"] if entry["frame_index"] in indices]
    return [
        sio.SuggestionFrame(video=video, frame_idx=indices[entry["frame_index"]], metadata={"group": entry["cluster"]})
        for entry in sorted(entries, key=lambda entry: (entry["cluster"], entry["frame_index"]))
    ]


def _describe(sio: Any, recording: Recording) -> Any:
    """Describe a video to SLEAP as the manifest knows it; the file is not opened."""
    video = recording.manifest["video"]
    path = recording.video or Path(video["path"])
    filename = plain(path.as_posix())
    if path.is_dir() and filename == path.as_posix():
        files = [file.as_posix() for file in image_files(path)]
        # The images in the order of their indices, if a .slp can hold their names.
        return sio.load_video(files if files and files == [plain(file) for file in files] else filename)
    # SLEAP takes a video for gray whose first image has no colour.
    image = read_image(next(iter(recording.files.values())))
    gray = bool((image[..., :1] == image).all())
    metadata = {
        "type": "MediaVideo",
        "shape": (recording.identity.n_frames, video["height"], video["width"], 1 if gray else 3),
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


def _told_of_seeks(recording: Recording, instead: str) -> list[str]:
    """Return the note that SLEAP may show other frames: of a stack, or where the average rate does not tell times."""
    if recording.video is not None and recording.video.suffix.lower() in TIFF_ENDINGS:
        return _told_of_stack(recording, recording.video, instead)
    name, rate = recording.manifest["video"]["path"], recording.manifest["video"]["frame_rate"]
    entries = [(entry["frame_index"], entry["time_s"]) for entry in recording.manifest["keyframes"]]
    shifts = [time_s - index / rate for index, time_s in entries if rate and time_s is not None]
    if len(shifts) < len(entries) or max(shifts) - min(shifts) <= 0.5 / rate:
        return []
    return [f"the frame rate of {name} varies, and SLEAP may show the wrong frames of it: {instead}"]


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


def _add(sio: Any, recordings: Sequence[Recording], options: ExportOptions, project: Path, progress: bool) -> Exported:
    """Save a copy of a project with the frames that it has not yet added to its suggestions."""
    labels = load(sio, project)
    about = [described(video, project) for video in labels.videos]
    notes, is_changed = _add_names(sio, labels, options, project.name)
    n_frames = 0
    ending = ".pkg.slp" if project.name.endswith(".pkg.slp") else ".slp"
    stem = re.sub(r"-keyframes(-\d+)?$", "", project.name.removesuffix(ending))
    place = unused_file(project.with_name(stem), f"-keyframes{ending}")
    with project_changes(project.parent) as changes, scratch_folder(place) as scratch:
        for recording in recordings:
            own = OwnVideo(recording.video or Path(recording.identity.name), recording.identity)
            number = find_video(about, project, own)
            video = labels.videos[number]
            notes += _told_of_name(about[number], recording)
            indices = _indices_in(video, recording, own)
            there = frames_that_count(labels)[number]
            wanted = {ours: theirs for ours, theirs in indices.items() if theirs not in there}
            if wanted and is_packed(video):
                video = repacked(sio, labels, video, recording, wanted, scratch, progress)
            labels.suggestions.extend(_suggestions(sio, recording, video, wanted))
            add_predicted(sio, labels, recording, video, wanted)
            n_frames += len(wanted)
            notes += recording.told_what_was_there(len(wanted))
            if wanted and not is_packed(video):
                notes += _told_of_seeks(recording, "an export without --project makes a package with the exact images")
        is_changed = is_changed or bool(n_frames)
        if is_changed:
            save(labels, changes.folder / place.name, project.stat().st_size)
    return Exported("sleap", place if is_changed else project, n_frames, tuple(notes))


def _told_of_name(about: ProjectVideo, recording: Recording) -> list[str]:
    """Return the note that a video of a project is not proven to be a recording's, or none."""
    recorded, *_ = about.paths
    places = [Path(path) for path in about.paths]
    # Not every path can stand in a .slp as it is.
    is_own = recording.video is not None and plain(recorded) == plain(recording.video.as_posix())
    if is_own or any(map(recording.identity.is_at, places)):
        return []
    if there := next(filter(os.path.exists, places), None):
        return [told_of_copy(recording, there)]
    return [f"{recording.identity.name} was matched by name with {recorded}, which is not on this machine"]


def _add_names(sio: Any, labels: Any, options: ExportOptions, file: str) -> tuple[list[str], bool]:
    """Give labels without skeleton or tracks those that were asked for; return notes, and whether they changed."""
    has: dict[str, Any] = {}
    is_changed = False
    if labels.skeletons:
        names = labels.skeletons[0].node_names
        has["bodyparts"] = names
        has["skeleton"] = [(names[one], names[other]) for one, other in labels.skeletons[0].edge_inds]
    elif options.bodyparts:
        edges = [tuple(pair) for pair in shown_in(options.skeleton)]
        labels.skeletons.append(sio.Skeleton(shown_in(options.bodyparts), edges=edges))
        is_changed = True
    if labels.tracks:
        has["individuals"] = [track.name for track in labels.tracks]
    elif options.individuals:
        labels.tracks.extend(sio.Track(name) for name in shown_in(options.individuals))
        is_changed = True
    return notes_on_differing(options, has, file), is_changed


def _indices_in(video: Any, recording: Recording, own: OwnVideo) -> dict[int, int]:
    """Give the project's index of each chosen frame: a list of images may have another order, and not all of them."""
    names = image_names(video)
    if not names:
        return {index: index for index in recording.frame_indices}
    listed = {name: place for place, name in enumerate(names)}
    in_order = list(own.image_places) or in_own_order(names)
    places = {index: listed[name] for index, name in enumerate(in_order) if name in listed}
    missing = [index for index in recording.frame_indices if index not in places]
    if missing:
        raise ExportError(
            f"{recording.folder}: image {missing[0]} is not among the {len(names)} images that the project lists; add "
            "them in SLEAP"
        )
    return {index: places[index] for index in recording.frame_indices}
