"""The page that leads to the reports of a batch."""

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from keyframes.batch.recordings import describe_left_out
from keyframes.batch.text_files import write_text
from keyframes.errors import ExportError
from keyframes.manifest import Manifest
from keyframes.report.batch_index import index_page
from keyframes.result.recordings import read_manifest


def write_index(
    place: Path, rows: Sequence[dict[str, Any]], left_out: Mapping[str, int], gone: Collection[str]
) -> dict[str, Path]:
    """Write the page that leads to all reports, and says of which recordings there is none; return the results.

    `gone` are recordings that are no longer where they were.
    """
    found, manifests, missing, failed = {}, {}, [], []
    for row in rows:
        recording, result = row["recording"], place / row["place"]
        is_there = bool(row["place"]) and os.path.isfile(result / "manifest.json")
        manifest = _manifest_of(result) if is_there else None
        if manifest is not None:
            found[recording], manifests[result] = result, manifest
            if row["status"] == "failed":
                failed.append((recording, str(row["reason"])))
        else:
            missing.append((recording, "is no longer there" if recording in gone else _why_missing(row, is_there)))
    note = describe_left_out(left_out) if left_out else ""
    write_text(place / "index.html", index_page(place, manifests, missing, failed, note))
    return found


def _manifest_of(result: Path) -> Manifest | None:
    try:
        return read_manifest(result)
    except ExportError:
        # Damaged, or another run has just taken it away.
        return None


def _why_missing(row: dict[str, Any], is_there: bool) -> str:
    """Say why a recording has no result, or none that can be read."""
    if row["status"] == "failed":
        return str(row["reason"])
    if row["status"] != "done":
        return "not finished; run the command again"
    if is_there:
        return "its result cannot be read; run the command again"
    return (
        "its result was removed; run the command again" if row["place"] else "none of the --total frames came from it"
    )
