#!/usr/bin/env python3
"""How much memory and temporary storage an extraction takes: a day of video, and large pictures.

    python benchmarks/memory.py [VIDEO...] [-k 150] [--quick] [--cache DIR] [--scan exact|sparse]

The peak resident memory is that of the largest process. Temporary files are those in the folder for them and those that
are open without a name, looked at ten times a second. Without a video it makes its own: 24 hours at 20 frames a second,
64x64 pixels, 1,728,000 frames (--quick: one hour), and 4K, 3840x2160, 600 frames; a short encode, repeated as it is.
"""

import argparse
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.extract import KEYFRAMES, run
from benchmarks.recordings import SAMPLE, ffmpeg

# Name, picture size, frames a second, frames encoded, how often they are repeated: in full and in the quick run.
VIDEOS = (("day.mp4", "64:64", 20, 2400, 720, 30), ("4k.mp4", "3840:2160", 30, 150, 4, 1))
LIMITS = {"day.mp4": (1000, 1000), "4k.mp4": (700, None)}


class TemporaryFiles:
    """The most bytes that temporary files of a process took at any look.

    Parameters
    ----------
    folder : Path
        Where the process makes them.
    """

    def __init__(self, folder):
        self.folder = folder
        self.peak_bytes = 0

    def look(self, pid):
        """Add up the files in the folder, and those that the process holds open without a name."""
        sizes = {}
        with suppress(OSError):
            for path in self.folder.rglob("*"):
                note_size(path, sizes)
        with suppress(OSError):
            for path in Path(f"/proc/{pid}/fd").iterdir():
                with suppress(OSError):
                    if os.readlink(path).endswith(" (deleted)"):
                        note_size(path, sizes)
        self.peak_bytes = max(self.peak_bytes, sum(sizes.values()))


def note_size(path, sizes):
    with suppress(OSError):
        stat = path.stat()
        sizes[stat.st_dev, stat.st_ino] = stat.st_size


def make_video(folder, name, size, rate, n_frames, repeats):
    path = folder / f"{repeats}x-{name}"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part, unfinished = folder / f"part-{name}", folder / f"unfinished-{name}"
    picture = f"scale={size},fps={rate},noise=all_seed=1:alls=8:allf=t"
    codec = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "26", "-bf", "3", "-g", "250", "-pix_fmt", "yuv420p")
    print(f"encoding {path.name}", file=sys.stderr)
    ffmpeg("-stream_loop", -1, "-i", SAMPLE, "-vf", picture, "-frames:v", n_frames, *codec, part)
    ffmpeg("-stream_loop", repeats - 1, "-i", part, "-c", "copy", unfinished)
    part.unlink()
    unfinished.rename(path)
    return path


def measure(video, folder, args):
    temporary = folder / f"temporary-{video.name}"
    temporary.mkdir()
    files = TemporaryFiles(temporary)
    command = [KEYFRAMES, "extract", video, "-k", args.clusters, "--scan", args.scan, "-q"]
    command += ["-o", folder / f"{video.name}-keyframes"]
    cost = run(command, watch=files.look, env={**os.environ, "TMPDIR": str(temporary)})
    return cost.seconds, cost.peak_bytes / 1e6, files.peak_bytes / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="*", metavar="VIDEO")
    parser.add_argument("-k", "--clusters", type=int, default=150)
    parser.add_argument("--quick", action="store_true", help="without a VIDEO: an hour instead of a day")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep the videos made here [a temporary folder]")
    parser.add_argument("--scan", choices=["exact", "sparse"], default="exact", help="how to scan [exact]")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        videos = args.videos or [
            make_video(args.cache or folder, name, size, rate, n_frames, quick if args.quick else repeats)
            for name, size, rate, n_frames, repeats, quick in VIDEOS
        ]
        print(f"{'video':<24}{'seconds':>9}{'peak MB':>9}{'limit':>7}{'temporary MB':>14}{'limit':>7}", flush=True)
        for video in videos:
            seconds, peak, temporary = measure(video, folder, args)
            limits = LIMITS.get(video.name.partition("x-")[2], (None, None))
            peak_limit, temporary_limit = (limit or "" for limit in limits)
            print(
                f"{video.name:<24}{seconds:9.1f}{peak:9.0f}{peak_limit:>7}{temporary:14.0f}{temporary_limit:>7}",
                flush=True,
            )


if __name__ == "__main__":
    main()
