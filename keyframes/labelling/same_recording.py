"""Which recordings of a project are a video: known by content, or by name where the project's file is not here."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

from keyframes.labelling.image_names import parts_of
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
    """Return the candidates that are a video, by their names and by where they may lie: the recorded path first.

    Where one has its content, no other is it, whatever its name. A file of its name with another content is another
    video, unless it has another ending and as many frames: then it was converted. Of several that are not here, the
    path decides that is most like the video's own.
    """
    exact = [one for one in candidates if own.is_at(places_of(one))]
    named = [one for one in candidates if own.has_name(name_of(one)) and own.may_be_at(places_of(one))]
    return exact or closest_paths(named, lambda one: next(iter(places_of(one)), ""), own.path)


def closest_paths(candidates: list[T], path_of: Callable[[T], str], path: Path) -> list[T]:
    """Keep those whose path shares most folders with another path, from its end: of equal names, the likeliest."""

    def n_shared(candidate: T) -> int:
        folders = [plain(part) for part in parts_of(path_of(candidate))[-2::-1]]
        own = [plain(part) for part in path.parts[-2::-1]]
        return next((i for i, pair in enumerate(zip(folders, own, strict=False)) if len(set(pair)) > 1), len(folders))

    most = max(map(n_shared, candidates), default=0)
    return [candidate for candidate in candidates if n_shared(candidate) == most]


def key_of(frame: LabelledFrame) -> Key:
    """Return what tells a frame's recording from the others of its project."""
    return frame.recording, frame.videos, frame.video_hash


def recordings_of(own: OwnVideo, frames: Sequence[LabelledFrame]) -> set[Key]:
    """Return the recordings among a project's frames that are a video."""
    keys = sorted({key_of(frame) for frame in frames})
    if known := {key for key in keys if key[2] == own.identity.content_hash}:
        return known
    return set(matching(own, [key for key in keys if not key[2]], itemgetter(0), itemgetter(1)))
