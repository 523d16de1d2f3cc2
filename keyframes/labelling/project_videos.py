"""The folder ``videos/`` of a project: links to the recordings, or copies where the user wants them."""

import shutil
from collections.abc import Iterable
from pathlib import Path

from keyframes.errors import ExportError
from keyframes.labelling.project_changes import Changes
from keyframes.names import is_utf8
from keyframes.result.recordings import Recording

FOLDER = "videos"


def put_video(recording: Recording, path: Path, changes: Changes, copy: bool, notes: list[str]) -> Path | None:
    """Link a recording's video to a path in the project, or copy it there; add to `notes` what the user should know.

    Returns that path; None where the file system refuses links. An ExportError says that the project has another video
    of this name.
    """
    video = recording.need_video()
    there = changes.root / path
    if there.exists():
        if recording.identity.is_at(there):
            return path
        if recording.identity.is_converted_at(there):
            notes.append(told_of_copy(recording, there))
            return path
        raise ExportError(
            f"{there}: the project has another video of this name, and their frames would be mixed; "
            f"rename {video}, and extract from it again"
        )
    if there.is_symlink():
        notes.append(f"{there} is a link to a file that no longer exists: link it to {video}")
        return path
    place = changes.folder / path
    place.parent.mkdir(exist_ok=True)
    if copy:
        copy_tree = shutil.copytree if video.is_dir() else shutil.copyfile
        copy_tree(video, place)
        return path
    try:
        place.symlink_to(video, target_is_directory=video.is_dir())
    except (OSError, NotImplementedError):
        # Windows without developer mode, and file systems such as exFAT.
        return None
    return path


def told_of_copy(recording: Recording, path: Path) -> str:
    """Return the note that a file is taken for a recording's video in another container."""
    return f"{path} is assumed to be a converted copy of {recording.manifest['video']['path']}: it has as many frames"


def known_video(recording: Recording, files: Iterable[Path]) -> Path | None:
    """Find a recording's video among the files of a project that the project's texts can name."""
    return next(filter(recording.identity.is_at, (path for path in files if is_utf8(path.name))), None)
