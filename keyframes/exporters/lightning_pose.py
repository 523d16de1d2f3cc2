"""Lightning Pose: images with their context frames, the table of labels, and the app's labelling queue.

A context frame is one of the two before and the two after a chosen one; it lies beside it, is never labelled, and must
be the exact neighbour. Near the ends of a video there are fewer.
"""

import csv
import json
import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from keyframes.datatypes import Exported, ExportOptions, Frame, LabelledFrame
from keyframes.errors import ExportError, SettingsError, VideoError
from keyframes.exporters.changes import Changes, project_changes
from keyframes.exporters.place import check_free
from keyframes.exporters.project_file import quoted, read_project_file
from keyframes.exporters.recording import Recording, is_video_of, png, read_image
from keyframes.names import restored, shown
from keyframes.output import result_folder
from keyframes.progress import progress_bar

N_CONTEXT = 2
SCORER = "keyframes"


def check(options: ExportOptions, place: Path, videos: Sequence[Path]) -> None:
    """Raise where the project cannot be read, or a new one cannot be made."""
    if options.is_new:
        _check_new(options, place)
    else:
        _read_project(options)


def write(recordings: Sequence[Recording], options: ExportOptions, place: Path, progress: bool) -> Exported:
    """Add the recordings to a project, or make one; those with a view are written as cameras of one scene."""
    views = [recording.view for recording in recordings if recording.view]
    if views:
        _check_views(recordings, views)
    for recording in recordings:
        recording.need_video()
    if options.is_new:
        _check_new(options, place)
        root, names, bodyparts = place, views, options.bodyparts
    else:
        root, names, bodyparts = _read_project(options)
        if set(names) != set(views):
            raise ExportError(f"{root}: is a project of {_named(names)}, and this is an export of {_named(views)}")
    notes: list[str] = []
    with _open(root, options.is_new) as changes:
        if options.is_new:
            _write_project_file(changes.folder, names, bodyparts)
        queues: dict[str, list[str]] = {}
        for recording, wanted in _new_frames(recordings, root):
            _write_images(recording, wanted, changes, progress)
            queues.setdefault(recording.view, []).extend(_image_path(recording, index) for index in wanted)
            notes += [*recording.told_what_was_there(len(wanted)), *_link_video(recording, changes)]
        for view, paths in queues.items():
            _write_table(changes, _table_name(view), options.scorer or SCORER, bodyparts)
            _add_to_queue(changes, f"{_table_name(view)}.unlabeled.jsonl", paths)
    return Exported("lightning-pose", root, sum(map(len, queues.values())), tuple(notes))


def labelled_frames(project: Path) -> Iterator[LabelledFrame]:
    """Yield the frames of a project that are labelled or wait in the queue; not their context."""
    root, views, _ = _read_project(ExportOptions(project=project))
    for view in views or [""]:
        for name, index in sorted(_named_frames(root, view)):
            found = sorted((root / "labeled-data" / name).glob(f"img*{index}.png"))
            images = [path for path in found if int(path.stem.removeprefix("img")) == index]
            yield LabelledFrame(name, index, read_image(images[0]) if images else None)


def _new_frames(recordings: Sequence[Recording], root: Path) -> Iterator[tuple[Recording, list[int]]]:
    """Yield what a project has not yet of each recording; a frame that one view has is not new in another either."""
    there = {recording.name: _frames_there(root, recording.view, recording.name) for recording in recordings}
    in_a_view = {index for recording in recordings if recording.view for index in there[recording.name]}
    for recording in recordings:
        known = in_a_view if recording.view else there[recording.name]
        yield recording, [index for index in recording.frame_indices if index not in known]


def _check_new(options: ExportOptions, place: Path) -> None:
    if not options.bodyparts:
        raise SettingsError("lightning-pose: give an existing project with --project, or --bodyparts to make a new one")
    check_free(place)


def _check_views(recordings: Sequence[Recording], views: Sequence[str]) -> None:
    if len(set(views)) < len(recordings) or len(views) < 2:
        raise ExportError(f"the views are {', '.join(views)}; name two or more different ones, one for each result")
    for recording in recordings[1:]:
        if recording.frame_indices != recordings[0].frame_indices:
            raise ExportError(
                f"{recording.folder}: its frames are not those of {recordings[0].folder}; views need the same ones"
            )


def _read_project(options: ExportOptions) -> tuple[Path, list[str], tuple[str, ...]]:
    """Folder, views and key points of a project."""
    assert options.project is not None
    path = options.project / "project.yaml" if options.project.is_dir() else options.project
    data = read_project_file(path, ("view_names", "keypoint_names")).data
    lists = [data["view_names"] or [], data["keypoint_names"]]
    if not all(isinstance(names, list) for names in lists):
        raise ExportError(f"{path}: its view_names or keypoint_names are no lists; restore it from a copy")
    return path.parent, [str(name) for name in lists[0]], tuple(str(name) for name in lists[1])


def _named(views: Sequence[str]) -> str:
    return f"the views {', '.join(views)}" if views else "a single view"


@contextmanager
def _open(root: Path, new: bool) -> Iterator[Changes]:
    """Give the changes to a project; of a new one, all of it."""
    opened: AbstractContextManager[Any] = result_folder(root, overwrite=False) if new else project_changes(root)
    with opened as given:
        yield Changes(root, given) if new else given


