"""Recordings of which frames were chosen earlier: results, read back from their folders, and the videos."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, cast

from keyframes.errors import ExportError, no_folder, not_there
from keyframes.manifest import SCHEMA_VERSION, KeyframeEntry, Manifest
from keyframes.names import entry_shown_as, plain, restored, shown
from keyframes.predictions import Predictions
from keyframes.progress import progress_bar
from keyframes.result.image_files import encoded, read_intact
from keyframes.result.naming import session_name, video_names
from keyframes.result.video_identity import VideoIdentity
from keyframes.video import VideoReader

# Entries of a manifest's video that are read, and where the images of a result lie.
VIDEO_KINDS = {"path": str, "hash": str} | dict.fromkeys(
    ("size_bytes", "width", "height", "frames_claimed", "frames_decoded"), int
)
IMAGE = re.compile(r"frames/img\d+\.(png|jpg)")


@dataclass(frozen=True)
class Recording:
    """A recording of which frames were chosen earlier: the result, and where the video lies, if it was found.

    `folder` is that of the result, and `video` an absolute path, proven by its hash, or None. `name` names the folder
    of its images in a project; no other recording of the same export has it. `view` names the camera, where several
    films of one scene are exported together. `predictions` are what a network predicted on its frames, where that is
    exported too.
    """

    name: str
    folder: Path
    manifest: Manifest
    video: Path | None
    view: str = ""
    predictions: Predictions | None = field(default=None, repr=False)

    @property
    def frame_indices(self) -> list[int]:
        """The chosen frame indices in time order."""
        return [entry["frame_index"] for entry in self.manifest["keyframes"]]

    @property
    def identity(self) -> VideoIdentity:
        """What tells its video from others."""
        return VideoIdentity.of(self.manifest["video"])

    @property
    def video_name(self) -> str:
        """Name of the video in a project: that of the folder of its images, and its own ending."""
        return f"{self.name}{restored(plain(self.need_video().suffix))}"

    @cached_property
    def files(self) -> dict[int, Path]:
        """The exported image of each frame index."""
        return {entry["frame_index"]: self.folder / entry["file"] for entry in self.manifest["keyframes"]}

    def told_what_was_there(self, n_added: int) -> list[str]:
        """Return the note that not all frames were added, or none."""
        n_frames = len(self.frame_indices)
        if n_added == n_frames:
            return []
        n_there = n_frames - n_added
        told = f"{n_there} of the {n_frames} frames of {self.name} {'was' if n_there == 1 else 'were'} there already"
        return [told if self.predictions is None else f"{told}; only new frames get predictions"]

    def need_video(self) -> Path:
        """Return the video, or raise an ExportError where it was not found."""
        if self.video is None:
            raise ExportError(
                f"{self.folder}: its video {self.manifest['video']['path']} is neither beside it nor in the current "
                "folder; say where it is with --video"
            )
        return self.video

    def open_video(self) -> VideoReader:
        """Open the video so that its pictures are those of the result, or raise an ExportError where it is missing."""
        levels = self.manifest["settings"].get("levels")
        return VideoReader(self.need_video(), levels=None if levels is None else tuple(levels))

    def images(self, wanted: Sequence[int], progress: bool) -> Iterator[tuple[int, bytes]]:
        """Yield (frame index, PNG file) of these frames, in ascending order.

        The images of the result serve where they are PNG; only others are decoded once more.
        """
        others = [index for index in wanted if self.files[index].suffix != ".png"]
        if not others:
            for index in sorted(wanted):
                yield index, read_intact(self.files[index])
            return
        with (
            self.open_video() as reader,
            progress_bar(reader.read_frames(wanted), "images", len(wanted), "images", progress) as frames,
        ):
            for frame in frames:
                yield frame.index, encoded(self.files[frame.index].with_suffix(".png"), frame.image)


def read_recordings(
    folders: Sequence[Path], videos: Sequence[Path] = (), views: Sequence[str] = ()
) -> tuple[Recording, ...]:
    """Read earlier results; a folder without a manifest means all results below it.

    Their videos are among `videos`, beside the result folder or in the working folder; where the folders show one
    scene, `views` names the camera of each. An ExportError says that a folder is no result, or that a video is not the
    one that a result came from.
    """
    found = [(result, read_manifest(result)) for folder in folders for result in results_in(folder)]
    results, manifests = zip(*(found if views else _merged(found)), strict=True)
    names = video_names([Path(restored(plain(manifest["video"]["path"]))) for manifest in manifests])
    if views:
        if len(views) != len(results):
            raise ExportError(f"{len(views)} views were named for {len(results)} results; name one for each")
        views = [restored(plain(view)) for view in views]
        session = session_name(names[0], views[0])
        names = [f"{session}_{view}" for view in views]
    return tuple(
        Recording(name, folder, manifest, _find_video(folder, manifest, videos, len(results)), view)
        for name, folder, manifest, view in zip(names, results, manifests, views or [""] * len(results), strict=True)
    )


def _merged(found: list[tuple[Path, Manifest]]) -> Iterator[tuple[Path, Manifest]]:
    """Make one result of several from one video, which a project knows once; of equal frames the first counts."""
    for video in dict.fromkeys(manifest["video"]["hash"] for _, manifest in found):
        same = [(folder, manifest) for folder, manifest in found if manifest["video"]["hash"] == video]
        folder, manifest = same[0]
        entries: dict[int, KeyframeEntry] = {}
        for other, content in same:
            for entry in content["keyframes"]:
                # An absolute path, joined to the first one's folder, stays what it is.
                file = entry["file"] if other == folder else str((other / entry["file"]).absolute())
                entries.setdefault(entry["frame_index"], {**entry, "file": file})
        yield folder, {**manifest, "keyframes": [entries[index] for index in sorted(entries)]}


def results_in(folder: Path) -> list[Path]:
    """Return the folder if it is a result, or else all results below it, at any depth, as a batch makes them."""
    found = []
    for place, inside, files in os.walk(folder):
        if "manifest.json" in files:
            found.append(Path(place))
            inside.clear()
        links = (Path(place, name) for name in inside if os.path.islink(os.path.join(place, name)))
        found += [link for link in links if os.path.isfile(link / "manifest.json")]
        # What begins with a dot is not finished.
        inside[:] = [name for name in inside if not name.startswith(".")]
    return sorted(found) or [folder]


def read_manifest(folder: Path) -> Manifest:
    """Read a result's ``manifest.json``, or raise an ExportError."""
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        version = manifest["schema_version"]
        if version == SCHEMA_VERSION:
            _check(manifest)
    except (FileNotFoundError, NotADirectoryError):
        has_none = os.path.exists(folder)
        told = "is not the result of an extraction (it has no manifest.json)" if has_none else no_folder(folder)
        raise ExportError(f"{folder}: {told}; give the folder that keyframes extract wrote") from None
    except OSError as error:
        raise ExportError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    except (ValueError, KeyError, TypeError):
        raise ExportError(f"{path}: is damaged; run the extraction again") from None
    if version != SCHEMA_VERSION:
        raise ExportError(f"{path}: has schema version {version!r}, not {SCHEMA_VERSION}; run the extraction again")
    return cast(Manifest, manifest)


