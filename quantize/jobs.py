"""Many images: which ones there are, and where their results go."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from clustering import is_searched
from quantize.datatypes import Settings
from quantize.errors import ImageError, OutputError
from quantize.images.files import SUFFIXES
from quantize.records import Records

PALETTE_SUFFIX = "-quantized"


@dataclass(frozen=True)
class Job:
    """An image and where its result goes.

    Attributes
    ----------
    source : Path
    stem : Path
        Place of the result without its ending, or with it where `ending` is empty.
    ending : str
        ".png", ".vqi", empty where `stem` has it, or "auto" for that of the profile that serves the image.
    root : Path or None
        Of a folder's image: the folder that keeps records of the results, which another run does not make again. Else
        a result that exists already is an error.
    """

    source: Path
    stem: Path
    ending: str
    root: Path | None

    @property
    def image(self) -> str:
        """Path of the image from the folder that keeps records, as these name it; empty where none does."""
        return "" if self.root is None else _path_from(self.root, self.source)


class _Source(NamedTuple):
    """An image; the place of its result, but for the suffix and the ending, which is still its own; `root` of `Job`."""

    path: Path
    place: Path
    root: Path | None


def find_jobs(
    inputs: Sequence[Path], output: Path | None, settings: Settings, suffix: str | None, to_folder: bool = False
) -> list[Job]:
    """List the images of all inputs, a folder's with those of the folders in it, and where their results go.

    With `to_folder`, the output is a folder even if there is one image.

    Raises
    ------
    ImageError
        Where an input is missing, or a folder has no images.
    OutputError
        Where the output of several images is a file.
    """
    sources: list[_Source] = []
    for given in inputs:
        if os.path.isdir(given):
            images = [path for path in _find_files(given, output) if _is_source(path, suffix)]
            if not images:
                raise ImageError(f"{given}: has no images; give a folder with PNG, JPEG, WebP, TIFF, GIF or BMP files")
            found = _without_results(images)
            if not found:
                raise ImageError(f"{given}: has only results of quantize; give another folder, or name files")
            folder = output or given
            sources += [_Source(path, folder / path.relative_to(given), folder) for path in found]
        else:
            sources.append(_Source(given, given if output is None else output / given.name, None))
    one_file = len(sources) == 1 and sources[0].root is None and not to_folder
    if one_file and output is not None:
        return [Job(sources[0].path, output, "", None)]
    if output is not None and (os.path.isfile(output) or output.suffix in (".png", ".vqi")):
        raise OutputError(f"{output}: is not a folder, but there are several images; name a folder with -o")
    ending = ".png" if settings.wants_palette else ".vqi" if settings.wants_blocks or settings.wants_levels else "auto"
    # An image that was named twice, by itself or by its folder, is one. Two links to it are two images.
    once: dict[str, _Source] = {}
    for one in sources:
        once.setdefault(os.path.join(os.path.realpath(one.path.parent), one.path.name), one)
    sources = list(once.values())
    stems = _stems(sources, _recorded_stems(sources, ending, suffix))
    return [Job(source.path, stem, ending, source.root) for source, stem in zip(sources, stems, strict=True)]


def _find_files(given: Path, output: Path | None) -> list[Path]:
    """List the files in a folder and in those in it, sorted; hidden folders, the trash and the output are left out.

    Links to folders are followed; each folder is searched once, even if several links lead to it, or one to itself.
    """
    found: list[Path] = []
    seen: set[tuple[int, int]] = set()
    made = None if output is None else _real(output)
    if made and _real(given).is_relative_to(made):
        # Everything lies in the output folder: what was made is told by its name and its record.
        made = None
    # What folders hold themselves comes before what links lead to, so that an image keeps its own place.
    linked = [given]
    while linked:
        inner = [linked.pop(0)]
        while inner:
            here = inner.pop()
            with suppress(OSError):
                known = here.stat()
                if (known.st_dev, known.st_ino) in seen or (made and _real(here).is_relative_to(made)):
                    continue
                seen.add((known.st_dev, known.st_ino))
                for entry in sorted(os.scandir(here), key=lambda entry: entry.name):
                    if not os.path.isdir(entry.path):
                        found.append(here / entry.name)
                    elif is_searched(entry.name):
                        (linked if entry.is_symlink() else inner).append(here / entry.name)
    return sorted(found)


def _without_results(images: list[Path]) -> list[Path]:
    """Leave out what was made of other images, by the records of the folders above, whatever suffix it got then.

    These are the folders above the name that was given, and above the file that a link leads to.
    """
    records: dict[Path, Records] = {}

    def is_result(path: Path) -> bool:
        for folder in path.parents:
            if folder not in records:
                records[folder] = Records(folder)
            if records[folder].is_result(path):
                return True
        return False

    return [path for path in images if not any(map(is_result, {path.absolute(), _real(path.parent) / path.name}))]


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))


def _recorded_stems(sources: Sequence[_Source], ending: str, suffix: str | None) -> dict[_Source, Path]:
    """Return the stems that results have by the records of their folders, for the images that have any.

    A result keeps its name, though images of the same stem may have come since, or gone.
    """
    records = {root: Records(root) for root in {source.root for source in sources} if root is not None}
    found: dict[_Source, Path] = {}
    for source in sources:
        if source.root is not None:
            image = _path_from(source.root, source.path)
            for stem in _own_stems(source.place):
                places = [_place(stem, kind, suffix) for kind in _endings(ending)]
                if any(records[source.root].image_of(place) == image for place in places):
                    found.setdefault(source, stem)
    return found


def _stems(sources: Sequence[_Source], recorded: Mapping[_Source, Path]) -> list[Path]:
    """Take the endings off; equal stems get the extension, then a number, added, whatever their case."""
    equal = Counter(str(source.place.with_suffix("")).casefold() for source in sources)
    stems: dict[_Source, Path] = {}
    taken: set[str] = set()
    for source in sorted(sources, key=lambda source: source not in recorded):
        base, longer = _own_stems(source.place)
        if equal[str(base).casefold()] > 1:
            base = longer
        stem = base = recorded.get(source, base)
        number = 1
        while str(stem).casefold() in taken:
            number += 1
            stem = base.with_name(f"{base.name}-{number}")
        taken.add(str(stem).casefold())
        stems[source] = stem
    return [stems[source] for source in sources]


def _own_stems(place: Path) -> tuple[Path, Path]:
    """Return the stem of an image's result, and the one with the extension, for where others have the same stem."""
    return place.with_suffix(""), place.with_name(place.name.replace(".", "-"))


