"""Many images: which ones there are, where their results go, and working through them.

A folder's results are recorded beside them (see `quantize.records`), so that another run does only what is missing or
was made of something else.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clustering import available_threads
from quantize import __version__
from quantize.datatypes import MOST_PIXELS, Encoded, Picture, Settings
from quantize.errors import ImageError, OutputError, QuantizeError
from quantize.images.files import SUFFIXES, read_image
from quantize.output import EXISTS, write_file
from quantize.pipeline import check_size, encode_picture
from quantize.records import Record, Records, digest_of
from quantize.report import report_page, report_place

if TYPE_CHECKING:
    from quantize.block.profile import SharedBook

PALETTE_SUFFIX = "-quantized"
# Of the few images that are worked on at once.
MOST_AT_ONCE = 4


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


@dataclass(frozen=True)
class Done:
    """What became of an image: an encoded one, an error, or neither where it had been done before.

    Attributes
    ----------
    source : Path
    place : Path or None
        Where the result stands.
    encoded : Encoded or None
    seconds : float
    notes : tuple of str
    reduced : bool
        Whether the image lost something before it was encoded.
    error : QuantizeError or None
    """

    source: Path
    place: Path | None
    encoded: Encoded | None
    seconds: float
    notes: tuple[str, ...] = ()
    reduced: bool = False
    error: QuantizeError | None = None


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
    sources: list[tuple[Path, Path, Path | None]] = []
    for given in inputs:
        if given.is_dir():
            found = [path for path in sorted(given.rglob("*")) if _is_source(path, suffix)]
            if not found:
                raise ImageError(f"{given}: has no images; give a folder with PNG, JPEG, WebP, TIFF, GIF or BMP files")
            sources += [(path, path.relative_to(given), output or given) for path in found]
        else:
            sources.append((given, Path(given.name), None))
    one_file = len(sources) == 1 and sources[0][2] is None and not to_folder
    if one_file and output is not None and not output.is_dir():
        return [Job(sources[0][0], output, "", None)]
    if output is not None and (output.is_file() or output.suffix in (".png", ".vqi")):
        raise OutputError(f"{output}: is no folder, and there are several images; name a folder with -o")
    ending = ".png" if settings.wants_palette else ".vqi" if settings.wants_blocks or settings.wants_levels else "auto"
    stems = Counter(_place(source, relative, output).with_suffix("") for source, relative, _ in sources)
    jobs = []
    for source, relative, root in sources:
        place = _place(source, relative, output)
        stem = place.with_suffix("")
        if stems[stem] > 1:
            # Two that differ in their endings alone.
            stem = place.with_name(place.name.replace(".", "-"))
        jobs.append(Job(source, stem, ending, root))
    return jobs


def _place(source: Path, relative: Path, output: Path | None) -> Path:
    return source if output is None else output / relative


def _is_source(path: Path, suffix: str | None) -> bool:
    own = path.stem.endswith(PALETTE_SUFFIX if suffix is None else suffix) if suffix != "" else False
    return path.suffix.lower() in SUFFIXES and not own and not path.name.startswith(".") and path.is_file()


def place_of(job: Job, ending: str, suffix: str | None) -> Path:
    """Where the result of a job goes, if it has this ending."""
    if job.ending == "":
        return job.stem
    added = suffix if suffix is not None else PALETTE_SUFFIX if ending == ".png" else ""
    return job.stem.with_name(job.stem.name + added + ending)


def run_jobs(
    jobs: Sequence[Job],
    settings: Settings,
    *,
    shared: "SharedBook | None" = None,
    suffix: str | None = None,
    overwrite: bool = False,
    max_pixels: int = MOST_PIXELS,
    report: bool = False,
) -> Iterator[Done]:
    """Work through images, a few at once; results come in the order of the jobs.

    With `report`, a page beside each result shows what was lost.
    """
    made_by = digest_of(repr((settings, None if shared is None else shared.digest, report, __version__)).encode())
    records = {root: Records(root) for root in {job.root for job in jobs} if root is not None}

    def run(job: Job) -> Done:
        start = time.perf_counter()
        kept = None if job.root is None else records[job.root]
        try:
            return _run(job, settings, shared, suffix, overwrite, max_pixels, report, start, kept, made_by)
        except QuantizeError as error:
            return Done(job.source, None, None, time.perf_counter() - start, error=error)

    n_at_once = min(available_threads(), MOST_AT_ONCE, len(jobs))
    with ThreadPoolExecutor(n_at_once, thread_name_prefix="quantize") as executor:
        yield from _in_order(executor, run, jobs, 2 * n_at_once)


def _in_order(
    executor: ThreadPoolExecutor, run: Callable[[Job], Done], jobs: Sequence[Job], most: int
) -> Iterator[Done]:
    """Results in order, with no more than a few of them waiting: each holds an image."""
    waiting: list[Future[Done]] = []
    try:
        for job in jobs:
            if len(waiting) == most:
                yield waiting.pop(0).result()
            waiting.append(executor.submit(run, job))
        while waiting:
            yield waiting.pop(0).result()
    finally:
        for future in waiting:
            future.cancel()


def _run(
    job: Job,
    settings: Settings,
    shared: "SharedBook | None",
    suffix: str | None,
    overwrite: bool,
    max_pixels: int,
    report: bool,
    start: float,
    records: Records | None,
    made_by: str,
) -> Done:
    endings = [".png", ".vqi"] if job.ending == "auto" else [job.ending]
    places = [place_of(job, ending, suffix) for ending in endings]
    reports = [report_place(place) for place in places] if report else []
    existing = [place for place in (*places, *reports) if place.exists()]
    if existing and records is None and not overwrite:
        raise OutputError(f"{existing[0]}: {EXISTS}")
    data = _read(job.source)
    source = digest_of(data)
    if records is not None and not overwrite:
        for place in existing:
            record = records.made(place)
            if record is None:
                raise OutputError(f"{place}: {EXISTS}")
            complete = not report or report_place(place) in existing
            if (record.source, record.made_by) == (source, made_by) and place in places and complete:
                return Done(job.source, place, None, 0.0)
    picture = read_image(data, str(job.source), max_pixels)
    try:
        encoded = encode_picture(picture, settings, job.ending or job.stem.suffix.lower(), shared)
        if settings.skip_if_larger:
            check_size(encoded, len(data))
    except QuantizeError as error:
        raise type(error)(f"{job.source}: {error}") from error
    place = place_of(job, encoded.ending, suffix)
    files = [(place, encoded.data)]
    if report:
        page = report_page(picture, encoded, job.source.name, place.name, len(data))
        # First: once the result is there, all is done.
        files.insert(0, (report_place(place), page))
    for path, content in files:
        if records is not None:
            records.add(path, Record(source, made_by, digest_of(content)))
        write_file(path, content, overwrite or path in existing, job.source)
    for stale in existing:
        # Made of the image as it was, or with other settings, in another kind of file.
        if records is not None and stale not in [path for path, _ in files] and records.made(stale):
            stale.unlink(missing_ok=True)
    notes = notes_of(picture, encoded, len(data))
    return Done(job.source, place, encoded, time.perf_counter() - start, notes, bool(picture.notes))


def _read(source: Path) -> bytes:
    try:
        return source.read_bytes()
    except OSError as error:
        raise ImageError(f"{source}: cannot be read ({error.strerror or error}); check the path") from error


def notes_of(picture: Picture, encoded: Encoded, original_bytes: int) -> tuple[str, ...]:
    """Tell what is not as one may expect: of the image, of the settings, of the size."""
    notes = (*picture.notes, *encoded.notes)
    if len(encoded.data) > original_bytes:
        larger = f"the result has {len(encoded.data)} bytes, more than the original's {original_bytes}"
        notes = (*notes, f"{larger}; --skip-if-larger writes none of these")
    return notes
