#!/usr/bin/env python3
"""Does a sparse scan of a long recording choose as well as an exact one? On rendered recordings with true poses.

    python benchmarks/hours.py [--minutes 60] [--rate HZ] [--scene NAME...] [--kind active|resting] [--cache DIR]

Of each scene of `benchmarks/coverage.py` that is asked for two recordings are made: in one the animals behave as that
scene has them; in the other they rest 95 % of the time, each rest the frame before a run of 2 seconds, with fresh noise
and drifting light. Both are scanned exactly and sparsely. Scores as there, against evenly spaced frames, over 4,000
frames that are spread over the recording.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

# Not this folder: it has files named as packages, which would hide them.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.coverage import KS, Truth
from benchmarks.posed_recordings import (
    SCENES,
    Scene,
    animate,
    light_at,
    render,
    seen_again,
    simulate,
    write_video,
)
from keyframes.choice.choose import choose_from_scan
from keyframes.scan.first_pass import scan_video
from keyframes.settings import Settings
from keyframes.video import VideoReader, side_by_side

N_COUNTED = 4000
RUN_S, REST_S = 2, 38
# Frames that a process renders at a time.
BLOCK = 50
# Of each process that renders: its scene, and how the animals move in it.
own: dict[str, Any] = {}


def active(scene: Scene, minutes: float, path: Path) -> np.ndarray:
    """Render a scene of so many minutes; return its poses."""
    scene = replace(scene, seconds=60 * minutes)
    if not path.exists():
        write(path, rendered(scene, range(scene.n_frames)), scene)
    return simulate(scene)[0].astype(np.float64)


def resting(scene: Scene, minutes: float, path: Path) -> np.ndarray:
    """Render runs of a scene with rests between them, so many minutes together; return the poses."""
    run, rest = round(RUN_S * scene.frame_rate), round(REST_S * scene.frame_rate)
    n_runs = round(60 * minutes / (RUN_S + REST_S))
    # Every other stretch of the scene is left out: what follows a rest is something else.
    scene = replace(scene, seconds=2 * RUN_S * n_runs)
    runs = [range(2 * run * number, 2 * run * number + run) for number in range(n_runs)]

    def frames() -> Iterator[np.ndarray]:
        rng, number = np.random.default_rng(0), 0
        pictures = rendered(scene, chain.from_iterable(runs))
        for _ in runs:
            first = next(pictures)
            for _ in range(rest):
                yield seen_again(first, light_at(number), rng)
                number += 1
            yield first
            yield from islice(pictures, run - 1)
            number += run

    if not path.exists():
        write(path, frames(), scene)
    source = np.concatenate([np.r_[np.full(rest, one.start), one] for one in runs])
    return simulate(scene)[0].astype(np.float64)[source]


def rendered(scene: Scene, numbers: Iterable[int]) -> Iterator[np.ndarray]:
    """Render frames of a scene in several processes, in their order."""
    todo, workers = iter(numbers), os.cpu_count() or 1
    blocks = iter(lambda: tuple(islice(todo, BLOCK)), ())
    with ProcessPoolExecutor(workers, initializer=start_worker, initargs=(scene,)) as pool:
        for pictures in side_by_side(
            lambda block: pool.submit(render_block, block).result(), blocks, workers, "render"
        ):
            yield from pictures


def start_worker(scene: Scene) -> None:
    """Let a process know what it renders."""
    cv2.setNumThreads(1)
    own["scene"], own["motion"] = scene, animate(scene)


def render_block(numbers: tuple[int, ...]) -> list[np.ndarray]:
    """Render some frames of a process's scene."""
    return list(render(own["scene"], own["motion"], numbers))


def write(path: Path, frames: Iterator[np.ndarray], scene: Scene) -> None:
    """Encode a recording, whole or not at all."""
    print(f"rendering {path.name}", file=sys.stderr)
    unfinished = path.with_suffix(".part.mp4")
    write_video(unfinished, frames, scene.frame_rate, preset="veryfast")
    unfinished.rename(path)


def evaluate(name: str, video: Path, poses: np.ndarray) -> None:
    """Print the scores of both scans of a video, and their ratio."""
    chosen: dict[tuple[str, int], np.ndarray] = {}
    told = {}
    for how in ("exact", "sparse"):
        begun = time.process_time()
        with VideoReader(video) as reader:
            scan = scan_video(reader, Settings(max(KS), scan=how), False)
        told[how] = f"{len(scan.frame_index)} frames, {time.process_time() - begun:.0f} s of CPU time"
        for k in KS:
            keyframes = choose_from_scan(scan, Settings(k, scan=how), None, False)[0].keyframes
            chosen[how, k] = np.array([keyframe.frame_index for keyframe in keyframes])
    counted = np.linspace(0, len(poses) - 1, min(N_COUNTED, len(poses))).astype(np.int64)
    rows = np.union1d(counted, np.concatenate(list(chosen.values())))
    truth = Truth(poses[rows], np.searchsorted(rows, counted))
    scores = {key: np.log(truth.score(np.searchsorted(rows, frames))).mean() for key, frames in chosen.items()}
    for how in told:
        cells = " ".join(f"{np.exp(scores[how, k]):6.3f}" for k in KS)
        mean = np.exp(np.mean([scores[how, k] for k in KS]))
        print(f"{name:24s} {how:8s} {cells} {mean:6.3f}   {told[how]}", flush=True)
    ratios = [scores["sparse", k] - scores["exact", k] for k in KS]
    cells = " ".join(f"{np.exp(ratio):6.3f}" for ratio in ratios)
    print(f"{name:24s} {'ratio':8s} {cells} {np.exp(np.mean(ratios)):6.3f}", flush=True)


def main() -> None:
    """Measure the scenes that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=25, metavar="HZ", help="frames per second [25]")
    parser.add_argument("--scene", nargs="+", choices=SCENES, default=["two mice"], metavar="NAME")
    parser.add_argument("--kind", nargs="+", choices=("active", "resting"), default=("active", "resting"))
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep the videos made here [a temporary folder]")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    print(f"{'recording':24s} {'scan':8s} " + " ".join(f"{f'k={k}':>6s}" for k in KS) + "   mean")
    with tempfile.TemporaryDirectory() as name:
        folder = options.cache or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        for scene in options.scene:
            for kind in options.kind:
                make = active if kind == "active" else resting
                path = folder / f"{scene.replace(' ', '_')}_{kind}_{options.minutes:g}_min_{options.rate:g}_hz.mp4"
                shown = replace(SCENES[scene], frame_rate=options.rate)
                evaluate(f"{scene}, {kind}", path, make(shown, options.minutes, path))


if __name__ == "__main__":
    main()
