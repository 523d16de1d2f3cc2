"""Which recordings there are below a folder, and where their results go."""

import os
import re
from collections import Counter, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from clustering import is_searched
from keyframes.errors import BatchError, VideoError, no_folder
from keyframes.predictions.finding import SCORER
from keyframes.result.folder import is_result
from keyframes.result.naming import result_names
from keyframes.video import VIDEO_ENDINGS, VideoReader, file_hash
from keyframes.video.images import IMAGE_ENDINGS, TIFF_ENDINGS
from keyframes.wording import counted

# What a batch writes into its own folder.
SUMMARIES = frozenset({"batch.json", "index.html", "summary.csv"})
ENDINGS_SHOWN = 8
# What DeepLabCut appends to the name of a video in the copy into which it draws predictions.
DRAWN = re.compile(rf"{SCORER}.*_labeled(_(before|after)_adapt)?")
# Files of a sequence that are tried, until one opens and tells for all of them.
N_TRIED = 3


def find_recordings(
    folder: Path, include: Sequence[str] = (), exclude: Sequence[str] = (), output: Path | None = None
) -> tuple[list[str], dict[str, int]]:
    """Find the recordings below a folder, without looking into `output`, or raise a BatchError where there are none.

    Returns their paths from the folder, with slashes, sorted ("." is the folder itself), and how many other files there
    are of each ending, the most frequent one first; what a pattern left out, what is hidden or in the trash, and what
    this package wrote do not count.

    A video into which DeepLabCut drew predictions, beside the video itself, is none, unless `include` matches it.
    A folder of images is one where it holds two images or more whose names differ in their numbers, and no video; a
    TIFF where it has several pages. Hidden folders and the trash are searched where `include` names them. Links are
    followed; what several links lead to, or a link back to where it lies, counts once: DeepLabCut's projects hold links
    to recordings that may lie beside them, or copies, which do not count either. The patterns (``*``, ``?``, ``[...]``)
    match the name or the path from the folder, of a file or of a folder of images, whatever the case.
    """
    if not os.path.isdir(folder):
        raise BatchError(f"{folder}: {no_folder(folder)}; give the folder that holds the recordings")
    found: list[str] = []
    left_out: Counter[str] = Counter()
    links: set[str] = set()
    for here, files, linked in _folders_below(folder, include, output):
        place = here.relative_to(folder).as_posix()
        links |= {(PurePosixPath(place) / name).as_posix() for name in linked}
        taken, others = _sorted_out(here, files, place, include, exclude)
        found += taken
        left_out.update(PurePosixPath(name).suffix.lower() for name in others)
    if not found:
        what = f"matches {', '.join(include)}" if include else "is a video, a TIFF stack or a folder of images"
        but = f", except what {', '.join(exclude)} excludes" if exclude else ""
        there = f" ({describe_left_out(left_out)})" if left_out else ""
        advice = "leave out --exclude" if exclude else "--include with a pattern"
        if include:
            # What a pattern is compared with is not obvious: a folder's name alone matches no file in it.
            advice = "--include with patterns that match names or paths of files, such as '*.avi' or 'cage1/*'"
        raise BatchError(f"{folder}: nothing in it {what}{but}{there}; give another folder, or {advice}")
    by_number = sorted(left_out.items(), key=lambda item: (-item[1], item[0]))
    each = _without_copies(folder, _each_once(folder, found, links))
    return sorted(each, key=os.fsencode), dict(by_number)


