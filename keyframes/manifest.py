"""``manifest.json`` and ``keyframes.csv``: the chosen frames for programs and for people.

The manifest holds nothing that differs between two runs of one command: no date, duration, host or absolute path.
"""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keyframes.choice.selection import Selection
from keyframes.names import shown_in
from keyframes.settings import Settings
from keyframes.version import __version__
from keyframes.video.frames import VideoHeader

if TYPE_CHECKING:
    from clustering import KSelection

SCHEMA_VERSION = 1
COLUMNS = ("frame_index", "time_s", "cluster", "cluster_size", "distance", "sharpness", "file")


def image_name(frame_index: int, n_frames: int, extension: str) -> str:
    """File name of an exported frame, padded as DeepLabCut does to the digits of the last index."""
    return f"img{frame_index:0{len(str(max(n_frames - 1, 0)))}d}.{extension}"


def build_manifest(
    header: VideoHeader,
    fingerprint: str,
    frames_decoded: int,
    settings: Settings,
    selection: Selection,
    warnings: tuple[str, ...],
    k_selection: "KSelection | None" = None,
    unlike: tuple[dict[str, Any], ...] = (),
    views: Sequence[str] = (),
    levels: tuple[float, float] | None = None,
) -> dict[str, Any]:
    """Return the content of ``manifest.json``.

    Parameters
    ----------
    header : VideoHeader
    fingerprint : str
        Hash of the video file.
    frames_decoded : int
        Frames decoded by the scan; with a range, up to its end.
    settings : Settings
    selection : Selection
        Its keyframes and what the guards did.
    warnings : tuple of str
    k_selection : KSelection or None, default=None
        How an automatic k was found; its entry stands in the manifest only then.
    unlike : tuple of dict
        The projects whose frames were not to come again: name, number of frames, and how many are of this video.
    views : sequence of str
        Names of the videos that were looked at together, where they show one scene.
    levels : (float, float) or None
        Of images: what was shown as black and as white.
    """
    n_frames = max(header.frames_claimed, frames_decoded)
    manifest: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "tool_version": __version__,
        "video": {
            "path": header.name,
            "width": header.width,
            "height": header.height,
            "frame_rate": header.frame_rate,
            "frames_decoded": frames_decoded,
            "frames_claimed": header.frames_claimed,
            **({} if levels is None else {"levels": list(levels)}),
            "size_bytes": header.size_bytes,
            "hash": fingerprint,
            **({"read_with": header.backend_reason} if header.backend_reason else {}),
        },
        "settings": settings.as_dict(),
        **({} if k_selection is None else {"k_selection": _k_entry(k_selection)}),
        **({"views": list(views)} if views else {}),
        **({"unlike": list(unlike)} if unlike else {}),
        **({"guards": selection.guards} if selection.guards else {}),
        "keyframes": [
            {
                "frame_index": keyframe.frame_index,
                "time_s": keyframe.time_s,
                "cluster": keyframe.cluster,
                "cluster_size": keyframe.cluster_size,
                "distance": keyframe.distance,
                "sharpness": keyframe.sharpness,
                "file": f"frames/{image_name(keyframe.frame_index, n_frames, settings.format)}",
            }
            for keyframe in selection.keyframes
        ],
        "warnings": list(warnings),
    }
    return dict(shown_in(manifest))


def _k_entry(found: "KSelection") -> dict[str, Any]:
    """Return the chosen number and the curve behind it, in as many digits as tell anything."""
    return {
        "k": found.k,
        "method": found.method,
        "clear": found.clear,
        "ks": found.ks.tolist(),
        "inertias": [float(f"{inertia:.6g}") for inertia in found.inertias],
    }


def manifest_text(manifest: dict[str, Any]) -> str:
    """Return the text of ``manifest.json``."""
    return json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"


def table_text(manifest: dict[str, Any]) -> str:
    """Return the text of ``keyframes.csv``; notes have a column where there are any."""
    entries = manifest["keyframes"]
    columns = (*COLUMNS, "note") if any("note" in entry for entry in entries) else COLUMNS
    written = io.StringIO(newline="")
    table = csv.DictWriter(written, columns, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(entries)
    return written.getvalue()


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write ``manifest.json`` and ``keyframes.csv`` into a folder."""
    for name, content in (("manifest.json", manifest_text(manifest)), ("keyframes.csv", table_text(manifest))):
        (folder / name).write_text(content, encoding="utf-8", newline="")
