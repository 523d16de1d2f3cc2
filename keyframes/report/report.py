"""``report.html``: what was chosen from one recording, and from where in it."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.manifest import KeyframeEntry, Manifest, VideoEntry
from keyframes.report.contact_sheet import clock
from keyframes.report.overview import Overview, make_overview, timeline
from keyframes.report.page import as_script, asset, data_url, facts, fill, policy, text, warning_list
from keyframes.report.points import drawn_points
from keyframes.whole_files import whole_file
from keyframes.wording import counted

NAME = "report.html"
_DIGEST = re.compile(r'<meta name="keyframes-manifest" content="([0-9a-f]{64})">')
# The digest stands right at the beginning of a report that may have megabytes.
HEAD_CHARACTERS = 2000
CLUSTER_COLOURS = "Frames close together on the map have similar colours."
DOUBT_COLOURS = (
    "Red frames have doubtful predictions. Without “Colour by doubt”, frames close together on the map have similar "
    "colours."
)
SWITCHES = (
    '<div class="switches"><label><input type="checkbox" id="show-points" checked> Predicted points</label>'
    '<label><input type="checkbox" id="show-doubt" checked> Colour by doubt</label></div>'
)


def manifest_digest(manifest: Manifest) -> str:
    """Return a hash of a manifest, by which a report tells what it was made from."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def reported_digest(folder: Path) -> str:
    """Return the hash of the manifest that a folder's report was made from; "" where there is none."""
    try:
        with (folder / NAME).open(encoding="utf-8") as file:
            found = _DIGEST.search(file.read(HEAD_CHARACTERS))
    except (OSError, UnicodeDecodeError):
        return ""
    return found[1] if found else ""


def write_report(
    folder: Path,
    manifest: Manifest,
    frame_index: NDArray[np.int64],
    time_s: NDArray[np.float64],
    label: NDArray[np.int32],
    place: NDArray[np.float32],
    thumbnails: Mapping[int, bytes],
    *,
    doubt: NDArray[np.float32] | None = None,
    points: NDArray[np.float32] | None = None,
) -> None:
    """Write ``report.html`` into a result folder.

    The arrays have a row for each scanned frame: index, time, cluster and place (n_frames, 2) on the map, and, of
    predictions, doubt and points (n_frames, n_animals, n_nodes, 2); `thumbnails` has a JPEG file of each chosen frame.
    """
    chosen = np.searchsorted(frame_index, [entry["frame_index"] for entry in manifest["keyframes"]])
    along = timeline(frame_index, time_s)
    overview = make_overview(along, label, place, chosen.astype(np.int64), has_gaps="scan" in manifest)
    shown = overview.as_dict(frame_index, along, label, doubt)
    # Pages of videos need not say so.
    shown |= {} if along is time_s else {"no_times": True}
    drawn = {}
    if points is not None:
        rows = zip(manifest["keyframes"], chosen, strict=True)
        drawn = {entry["frame_index"]: drawn_points(points[row], manifest) for entry, row in rows}
    page = report_page(manifest, overview, shown, thumbnails, drawn)
    with whole_file(folder / NAME) as partial:
        partial.write_text(page, encoding="utf-8", newline="\n")


def report_page(
    manifest: Manifest,
    overview: Overview,
    shown: dict[str, Any],
    thumbnails: Mapping[int, bytes],
    drawn: Mapping[int, str] | None = None,
) -> str:
    """Return the page; no date, host or absolute path is on it, so equal results have equal pages.

    `drawn` has the predicted points of each chosen frame, where there are predictions.
    """
    video, entries, drawn = manifest["video"], manifest["keyframes"], drawn or {}
    script = asset("views.js") + asset("report.js")
    return fill(
        "report.html",
        policy=text(policy(script)),
        digest=manifest_digest(manifest),
        title=text(video["path"]),
        style=asset("common.css") + asset("report.css"),
        chosen=counted(len(entries), "frame"),
        n_frames=f"{overview.n_frames:,}",
        facts=facts(summary(manifest)),
        warnings=warning_list("Warnings", map(text, manifest["warnings"])),
        clusters=counted(len(overview.hue), "cluster"),
        marked="the chosen frame is marked" if len(entries) == 1 else f"the {len(entries)} chosen frames are marked",
        coloured="doubt or by cluster" if drawn else "cluster",
        start=_moment(overview.first_s, shown),
        end=_moment(overview.last_s, shown),
        grid=str(overview.grid),
        switches=SWITCHES if drawn else "",
        of_what="predicted poses" if drawn and "by_pictures" not in manifest["predictions"] else "pictures",
        colours=DOUBT_COLOURS if drawn else CLUSTER_COLOURS,
        cards="".join(
            _card(entry, overview, thumbnails[entry["frame_index"]], video, drawn.get(entry["frame_index"], ""))
            for entry in entries
        ),
        settings=facts(_settings(manifest)),
        data=as_script({**shown, "keyframes": [mark(entry) for entry in entries]}),
        script=script,
    )


