"""How results are named after their videos, and exports where a name is taken."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from keyframes.names import with_own_name
from keyframes.whole_files import shortened

# Most bytes of a video's name in that of its result: "-keyframes" must still fit into the 255 of most file systems.
LONGEST_RESULT = 240


def video_names(videos: Sequence[Path]) -> list[str]:
    """Name each video by its stem; equal stems get the extension, then a number, added."""
    stems = Counter(video.stem.casefold() for video in videos)
    names: list[str] = []
    taken: set[str] = set()
    for video in videos:
        base = video.stem if stems[video.stem.casefold()] == 1 else video.name.replace(".", "-")
        name, number = base, 1
        while name.casefold() in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name.casefold())
        names.append(name)
    return names


def view_names(videos: Sequence[Path]) -> list[str]:
    """Name each camera by the words in its video's name that are not in all the names."""
    names = video_names(videos)
    words = [re.split(r"[_\-. ]+", name) for name in names]
    shared = set(words[0]).intersection(*words)
    shorter = ["_".join(word for word in own if word not in shared) for own in words]
    return shorter if all(shorter) and len(set(shorter)) == len(shorter) else names


def names_apart(videos: Sequence[Path]) -> list[str]:
    """Name each video by its file name, after as many of its folders as tell them all apart."""
    names: list[str] = []
    for n_parts in range(1, 1 + max(len(video.parts) for video in videos)):
        names = ["/".join(video.parts[-n_parts:]) for video in videos]
        if len(set(names)) == len(names):
            break
    return names


def session_name(name: str, view: str) -> str:
    """Name what several cameras show together: as the video of one of them, without the words that name its view."""
    return re.sub(rf"(?<![^_\-. ]){re.escape(view)}(?![^_\-. ])", "", name).strip("_-. ") or name


def result_names(videos: Sequence[Path]) -> list[str]:
    """Name each video's result folder, ``<name>-keyframes``."""
    names = video_names([with_own_name(video) for video in videos])
    return [f"{shortened(name, LONGEST_RESULT)}-keyframes" for name in names]


def unused_file(path: Path, ending: str) -> Path:
    """Return a path with this ending that does not exist yet; a number before the ending's first dot makes it new."""
    head, dot, tail = ending.partition(".")
    number, found = 1, path.with_name(f"{path.name}{ending}")
    while os.path.lexists(found):
        number += 1
        found = path.with_name(f"{path.name}{head}-{number}{dot}{tail}")
    return found
