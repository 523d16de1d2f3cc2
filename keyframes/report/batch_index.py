"""``index.html``: one page that leads to the reports of many recordings."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np

from keyframes.manifest import Manifest
from keyframes.report.contact_sheet import clock
from keyframes.report.page import asset, data_url, facts, fill, policy, text, warning_list
from keyframes.report.report import NAME
from keyframes.report.thumbnails import bytes_of_each, thumbnail
from keyframes.wording import counted

PICTURES_OF_EACH = 4


def index_page(
    place: Path,
    results: Mapping[Path, Manifest],
    missing: Sequence[tuple[str, str]] = (),
    failed: Sequence[tuple[str, str]] = (),
    note: str = "",
) -> str:
    """Return the page that will lie in a folder above all results, the manifests of result folders in their order.

    It shows for each result its name, figures, warnings, a few of its frames, and a link to its report. The recordings
    that are `missing`, each with a reason, come first, and then those that `failed` but have an earlier result; `note`
    is a line about files that are not recordings.
    """
    most = bytes_of_each(PICTURES_OF_EACH * len(results))
    rows = [_row(place, folder, manifest, most) for folder, manifest in results.items()]
    n_frames = sum(len(manifest["keyframes"]) for manifest in results.values())
    n_warned = sum(bool(manifest["warnings"]) for manifest in results.values())
    return fill(
        "index.html",
        policy=text(policy()),
        style=asset("common.css") + asset("index.css"),
        facts=facts(
            [
                ("Recordings", f"{len(results) + len(missing):,}"),
                ("Chosen frames", f"{n_frames:,}"),
                ("With warnings", f"{n_warned:,}"),
                *([("Without a result", f"{len(missing):,}")] if missing else []),
            ]
        ),
        missing=_reasons("Without a result", missing) + _reasons("Failed; the earlier result is kept", failed),
        note=f'<p class="quiet">{text(note)}</p>' if note else "",
        rows="".join(rows),
    )


def _reasons(heading: str, recordings: Sequence[tuple[str, str]]) -> str:
    return warning_list(heading, (f"<b>{text(name)}</b>: {text(reason)}" for name, reason in recordings))


def _row(place: Path, folder: Path, manifest: Manifest, most_bytes: int) -> str:
    entries, video = manifest["keyframes"], manifest["video"]
    relative = folder.relative_to(place).as_posix()
    link = quote(os.fsencode(f"{relative}/{NAME}"))
    last_one = len(entries) - 1
    shown = sorted({round(number * last_one / (PICTURES_OF_EACH - 1)) for number in range(PICTURES_OF_EACH)})
    found = (_picture(folder / entries[number]["file"], most_bytes) for number in shown)
    pictures = "".join(f'<img src="{data_url(picture)}" alt="" decoding="async">' for picture in found if picture)
    warnings = "".join(f"<li>{text(warning)}</li>" for warning in manifest["warnings"])
    time_s = entries[-1]["time_s"] if entries else None
    last = "" if time_s is None else f"{', the last' if last_one else ''} at {clock(time_s)}"
    return (
        f'<li class="sheet"><a href="{text(link)}"><span class="name">{text(relative)}</span>'
        f'<span class="quiet">{text(video["path"])} · {counted(len(entries), "frame")}{last}</span>'
        f'<span class="strip">{pictures}</span></a>'
        + (f'<ul class="warnings">{warnings}</ul>' if warnings else "")
        + "</li>\n"
    )


def _picture(path: Path, most_bytes: int) -> bytes | None:
    """Return a small picture of an image; None where it is gone or damaged: one image must not cost the page."""
    try:
        image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        return None
    return None if image is None else thumbnail(np.asarray(image, np.uint8), most_bytes, width=240)
