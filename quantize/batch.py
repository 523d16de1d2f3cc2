"""Working through many images, a few at once.

A folder's results are recorded beside them (see `quantize.records`), so that another run does only what is missing or
was made of something else.
"""

import os
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from clustering import available_threads
from quantize import __version__
from quantize.datatypes import MOST_PIXELS, Encoded, Picture, Settings
from quantize.errors import LargerRefusal, QuantizeError, naming
from quantize.images.files import check_may_be_image, read_file, read_image
from quantize.jobs import Job, place_of, places_of
from quantize.output import exists, remove_file, write_file
from quantize.pipeline import encode_picture
from quantize.records import Record, Records, digest_of
from quantize.report import report_page, report_place

if TYPE_CHECKING:
    from quantize.block.profile import SharedBook

# Of the few images that are worked on at once.
MOST_AT_ONCE = 4


@dataclass(frozen=True)
class Done:
    """What became of an image: an encoded one, an error, or neither where it had been done before.

    Attributes
    ----------
    source : Path
    place : Path or None
        Where the result stands.
    encoded : Encoded or None
    notes : tuple of str
    reduced : bool
        Whether the image lost something before it was encoded.
    error : QuantizeError or None
    seconds : float
    """

    source: Path
    place: Path | None = None
    encoded: Encoded | None = None
    notes: tuple[str, ...] = ()
    reduced: bool = False
    error: QuantizeError | None = None
    seconds: float = 0.0


def run_jobs(
    jobs: Sequence[Job],
    settings: Settings,
    *,
    shared: "SharedBook | None" = None,
    suffix: str | None = None,
    overwrite: bool = False,
    max_pixels: int = MOST_PIXELS,
    report: bool = False,
    skip_if_larger: bool = False,
) -> Iterator[Done]:
    """Work through images, a few at once; results come in the order of the jobs.

    With `report`, a page beside each result shows what was lost; with `skip_if_larger`, one that saves no bytes is a
    LargerRefusal.
    """
    records = {root: Records(root) for root in {job.root for job in jobs} if root is not None}
    work = _Work(
        settings=settings,
        shared=shared,
        suffix=suffix,
        overwrite=overwrite,
        max_pixels=max_pixels,
        report=report,
        skip_if_larger=skip_if_larger,
        records=records,
    )
    n_at_once = min(available_threads(), MOST_AT_ONCE, len(jobs))
    waiting: list[Future[Done]] = []
    with ThreadPoolExecutor(n_at_once, thread_name_prefix="quantize") as executor:
        try:
            for job in jobs:
                # No more than a few results wait: each holds an image.
                if len(waiting) == 2 * n_at_once:
                    yield waiting.pop(0).result()
                waiting.append(executor.submit(work.done, job))
            while waiting:
                yield waiting.pop(0).result()
        finally:
            executor.shutdown(wait=False, cancel_futures=True)


