"""One review of a result folder: everything that its page can ask for, whoever serves it."""

import bisect
import os
import threading
import zlib
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.choice.selection import keyframe_at
from keyframes.errors import ExportError, KeyframesError, ReviewError, StaleError
from keyframes.export_options import WITH_PROJECT, ExportOptions, ExportTool
from keyframes.labelling import export, uses_of
from keyframes.labelling.deeplabcut.export import default_place
from keyframes.labelling.exported import Exported
from keyframes.manifest import Change, KeyframeEntry, Manifest, image_file, keyframe_entry
from keyframes.report.overview import make_overview, map_square, timeline
from keyframes.report.points import listed_points
from keyframes.report.report import mark
from keyframes.report.thumbnails import thumbnail
from keyframes.result.image_files import read_image
from keyframes.result.naming import unused_file
from keyframes.result.recordings import read_recordings, results_in
from keyframes.result.scan_file import read_scan
from keyframes.review import changes
from keyframes.review.folder import ReviewedFolder
from keyframes.review.pictures import Pictures, settings_of

# Widths of the pictures that the page shows, the bytes that each may take, and how many are kept in memory.
SIZES = {"small": (360, 36_000, 900), "large": (1280, 600_000, 50)}
CANDIDATES_AT_ONCE = 12
# After a change the contact sheet and the report wait for the next one, so that not each of them writes them.
PAUSE_S = 1.5


