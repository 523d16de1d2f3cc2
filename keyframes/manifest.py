"""``manifest.json`` and ``keyframes.csv``: the chosen frames for programs and for people.

The manifest holds nothing that differs between two runs of one command: no date, duration, host or absolute path.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict, cast

import numpy as np

from keyframes import __version__
from keyframes.choice.basis import Basis
from keyframes.choice.selection import ChosenFor, Keyframe, PredictionsEntry, Selection
from keyframes.names import shown_in
from keyframes.scan.scan import Scan
from keyframes.settings import Settings
from keyframes.video import VideoReader, file_hash

if TYPE_CHECKING:
    from typing_extensions import NotRequired

    from clustering import KSelection

SCHEMA_VERSION = 1
COLUMNS = ("frame_index", "time_s", "cluster", "cluster_size", "distance", "sharpness", "file")
EXTRA_COLUMNS = ("chosen_for", "reason", "note")


class VideoEntry(TypedDict):
    """What the manifest says of the video."""

    path: str
    width: int
    height: int
    frame_rate: float
    frames_decoded: int
    frames_claimed: int
    levels: NotRequired[list[float]]
    size_bytes: int
    hash: str
    read_with: NotRequired[str]


class KeyframeEntry(TypedDict):
    """A chosen frame: its `Keyframe`, its image (a path from the result folder), and a reviewer's note.

    Where predictions were looked at: what it was chosen for, and why, in words.
    """

    frame_index: int
    time_s: float | None
    cluster: int
    cluster_size: int
    distance: float
    sharpness: float
    chosen_for: NotRequired[ChosenFor]
    reason: NotRequired[str]
    file: str
    note: NotRequired[str]


class KEntry(TypedDict):
    """How an automatic k was found: the chosen number and the curve behind it."""

    k: int
    method: str
    clear: bool
    ks: list[int]
    inertias: list[float]


class DistanceEntry(TypedDict):
    """What the distance of two frames was made of, as a `Basis` says it, and why."""

    compares: Literal["animals", "pictures"]
    bounded: bool
    held: float
    jumping: float
    unseen: float
    reason: str


class ScanEntry(TypedDict):
    """What a scan looked at that was not of every frame: so many of the frames of the range, at the stride.

    `longest_gap_s` is the longest time in which no frame was looked at.
    """

    frames: int
    looked_at: int
    longest_gap_s: float


class UnlikeEntry(TypedDict):
    """A project of ``--unlike``: its name, how many frames it has, and how many of them are of this video."""

    project: str
    frames: int
    of_this_video: int


class Change(TypedDict):
    """A change that a reviewer made: the entries that it removed and added, or a frame's note before and after."""

    action: Literal["swap", "drop", "add", "note"]
    removed: NotRequired[KeyframeEntry]
    added: NotRequired[KeyframeEntry]
    frame_index: NotRequired[int]
    before: NotRequired[str]
    after: NotRequired[str]


class Manifest(TypedDict):
    """The content of ``manifest.json``.

    `settings` is `Settings.as_dict`, `views` the names of the videos that were looked at together, `guards` that of
    `Selection`, `budget` the total of a batch; `review` has the history of a reviewer's changes, the latest one last.
    """

    schema_version: int
    tool_version: str
    video: VideoEntry
    settings: dict[str, Any]
    scan: NotRequired[ScanEntry]
    k_selection: NotRequired[KEntry]
    views: NotRequired[list[str]]
    unlike: NotRequired[list[UnlikeEntry]]
    distance: NotRequired[DistanceEntry]
    predictions: NotRequired[PredictionsEntry]
    guards: NotRequired[dict[str, dict[str, Any]]]
    keyframes: list[KeyframeEntry]
    warnings: list[str]
    budget: NotRequired[dict[str, int]]
    review: NotRequired[dict[str, list[Change]]]


def build_manifest(
    reader: VideoReader,
    scan: Scan,
    settings: Settings,
    selection: Selection,
    warnings: Sequence[str],
    k_selection: KSelection | None = None,
    *,
    unlike: Sequence[UnlikeEntry] = (),
    views: Sequence[str] = (),
    predictions: PredictionsEntry | None = None,
) -> Manifest:
    """Return the content of ``manifest.json``; see `Manifest` for `unlike`, `views` and `predictions`."""
    video = _video_entry(reader, scan)
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "tool_version": __version__,
        "video": video,
        "settings": _settings_entry(settings, scan),
        **({"scan": _scan_entry(reader, scan)} if scan.view.excerpts else {}),
        **({} if k_selection is None else {"k_selection": _k_entry(k_selection)}),
        **({"views": views} if views else {}),
        **({"unlike": unlike} if unlike else {}),
        **({} if selection.basis is None else {"distance": _distance_entry(selection.basis)}),
        **({"predictions": _predictions_entry(predictions, selection)} if predictions else {}),
        **({"guards": selection.guards} if selection.guards else {}),
        "keyframes": [keyframe_entry(keyframe, video, settings.format) for keyframe in selection.keyframes],
        "warnings": warnings,
    }
    return cast(Manifest, shown_in(manifest))


