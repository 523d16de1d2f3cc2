"""An existing project of Lightning Pose: its views, keypoints, tables of labels, and the frames that it has.

The app keeps a ``project.yaml``, in which nothing is required. Older folders have none: there the tables of labels tell
the views, as Lightning Pose derives them from their names.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from keyframes.errors import ExportError
from keyframes.labelling.image_names import index_in, is_image, parts_of
from keyframes.labelling.label_tables import rows_in_csv
from keyframes.labelling.labelled_frame import LabelledFrame, ProjectVideo
from keyframes.labelling.project_file import no_project, read_project_file
from keyframes.names import composed, restored
from keyframes.result.image_files import read_image
from keyframes.video import VIDEO_ENDINGS

PROJECT_FILE = "project.yaml"
TABLE = "CollectedData"
# Copies and parts of a table, which are no views.
COPIES = ("_full", "_new", "_test")
QUEUE = ".unlabeled.jsonl"
# The app does not open a project with queues of both kinds.
OLD_QUEUE = ".unlabeled"
VIDEOS = "videos"
# The older app reads the names of a folder's chosen frames from here.
SELECTED = "selected_frames.csv"


# The head of a table of labels: its scorer and body parts.
LabelTable = tuple[str, tuple[str, ...]]


@dataclass(frozen=True)
class LightningPoseProject:
    """What the file in the folder `root` says of a project.

    `views` names the cameras, if there are several; `scorer` is that of the table, "" without one; `tables` names each
    view's table of labels, without its ending ("" is the view of a single camera); `skeleton` has pairs of body parts.
    """

    root: Path
    file: str
    views: tuple[str, ...]
    bodyparts: tuple[str, ...]
    scorer: str
    tables: Mapping[str, str]
    skeleton: Sequence[Any] = ()


def table_name(view: str) -> str:
    """Name of a view's table of labels, without its ending."""
    return f"{TABLE}_{view}" if view else TABLE


def read_project(path: Path) -> LightningPoseProject:
    """Read a project's folder or a file in it; an ExportError says that it is no project of Lightning Pose."""
    root = path.parent if path.name == PROJECT_FILE or os.path.isfile(path) else path
    file = root / PROJECT_FILE
    tables = label_tables(root) if os.path.isdir(root) else {}
    if not os.path.isfile(file):
        if not tables and os.path.isfile(path):
            raise ExportError(f"{path}: is not a project of Lightning Pose; give its folder")
        if not tables:
            raise no_project(root, PROJECT_FILE, f" and no table of labels, {TABLE}.csv")
        return _without_file(root, tables)
    data = read_project_file(file, ()).data
    views, bodyparts = (data.get(key) or [] for key in ("view_names", "keypoint_names"))
    if not isinstance(views, list) or not isinstance(bodyparts, list):
        raise ExportError(f"{file}: its view_names or keypoint_names are not lists; restore it from a copy")
    views = [restored(str(view)) for view in views]
    names = {view: table_name(view) for view in views or [""]}
    scorer, labelled = next((tables[name] for name in names.values() if name in tables), ("", ()))
    bodyparts = tuple(map(str, bodyparts)) or labelled
    skeleton = data.get("skeleton") or ()
    return LightningPoseProject(root, file.name, tuple(views), bodyparts, scorer, names, skeleton)


def _without_file(root: Path, tables: Mapping[str, LabelTable]) -> LightningPoseProject:
    names = [name for name in tables if not name.endswith(COPIES)] or list(tables)
    # Beside the table of a single camera, others are its copies, whatever a synced folder calls them.
    views = [] if TABLE in names else _views_of(names)
    by_view = dict(zip(views, names, strict=True)) if views else {"": TABLE if TABLE in names else names[0]}
    first = next(iter(by_view.values()))
    scorer, bodyparts = tables[first]
    return LightningPoseProject(root, f"{first}.csv", tuple(views), bodyparts, scorer, by_view)


