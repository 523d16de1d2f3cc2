"""Lightning Pose: images with their context frames, the table of labels, and the app's labelling queue.

A context frame is one of the two before and the two after a chosen one; it lies beside it, is never labelled, and must
be the exact neighbour. Near the ends of a video there are fewer.
"""

import csv
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np

from keyframes.errors import ExportError, SettingsError, VideoError
from keyframes.export_options import ExportOptions
from keyframes.labelling.exported import Exported
from keyframes.labelling.image_names import frames_in
from keyframes.labelling.lightning_pose.project import (
    PROJECT_FILE,
    QUEUE,
    SELECTED,
    VIDEOS,
    LightningPoseProject,
    frames_there,
    read_project,
    table_name,
    videos_in,
)
from keyframes.labelling.prelabels import named_points, only_animal_on
from keyframes.labelling.project_changes import Changes, open_project
from keyframes.labelling.project_file import listed, pairs_listed
from keyframes.labelling.project_videos import known_video, put_video
from keyframes.labelling.unused_options import notes_on_differing
from keyframes.names import composed, shown
from keyframes.progress import progress_bar
from keyframes.result.image_files import read_image, write_image
from keyframes.result.recordings import Recording
from keyframes.video.frames import Frame

USES = frozenset({"scorer", "bodyparts", "skeleton", "copy_videos"})
N_CONTEXT = 2
SCORER = "keyframes"


def check(options: ExportOptions, place: Path, videos: Sequence[Path]) -> None:
    """Raise where the project cannot be read, or a new one cannot be made."""
    if not options.is_new:
        read_project(place)
    elif not options.bodyparts:
        raise SettingsError("lightning-pose: give an existing project with --project, or --bodyparts to make a new one")


def write(recordings: Sequence[Recording], options: ExportOptions, place: Path, progress: bool) -> Exported:
    """Add the recordings to a project, or make one; those with a view are written as cameras of one scene."""
    views = [recording.view for recording in recordings if recording.view]
    if views:
        _check_views(recordings, views)
    for recording in recordings:
        recording.need_video()
    notes: list[str] = []
    if options.is_new:
        tables = {view: table_name(view) for view in views or [""]}
        project = LightningPoseProject(
            place, PROJECT_FILE, tuple(views), options.bodyparts, options.scorer or SCORER, tables, options.skeleton
        )
    else:
        project = _existing(place, options, views)
        recordings = _as_known(recordings, project.root)
        notes += notes_on_differing(options, _what_it_has(project), project.file)
    with open_project(project.root, options.is_new) as changes:
        if options.is_new:
            _write_project_file(changes.folder, project)
        bodyparts = project.bodyparts or options.bodyparts
        queues: dict[str, list[dict[str, Any]]] = {}
        videos = videos_in(changes.root)
        for recording, wanted in _new_frames(recordings, project.root):
            _write_images(recording, wanted, changes, progress)
            queues.setdefault(recording.view, []).extend(_queued(recording, wanted, bodyparts))
            notes += recording.told_what_was_there(len(wanted))
            _put_video(recording, videos, changes, options.copy_videos, notes)
        for view, entries in queues.items():
            _write_table(changes, project.tables[view], options.scorer or SCORER, bodyparts)
            _add_to_queue(changes, f"{project.tables[view]}{QUEUE}", entries)
    return Exported("lightning-pose", project.root, sum(map(len, queues.values())), tuple(notes))


def _existing(place: Path, options: ExportOptions, views: Sequence[str]) -> LightningPoseProject:
    """Read the project to add to; it must have these views, and a table or body parts to begin one."""
    project = read_project(place)
    if set(project.views) != set(views):
        raise ExportError(
            f"{project.root}: is a project with {_named(project.views)}, but this export has {_named(views)}; "
            "export the same views, or choose a new place"
        )
    if not project.bodyparts and not options.bodyparts:
        raise ExportError(
            f"{project.root / project.file}: names no keypoints, and there is no table of labels; give --bodyparts"
        )
    return project