def missing_file(folder: Path) -> str:
    """Return the first image that a result lacks, or its manifest if that cannot be read; "" if nothing is missing.

    The folder is listed rather than asked for each image, because a network makes every question wait. A choice that a
    person changed counts as whole: the review page restores its images.
    """
    try:
        manifest = read_manifest(folder)
        there = {f"frames/{name}" for name in os.listdir(folder / "frames")}
    except ExportError:
        return "manifest.json"
    except OSError:
        return "frames"
    wanted = [] if "review" in manifest else [entry["file"] for entry in manifest["keyframes"]]
    return next((name for name in wanted if name not in there), "")


def _check(manifest: Any) -> None:
    """Raise a ValueError, KeyError or TypeError where a manifest is not what was written: people edit them by hand."""
    about, entries = manifest["video"], manifest["keyframes"]
    kinds = {"frame_index": int, "time_s": float | int | None, "cluster": int}
    is_good = [isinstance(entry[name], kind) for entry in entries for name, kind in kinds.items()]
    is_good += [IMAGE.fullmatch(entry["file"]) is not None and entry["frame_index"] >= 0 for entry in entries]
    is_good += [isinstance(about[name], kind) for name, kind in VIDEO_KINDS.items()]
    is_good += [isinstance(manifest["settings"]["format"], str)]
    n_different = len({entry["frame_index"] for entry in entries})
    if not (all(is_good) and entries and n_different == len(entries)):
        raise ValueError("an entry is missing, or of another kind")


def _find_video(folder: Path, manifest: Manifest, given: Sequence[Path], n_results: int) -> Path | None:
    """Find the video of a result among those given, beside the result or here, by its hash; its name comes first."""
    name = manifest["video"]["path"]
    named = [path for path in given if shown(path.name) == name] or (list(given) if n_results == 1 else [])
    for path in named:
        if not os.path.exists(path):
            raise ExportError(f"{path}: {not_there(path)}; say where the video of {folder} is with --video")
    elsewhere = [] if named else [entry_shown_as(place, name) for place in (folder.resolve().parent, Path())]
    for path in (*named, *given, *filter(None, elsewhere)):
        if VideoIdentity.of(manifest["video"]).is_at(path):
            return path.absolute()
    if named:
        raise ExportError(
            f"{named[0]}: is not the video that {folder} came from (its content differs); choose its frames again, or "
            "give the earlier video with --video"
        )
    return None
