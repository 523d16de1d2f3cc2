"""How a video is known again on disk: by its content, or, where it was converted, by its name and number of frames."""

from dataclasses import dataclass
from pathlib import Path

from keyframes.errors import VideoError
from keyframes.manifest import VideoEntry
from keyframes.names import folded, plain
from keyframes.video import VideoReader, file_hash
from keyframes.video.images import image_files


@dataclass(frozen=True)
class VideoIdentity:
    """What tells a video from others: the name of its file, and size, hash and number of frames."""

    name: str
    size_bytes: int
    content_hash: str
    n_frames: int

    @classmethod
    def of(cls, video: VideoEntry) -> "VideoIdentity":
        """Return that of a manifest's video."""
        n_frames = max(video["frames_claimed"], video["frames_decoded"])
        return cls(video["path"], video["size_bytes"], video["hash"], n_frames)

    def is_at(self, path: Path) -> bool:
        """Whether a file, or a folder of images, has this content; False where it cannot be read."""
        try:
            has_size = bool(image_files(path)) if path.is_dir() else path.stat().st_size == self.size_bytes
            return has_size and file_hash(path, self.size_bytes) == self.content_hash
        except (OSError, ValueError, VideoError):
            # A path from another computer's project may be no valid path here.
            return False

    def is_converted_at(self, path: Path) -> bool:
        """Whether a file seems to be this video in another container: the same stem, and as many frames."""
        own, other = Path(plain(self.name)), Path(plain(path.name))
        if other.suffix.lower() == own.suffix.lower() or folded(other.stem) != folded(own.stem):
            return False
        try:
            with VideoReader(path) as reader:
                return reader.header.frames_claimed == self.n_frames
        except VideoError:
            return False
