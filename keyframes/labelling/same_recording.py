"""Which recordings of a project are a video: known by content, or by name where the project's file is not here."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

from keyframes.labelling.image_names import closest_paths
from keyframes.labelling.labelled_frame import LabelledFrame
from keyframes.names import plain
from keyframes.result.video_identity import VideoIdentity
from keyframes.video import VideoReader, file_hash

T = TypeVar("T")
# What tells a project's recordings apart: name, where its video may be, and hash.
Key = tuple[str, tuple[str, ...], str]


@dataclass(frozen=True)
class OwnVideo:
    """The video that frames are chosen from, at its absolute path."""

    path: Path
    identity: VideoIdentity

    @classmethod
    def of(cls, video: VideoReader) -> "OwnVideo":
        """Describe an open video."""
        size, n_frames = video.header.size_bytes, video.header.frames_claimed
        identity = VideoIdentity(video.path.name, size, file_hash(video.path, size), n_frames)
        return cls(video.path.absolute(), identity)

    def has_name(self, name: str) -> bool:
        """Whether a project may call it so: by its stem, or, as one of several of equal stems, as exports do."""
        wanted, stem, own = (plain(text).casefold() for text in (name, self.path.stem, self.path.name))
        if wanted in (stem, own):
            return True
        with_ending = own.replace(".", "-")
        return re.fullmatch(rf"{re.escape(with_ending)}(-\d+)?", wanted) is not None

    def is_at(self, places: Sequence[str]) -> bool:
        """Whether one of these files has its content."""
        return any(map(self.identity.is_at, map(Path, places)))

    def may_be_at(self, places: Sequence[str]) -> bool:
        """Whether a video of its name in one of these places may be it: none is here, or one was converted from it."""
        there = [Path(place) for place in places if Path(place).exists()]
        return not there or any(map(self.identity.is_converted_at, there))


def matching(
    own: OwnVideo, candidates: Sequence[T], name_of: Callable[[T], str], places_of: Callable[[T], Sequence[str]]
) -> list[T]:
    """Return the candidates that are a video.

    Where one has its content, no other is it, whatever its name. A file of its name with another content is another
    video, unless it has another ending and as many frames: then it was converted. Of several that are not here, the
    path decides that is most like the video's own.

    Parameters
    ----------
    own : OwnVideo
    candidates : sequence
    name_of, places_of : callable
        Name of a candidate in its project, and where its video may lie: the recorded path first.
    """
    exact = [one for one in candidates if own.is_at(places_of(one))]
    named = [one for one in candidates if own.has_name(name_of(one)) and own.may_be_at(places_of(one))]
    return exact or closest_paths(named, lambda one: next(iter(places_of(one)), ""), own.path)


def key_of(frame: LabelledFrame) -> Key:
    """Return what tells a frame's recording from the others of its project."""
    return frame.recording, frame.videos, frame.video_hash


def recordings_of(own: OwnVideo, frames: Sequence[LabelledFrame]) -> set[Key]:
    """Return the recordings among a project's frames that are a video."""
    keys = sorted({key_of(frame) for frame in frames})
    if known := {key for key in keys if key[2] == own.identity.content_hash}:
        return known
    return set(matching(own, [key for key in keys if not key[2]], itemgetter(0), itemgetter(1)))
