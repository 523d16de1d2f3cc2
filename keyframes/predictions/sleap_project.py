"""SLEAP's ``.slp``: predictions and people's labels of several videos, in tables that refer to each other.

Points are read from the file a piece at a time, and none that belongs to another video is.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import PredictionsError
from keyframes.predictions.assembly import as_float32, as_indices, assembled
from keyframes.predictions.hdf5 import opened, package_to_read, text_of, texts
from keyframes.predictions.predictions import Predictions
from keyframes.predictions.recorded_videos import number_of
from keyframes.predictions.slots import names_of_slots, slots_of_instances
from keyframes.video.images import image_files, natural_order

# Instances whose points are read at once.
INSTANCES = 1 << 16
USER = 0
# Before it, the middle of the first pixel was at 0.5.
MIDDLE_AT_ZERO = 1.1


@dataclass(frozen=True)
class RecordedVideo:
    """A video as a project knows it: its number there, where it was, and its size (height, width), if that is known.

    `images` names those of a list of images, in its order. `corner` is the upper left one of the part that the project
    crops the video to, if it does.
    """

    number: int
    path: str
    size: tuple[int, int] | None
    images: tuple[str, ...] | None = None
    corner: tuple[int, int] | None = None


@dataclass(frozen=True)
class _Instances:
    """The animals of a video that count, by frame.

    `frames` are its frames with a row in the project, `table` the rows of the animals, and `rows` their frames' places.
    """

    frames: NDArray[np.int64]
    labelled: NDArray[np.bool_]
    table: NDArray[Any]
    rows: NDArray[np.int64]


def read(path: Path, video: Path) -> tuple[Predictions, RecordedVideo]:
    """Read what a project holds of a video; a PredictionsError says that it has no such video, or several.

    The points are as the project has them: inside the part that it crops the video to, if it does.
    Where a person labelled an animal, the prediction that the label was made from, or has the track of, does not count.
    """
    with opened(path) as file:
        recorded = _find_video(path, file, video)
        found = _instances(path, file, recorded, video)
        table, rows = found.table, found.rows
        names, skeleton, nodes_of = _skeletons(path, np.unique(table["skeleton"]).tolist())
        slots = slots_of_instances(rows, table["track"].astype(np.int64))
        tracks = [str(json.loads(text)[1]) for text in texts(file["tracks_json"])]
        animals = names_of_slots(slots, table["track"].astype(np.int64), tracks)
        shape = (len(found.frames), int(slots.max(initial=0)) + 1, len(names))
        keypoints, confidence = np.full((*shape, 2), np.nan, np.float32), np.full(shape, np.nan, np.float32)
        for (by_user, number), chosen in _kinds(table, list(nodes_of)):
            points_of = file["points" if by_user else "pred_points"]
            for start in range(0, len(chosen), INSTANCES):
                piece = chosen[start : start + INSTANCES]
                points = _points(path, points_of, table[piece], len(nodes_of[number]))
                place = rows[piece, None], slots[piece, None], nodes_of[number]
                xy = as_float32(np.stack([points["x"], points["y"]], axis=-1))
                keypoints[place] = np.where(points["visible"][..., None], xy, np.nan)
                if not by_user:
                    confidence[place] = as_float32(points["score"])
        if float(file["metadata"].attrs["format_id"]) < MIDDLE_AT_ZERO:
            keypoints -= 0.5
    predictions = assembled(
        path,
        found.frames,
        keypoints,
        confidence,
        names,
        skeleton=skeleton,
        labelled=found.labelled,
        animals=animals,
    )
    return predictions, recorded


def _instances(path: Path, file: Any, recorded: RecordedVideo, video: Path) -> _Instances:
    listed = file["frames"][:]
    listed = listed[listed["video"] == recorded.number]
    begins, ends = (listed[f"instance_id_{end}"].astype(np.int64) for end in ("start", "end"))
    empty = _called_empty(file, recorded.number)
    indices = as_indices(path, np.concatenate([listed["frame_idx"].astype(np.int64), empty]))
    if recorded.images is not None:
        if indices.max(initial=-1) >= len(recorded.images):
            raise PredictionsError(f"{path}: has frames that its list of images lacks; export it again")
        indices = _places(recorded.images, video)[indices]
    frames, row_of = np.unique(indices, return_inverse=True)
    number, rows = _ranges(begins, ends), np.repeat(row_of[: len(listed)], ends - begins)
    table = file["instances"][:][number]
    by_user = table["instance_type"] == USER
    labelled = np.zeros(len(frames), bool)
    labelled[rows[by_user]] = True
    labelled[row_of[len(listed) :]] = True
    stay = np.flatnonzero(~_replaced(table, number, rows, by_user))
    stay = stay[np.argsort(rows[stay], kind="stable")]
    return _Instances(frames, labelled, table[stay], rows[stay])


def _kinds(table: NDArray[Any], skeletons: Sequence[int]) -> Iterator[tuple[tuple[bool, int], NDArray[np.int64]]]:
    """Yield people's animals and predicted ones of each skeleton: they lie in different tables, or differ in length."""
    for by_user in (True, False):
        for number in skeletons:
            chosen = ((table["instance_type"] == USER) == by_user) & (table["skeleton"] == number)
            yield (by_user, number), np.flatnonzero(chosen)