def _views_of(names: Sequence[str]) -> list[str]:
    """Name each view by the words of its table's name that the others lack; none where that leaves one without name."""
    words = [name.split("_") for name in names]
    n_first = next((i for i, column in enumerate(zip(*words, strict=False)) if len(set(column)) > 1), None)
    if len(names) < 2 or n_first is None:
        return []
    shorter = [own[n_first:] for own in words]
    while all(len(own) > 1 for own in shorter) and len({own[-1] for own in shorter}) == 1:
        shorter = [own[:-1] for own in shorter]
    return ["_".join(own) for own in shorter] if all(shorter) else []


def label_tables(root: Path) -> dict[str, LabelTable]:
    """Find the tables of labels right in a folder, by their names without the ending.

    A table of predictions has a likelihood, and is none.
    """
    found = {}
    for path in sorted(root.glob("*.csv")):
        try:
            head = list(islice(rows_in_csv(path), 3))
        except ExportError:
            if path.stem.startswith(TABLE):
                raise
            continue
        if not _is_head(head):
            if path.stem.startswith(TABLE):
                raise ExportError(
                    f"{path}: is not a table of labels, which begins with rows for scorer, bodyparts and coords, and "
                    "has commas between its columns; restore it from a copy"
                )
        elif "likelihood" not in head[2]:
            # Of one column for each part of the path, the first ones are empty.
            scorer, *_ = [*filter(None, head[0][1:]), ""]
            found[path.stem] = (scorer, tuple(dict.fromkeys(filter(None, head[1][1:]))))
    return found


def _is_head(rows: Sequence[Sequence[str]]) -> bool:
    """Whether a table begins as one of points does; scripts leave the names of the rows out."""
    first = ["".join(row[:1]) for row in rows]
    return first == ["scorer", "bodyparts", "coords"] or (first == [""] * 3 and {*rows[2]} == {"", "x", "y"})


def labelled_frames(path: Path) -> Iterator[LabelledFrame]:
    """Yield the frames of a project that are labelled or wait in the queue; not their context."""
    root = read_project(path).root
    videos: dict[str, tuple[str, ...]] = {}
    for video in videos_in(root):
        videos[composed(video.stem)] = (*videos.get(composed(video.stem), ()), str(video))
    for (name, index), image in sorted(frames_there(root).items()):
        read = partial(read_image, image) if os.path.isfile(image) else None
        yield LabelledFrame(ProjectVideo(name, videos.get(composed(name), ())), index, read)


def videos_in(root: Path) -> list[Path]:
    """Find a project's videos where the app does: at any depth of the folders whose names begin with ``videos``."""
    return sorted(
        Path(place, name)
        for folder in root.glob(f"{VIDEOS}*")
        for place, _, files in os.walk(folder)
        for name in files
        if Path(name).suffix.lower() in VIDEO_ENDINGS and not name.startswith(".")
    )


def frames_there(root: Path) -> dict[tuple[str, int], Path]:
    """Find the frames of a project that are labelled or wait in the queue: their images by folder and index."""
    paths: list[str] = []
    for name in label_tables(root):
        rows = filter(None, rows_in_csv(root / f"{name}.csv"))
        # One column for the path, or, as DeepLabCut writes it, one for each part.
        paths += ["/".join(row[: 3 if row[0] == "labeled-data" else 1]) for row in rows]
    for queue in sorted(root.glob(f"*{OLD_QUEUE}")):
        raise ExportError(f"{queue}: is a queue of an earlier app; open the project in the app, which converts it")
    for queue in sorted(root.glob(f"*{QUEUE}")):
        try:
            lines = queue.read_text(encoding="utf-8").splitlines()
            paths += [str(json.loads(line)["frame_path"]) for line in lines if line.strip()]
        except (OSError, ValueError, KeyError, TypeError):
            raise ExportError(
                f"{queue}: is not a queue of frames, with one JSON object per line; restore it from a copy"
            ) from None
    found: dict[tuple[str, int], Path] = {}
    for path in map(restored, paths):
        *_, folder, name = ["", "", *parts_of(path)]
        index = index_in(name)
        if is_image(name) and folder and index is not None:
            told = root.joinpath(*parts_of(path))
            found.setdefault((folder, index), told if os.path.isfile(told) else root / "labeled-data" / folder / name)
    return found