def _what_it_has(project: LightningPoseProject) -> dict[str, Any]:
    """Return what an existing project decides: not the scorer or the body parts of a table that is still to begin."""
    has: dict[str, Any] = {"bodyparts": project.bodyparts, "scorer": project.scorer}
    return {**{name: value for name, value in has.items() if value}, "skeleton": project.skeleton}


def _as_known(recordings: Sequence[Recording], root: Path) -> list[Recording]:
    """Name recordings as the project does, where that has their video by another name, or spells it in another way."""
    # Of copies, the one that has frames.
    videos = sorted(videos_in(root), key=lambda video: not os.path.isdir(root / "labeled-data" / video.stem))
    spelled = {composed(name): name for name, _ in frames_there(root)}
    named = []
    for recording in recordings:
        video = known_video(recording, videos)
        name = video.stem if video else spelled.get(composed(recording.name), recording.name)
        named.append(replace(recording, name=name))
    return named


def _new_frames(recordings: Sequence[Recording], root: Path) -> Iterator[tuple[Recording, list[int]]]:
    """Yield what a project has not yet of each recording; a frame that one view has is not new in another either."""
    there: dict[str, set[int]] = {recording.name: set() for recording in recordings}
    for name, index in frames_there(root):
        there.setdefault(name, set()).add(index)
    in_a_view = {index for recording in recordings if recording.view for index in there[recording.name]}
    for recording in recordings:
        known = in_a_view if recording.view else there[recording.name]
        yield recording, [index for index in recording.frame_indices if index not in known]


def _check_views(recordings: Sequence[Recording], views: Sequence[str]) -> None:
    if len(set(views)) < len(recordings) or len(views) < 2:
        raise ExportError(f"the views are {', '.join(views)}; name two or more different ones, one for each result")
    for recording in recordings[1:]:
        if recording.frame_indices != recordings[0].frame_indices:
            raise ExportError(
                f"{recording.folder}: its frames differ from those of {recordings[0].folder}; extract them with --views"
            )


def _named(views: Sequence[str]) -> str:
    return f"the views {', '.join(views)}" if views else "a single view"


def _write_project_file(folder: Path, project: LightningPoseProject) -> None:
    lines = [listed("view_names", project.views), listed("keypoint_names", project.bodyparts)]
    if project.skeleton:
        lines.append(pairs_listed("skeleton", project.skeleton))
    (folder / PROJECT_FILE).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    for name in ("labeled-data", "videos"):
        (folder / name).mkdir()


def _image_path(recording: Recording, index: int) -> str:
    return f"labeled-data/{recording.name}/img{index:08d}.png"


def _write_images(recording: Recording, wanted: Sequence[int], changes: Changes, progress: bool) -> None:
    """Write chosen frames and their context; of what is there already, nothing."""
    folder = changes.folder / "labeled-data" / recording.name
    folder.mkdir(parents=True, exist_ok=True)
    for frame in _with_context(recording, wanted, progress):
        path = _image_path(recording, frame.index)
        if not (changes.root / path).exists():
            write_image(changes.folder / path, frame.image)
    _add_to_selected(changes, recording, [f"img{index:08d}.png" for index in wanted])


def _add_to_selected(changes: Changes, recording: Recording, names: Sequence[str]) -> None:
    """Add to the lists of chosen frames of the older app, in a project that has them; the current app wants none."""
    if not names or not any((changes.root / "labeled-data").glob(f"*/{SELECTED}")):
        return
    file = f"labeled-data/{recording.name}/{SELECTED}"
    before = changes.content(file)
    there = (before or b"").decode("utf-8", "surrogateescape").splitlines()
    lines = there + [name for name in names if name not in there]
    # Sorted, as the app writes it; a list in another order is added to at its end.
    text = "".join(f"{name}\n" for name in (sorted(lines) if there == sorted(there) else lines))
    changes.write(file, before, text.encode("utf-8", "surrogateescape"))