def _find_video(path: Path, file: Any, video: Path) -> RecordedVideo:
    videos = [_recorded(file, number, json.loads(text)) for number, text in enumerate(texts(file["videos_json"]))]
    remedies = ("give the project that has its predictions", "rename all but one")
    place = number_of(path, [one.path for one in videos], video, remedies)
    crops = json.loads(text_of(file["video_crops"][()])) if "video_crops" in file else []
    corners = [(int(one["crop"][0]), int(one["crop"][1])) for one in crops if one["video"] == place]
    return replace(videos[place], corner=corners[0] if corners else None)


def _recorded(file: Any, number: int, described: dict[str, Any]) -> RecordedVideo:
    """Describe a video; of one whose images the project carries, the one that they were taken from."""
    backend = described.get("backend") or {}
    dataset = str(backend.get("dataset") or "")
    group = dataset.partition("/")[0]
    if group.removeprefix("video").isdecimal():
        # The frames of packages keep the number that their video had in the project that was packed.
        number = int(group.removeprefix("video"))
        described = _source_of(file, group, backend) or described.get("source_video") or described
        backend = described.get("backend") or {}
    shape = backend.get("shape") or backend.get("shape_") or [0, 0, 0, 0]
    size = (int(shape[1]), int(shape[2])) if len(shape) == 4 and shape[1] and shape[2] else None
    filename = backend.get("filenames") or backend.get("filename") or described.get("filename") or ""
    if not isinstance(filename, list):
        return RecordedVideo(number, str(filename), size)
    files = [PureWindowsPath(str(name)) for name in filename]
    return RecordedVideo(number, str(files[0].parent) if files else "", size, tuple(file.name for file in files))


def _source_of(file: Any, group: str, backend: dict[str, Any]) -> Any:
    """Return what a package says of the video that its images are of; None for images that lie in another package."""
    source = file.get(f"{group}/source_video") if backend.get("filename") == "." else None
    if source is None:
        return None
    # A long list of images is too much for an attribute.
    return json.loads(text_of(source["json"][()] if "json" in source else source.attrs["json"]))


def _places(images: Sequence[str], folder: Path) -> NDArray[np.int64]:
    """Return the place of each image of a list in its folder, or, if that is not here or lacks one, in the list."""
    there = {file.name: place for place, file in enumerate(image_files(folder))} if folder.is_dir() else {}
    if len({*images} & {*there}) == len(images):
        return np.array([there[name] for name in images], np.int64)
    order = sorted(range(len(images)), key=lambda i: natural_order(Path(images[i])))
    return np.argsort(order).astype(np.int64)


def _ranges(begins: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.int64]:
    """Concatenate the ranges from each begin to its end."""
    lengths = ends - begins
    starts = np.cumsum(lengths) - lengths
    numbers: NDArray[np.int64] = np.arange(int(lengths.sum())) + np.repeat(begins - starts, lengths)
    return numbers


def _called_empty(file: Any, number: int) -> NDArray[np.int64]:
    """Return the frames of a video of which a person said that nothing is in them."""
    if "negative_frames" not in file:
        return np.empty(0, np.int64)
    marked = file["negative_frames"][:]
    return np.array(marked["frame_idx"][marked["video_id"] == number], dtype=np.int64)


def _replaced(
    instances: NDArray[Any], number: NDArray[np.int64], rows: NDArray[np.int64], by_user: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tell the predictions that a person's instance in the same frame was made from, or has the track of."""
    tracked = by_user & (instances["track"] >= 0)
    taken = np.stack([rows[tracked], instances["track"][tracked]], axis=1)
    # A frame and a track as one number.
    n_tracks = int(instances["track"].max(initial=0)) + 1
    has_track = np.isin(rows * n_tracks + instances["track"], taken @ np.array([n_tracks, 1]))
    made_from = np.isin(number, instances["from_predicted"][by_user])
    return ~by_user & (made_from | (has_track & (instances["track"] >= 0)))


def _skeletons(path: Path, used: list[int]) -> tuple[list[str], list[tuple[int, int]], dict[int, NDArray[np.int64]]]:
    """Return the nodes of the skeletons that are used, their edges, and the nodes of each one."""
    found = package_to_read(path, "sleap-io", PredictionsError).load_skeleton(str(path))
    skeletons = found if isinstance(found, list) else [found]
    used = used or list(range(len(skeletons)))
    names = list(dict.fromkeys(name for number in used for name in skeletons[number].node_names))
    nodes = {number: np.array([names.index(name) for name in skeletons[number].node_names]) for number in used}
    edges = [(int(nodes[number][a]), int(nodes[number][b])) for number in used for a, b in skeletons[number].edge_inds]
    return names, list(dict.fromkeys(edges)), nodes


def _points(path: Path, table: Any, instances: NDArray[Any], n_nodes: int) -> NDArray[Any]:
    """Read the points of instances, (n_instances, n_nodes), which mostly lie one after the other."""
    begins = instances["point_id_start"].astype(np.int64)
    if (instances["point_id_end"].astype(np.int64) - begins != n_nodes).any():
        raise PredictionsError(
            f"{path}: has animals with another number of points than the skeleton's {n_nodes}; restore it from a copy"
        )
    order = np.argsort(begins, kind="stable")
    found = np.empty((len(instances), n_nodes), table.dtype)
    # A stretch without a gap is one read.
    breaks = np.flatnonzero(np.diff(begins[order]) != n_nodes) + 1
    for part in np.split(order, breaks):
        start = begins[part[0]]
        found[part] = table[start : start + len(part) * n_nodes].reshape(len(part), n_nodes)
    return found
