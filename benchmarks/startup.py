#!/usr/bin/env python3
"""How soon the command answers, and how much memory it takes.

    python benchmarks/startup.py [VIDEO...]

Help is timed in turn with an empty Typer program, and their ratio counts. Then the first extraction of the sample clip
with no compiled kernel on disk, and the second; then the peak resident memory of an extraction of each VIDEO.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.recordings import SAMPLE

KEYFRAMES = Path(sys.executable).parent / "keyframes"
EMPTY_APP = "import typer\napp = typer.Typer()\n@app.command()\ndef main(): pass\napp()\n"
REPEATS = 15


def seconds(command, **options):
    start = time.perf_counter()
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL, **options)
    return time.perf_counter() - start


def time_help(folder):
    empty = folder / "empty.py"
    empty.write_text(EMPTY_APP, encoding="utf-8")
    commands = [KEYFRAMES, "--help"], [sys.executable, empty, "--help"]
    # The first turn reads the modules from the disk, and does not count.
    pairs = [[seconds(command) for command in commands] for _ in range(REPEATS + 1)][1:]
    ours, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    ratio = statistics.median(our / their for our, their in pairs)
    print(f"keyframes --help        {ours:6.2f} s; empty Typer app {theirs:.2f} s; ratio {ratio:.2f} (limit 1.3)")


def time_sample(folder):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache")}
    for name, limit in (("first", 30), ("second", 5)):
        command = [KEYFRAMES, "extract", SAMPLE, "-k", 20, "-q", "-o", folder / name]
        print(f"{name + ' extraction':<24}{seconds(command, env=environment):6.2f} s (limit {limit})")


def measure_memory(folder, video):
    program = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    command = [sys.executable, "-c", program, KEYFRAMES, "extract", video, "-k", "50", "-o", folder / video.stem]
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True)
    print(f"{video.name:<24}{int(done.stdout) / 1024:6.0f} MB at the peak")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="*", metavar="VIDEO")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        time_help(folder)
        time_sample(folder)
        for video in args.videos:
            measure_memory(folder, video)


if __name__ == "__main__":
    main()