def _is_source(path: Path, suffix: str | None) -> bool:
    added = _suffix_for(".png", suffix)
    own = added != "" and path.stem.endswith(added)
    return path.suffix.lower() in SUFFIXES and not own and not path.name.startswith(".") and path.is_file()


def place_of(job: Job, ending: str, suffix: str | None) -> Path:
    """Where the result of a job goes, if it has this ending."""
    return _place(job.stem, ending, suffix) if job.ending else job.stem


def places_of(job: Job, suffix: str | None) -> list[Path]:
    """List where the result of a job may go."""
    return [place_of(job, ending, suffix) for ending in _endings(job.ending)]


def _place(stem: Path, ending: str, suffix: str | None) -> Path:
    return stem.with_name(stem.name + _suffix_for(ending, suffix) + ending)


def _endings(ending: str) -> list[str]:
    """List the endings that the result of a job with this one may have."""
    return [".png", ".vqi"] if ending == "auto" else [ending]


def _suffix_for(ending: str, suffix: str | None) -> str:
    """Return what follows the stem of a result with this ending: `suffix`, if one is given."""
    if suffix is not None:
        return suffix
    return PALETTE_SUFFIX if ending == ".png" else ""


def _path_from(folder: Path, file: Path) -> str:
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:
        # Windows: on another drive.
        return file.absolute().as_posix()
