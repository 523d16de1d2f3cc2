"""Scans that are kept: another choice among the same frames needs no second decode.

The file holds the scan and what the pass over the video saw, so that a reader stands where it stood after that pass.
"""

import json
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np

from keyframes.scan.array_files import load_arrays, save_arrays
from keyframes.scan.components import PrincipalComponents
from keyframes.scan.scan import COLUMNS, Sample, Scan
from keyframes.video import Pass, VideoReader, View

# To be raised with each change of the file, and of what thumbnails and fingerprints are made of.
FORMAT = 4
SAMPLE = tuple(field.name for field in fields(Sample))


def keep_scan(path: Path, scan: Scan, video: VideoReader) -> None:
    """Write a scan, right after it was made, with the state of its reader."""
    seen = asdict(video.latest_pass)
    times_ms = seen.pop("times_ms")
    about = {
        "format": FORMAT,
        "pass": seen,
        "one_thread": video.threads == 1,
        "backend": video.header.backend,
        "frames_decoded": scan.frames_decoded,
        "warnings": scan.warnings,
        "view": asdict(scan.view),
    }
    save_arrays(
        path,
        **{name: getattr(scan, name) for name in COLUMNS},
        times_ms=times_ms,
        pca_mean=scan.components.mean,
        pca_basis=scan.components.basis,
        levels=scan.levels,
        **({} if scan.sample is None else {f"sample_{name}": value for name, value in vars(scan.sample).items()}),
        about=np.frombuffer(json.dumps(about).encode(), np.uint8),
    )


def load_scan(path: Path, video: VideoReader) -> Scan | None:
    """Return a kept scan, its reader as after the pass; None where there is none that can be read.

    The reader is one of the same file, with the same range, stride and crop.
    """
    arrays = load_arrays(path)
    about = json.loads(arrays["about"].tobytes()) if "about" in arrays else {}
    # Whether OpenCV can read all of a file may come out in the scan alone.
    if about.get("format") != FORMAT or about.get("backend", video.header.backend) != video.header.backend:
        return None
    if about["one_thread"]:
        video.threads = 1
    told = {field.name: about["pass"].get(field.name) for field in fields(Pass)}
    tuples = {name: tuple(told[name] or ()) for name in ("complaints", "losses")}
    sizes = tuple(tuple(size) for size in told["sizes"] or ())
    video.adopt(Pass(**{**told, **tuples, "sizes": sizes, "times_ms": arrays["times_ms"]}))
    return Scan(
        **{name: arrays[name] for name in COLUMNS},
        components=PrincipalComponents(arrays["pca_mean"], arrays["pca_basis"]),
        frames_decoded=about["frames_decoded"],
        warnings=tuple(about["warnings"]),
        view=View(**about["view"]),
        levels=arrays["levels"],
        sample=Sample(**{name: arrays[f"sample_{name}"] for name in SAMPLE}) if "sample_rows" in arrays else None,
    )
