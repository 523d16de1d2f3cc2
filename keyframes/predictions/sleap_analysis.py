"""SLEAP's analysis file: dense arrays in HDF5, of one video, with an axis for the tracks."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import PredictionsError
from keyframes.predictions.assembly import as_float32, assembled
from keyframes.predictions.hdf5 import opened, text_of, texts
from keyframes.predictions.predictions import Predictions
from keyframes.predictions.slots import names_of_slots, slots_of_tracks

# Frames read at once.
FRAMES = 1 << 16
# How SLEAP stores the axes, for MATLAB, and, if asked to, for Python.
ORDERS = (("track", "xy", "node", "frame"), ("frame", "node", "xy", "track"))


def is_ours(file: Any) -> bool:
    """Whether an open HDF5 file is an analysis file."""
    return "tracks" in file and "track_occupancy" in file


def video_of(file: Any) -> str:
    """Return the recorded path of the video; "" where there is none."""
    return text_of(file["video_path"][()]) if "video_path" in file else ""


def read(path: Path) -> Predictions:
    """Read an analysis file, a stretch of each track at a time."""
    with opened(path) as file:
        names = texts(file["node_names"])
        axes = _axes(path, file, len(names))
        sizes = dict(zip(axes, file["tracks"].shape, strict=True))
        n_frames, n_tracks = sizes["frame"], sizes["track"]
        if sizes["xy"] != 2 or sizes["node"] != len(names) or not n_frames or not n_tracks:
            raise PredictionsError(
                f"{path}: its tracks of shape {file['tracks'].shape} do not fit {len(names)} nodes; export it again"
            )
        scores = file.get("point_scores")
        occupied = _occupancy(path, file["track_occupancy"], n_frames, n_tracks)
        there = occupied.any(axis=0)
        first = np.where(there, occupied.argmax(axis=0), n_frames)
        last = np.where(there, n_frames - 1 - occupied[::-1].argmax(axis=0), -1)
        slots = slots_of_tracks(first, last)
        shape = (n_frames, int(slots.max()) + 1, len(names))
        keypoints, confidence = np.full((*shape, 2), np.nan, np.float32), np.full(shape, np.nan, np.float32)
        for track in np.flatnonzero(there):
            for start in range(first[track], last[track] + 1, FRAMES):
                rows = slice(start, min(start + FRAMES, last[track] + 1))
                wanted = {"frame": rows, "track": track}
                place = rows, slots[track]
                keypoints[place] = _read(file["tracks"], axes, wanted, ("frame", "node", "xy"))
                if scores is not None:
                    confidence[place] = _read(scores, _without_xy(scores, axes), wanted, ("frame", "node"))
        tracks = texts(file["track_names"]) if "track_names" in file else []
        edges = file["edge_inds"][:].reshape(-1, 2).tolist() if "edge_inds" in file else []
    skeleton = [(int(a), int(b)) for a, b in edges if 0 <= a < len(names) and 0 <= b < len(names)]
    exists = np.flatnonzero(there)
    animals = names_of_slots(slots[exists], exists, tracks) if len(tracks) == n_tracks else ()
    return assembled(path, np.arange(n_frames), keypoints, confidence, names, skeleton=skeleton, animals=animals)


def _axes(path: Path, file: Any, n_nodes: int) -> tuple[str, ...]:
    """Name the axes of the tracks: as the file does, or, of older files, by their lengths."""
    tracks = file["tracks"]
    if "dims" in tracks.attrs:
        return tuple(json.loads(text_of(tracks.attrs["dims"])))
    n_tracks = max(1, len(file["track_names"])) if "track_names" in file else None
    wanted = {"xy": 2, "node": n_nodes, "track": n_tracks}
    orders = ORDERS if file.attrs.get("transpose", True) else ORDERS[::-1]
    for order in orders if tracks.ndim == 4 else ():
        if all(wanted.get(axis) in (None, size) for axis, size in zip(order, tracks.shape, strict=True)):
            return order
    raise PredictionsError(f"{path}: its tracks of shape {tracks.shape} do not fit {n_nodes} nodes; export it again")


def _without_xy(scores: Any, axes: Sequence[str]) -> tuple[str, ...]:
    if "dims" in scores.attrs:
        return tuple(json.loads(text_of(scores.attrs["dims"])))
    return tuple(axis for axis in axes if axis != "xy")


def _read(dataset: Any, axes: Sequence[str], wanted: dict[str, Any], order: tuple[str, ...]) -> NDArray[np.float32]:
    """Read a part of an array, with the axes that are left in this order."""
    part = dataset[tuple(wanted.get(axis, slice(None)) for axis in axes)]
    left = [axis for axis in axes if axis != "track"]
    return as_float32(part.transpose([left.index(axis) for axis in order]))


def _occupancy(path: Path, dataset: Any, n_frames: int, n_tracks: int) -> NDArray[np.bool_]:
    """Return which track exists in which frame, (n_frames, n_tracks)."""
    occupied = np.asarray(dataset[:]).astype(bool)
    dims = json.loads(text_of(dataset.attrs.get("dims", "[]")))
    if dims == ["track", "frame"] or (not dims and occupied.shape != (n_frames, n_tracks)):
        occupied = occupied.T
    if occupied.shape != (n_frames, n_tracks):
        raise PredictionsError(f"{path}: its tracks and its track_occupancy differ in size; export it again")
    return occupied