def _write_project_file(folder: Path, views: Sequence[str], bodyparts: Sequence[str]) -> None:
    def listed(names: Sequence[str]) -> str:
        return "".join(f"\n- {quoted(name)}" for name in names) or " []"

    text = f"view_names:{listed(views)}\nkeypoint_names:{listed(bodyparts)}\n"
    (folder / "project.yaml").write_text(shown(text), encoding="utf-8", newline="\n")
    for name in ("labeled-data", "videos"):
        (folder / name).mkdir()


def _image_path(recording: Recording, index: int) -> str:
    return f"labeled-data/{recording.name}/img{index:08d}.png"


def _table_name(view: str) -> str:
    return f"CollectedData_{view}" if view else "CollectedData"


def _frames_there(root: Path, view: str, name: str) -> set[int]:
    """Find the indices of a folder's frames that are labelled or wait in the queue."""
    return {index for folder, index in _named_frames(root, view) if folder == name}


def _named_frames(root: Path, view: str) -> set[tuple[str, int]]:
    """Find folder and index of the frames of a view that are labelled or wait in the queue."""
    paths: list[str] = []
    table, queue = root / f"{_table_name(view)}.csv", root / f"{_table_name(view)}.unlabeled.jsonl"
    try:
        with suppress(FileNotFoundError), table.open(encoding="utf-8", newline="") as file:
            paths += [row[0] for row in csv.reader(file) if row]
    except (OSError, ValueError, csv.Error) as error:
        raise ExportError(f"{table}: cannot be read as a table of labels ({error})") from None
    try:
        with suppress(FileNotFoundError):
            lines = queue.read_text(encoding="utf-8").splitlines()
            paths += [json.loads(line)["frame_path"] for line in lines if line.strip()]
    except (OSError, ValueError, KeyError, TypeError):
        raise ExportError(f"{queue}: is no queue of frames, one JSON object a line; restore it from a copy") from None
    found = (re.fullmatch(r".*[/\\]([^/\\]+)[/\\]\D*(\d+)[^/\\]*", path) for path in paths)
    return {(restored(match[1]), int(match[2])) for match in found if match}


def _write_images(recording: Recording, wanted: Sequence[int], changes: Changes, progress: bool) -> None:
    """Write chosen frames and their context; of what is there already, nothing."""
    folder = changes.folder / "labeled-data" / recording.name
    folder.mkdir(parents=True)
    for frame in _with_context(recording, wanted, progress):
        path = _image_path(recording, frame.index)
        if not (changes.root / path).exists():
            (changes.folder / path).write_bytes(png(frame.image))
    names = {f"img{index:08d}.png" for index in wanted}
    # What the older app reads.
    selected = changes.root / "labeled-data" / recording.name / "selected_frames.csv"
    before = selected.read_bytes() if selected.is_file() else None
    names |= set((before or b"").decode("utf-8", "replace").split())
    after = "".join(f"{name}\n" for name in sorted(names)).encode("utf-8")
    if before is None:
        (folder / "selected_frames.csv").write_bytes(after)
    else:
        changes.rewrite(selected, before, after)


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
                    if frame.index in chosen and not _shows(recording.files[frame.index], frame):
                        raise ExportError(
                            f"{reader.path}: frame {frame.index} is not the image of {recording.folder}; "
                            "run the extraction again"
                        )
                    yield frame
        except VideoError:
            # Behind the last frame, and where one is lost, there is no context.
            if not found.issuperset(wanted):
                raise


def _shows(file: Path, frame: Frame) -> bool:
    try:
        image = cv2.imdecode(np.frombuffer(file.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        image = None
    return image is not None and np.array_equal(image, frame.image)


def _link_video(recording: Recording, changes: Changes) -> list[str]:
    """Link the video into the project, whose models will want to read it; tell where that is not possible."""
    video = recording.need_video()
    link = Path("videos") / f"{recording.name}.mp4"
    there = changes.root / link
    if there.is_symlink() and not there.exists():
        return [f"{there} leads nowhere: let it lead to {video}"]
    if there.exists():
        if not is_video_of(recording.manifest, there):
            raise ExportError(f"{there}: the project has another video of this name; rename {video}")
        return []
    if video.suffix.lower() != ".mp4":
        return [f"Lightning Pose reads MP4 files alone: convert {video.name} to {there}"]
    (changes.folder / "videos").mkdir(exist_ok=True)
    try:
        (changes.folder / link).symlink_to(video)
    except (OSError, NotImplementedError):
        return [f"copy {video.name} to {there}"]
    return []


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


def _add_to_queue(changes: Changes, name: str, paths: Sequence[str]) -> None:
    entries = [{"frame_path": shown(path), "predictions": None} for path in paths]
    lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    queue = changes.root / name
    if not queue.exists():
        (changes.folder / name).write_bytes(lines.encode("utf-8"))
    elif paths:
        before = queue.read_bytes()
        gap = b"" if not before or before.endswith(b"\n") else b"\n"
        changes.rewrite(queue, before, before + gap + lines.encode("utf-8"))