@dataclass(frozen=True)
class _Work:
    """What is done with an image, whichever thread does it: parameters of `run_jobs`, and the records by folder."""

    settings: Settings
    shared: "SharedBook | None"
    suffix: str | None
    overwrite: bool
    max_pixels: int
    report: bool
    skip_if_larger: bool
    records: dict[Path, Records]

    @cached_property
    def made_by(self) -> str:
        """Digest of what decides a result, besides the image."""
        book = None if self.shared is None else self.shared.digest
        return digest_of(repr((self.settings, book, self.skip_if_larger, __version__)).encode())

    def done(self, job: Job) -> Done:
        """Do an image, and say what became of it."""
        start = time.perf_counter()
        try:
            done = self._done(job)
        except QuantizeError as error:
            done = Done(job.source, error=error)
        return replace(done, seconds=time.perf_counter() - start)

    def _done(self, job: Job) -> Done:
        records = None if job.root is None else self.records[job.root]
        places = places_of(job, self.suffix)
        reports = [report_place(place) for place in places] if self.report else []
        existing = [place for place in (*places, *reports) if os.path.exists(place)]
        data = read_file(job.source)
        # A .vqi file stands in its own place: to replace it is no good advice.
        check_may_be_image(data, str(job.source))
        if existing and records is None and not self.overwrite:
            raise exists(existing[0])
        source = digest_of(data)
        if records is not None and not self.overwrite:
            earlier = self._earlier(job, source, records, existing)
            if earlier is not None:
                return Done(job.source, earlier)
        picture = read_image(data, str(job.source), self.max_pixels)
        with naming(job.source):
            ending = job.ending or job.stem.suffix.lower()
            encoded, notes = encode_file(picture, len(data), self.settings, ending, self.shared, self.skip_if_larger)
        place = place_of(job, encoded.ending, self.suffix)
        page = report_page(picture, encoded, job.source.name, place.name, len(data)) if self.report else None
        self._write(job, source, records, files_of(place, encoded.data, page), existing)
        return Done(job.source, place, encoded, notes, bool(picture.notes))

    def _earlier(self, job: Job, source: str, records: Records, existing: list[Path]) -> Path | None:
        """Return where the complete result of an earlier run stands, if one does; OutputError where something else is.

        `source` is the digest of the image's file.
        """
        made: dict[Path, tuple[str, str]] = {}
        for place in existing:
            record = records.made(place)
            if record is None or record.is_of_another(source, job.image):
                raise exists(place)
            made[place] = record.source, record.made_by
        for place in places_of(job, self.suffix):
            wanted = {place, report_place(place)} if self.report else {place}
            if all(made.get(path) == (source, self.made_by) for path in wanted):
                return place
        return None

    def _write(
        self, job: Job, source: str, records: Records | None, files: dict[Path, bytes], existing: list[Path]
    ) -> None:
        """Write the files of a result, and record those of a folder's image first."""
        if records is not None:
            for path, content in files.items():
                records.add(path, Record(source, self.made_by, digest_of(content), job.image))
        write_result(files, self.overwrite, job.source, existing)
        places = places_of(job, self.suffix)
        for stale in (*places, *map(report_place, places)):
            # Made of the image as it was, or with other settings: in another kind of file, or with a report.
            if records is not None and stale not in files and records.made(stale):
                remove_file(stale)


def files_of(place: Path, data: bytes, page: bytes | None) -> dict[Path, bytes]:
    """Return what is written of a result, in this order: the page of its report first, if there is one.

    Once the result is there, all is done.
    """
    return {place: data} if page is None else {report_place(place): page, place: data}


def write_result(
    files: Mapping[Path, bytes], overwrite: bool, original: Path | None, replaced: Collection[Path] = ()
) -> None:
    """Write the files of a result.

    With `overwrite`, what stands in their places is replaced, and else only `replaced`: where something else stands in
    one, an OutputError comes before any is written. `original` as of `write_file`.
    """
    replacing = [path for path in files if overwrite or path in replaced]
    for path in files:
        if path not in replacing and os.path.lexists(path):
            raise exists(path)
    for path, content in files.items():
        write_file(path, content, path in replacing, original)


def encode_file(
    picture: Picture,
    original_bytes: int,
    settings: Settings,
    ending: str,
    shared: "SharedBook | None",
    skip_if_larger: bool,
) -> tuple[Encoded, tuple[str, ...]]:
    """Encode the image of a file; tell also what is not as one may expect: of the image, the settings, the size.

    With `skip_if_larger`, a LargerRefusal where it saves no bytes.
    """
    encoded = encode_picture(picture, settings, ending, shared)
    n_bytes = len(encoded.data)
    if skip_if_larger and n_bytes >= original_bytes:
        raise LargerRefusal(f"would have {n_bytes} bytes, the original has {original_bytes}; not written")
    notes = (*picture.notes, *encoded.notes)
    if n_bytes > original_bytes:
        larger = f"the result ({n_bytes} bytes) is larger than the original ({original_bytes} bytes)"
        notes = (*notes, f"{larger}; use --skip-if-larger to skip such images")
    return encoded, notes