def _with_context(recording: Recording, wanted: Sequence[int], progress: bool) -> Iterator[Frame]:
    """Yield chosen frames and their neighbours, each once; the chosen ones are held against the result's images."""
    if not wanted:
        return
    indices = {index + step for index in wanted for step in range(-N_CONTEXT, N_CONTEXT + 1) if index + step >= 0}
    found: set[int] = set()
    chosen = {index for index in wanted if recording.files[index].suffix == ".png"}
    with recording.open_video() as reader:
        try:
            with progress_bar(reader.read_frames(indices), "context", len(indices), "images", progress) as frames:
                for frame in frames:
                    found.add(frame.index)
                    file = recording.files[frame.index] if frame.index in chosen else None
                    if file is not None and not np.array_equal(read_image(file), frame.image):
                        raise ExportError(
                            f"{reader.path}: frame {frame.index} is not the image of {recording.folder}; "
                            "run the extraction again"
                        )
                    yield frame
        except VideoError:
            # Behind the last frame, and where one is lost, there is no context.
            if not found.issuperset(wanted):
                raise


def _put_video(recording: Recording, videos: Sequence[Path], changes: Changes, copy: bool, notes: list[str]) -> None:
    """Link the video into the project, whose models will want to read it; tell where that is not possible.

    `videos` are those that the project has.
    """
    video, folder = recording.need_video(), changes.root / "labeled-data" / recording.name
    place = changes.root / VIDEOS / f"{recording.name}.mp4"
    there = [path for path in videos if path.name == place.name]
    if not there and frames_in(folder):
        name = recording.manifest["video"]["path"]
        notes.append(f"{name} was matched by name with {folder}, of which the project has no video to compare it with")
    if not there and video.suffix.lower() != ".mp4":
        notes.append(f"Lightning Pose reads only MP4 files: convert {video.name} to {place}")
        return
    for path in there or [place]:
        if put_video(recording, path.relative_to(changes.root), changes, copy, notes) is None:
            notes.append(f"copy {video.name} to {path}, because links are refused there, or use --copy-videos")


def _write_table(changes: Changes, name: str, scorer: str, bodyparts: Sequence[str]) -> None:
    """Write the three header rows of a table without labels, where there is none."""
    if (changes.root / f"{name}.csv").exists():
        return
    columns = [(part, axis) for part in bodyparts for axis in "xy"]
    with (changes.folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["scorer", *(shown(scorer) for _ in columns)])
        table.writerow(["bodyparts", *(shown(part) for part, _ in columns)])
        table.writerow(["coords", *(axis for _, axis in columns)])


def _queued(recording: Recording, wanted: Sequence[int], bodyparts: Sequence[str]) -> list[dict[str, Any]]:
    """Return what the queue says of frames, with the points that a network predicted, as the app writes them."""
    entries: list[dict[str, Any]] = [
        {"frame_path": shown(_image_path(recording, index)), "predictions": None} for index in wanted
    ]
    if (predictions := recording.predictions) is None:
        return entries
    named_points(predictions, bodyparts, "the project")
    # The app notes when it copied the points; when they were predicted is the same in each export.
    predicted_ms = 0
    with suppress(OSError):
        predicted_ms = predictions.source.stat().st_mtime_ns // 10**6
    source = {"model_name": shown(predictions.source.stem), "date_time": predicted_ms}
    for index, entry in zip(wanted, entries, strict=True):
        if animal := only_animal_on(recording, index, "Lightning Pose"):
            points = [
                {"keypoint_name": name, "x": x, "y": y}
                for name, (x, y) in zip(predictions.names, animal.points.tolist(), strict=True)
                if not isnan(x)
            ]
            entry["predictions"] = {**source, "predictions": points}
    return entries


def _add_to_queue(changes: Changes, name: str, entries: Sequence[dict[str, Any]]) -> None:
    lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    before = changes.content(name)
    if before is None or entries:
        gap = b"\n" if before and not before.endswith(b"\n") else b""
        changes.write(name, before, (before or b"") + gap + lines.encode("utf-8"))
