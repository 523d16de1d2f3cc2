"""Which codecs can be read here: a few pictures are encoded with each one and decoded again."""

import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from keyframes.errors import VideoError
from keyframes.video.ffmpeg.process import ffmpeg_program
from keyframes.video.reader import VideoReader

N_PICTURES = 5
ENCODING_S = 60
PICTURES = ("-f", "lavfi", "-i", f"testsrc2=size=320x240:rate=25:duration={N_PICTURES / 25}", "-pix_fmt", "yuv420p")
# What cameras and labs write: the ending of a file, and how FFmpeg encodes it.
TRIALS: dict[str, tuple[str, tuple[str, ...]]] = {
    "H.264": (".mp4", ("-c:v", "libx264")),
    "H.264, 10 bits": (".mp4", ("-c:v", "libx264", "-pix_fmt", "yuv420p10le")),
    "H.264, interlaced": (".mp4", ("-c:v", "libx264", "-flags", "+ildct+ilme")),
    "H.265": (".mp4", ("-c:v", "libx265", "-x265-params", "log-level=error")),
    "AV1": (".mp4", ("-c:v", "libaom-av1", "-cpu-used", "8", "-row-mt", "0")),
    "VP8": (".webm", ("-c:v", "libvpx")),
    "VP9": (".webm", ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8")),
    "MPEG-4": (".avi", ("-c:v", "mpeg4")),
    "MPEG-2": (".mpg", ("-c:v", "mpeg2video")),
    "Motion JPEG": (".avi", ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")),
    "DV": (".dv", ("-vf", "scale=720:576", "-c:v", "dvvideo")),
    "ProRes": (".mov", ("-c:v", "prores_ks", "-pix_fmt", "yuv422p10le")),
    "FFV1": (".mkv", ("-c:v", "ffv1")),
    "HuffYUV": (".avi", ("-c:v", "huffyuv", "-pix_fmt", "yuv422p")),
    "WMV": (".wmv", ("-c:v", "wmv2")),
    "uncompressed": (".avi", ("-c:v", "rawvideo", "-pix_fmt", "bgr24")),
}


@dataclass(frozen=True)
class CodecTrial:
    """What came of trying a codec.

    Attributes
    ----------
    codec : str
    read_with : "opencv", "ffmpeg" or None
        What decoded all pictures of the trial; None where nothing did, or the codec could not be tried.
    reason : str
        Why nothing decoded them, or why the codec could not be tried; otherwise empty.
    tried : bool
        False where no sample could be encoded, which says nothing about reading one.
    """

    codec: str
    read_with: Literal["opencv", "ffmpeg"] | None
    reason: str = ""
    tried: bool = True


def try_codecs() -> Iterator[CodecTrial]:
    """Try each codec: FFmpeg encodes a few pictures, and `VideoReader` decodes them."""
    with tempfile.TemporaryDirectory(prefix="keyframes-", ignore_cleanup_errors=True) as folder:
        for codec, (ending, options) in TRIALS.items():
            sample = Path(folder) / f"sample{ending}"
            try:
                _encode(sample, options)
            except (OSError, subprocess.SubprocessError, VideoError) as error:
                yield CodecTrial(codec, None, _reason(error, sample), tried=False)
                continue
            yield _read(codec, sample)
            sample.unlink()


def _encode(sample: Path, options: tuple[str, ...]) -> None:
    command = [ffmpeg_program(sample), "-hide_banner", "-nostdin", "-loglevel", "error", "-y", *PICTURES, *options]
    subprocess.run(
        [*command, f"file:{sample}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=ENCODING_S,
        check=True,
    )


def _read(codec: str, sample: Path) -> CodecTrial:
    try:
        with VideoReader(sample, threads=1) as reader:
            n_pictures = sum(1 for _ in reader)
            backend = reader.header.backend
    except VideoError as error:
        return CodecTrial(codec, None, _reason(error, sample))
    if n_pictures != N_PICTURES:
        return CodecTrial(codec, None, f"{n_pictures} of {N_PICTURES} frames were decoded")
    return CodecTrial(codec, "ffmpeg" if backend == "ffmpeg" else "opencv")


def _reason(error: Exception, sample: Path) -> str:
    """Return in one line why a trial failed, without the name of a file that is gone when somebody reads it."""
    said = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    lines = [line.strip() for line in (said or type(error).__name__).splitlines() if line.strip()]
    return (lines[-1] if lines else type(error).__name__).replace(f"{sample}: ", "")
