"""Which recordings of a project are a video: known by content, or by name where the project's file is not here."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keyframes.datatypes import LabelledFrame
from keyframes.exporters.image_names import closest_paths
from keyframes.exporters.recording import has_content, is_converted
from keyframes.video import VideoReader, file_hash

# What tells a project's recordings apart: name, where its video may be, and hash.
Key = tuple[str, tuple[str, ...], str]


@dataclass(frozen=True)
class OwnVideo:
    """The video that frames are chosen from.

    Attributes
    ----------
    path : Path
        Absolute.
    size_bytes : int
    content_hash : str
    n_frames : int
        As its header claims.
    """

    path: Path
    size_bytes: int
    content_hash: str
    n_frames: int

    @classmethod
    def of(cls, video: VideoReader) -> "OwnVideo":
        """Describe an open video."""
        size = video.header.size_bytes
        return cls(video.path.absolute(), size, file_hash(video.path, size), video.header.frames_claimed)

    def has_name(self, name: str) -> bool:
        """Whether a project may call it so: by its stem, or, as one of several of equal stems, as exports do."""
        wanted = name.casefold()
        if wanted in (self.path.stem.casefold(), self.path.name.casefold()):
            return True
        with_ending = self.path.name.replace(".", "-").casefold()
        return re.fullmatch(rf"{re.escape(with_ending)}(-\d+)?", wanted) is not None


def key_of(frame: LabelledFrame) -> Key:
    """Return what tells a frame's recording from the others of its project."""
    return frame.recording, frame.videos, frame.video_hash


def recordings_of(own: OwnVideo, frames: Sequence[LabelledFrame]) -> set[Key]:
    """Return the recordings among a project's frames that are a video.

    Where one has its content, no other is it, whatever its name. A file of its name with another content is another
    video, unless it has another ending and as many frames: then it was converted.
    """
    keys = {key_of(frame) for frame in frames}
    exact = {key for key in keys if key[2] == own.content_hash or _has_content(own, key)}
    if exact:
        return exact
    named = [key for key in sorted(keys) if not key[2] and own.has_name(key[0]) and _may_be(own, key)]
    return set(closest_paths(named, lambda key: key[1][0] if key[1] else "", own.path))


def _has_content(own: OwnVideo, key: Key) -> bool:
    return not key[2] and any(has_content(Path(place), own.size_bytes, own.content_hash) for place in key[1])


def _may_be(own: OwnVideo, key: Key) -> bool:
    there = [Path(place) for place in key[1] if Path(place).exists()]
    return not there or any(is_converted(place, own.path.name, own.n_frames) for place in there)
