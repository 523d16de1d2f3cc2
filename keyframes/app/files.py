"""Projects of labelling tools, networks and predictions near the recordings: what the page may name, by ids."""

import hashlib
import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keyframes.errors import AppError, ExportError
from keyframes.labelling.project_kind import Kind, kind_of
from keyframes.predictions.finding import ENDINGS
from keyframes.result.folder import is_result

# Our exports to SLEAP, and what later rounds make of them, say what to label.
SUGGESTIONS = re.compile(r"suggestions(-keyframes(-\d+)?)?(\.pkg)?\.slp")
# Seconds until the folders are looked through again, and most entries that a look goes through.
LOOK_S = 5.0
MOST_ENTRIES = 50_000
# Folders that are not looked into: what they hold belongs to a project, a result or a batch.
CLOSED = ("labeled-data", "batch-state", "frames", "training-datasets", "dlc-models", "videos", "images")

Use = Literal[Kind, "predictions", "network"]


@dataclass(frozen=True)
class NearFile:
    """A file or folder that the page may name by `id`; `name` is how it is shown."""

    id: str
    use: Use
    name: str
    path: Path


class NearFiles:
    """What lies below some folders, and what was named when the app was started."""

    def __init__(self, folders: Sequence[Path], named: Sequence[Path]) -> None:
        self._folders, self._named = folders, named
        self._found: dict[str, NearFile] = {}
        self._looked = 0.0
        self._looking = threading.Lock()

    def all(self, others: Sequence[Path] = ()) -> list[NearFile]:
        """Return them, and what is below `others` too."""
        with self._looking:
            if time.monotonic() - self._looked > LOOK_S or not self._looked:
                found = [_near(path, kind_of(path), str(path)) for path in self._named]
                for folder in dict.fromkeys(map(_real, (*self._folders, *others))):
                    found += _below(folder)
                self._found = {near.id: near for near in found}
                self._looked = time.monotonic()
            return list(self._found.values())

    def forget(self) -> None:
        """Look again at the next question."""
        self._looked = 0.0

    def path(self, name: str, *uses: Use) -> Path:
        """Return the path of an id that has one of these uses, or raise an AppError."""
        near = self._found.get(name)
        if near is None or near.use not in uses:
            raise AppError("this file or project no longer exists; reload the page")
        return near.path


def _below(folder: Path) -> Iterator[NearFile]:
    n_seen = 0
    for place, inner, files in os.walk(folder):
        here = Path(place)
        n_seen += len(inner) + len(files)
        if n_seen > MOST_ENTRIES:
            return
        shown = here.relative_to(folder.parent).as_posix()
        if is_result([*files, *inner]):
            inner.clear()
            continue
        kind = _project_in(here, files)
        if kind:
            yield _near(here, kind, shown)
        inner[:] = sorted(name for name in inner if not name.startswith(".") and name not in CLOSED)
        for file in sorted(files):
            if file.endswith(".slp"):
                yield _near(here / file, "sleap", f"{shown}/{file}")
            elif file.endswith(".onnx"):
                yield _near(here / file, "network", f"{shown}/{file}")
        if not kind and "batch.json" not in files and any(map(_may_predict, files)):
            yield _near(here, "predictions", shown)


def _may_predict(file: str) -> bool:
    return Path(file).suffix.lower() in ENDINGS and SUGGESTIONS.fullmatch(file) is None


def _project_in(folder: Path, files: Sequence[str]) -> Kind | None:
    if not {"config.yaml", "project.yaml"} & set(files):
        return None
    try:
        return kind_of(folder)
    except ExportError:
        return None


def _near(path: Path, use: Use, name: str) -> NearFile:
    digest = hashlib.sha256(os.fsencode(f"{use} {_real(path)}")).hexdigest()[:16]
    return NearFile(digest, use, name, path)


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))
