"""The page that leads to the reports of a batch."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from keyframes.batch.recordings import describe_left_out
from keyframes.batch.states import write_text
from keyframes.report.batch_index import index_page


def write_index(
    place: Path, rows: Sequence[dict[str, Any]], left_out: Mapping[str, int], gone: Collection[str]
) -> dict[str, Path]:
    """Write the page that leads to all reports, and says of which recordings there is none; return the results.

    `gone` are recordings that are no longer where they were.
    """
    found, missing = {}, []
    for row in rows:
        recording, result = row["recording"], place / row["place"]
        if row["place"] and (result / "manifest.json").is_file():
            found[recording] = result
        else:
            missing.append((recording, "is no longer there" if recording in gone else _why_missing(row)))
    note = describe_left_out(left_out) if left_out else ""
    write_text(place / "index.html", index_page(place, list(found.values()), missing, note))
    return found


def _why_missing(row: dict[str, Any]) -> str:
    """Say why a recording has no result."""
    if row["status"] == "failed":
        return str(row["reason"])
    if row["status"] != "done":
        return "not finished; run the command again"
    return (
        "its result was removed; run the command again" if row["place"] else "none of the --total frames came from it"
    )