def frames_of(scan: Scan, manifest: Manifest) -> int:
    """Return how many frames of the range a choice was made from, whether all of them were looked at or not."""
    return manifest["scan"]["frames"] if "scan" in manifest else len(scan.frame_index)


def keyframe_entry(keyframe: Keyframe, video: VideoEntry, image_format: str) -> KeyframeEntry:
    """Return the entry of a chosen frame."""
    # Without predictions there is no reason.
    known = {name: value for name, value in vars(keyframe).items() if value or name not in ("chosen_for", "reason")}
    return cast(KeyframeEntry, {**known, "file": image_file(keyframe.frame_index, video, image_format)})


def image_file(frame_index: int, video: VideoEntry, image_format: str) -> str:
    """Return where the image of a frame lies; its index has as many digits as the last one, as DeepLabCut writes it."""
    last = max(video["frames_claimed"], video["frames_decoded"], 1) - 1
    return f"frames/img{frame_index:0{len(str(last))}d}.{image_format}"


def _video_entry(reader: VideoReader, scan: Scan) -> VideoEntry:
    header = reader.header
    levels = None if reader.images is None else reader.images.levels
    entry = {
        "path": header.name,
        "width": header.width,
        "height": header.height,
        "frame_rate": header.frame_rate,
        "frames_decoded": scan.frames_decoded,
        "frames_claimed": header.frames_claimed,
        **({} if levels is None else {"levels": list(levels)}),
        "size_bytes": header.size_bytes,
        "hash": file_hash(reader.path, header.size_bytes),
        **({"read_with": header.backend_reason} if header.backend_reason else {}),
    }
    return cast(VideoEntry, entry)


def _k_entry(found: KSelection) -> KEntry:
    """Return an automatic k and its curve, in as many digits as matter."""
    return {
        "k": found.k,
        "method": found.method,
        "clear": found.clear,
        "ks": found.ks.tolist(),
        "inertias": [float(f"{inertia:.6g}") for inertia in found.inertias],
    }


def _settings_entry(settings: Settings, scan: Scan) -> dict[str, Any]:
    """Return the settings, with the kind of scan that it was where that was left open."""
    entry = settings.as_dict()
    # Where nobody looked at pictures it stays open.
    if entry["scan"] == "auto" and len(scan.fingerprint):
        entry["scan"] = "sparse" if scan.view.excerpts else "exact"
    return entry


def _scan_entry(reader: VideoReader, scan: Scan) -> ScanEntry:
    first, stop = reader.frame_range
    ends = np.concatenate([[first - 1], scan.frame_index, [stop]])
    first_s, last_s = reader.packets.times_ms[[first, stop - 1]] / 1000
    times_s = np.concatenate([[first_s], scan.time_s, [last_s]])
    return {
        "frames": -(-(stop - first) // reader.every),
        "looked_at": len(scan.frame_index),
        "longest_gap_s": round(float(np.diff(times_s)[np.diff(ends) > 1].max(initial=0)), 3),
    }


def _predictions_entry(predictions: PredictionsEntry, selection: Selection) -> PredictionsEntry:
    return {**predictions, "by_pictures": selection.by_pictures} if selection.by_pictures else predictions


def _distance_entry(basis: Basis) -> DistanceEntry:
    return {
        "compares": basis.compares,
        "bounded": basis.bounded,
        "held": round(basis.held, 3),
        "jumping": round(basis.jumping, 3),
        "unseen": round(basis.unseen, 3),
        "reason": basis.reason,
    }


def manifest_text(manifest: Manifest) -> str:
    """Return the text of ``manifest.json``."""
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def table_text(manifest: Manifest) -> str:
    """Return the text of ``keyframes.csv``; reasons and notes have columns where there are any."""
    entries = manifest["keyframes"]
    columns = (*COLUMNS, *(name for name in EXTRA_COLUMNS if any(name in entry for entry in entries)))
    written = io.StringIO(newline="")
    table = csv.DictWriter(written, columns, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(entries)
    return written.getvalue()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``manifest.json`` and ``keyframes.csv`` into a folder."""
    for name, content in (("manifest.json", manifest_text(manifest)), ("keyframes.csv", table_text(manifest))):
        (folder / name).write_text(content, encoding="utf-8", newline="")