class Session(AbstractContextManager["Session"]):
    """A review. Its methods may be called from several threads; changes are made one after another. A context manager.

    `video` is needed where it is neither beside the folder nor in the working folder; exports are added to `project`.
    The page shows `name` instead of that of the video, where several videos have the same.
    An ExportError says that the folder is no result or its video is not found, a ReviewError that it is being reviewed.
    """

    def __init__(self, folder: Path, video: Path | None = None, project: Path | None = None, name: str = "") -> None:
        if (first := results_in(folder)[0]) != folder:
            raise ReviewError(f"{folder}: holds results, but is not one itself; name one of them, such as {first}")
        recordings = read_recordings([folder], [] if video is None else [video])
        self.video = recordings[0].need_video()
        self.project, self._name = project, name
        self._scan = read_scan(folder / "scan.npz")
        # Another extraction, which replaces this one, has another timeline and map.
        self._scan_key = zlib.crc32(self._scan.label.tobytes(), zlib.crc32(self._scan.frame_index.tobytes()))
        self._timeline = timeline(self._scan.frame_index, self._scan.time_s)
        self._kept = {size: lru_cache(most)(partial(self._picture, size)) for size, (_, _, most) in SIZES.items()}
        self._changing = threading.RLock()
        self._due, self._ended = threading.Event(), threading.Event()
        with ExitStack() as opened:
            self._folder = opened.enter_context(closing(ReviewedFolder(folder, recordings[0].manifest)))
            self._pictures = opened.enter_context(closing(Pictures(self.video, settings_of(self.manifest), self._scan)))
            self._folder.mend(self._pictures.get)
            self._write_summaries()
            self._opened = opened.pop_all()
        self._summing_up = threading.Thread(target=self._sum_up, name="keyframes-summaries", daemon=True)
        self._summing_up.start()

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def is_current(self) -> bool:
        """Whether the folder still holds the choice that is reviewed."""
        with self._changing:
            return self._folder.is_current

    @property
    def manifest(self) -> Manifest:
        """The choice as it is."""
        return self._folder.manifest

    def close(self) -> None:
        """Finish the contact sheet and the report, and let others review the folder."""
        # A change that is being made is made whole.
        with self._changing:
            self._ended.set()
            self._due.set()
            self._summing_up.join()
            self._opened.close()

    def state(self) -> dict[str, Any]:
        """Return what the page shows of the choice."""
        with self._changing:
            manifest, revision = self.manifest, self.revision()
        records = changes.history(manifest)
        return {
            **revision,
            "video": self._name or manifest["video"]["path"],
            "width": manifest["video"]["width"],
            "height": manifest["video"]["height"],
            "warnings": manifest["warnings"],
            "predictions": manifest.get("predictions"),
            "keyframes": [
                {
                    **mark(entry),
                    "note": entry.get("note", ""),
                    "points": self._points(self._scan.row(entry["frame_index"])),
                }
                for entry in manifest["keyframes"]
            ],
            "n_changes": len(records),
            "last": _told(records[-1]) if records else "",
            "tools": list(get_args(ExportTool)),
            "with_project": list(WITH_PROJECT) if self.project is not None else [],
            "project": "" if self.project is None else self.project.name,
        }

    def revision(self) -> dict[str, Any]:
        """Return what tells a state, and the scan behind it, from others, for a page that asks every few seconds."""
        return {"revision": self._folder.revision, "scan": self._scan_key}

    def overview(self) -> dict[str, Any]:
        """Return timeline and map for the page's scripts."""
        scan = self._scan
        rows = [scan.row(entry["frame_index"]) for entry in self.manifest["keyframes"]]
        chosen = np.array([row for row in rows if row >= 0], np.int64)
        overview = make_overview(self._timeline, scan.label, scan.map, chosen, has_gaps="scan" in self.manifest)
        middle, side = map_square(scan.map)
        return {
            **overview.as_dict(scan.frame_index, self._timeline, scan.label, scan.doubt),
            "no_times": self._timeline is not scan.time_s,
            "origin": (middle - side / 2).tolist(),
            "side": side,
        }

    def candidates(self, frame_index: int, start: int = 0, apart_s: float = 0.0) -> dict[str, Any]:
        """Return the other members of a chosen frame's cluster, those nearest to its centre first, some at a time.

        Those that lie closer than `apart_s` to a nearer one, or to the chosen frame, are left out: in seconds, or in
        frames where these have no times.
        """
        cluster = changes.entry_of(self.manifest, frame_index)["cluster"]
        scan, chosen = self._scan, [entry["frame_index"] for entry in self.manifest["keyframes"]]
        members = np.flatnonzero(scan.label == cluster)
        members = members[~np.isin(scan.frame_index[members], chosen)]
        ranked = members[np.argsort(scan.distance[members], kind="stable")]
        stop = start + CANDIDATES_AT_ONCE
        if apart_s > 0:
            ranked = _spread(ranked, self._timeline, scan.row(frame_index), apart_s, stop + 1)
        return {
            "frame": frame_index,
            "n": len(members),
            "more": len(ranked) > stop,
            "candidates": [self._described(int(row)) for row in ranked[start:stop]],
        }

    def near(self, time_s: float) -> dict[str, Any]:
        """Return the frame that was looked at and is shown at a place on the timeline."""
        row = int(np.searchsorted(self._timeline, time_s, side="right")) - 1
        return self._described(min(max(row, 0), len(self._timeline) - 1))

    def look_at(self, frame_index: int, step: int = 0) -> dict[str, Any]:
        """Return a frame that was looked at, or the one so many of them after it."""
        return self._described(min(max(self._row(frame_index) + step, 0), len(self._scan.frame_index) - 1))

    def picture(self, frame_index: int, size: str) -> bytes:
        """Return a picture as a JPEG file, "small" or "large"."""
        if size not in SIZES:
            raise ReviewError(f"there is no size {size!r}; ask for {' or '.join(SIZES)}")
        return self._kept[size](frame_index)

    def change(self, revision: str, action: str, frame_index: int | None, by: int | None, words: str) -> dict[str, Any]:
        """Change the choice, save it, and return the new state.

        The actions are "swap" (`frame_index` for `by`), "drop", "add", "note" (`words`) and "undo". `revision` is that
        of the state which the page shows; a StaleError says that the choice is another one by now, and a ReviewError
        that the change cannot be made.
        """
        with self._changing:
            if revision != self._folder.revision:
                raise StaleError("the choice was changed in another page; it is shown as it is now")
            manifest = self._changed(action, frame_index, by, words)
            if manifest != self.manifest:
                self._folder.save(manifest, self._pictures.get)
                self._due.set()
            return self.state()

    def export(self, tool: ExportTool, task: str, scorer: str, bodyparts: tuple[str, ...]) -> Exported:
        """Bring the choice into a labelling tool: into the project that was named, or to a new place.

        A StaleError says that the folder holds another choice by now, which the page does not show.
        """
        with self._changing:
            self._folder.check_current()
            project = self.project if tool in WITH_PROJECT else None
            if tool == "deeplabcut":
                place = default_place(ExportOptions(task=task, scorer=scorer))
            else:
                place = self._folder.folder.resolve()
                place = place.with_name(f"{place.name.removesuffix('-keyframes')}-{tool}")
            output = unused_file(place, "") if project is None else None
            # The page keeps what was filled in for another tool.
            options: dict[str, Any] = {"task": task, "scorer": scorer, "bodyparts": bodyparts}
            used = {name: value for name, value in options.items() if name in uses_of(tool)}
            # Not every tool needs the video, which may have been moved since the page was opened.
            videos = [self.video] if os.path.exists(self.video) else []
            return export(self._folder.folder, tool, output=output, videos=videos, project=project, **used)

    def _changed(self, action: str, frame_index: int | None, by: int | None, words: str) -> Manifest:
        manifest = self.manifest
        if action == "undo":
            return changes.undo(manifest)
        if frame_index is None:
            raise ReviewError(f"no frame was named to {action}")
        if action == "swap" and by is not None:
            return changes.swap(manifest, frame_index, self._entry(by))
        if action == "drop":
            return changes.drop(manifest, frame_index)
        if action == "add":
            return changes.add(manifest, self._entry(frame_index))
        if action == "note":
            return changes.note(manifest, frame_index, words)
        raise ReviewError(f"{action!r} is not a change that this page can make")

    def _entry(self, frame_index: int) -> KeyframeEntry:
        row, scan = self._row(frame_index), self._scan
        cluster = scan.label[row]
        keyframe = keyframe_at(scan, row, cluster, np.count_nonzero(scan.label == cluster), scan.distance[row])
        return keyframe_entry(keyframe, self.manifest["video"], self.manifest["settings"]["format"])

    def _row(self, frame_index: int) -> int:
        row = self._scan.row(frame_index)
        if row < 0:
            raise ReviewError(f"frame {frame_index} was not scanned; choose one that was")
        return row

    def _described(self, row: int) -> dict[str, Any]:
        scan = self._scan
        return {
            "frame": int(scan.frame_index[row]),
            "time": float(self._timeline[row]),
            "cluster": int(scan.label[row]),
            "distance": float(scan.distance[row]),
            "sharpness": float(scan.sharpness[row]),
            "map": [float(value) for value in scan.map[row]],
            "points": self._points(row),
        }

    def _points(self, row: int) -> list[Any]:
        """Return the predicted points of a row; none where there are no predictions."""
        return listed_points(None if self._scan.points is None or row < 0 else self._scan.points[row])

    def _picture(self, size: str, frame_index: int) -> bytes:
        width, most_bytes, _ = SIZES[size]
        return thumbnail(self._image(frame_index), most_bytes, width)

    def _image(self, frame_index: int) -> NDArray[np.uint8]:
        """Return the picture of a frame, from its file where it is chosen."""
        manifest = self.manifest
        file = self._folder.folder / image_file(frame_index, manifest["video"], manifest["settings"]["format"])
        if os.path.exists(file):
            with suppress(ExportError):
                return read_image(file)
        return self._pictures.get(frame_index)

    def _write_summaries(self) -> None:
        if self._folder.is_current and self._folder.summaries_are_due:
            self._folder.write_summaries(self.manifest, self._scan)

    def _sum_up(self) -> None:
        """Keep the contact sheet and the report up to the choice, behind the changes."""
        while True:
            self._due.wait()
            if not self._ended.is_set():
                self._ended.wait(PAUSE_S)
            self._due.clear()
            # Of an image that a change takes away meanwhile: that change is the next to be summed up.
            with suppress(KeyframesError, OSError, cv2.error):
                self._write_summaries()
            if self._ended.is_set():
                return


def _told(record: Change) -> str:
    """Write a change as people read it."""
    if record["action"] == "note":
        return f"note to frame {record['frame_index']}"
    removed, added = record.get("removed"), record.get("added")
    if removed and added:
        return f"swap of frame {removed['frame_index']} for {added['frame_index']}"
    return (
        f"drop of frame {removed['frame_index']}" if removed else f"addition of frame {record['added']['frame_index']}"
    )


def _spread(
    ranked: NDArray[np.int64], along: NDArray[np.float64], first: int, apart_s: float, enough: int
) -> NDArray[np.int64]:
    """Rows, no more than `enough`, of which none is closer on the timeline to one before it, or to a first one."""
    kept, taken = [], [float(along[first])]
    for row in ranked.tolist():
        place = bisect.bisect(taken, along[row])
        near = taken[max(0, place - 1) : place + 1]
        if all(abs(along[row] - other) >= apart_s for other in near):
            kept.append(row)
            taken.insert(place, float(along[row]))
            if len(kept) == enough:
                break
    return np.array(kept, np.int64)
