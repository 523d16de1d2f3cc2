"""What a video file says of itself, and what decoding it shows."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from keyframes.errors import VideoError
from keyframes.progress import progress_bar
from keyframes.video import VideoReader

# What is reported of the header, and of the times of frames.
TOLD = ("size_bytes", "codec", "width", "height", "rotation", "frame_rate", "frames_claimed")
TIMING = ("first_time_s", "duration_s", "shortest_gap_s", "longest_gap_s", "variable_frame_rate")


def inspect(video: str | Path, *, threads: int | None = None, progress: bool = False) -> dict[str, Any]:
    """Decode all of a video and report on it.

    Parameters
    ----------
    video : str or Path
    threads : int or None, default=None
        FFmpeg's threads; None takes up to four for each processor.
    progress : bool, default=False
        Show a progress bar on standard error where that is a terminal.

    Returns
    -------
    dict
        Plain JSON types: the header's fields, then frames_decoded, duration_s (the last frame's time plus a typical
        frame's length), first_time_s, shortest_gap_s and longest_gap_s between two frames, variable_frame_rate, and
        read_with (only where OpenCV cannot read the file), and warnings. Of images without a rate all times are None;
        of deeper ones than 8 bits there are also the levels that are shown as black and white.

    Raises
    ------
    VideoError
        Where the file cannot be read as a video.
    """
    with VideoReader(video, threads=threads) as reader:
        header = reader.header
        # What FFmpeg says while it reads packets does not belong to the pass.
        reader.count_packets()
        times = _times(reader, progress)
        if reader.latest_pass.messages and reader.threads > 1:
            # What is lost to damage, and where, is only sure with one thread; a scan does the same.
            reader.threads = 1
            times = _times(reader, progress)
        if not len(times):
            raise VideoError(f"{video}: no frame can be decoded; copy it again, or convert it with ffmpeg")
        warnings = reader.damage()
        levels = None if reader.images is None else reader.images.levels
        timing = _timing(times, header.frame_rate) if reader.has_times else dict.fromkeys(TIMING)
    return {
        "file": header.name,
        **{name: getattr(header, name) for name in TOLD},
        "frames_decoded": len(times),
        **timing,
        **({} if levels is None else {"levels": list(levels)}),
        **({"read_with": header.backend_reason} if header.backend_reason else {}),
        "warnings": warnings,
    }


def _times(reader: VideoReader, progress: bool) -> NDArray[np.float64]:
    with progress_bar(reader.walk(), "decode", reader.header.frames_claimed, "frames", progress) as frames:
        return np.array([time_s for _, time_s in frames])


def _timing(times: NDArray[np.float64], frame_rate: float) -> dict[str, Any]:
    gaps = np.diff(times) if len(times) > 1 else np.array([1 / frame_rate if frame_rate else 0.0])
    typical = float(np.median(gaps))
    # Containers round times to a millisecond or so; a real change of rate is larger.
    varies = bool(np.ptp(gaps) > max(0.0025, 0.1 * typical))
    found = (times[0], times[-1] + typical, gaps.min(), gaps.max())
    return dict(zip(TIMING, [*(round(float(time_s), 6) for time_s in found), varies], strict=True))
