"""What a video file says of itself, and what decoding it shows."""

from pathlib import Path
from typing import Any

import numpy as np

from keyframes.progress import progress_bar
from keyframes.video import VideoReader


def inspect(video: str | Path, *, threads: int | None = None, progress: bool = False) -> dict[str, Any]:
    """Decode all of a video and report on it.

    Parameters
    ----------
    video : str or Path
    threads : int or None, default=None
        FFmpeg's threads; None takes one a processor.
    progress : bool, default=False
        Show a progress bar on standard error where that is a terminal.

    Returns
    -------
    dict
        Plain JSON types: the header's fields, then frames_decoded, duration_s (the last frame's time plus a typical
        frame's length), first_time_s, shortest_gap_s and longest_gap_s between two frames, variable_frame_rate, and
        read_with (only where OpenCV cannot read the file), and warnings.

    Raises
    ------
    VideoError
        Where the file cannot be read as a video.
    """
    with VideoReader(video, threads=threads) as reader:
        header = reader.header
        with progress_bar(reader.walk(), "decode", header.frames_claimed, "frames", progress) as frames:
            times = np.array([time_s for _, time_s in frames])
        warnings = reader.damage()
    gaps = np.diff(times) if len(times) > 1 else np.array([1 / header.frame_rate if header.frame_rate else 0.0])
    typical = float(np.median(gaps))
    return {
        "file": header.name,
        "size_bytes": header.size_bytes,
        "codec": header.codec,
        "width": header.width,
        "height": header.height,
        "rotation": header.rotation,
        "frame_rate": header.frame_rate,
        "frames_claimed": header.frames_claimed,
        "frames_decoded": len(times),
        "first_time_s": float(times[0]),
        "duration_s": round(float(times[-1]) + typical, 6),
        "shortest_gap_s": round(float(gaps.min()), 6),
        "longest_gap_s": round(float(gaps.max()), 6),
        # Containers round times to a millisecond or so; a real change of rate is larger.
        "variable_frame_rate": bool(np.ptp(gaps) > max(0.0025, 0.1 * typical)),
        **({"read_with": reader.header.backend_reason} if reader.header.backend_reason else {}),
        "warnings": warnings,
    }
