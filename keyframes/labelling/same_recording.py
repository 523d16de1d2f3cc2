"""Which recordings of a project are a video: known by content, or by name where the project's file is not here."""

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from keyframes.labelling.image_names import parts_of
from keyframes.labelling.labelled_frame import ProjectVideo
from keyframes.names import composed, folded, n_agreeing, plain
from keyframes.result.video_identity import VideoIdentity
from keyframes.video import VideoReader, file_hash
from keyframes.video.images import image_files


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

    @property
    def image_places(self) -> dict[str, int]:
        """The frame index of each image of a folder, by its name; empty for other videos."""
        return {file.name: index for index, file in enumerate(image_files(self.path))} if self.path.is_dir() else {}

    def has_name(self, name: str) -> bool:
        """Whether a project may call it so: by its stem, or, as one of several of equal stems, as exports do."""
        wanted, stem, own = map(folded, (name, self.path.stem, self.path.name))
        if wanted in (stem, own):
            return True
        with_ending = own.replace(".", "-")
        return re.fullmatch(rf"{re.escape(with_ending)}(-\d+)?", wanted) is not None

    def may_be_at(self, paths: Sequence[str]) -> bool:
        """Whether a video of its name in one of these places may be it: none is here, or one was converted from it."""
        there = [Path(path) for path in paths if os.path.exists(path)]
        return not there or any(map(self.identity.is_converted_at, there))


def matching(own: OwnVideo, candidates: Iterable[ProjectVideo]) -> list[ProjectVideo]:
    """Return the videos of a project that are a video.

    Where one has its content, no other is it, whatever its name. A file of its name with another content is another
    video, unless it has another ending and as many frames: then it was converted. Of several that are not here, the
    path decides that is most like the video's own.
    """
    candidates = list(candidates)
    if known := [one for one in candidates if one.content_hash == own.identity.content_hash]:
        return known
    unknown = [one for one in candidates if not one.content_hash]
    if exact := [one for one in unknown if any(map(own.identity.is_at, map(Path, one.paths)))]:
        return exact
    return closest([one for one in unknown if own.has_name(one.name) and own.may_be_at(one.paths)], own.path)


def closest(candidates: list[ProjectVideo], path: Path) -> list[ProjectVideo]:
    """Keep those whose path shares most folders with another path, from its end: of equal names, the likeliest."""
    own = [composed(plain(part)) for part in path.parts[-2::-1]]

    def n_shared(candidate: ProjectVideo) -> int:
        folders = [composed(plain(part)) for part in parts_of(next(iter(candidate.paths), ""))[-2::-1]]
        return n_agreeing(folders, own)

    most = max(map(n_shared, candidates), default=0)
    return [candidate for candidate in candidates if n_shared(candidate) == most]