def _folders_below(
    folder: Path, include: Sequence[str], output: Path | None
) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield the folders to search, each with the names of its files, and of what in it is a link.

    A BatchError says that the first one cannot be opened.
    """
    named = {part.casefold() for pattern in include for part in PurePosixPath(pattern).parts}
    seen = set() if output is None or not os.path.isdir(output) else {_identity(output)}
    # What folders hold themselves comes before what links lead to, so that the name of a recording is its own.
    inner: list[tuple[Path, Collection[str]]] = [(folder, ())]
    linked: deque[tuple[Path, Collection[str]]] = deque()
    while inner or linked:
        here, beside = inner.pop() if inner else linked.popleft()
        try:
            if _identity(here) in seen:
                continue
            seen.add(_identity(here))
            entries = sorted(os.scandir(here), key=lambda entry: entry.name)
        except OSError as error:
            if here == folder:
                raise BatchError(f"{folder}: cannot be opened ({error.strerror}); check its permissions") from None
            continue
        names = {entry.name for entry in entries}
        if here != folder and _is_our_output(here.name, names, beside):
            continue
        files = []
        for entry in entries:
            if not os.path.isdir(here / entry.name):
                files.append(entry.name)
            elif is_searched(entry.name) or entry.name.casefold() in named:
                (linked if entry.is_symlink() else inner).append((here / entry.name, names))
        if "batch-state" in names:
            files = [name for name in files if name not in SUMMARIES]
        yield here, files, [entry.name for entry in entries if entry.is_symlink()]


def _each_once(folder: Path, recordings: Sequence[str], links: AbstractSet[str]) -> list[str]:
    """Leave out links to a file that is a recording by its own name, or that another link leads to."""
    if links.isdisjoint(recordings):
        return list(recordings)
    kept, seen = [], set()
    for name in sorted(recordings, key=lambda name: (name in links, os.fsencode(name))):
        try:
            identity = _identity(folder / name)
        except OSError:
            # Whoever opens it will say that it leads nowhere.
            kept.append(name)
            continue
        if name not in links or identity not in seen:
            kept.append(name)
        seen.add(identity)
    return kept


def _without_copies(folder: Path, recordings: Sequence[str]) -> list[str]:
    """Leave out copies, in the projects of labelling tools, of recordings that were found elsewhere."""
    own: list[str] = []
    of_projects: list[str] = []
    for name in recordings:
        (of_projects if _is_of_project(folder / name) else own).append(name)
    if not of_projects:
        return own
    sizes: dict[int, list[Path]] = {}
    for name in own:
        with suppress(OSError):
            sizes.setdefault(os.path.getsize(folder / name), []).append(folder / name)
    return own + [name for name in of_projects if not _is_copy(folder / name, sizes)]


def _is_of_project(path: Path) -> bool:
    return path.parent.name == "videos" and os.path.isdir(path.parent.with_name("labeled-data"))


def _is_copy(path: Path, sizes: Mapping[int, Sequence[Path]]) -> bool:
    """Whether a file has the content of one of others, which are listed by their sizes."""
    try:
        size = os.path.getsize(path)
        others = sizes.get(size, ())
        return bool(others) and file_hash(path, size) in [file_hash(other, size) for other in others]
    except (OSError, VideoError):
        # Whoever opens it will say what is wrong.
        return False


def _sorted_out(
    here: Path, files: Sequence[str], place: str, include: Sequence[str], exclude: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Return the recordings that a folder is or holds, as paths from the one that is searched, and its other files.

    `place` is its own path from there, or ".".
    """
    paths = {name: (PurePosixPath(place) / name).as_posix() for name in files}

    def excludes(path: str) -> bool:
        return PurePosixPath(path).name.startswith(".") or _matches(path, exclude)

    # Images beside videos are previews, whether the videos were asked for or not.
    beside_videos = any(_ending(name) in VIDEO_ENDINGS for name in files)
    files = [name for name in files if not excludes(paths[name])]
    if include:
        # An image is asked for if its folder is.
        endings = IMAGE_ENDINGS if _matches(place, include) else ()
        files = [name for name in files if _ending(name) in endings or _matches(paths[name], include)]
    images = [name for name in files if _ending(name) in IMAGE_ENDINGS]
    stacks = _find_stacks(here, [name for name in images if _ending(name) in TIFF_ENDINGS])
    videos = {*stacks, *(name for name in files if _ending(name) in VIDEO_ENDINGS)}
    if not include:
        videos -= _drawn(videos)
    images = [name for name in images if name not in videos]
    whole = not (beside_videos or stacks or excludes(place)) and _is_sequence(images)
    rest = {name for name in files if name not in videos} - set(images if whole else ())
    if include:
        # What was asked for is a recording, whatever it looks like.
        videos, rest = videos | rest, set()
    found = [place] if whole else []
    return found + [paths[name] for name in videos], sorted(rest)


