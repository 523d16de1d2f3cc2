"""Which videos there are below a folder, and where their results go."""

import os
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from keyframes.errors import BatchError
from keyframes.output import result_names

VIDEO_ENDINGS = frozenset(
    [
        ".3gp",
        ".asf",
        ".avi",
        ".flv",
        ".h264",
        ".m2ts",
        ".m4v",
        ".mjpeg",
        ".mjpg",
        ".mkv",
        ".mov",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".ogv",
        ".ts",
        ".webm",
        ".wmv",
    ]
)


def find_recordings(
    folder: Path, include: Sequence[str] = (), exclude: Sequence[str] = (), output: Path | None = None
) -> list[str]:
    """List the videos below a folder, as paths from it with slashes, sorted.

    Links are followed; a folder that several links lead to, or a link back to where it lies, counts once.

    Parameters
    ----------
    folder : Path
    include, exclude : sequence of str
        Patterns (``*``, ``?``, ``[...]``) that a file's name or its path from the folder matches, whatever the case.
        Without any to include: the endings of videos.
    output : Path or None
        A folder that is not looked into.

    Raises
    ------
    BatchError
        Where the folder cannot be looked into, or nothing in it matches.
    """
    if not folder.is_dir():
        raise BatchError(f"{folder}: is no folder; give the folder that the recordings lie in")
    found: list[str] = []
    seen = set() if output is None or not output.is_dir() else {_identity(output)}
    # What folders hold themselves comes before what links lead to, so that the name of a recording is its own.
    linked = [folder]
    while linked:
        inner = [linked.pop(0)]
        while inner:
            here = inner.pop()
            try:
                if _identity(here) in seen:
                    continue
                seen.add(_identity(here))
                entries = sorted(os.scandir(here), key=lambda entry: entry.name)
            except OSError as error:
                if here == folder:
                    raise BatchError(f"{folder}: cannot be looked into ({error.strerror})") from None
                continue
            for entry in entries:
                path = here / entry.name
                if path.is_dir():
                    (linked if entry.is_symlink() else inner).append(path)
                elif is_wanted(path.relative_to(folder).as_posix(), include, exclude):
                    found.append(path.relative_to(folder).as_posix())
    if not found:
        what = f"matches {', '.join(include)}" if include else "has the ending of a video"
        raise BatchError(f"{folder}: no file in it {what}; give another folder, or --include with a pattern")
    return sorted(found)


def _identity(folder: Path) -> tuple[int, int]:
    seen = folder.stat()
    return seen.st_dev, seen.st_ino


def is_wanted(path: str, include: Sequence[str], exclude: Sequence[str]) -> bool:
    """Whether a path from the folder that is searched, with slashes, is to be worked on."""
    name = PurePosixPath(path).name

    def matches(pattern: str) -> bool:
        return any(fnmatchcase(text.casefold(), pattern.casefold()) for text in (name, path))

    if name.startswith(".") or any(matches(pattern) for pattern in exclude):
        return False
    if include:
        return any(matches(pattern) for pattern in include)
    return PurePosixPath(path).suffix.lower() in VIDEO_ENDINGS


def assign_places(recordings: Collection[str], known: Mapping[str, str]) -> dict[str, str]:
    """Name the result folder of each recording, as a path from the output folder: no two alike, none inside another.

    A recording keeps the place that it has, whatever comes beside it.

    Parameters
    ----------
    recordings : collection of str
    known : mapping of str to str
        Places of recordings that have one.
    """
    places = {recording: known[recording] for recording in recordings if recording in known}
    taken = {place.casefold() for place in known.values()}
    # A result in a folder of recordings would mix with theirs.
    for recording in recordings:
        taken.update(parent.as_posix().casefold() for parent in PurePosixPath(recording).parents)
    siblings: dict[str, list[str]] = {}
    for recording in sorted(recordings):
        siblings.setdefault(PurePosixPath(recording).parent.as_posix(), []).append(recording)
    for parent, group in siblings.items():
        for recording, name in zip(group, result_names([Path(recording) for recording in group]), strict=True):
            place, number = (PurePosixPath(parent) / name).as_posix(), 1
            while recording not in known and place.casefold() in taken:
                number += 1
                place = (PurePosixPath(parent) / f"{name}-{number}").as_posix()
            if recording not in known:
                places[recording] = place
                taken.add(place.casefold())
    return places
