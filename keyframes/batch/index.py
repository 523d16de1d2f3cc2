"""The page that leads to the reports of a batch."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from keyframes.batch.recordings import describe_left_out
from keyframes.batch.states import write_text
from keyframes.report.batch_index import index_page


def write_index(place: Path, rows: Sequence[dict[str, Any]], left_out: Mapping[str, int]) -> None:
    """Write the page that leads to all reports, and says of which recordings there is none."""
    folders, missing = [], []
    for row in rows:
        if row["place"] and (place / row["place"] / "manifest.json").is_file():
            folders.append(place / row["place"])
        else:
            missing.append((row["recording"], _why_missing(row)))
    note = describe_left_out(left_out) if left_out else ""
    write_text(place / "index.html", index_page(place, folders, missing, note))


def _why_missing(row: dict[str, Any]) -> str:
    """Say why a recording has no result."""
    if row["status"] == "failed":
        return str(row["reason"])
    if row["status"] != "done":
        return "not finished; run the command again"
    return (
        "its result was removed; run the command again" if row["place"] else "none of the --total frames came from it"
    )
