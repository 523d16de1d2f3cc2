"""Recordings for `benchmarks/extract.py`, made of the sample clip: an hour of one kind, or minutes of each kind."""

import subprocess
import sys
from pathlib import Path

SAMPLE = Path(__file__).resolve().parent.parent / "sample_data" / "mouse.mp4"
CAMERA = "noise=all_seed=1:alls={}:allf=t"
X264 = ("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p")
X265 = ("-c:v", "libx265", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-x265-params", "log-level=error")
# Size, noise, and how it is encoded.
KINDS = {
    "x264.mp4": ("640:480", 8, X264),
    "large.mp4": ("1024:1024", 2, (*X264, "-b:v", "2M")),
    "full_hd.mp4": ("1920:1080", 4, X264),
    "hevc.mp4": ("640:480", 8, X265),
    "mpeg4.avi": ("640:480", 4, ("-c:v", "mpeg4", "-q:v", "4", "-g", "12")),
    "mjpeg.avi": ("640:480", 4, ("-c:v", "mjpeg", "-q:v", "4", "-pix_fmt", "yuvj420p")),
    "rest.mp4": ("640:480", 8, X264),
}
# What is encoded of each kind, and repeated as it is.
ENCODED_S = 60
# In each minute of a rest the animal moves for so many seconds.
MOVES_S = 3


def ffmpeg(*arguments):
    import imageio_ffmpeg

    subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *map(str, arguments)], check=True)


def make_hour(folder, quick):
    """Yield an hour, or two minutes, in which all B-frames can be left out; made in a folder unless it is there."""
    part, whole = folder / "two_minutes_b.mp4", folder / "one_hour_b.mp4"
    folder.mkdir(parents=True, exist_ok=True)
    if not part.exists():
        print(f"encoding {part.name}", file=sys.stderr)
        camera = "scale=640:360,fps=30,noise=all_seed=1:alls=8:allf=t"
        codec = ("-c:v", "libx264", "-preset", "medium", "-crf", "23", "-bf", "3", "-g", "250", "-pix_fmt", "yuv420p")
        codec += ("-x264-params", "b-pyramid=none")
        unfinished = part.with_suffix(".part.mp4")
        ffmpeg("-stream_loop", -1, "-i", SAMPLE, "-t", 120, "-vf", camera, *codec, unfinished)
        unfinished.rename(part)
    if quick:
        yield part
        return
    if not whole.exists():
        unfinished = whole.with_suffix(".part.mp4")
        ffmpeg("-stream_loop", 29, "-i", part, "-c", "copy", unfinished)
        unfinished.rename(whole)
    yield whole


def make_kinds(folder, minutes, clip=SAMPLE, names=tuple(KINDS)):
    """Yield a video of each kind, of so many minutes, made of a clip in a folder unless it is there."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        size, noise, codec = KINDS[name]
        part, whole = folder / f"encoded_{name}", folder / f"{minutes}_min_{name}"
        if not part.exists():
            print(f"encoding {part.name}", file=sys.stderr)
            rests = name.startswith("rest")
            still = f"loop=loop={30 * (ENCODED_S - MOVES_S)}:size=1:start=0," if rests else ""
            source = ("-t", MOVES_S) if rests else ("-stream_loop", -1)
            shown = f"scale={size},fps=30,{still}{CAMERA.format(noise)}"
            unfinished = part.with_name(f"unfinished_{part.name}")
            ffmpeg(*source, "-i", clip, "-t", ENCODED_S, "-an", "-vf", shown, *codec, "-threads", 2, unfinished)
            unfinished.rename(part)
        if not whole.exists():
            unfinished = whole.with_name(f"unfinished_{whole.name}")
            ffmpeg("-stream_loop", 60 * minutes // ENCODED_S - 1, "-i", part, "-c", "copy", unfinished)
            unfinished.rename(whole)
        yield whole
