"""Records of what was made of what, beside a folder's results: another run does only what they do not show.

A line of JSON for each result, put down before the result appears; of several about one place the last one counts. A
file that is not the one that was recorded is somebody else's. Each line follows its line break, so that it stands alone
where a full disk or a kill left a part of the one before.
"""

import hashlib
import json
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from clustering import lacks_space
from quantize.errors import OutputError

NAME = ".quantize-records.jsonl"


@dataclass(frozen=True)
class Record:
    """Digests of the image file, of the settings and the version of the program, and of the result.

    `image` is the path of the image from the folder of results; empty in records of earlier versions.
    """

    source: str
    made_by: str
    result: str
    image: str = ""

    def is_of_another(self, source: str, image: str) -> bool:
        """Whether this was made of another image, not of this one as it was before."""
        return self.source != source and self.image not in ("", image)


def digest_of(data: bytes) -> str:
    """Digest of some data."""
    return hashlib.sha256(data).hexdigest()[:32]


class Records:
    """The records of a folder; several threads may use them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._lock = threading.Lock()
        self._known: dict[str, list[Record]] = {}
        with suppress(OSError):
            for line in (root / NAME).read_text(encoding="utf-8", errors="replace").splitlines():
                # A run that was killed may have left a part of a line, and another program something else.
                with suppress(ValueError, TypeError, KeyError, AttributeError):
                    entry = json.loads(line)
                    self._known.setdefault(entry.pop("place"), []).append(Record(**entry))

    def made(self, place: Path) -> Record | None:
        """Return the record of the file that stands at a place, or None if it was not made here."""
        found = self._known.get(self._name(place), [])
        try:
            digest = digest_of(place.read_bytes()) if found else ""
        except OSError:
            # A folder, or what nobody may read, is somebody else's.
            return None
        return next((record for record in reversed(found) if record.result == digest), None)

    def is_result(self, place: Path) -> bool:
        """Whether a file was made here; what replaced its own image, with --force, is still that image."""
        record = self.made(place)
        return record is not None and record.image != self._name(place)

    def image_of(self, place: Path) -> str | None:
        """Return the image that the result in a place was last made of, whether it still stands there or not."""
        found = self._known.get(self._name(place))
        return found[-1].image if found else None

    def add(self, place: Path, record: Record) -> None:
        """Put down what is about to be made; OutputError where that cannot be written."""
        line = json.dumps({"place": self._name(place), **asdict(record)})
        try:
            with self._lock:
                self.root.mkdir(parents=True, exist_ok=True)
                with (self.root / NAME).open("a", encoding="utf-8") as file:
                    file.write(f"\n{line}")
                self._known.setdefault(self._name(place), []).append(record)
        except OSError as error:
            reason = error.strerror or str(error)
            advice = "free up space" if lacks_space(error) else "check its permissions"
            raise OutputError(f"{self.root / NAME}: cannot be written ({reason}); {advice}") from error

    def _name(self, place: Path) -> str:
        return place.relative_to(self.root).as_posix()
