#!/usr/bin/env python3
"""How many videos two jobs get through in the time of one.

    python benchmarks/batch_jobs.py [--videos 16] [--seconds 60] [--rounds 2] [--cache DIR]

So many equal videos (links to one: the sample clip at 640x360 with a camera's noise, so many seconds of it) go through
`keyframes batch`, with one job of one thread and with two, in turn, into new folders. The best of each count. Two jobs
must get through at least 1.7 times as many in the same time on two processors.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.extract import KEYFRAMES, run
from benchmarks.recordings import SAMPLE, ffmpeg

LIMIT = 1.7


def make_video(path, seconds):
    if not path.exists():
        ffmpeg(
            *("-stream_loop", -1, "-i", SAMPLE, "-t", seconds, "-an", "-vf", "scale=640:360,noise=alls=6:allf=t"),
            *("-c:v", "libx264", "-preset", "veryfast", "-crf", 23, "-pix_fmt", "yuv420p", path),
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--cache", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        video = (args.cache or folder) / f"noisy-{args.seconds}.mp4"
        make_video(video, args.seconds)
        (folder / "videos").mkdir()
        for number in range(args.videos):
            os.symlink(video.resolve(), folder / "videos" / f"{number:02d}.mp4")
        took = {1: [], 2: []}
        for turn in range(args.rounds):
            for jobs in took:
                output = folder / f"{turn}-{jobs}"
                command = [KEYFRAMES, "batch", folder / "videos", "-k", 20, "--jobs", jobs, "--threads", 1, "-q"]
                start = time.perf_counter()
                run([*command, "-o", output])
                took[jobs].append(time.perf_counter() - start)
        for jobs, seconds in took.items():
            each = ", ".join(f"{one:.1f}" for one in seconds)
            print(
                f"{jobs} job{'s' if jobs > 1 else ''}: {each} s; {60 * args.videos / min(seconds):.1f} videos a minute"
            )
        print(f"two jobs / one job  {min(took[1]) / min(took[2]):.2f} (limit {LIMIT})")


if __name__ == "__main__":
    main()