def _drawn(videos: AbstractSet[str]) -> set[str]:
    """Return the videos into which DeepLabCut drew what it predicted on others of them."""
    stems = {name: PurePosixPath(name).stem for name in videos}
    likely = {name: stem for name, stem in stems.items() if DRAWN.search(stem)}
    return {
        name
        for name, stem in likely.items()
        if any(stem.startswith(own) and DRAWN.fullmatch(stem, len(own)) for own in stems.values())
    }


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _matches(path: str, patterns: Sequence[str]) -> bool:
    """Whether a path with slashes, or the name at its end, matches a pattern."""
    texts = (PurePosixPath(path).name.casefold(), path.casefold())
    return any(fnmatchcase(text, pattern.casefold()) for pattern in patterns for text in texts)


def _is_sequence(names: Sequence[str]) -> bool:
    """Whether most of some image files differ in nothing but the numbers in their names."""
    patterns = Counter(re.sub("[0-9]+", "0", name.casefold()) for name in names)
    return len(names) > 1 and max(patterns.values()) > max(1, len(names) // 2)


def _find_stacks(folder: Path, names: Sequence[str]) -> list[str]:
    """Return the TIFFs of a folder that have several pages, or cannot be opened, which their reader will report.

    In a sequence, the first file that opens tells for all.
    """
    if not _is_sequence(names):
        return [name for name in names if _is_stack(folder / name) is not False]
    told = (_is_stack(folder / name) for name in names[:N_TRIED])
    return list(names) if next((stack for stack in told if stack is not None), False) else []


def _is_stack(path: Path) -> bool | None:
    """Whether a TIFF has several pages; None where it cannot be opened."""
    try:
        with VideoReader(path, threads=1) as reader:
            return reader.header.frames_claimed > 1
    except VideoError:
        return None


def _is_our_output(name: str, inside: Collection[str], beside: Collection[str]) -> bool:
    """Whether a folder of these contents and neighbours holds what this package wrote, and so no recordings."""
    is_export = name == "images" and not {"annotations.json", "manifest.jsonl"}.isdisjoint(beside)
    return is_result(inside) or is_export or name in ("labeled-data", "batch-state")


def describe_left_out(left_out: Mapping[str, int]) -> str:
    """Tell in a line how many files are no recordings, and their extensions: "left out: 12 files (.txt 8, .csv 4)"."""
    n_files = sum(left_out.values())
    shown = [f"{ending or 'no extension'} {number}" for ending, number in list(left_out.items())[:ENDINGS_SHOWN]]
    more = n_files - sum(list(left_out.values())[:ENDINGS_SHOWN])
    shown += [f"others {more}"] if more else []
    return f"left out: {counted(n_files, 'file')} ({', '.join(shown)})"


def _identity(folder: Path) -> tuple[int, int]:
    seen = folder.stat()
    return seen.st_dev, seen.st_ino


def assign_places(recordings: Collection[str], known: Mapping[str, str], searched: str) -> dict[str, str]:
    """Name the result folder of each recording, as a path from the output folder: no two alike, none inside another.

    A recording keeps the place that it has in `known`, whatever comes beside it. `searched` is the name of the folder
    that was searched, for the recording that it is itself.
    """
    places = {recording: known[recording] for recording in recordings if recording in known}
    taken = {place.casefold() for place in known.values()}
    # A result in a folder of recordings would mix with theirs.
    for recording in recordings:
        taken.update(parent.as_posix().casefold() for parent in PurePosixPath(recording).parents)
    siblings: dict[str, list[str]] = {}
    for recording in sorted(recordings, key=os.fsencode):
        siblings.setdefault(PurePosixPath(recording).parent.as_posix(), []).append(recording)
    for parent, group in siblings.items():
        names = result_names([Path(searched if recording == "." else recording) for recording in group])
        for recording, name in zip(group, names, strict=True):
            place, number = (PurePosixPath(parent) / name).as_posix(), 1
            while recording not in known and place.casefold() in taken:
                number += 1
                place = (PurePosixPath(parent) / f"{name}-{number}").as_posix()
            if recording not in known:
                places[recording] = place
                taken.add(place.casefold())
    return places