def summary(manifest: Manifest) -> list[tuple[str, str]]:
    """Return the few figures of a result that matter most, a name and a value each."""
    video, entries = manifest["video"], manifest["keyframes"]
    rate = f", {video['frame_rate']:.4g} per second" if video["frame_rate"] else ""
    found = [
        ("Recording", f"{video['width']} x {video['height']} pixels{rate}"),
        ("Frames" if "predictions" in manifest else "Frames decoded", f"{video['frames_decoded']:,}"),
        *(
            [("Levels shown as black and white", " to ".join(f"{level:g}" for level in video["levels"]))]
            if "levels" in video
            else []
        ),
        *_looked_at(manifest),
        ("Chosen", f"{len(entries):,} (k = {manifest['settings']['k']})"),
        ("Seed", str(manifest["settings"]["seed"])),
    ]
    if "distance" in manifest:
        found.append(("Compared", manifest["distance"]["reason"]))
    if "predictions" in manifest:
        # Those that a person swapped in or added were chosen for neither.
        n_doubtful, n_covering = (
            sum(entry.get("chosen_for") == why for entry in entries) for why in ("doubt", "coverage")
        )
        found.insert(2, ("Predictions", manifest["predictions"]["file"]))
        found.append(("Chosen for doubt / coverage", f"{n_doubtful:,} / {n_covering:,}"))
    gave_way = sum(effect["gave_way"] for effect in manifest.get("guards", {}).values())
    if gave_way:
        found.append(("Replaced by a guard", f"{gave_way:,}"))
    if manifest.get("review", {}).get("history"):
        found.append(("Manual changes", f"{len(manifest['review']['history'])}"))
    return found


def _looked_at(manifest: Manifest) -> list[tuple[str, str]]:
    """Return what a sparse scan looked at."""
    if "scan" not in manifest:
        return []
    scan = manifest["scan"]
    return [("Looked at", f"{scan['looked_at']:,} of {scan['frames']:,} frames")]


def _moment(along: float, shown: dict[str, Any]) -> str:
    return f"frame {along:.0f}" if shown.get("no_times") else clock(along)


def _card(entry: KeyframeEntry, overview: Overview, jpeg: bytes, video: VideoEntry, drawn: str) -> str:
    index, cluster = entry["frame_index"], entry["cluster"]
    size = counted(entry["cluster_size"], "frame")
    when = "" if entry["time_s"] is None else clock(entry["time_s"])
    reason, note = entry.get("reason", ""), entry.get("note", "")
    # The reason may be how many frames it represents.
    more = "".join(f"; {text(words)}" for words in (reason, note) if words not in ("", f"represents {size}"))
    at = f" at {when}" if when else ""
    because = f'<span class="reason {entry["chosen_for"]}">{text(reason)}</span>' if reason else ""
    noted = f'<span class="note">{text(note)}</span>' if note else ""
    return (
        f'<li><button type="button" class="card" data-frame="{index}" data-cluster="{cluster}" aria-pressed="false" '
        f'style="--hue:{overview.hue[cluster]}" aria-label="Frame {index}{at}, '
        f'represents {size} of cluster {cluster}{more}">'
        f'<span class="picture"><img src="{data_url(jpeg)}" alt="" decoding="async" '
        f'width="{video["width"]}" height="{video["height"]}">{drawn}</span>'
        f'<span class="caption"><b>{index}</b><span>{when}</span>'
        f'<span class="size" title="frames in its cluster">{entry["cluster_size"]:,}</span></span>'
        f"{because}{noted}</button></li>\n"
    )


def mark(entry: KeyframeEntry) -> dict[str, Any]:
    """Return what the scripts of a page know of a chosen frame."""
    return {
        "frame": entry["frame_index"],
        "time": entry["frame_index"] if entry["time_s"] is None else entry["time_s"],
        "cluster": entry["cluster"],
        "size": entry["cluster_size"],
        "file": entry["file"],
        "reason": entry.get("reason", ""),
        "chosen_for": entry.get("chosen_for", ""),
    }


def _settings(manifest: Manifest) -> list[tuple[str, str]]:
    settings: dict[str, Any] = {**manifest["settings"]}
    if settings.get("keypoints") == []:
        settings["keypoints"] = "all"
    pairs = [(name.replace("_", " "), _told(value)) for name, value in settings.items()]
    pairs += [
        (f"guard: {name.replace('_', ' ')}", _told(effect)) for name, effect in manifest.get("guards", {}).items()
    ]
    pairs += [(name, _told(manifest[name])) for name in ("views", "unlike", "predictions") if name in manifest]
    pairs.append(("hash of the video", str(manifest["video"]["hash"])))
    pairs.append(("made by", f"keyframes {manifest['tool_version']}"))
    return pairs


def _told(value: Any) -> str:
    """Write a value of a manifest as people read it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_told(part)}" for name, part in value.items())
    if isinstance(value, list):
        return "; ".join(_told(part) for part in value) or "none"
    return str(value)
