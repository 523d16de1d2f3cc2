"""A result folder that is changed a little at a time, each change whole or not at all.

A change writes the new images beside their places, then exchanges ``manifest.json``, which is the moment that counts,
and then brings the images and the table up to it. What a kill left half way is mended at the next
review.
"""

import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from clustering import rename_when_free
from keyframes.errors import ReviewError, StaleError
from keyframes.manifest import Manifest, manifest_text, table_text
from keyframes.report.contact_sheet import ContactSheet
from keyframes.report.report import manifest_digest, reported_digest, write_report
from keyframes.report.thumbnails import bytes_of_each, thumbnail
from keyframes.result.folder import system_errors
from keyframes.result.image_files import encoded, read_image
from keyframes.result.scan_file import SavedScan
from keyframes.review.changes import history
from keyframes.video.frames import Frame
from keyframes.whole_files import unused_name, whole_file

Fetch = Callable[[int], NDArray[np.uint8]]
ADVICE = "check its permissions"


class ReviewedFolder:
    """A result folder during a review. Its `revision`, a hash, is what a page must have seen to change it."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder, self.manifest = folder, manifest
        self._lock = _lock(folder)
        try:
            self.revision = self._read_revision()
            if self.revision != _revision(manifest_text(manifest).encode()):
                # Written by hand or by another version: from here on it is written as we do.
                with system_errors(folder, ADVICE):
                    _replace(folder / "manifest.json", manifest_text(manifest).encode())
                self.revision = self._read_revision()
        except BaseException:
            self.close()
            raise

    @property
    def is_current(self) -> bool:
        """Whether the folder still holds the choice that is known here; another extraction replaces it."""
        try:
            return self._read_revision() == self.revision
        except ReviewError:
            return False

    def check_current(self) -> None:
        """Raise a StaleError where another program, such as another extraction, has changed the manifest meanwhile."""
        if self._read_revision() != self.revision:
            raise StaleError(
                f"{self.folder / 'manifest.json'}: was changed by another program; "
                "close this page and open the review again"
            )

    def close(self) -> None:
        """Let others review it."""
        if self._lock is not None:
            os.close(self._lock)

    def save(self, manifest: Manifest, fetch: Fetch) -> None:
        """Make another manifest the one of the folder, its images too; `fetch` gives the picture of a frame index.

        A StaleError says that another program has changed ``manifest.json`` meanwhile, and nothing is changed then; an
        OutputError, that the folder cannot be written.
        """
        before = {entry["file"] for entry in self.manifest["keyframes"]}
        after = {entry["file"] for entry in manifest["keyframes"]}
        staged: dict[Path, Path] = {}
        try:
            with system_errors(self.folder, ADVICE):
                for entry in manifest["keyframes"]:
                    if entry["file"] not in before:
                        place = self.folder / entry["file"]
                        staged[place] = unused_name(place, "partial")
                        _write(staged[place], encoded(place, fetch(entry["frame_index"])))
                self.check_current()
                _replace(self.folder / "manifest.json", manifest_text(manifest).encode())
                self.manifest = manifest
                self.revision = _revision(manifest_text(manifest).encode())
                for place, partial in staged.items():
                    rename_when_free(partial.replace, place)
                for file in before - after:
                    (self.folder / file).unlink(missing_ok=True)
                _replace(self.folder / "keyframes.csv", table_text(manifest).encode())
        finally:
            for partial in staged.values():
                with suppress(OSError):
                    partial.unlink(missing_ok=True)

    def mend(self, fetch: Fetch) -> None:
        """Bring images and table up to the manifest, where a change was broken off after that was written.

        An OutputError says that the folder cannot be written.
        """
        chosen = {entry["file"] for entry in self.manifest["keyframes"]}
        with system_errors(self.folder, ADVICE):
            for entry in self.manifest["keyframes"]:
                place = self.folder / entry["file"]
                if not place.exists():
                    _replace(place, encoded(place, fetch(entry["frame_index"])))
            removed = [record["removed"]["file"] for record in history(self.manifest) if "removed" in record]
            for file in set(removed) - chosen:
                (self.folder / file).unlink(missing_ok=True)
            for place in (self.folder, self.folder / "frames"):
                for partial in place.glob(".*.partial*"):
                    partial.unlink(missing_ok=True)
            table = table_text(self.manifest).encode()
            if not (self.folder / "keyframes.csv").exists() or (self.folder / "keyframes.csv").read_bytes() != table:
                _replace(self.folder / "keyframes.csv", table)

    @property
    def summaries_are_due(self) -> bool:
        """Whether the report, and with it the contact sheet, show another choice than the manifest."""
        return reported_digest(self.folder) != manifest_digest(self.manifest)

    def write_summaries(self, manifest: Manifest, scan: SavedScan) -> None:
        """Write the contact sheet and the report of a manifest anew, from the images."""
        video, entries = manifest["video"], manifest["keyframes"]
        sheet = ContactSheet(len(entries), video["height"], video["width"])
        thumbnails = {}
        for entry in entries:
            image = read_image(self.folder / entry["file"])
            sheet.add(Frame(entry["frame_index"], entry["time_s"], image))
            thumbnails[entry["frame_index"]] = thumbnail(image, bytes_of_each(len(entries)))
        _replace(self.folder / "contact_sheet.jpg", encoded(Path("contact_sheet.jpg"), sheet.image))
        columns = scan.frame_index, scan.time_s, scan.label, scan.map
        write_report(self.folder, manifest, *columns, thumbnails, doubt=scan.doubt, points=scan.points)

    def _read_revision(self) -> str:
        try:
            return _revision((self.folder / "manifest.json").read_bytes())
        except OSError as error:
            raise ReviewError(f"{self.folder}: no longer exists ({error.strerror})") from None


def _revision(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:24]


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, content: bytes) -> None:
    with whole_file(path) as partial:
        _write(partial, content)


def _lock(folder: Path) -> int | None:
    """Keep a second review away, by a ReviewError; the system frees the lock however this process ends.

    None where it knows none.
    """
    if sys.platform == "win32":
        # A folder cannot be locked there: then the check of the revision at each change must do.
        return None
    import fcntl

    held = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise ReviewError(f"{folder}: another keyframes review has it open; go to its page, or stop it first") from None
    except OSError:
        # Some file systems on a network lock nothing.
        os.close(held)
        return None
    return held
