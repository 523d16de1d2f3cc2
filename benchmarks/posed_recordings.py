"""Recordings with true poses, for the benchmarks of the choice: from files, or rendered as the sample clip is.

Poses are float (n_frames, n_animals, n_nodes, 2), x and y in pixels.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

# The scripts that render the sample clip find each other in their own folder.
sys.path.insert(1, str(Path(__file__).resolve().parent.parent / "sample_data"))

from make_sample import NODES, Scene, animate, render, simulate, write_video

from keyframes.video import VideoReader

__all__ = [
    "NODES",
    "SCENES",
    "Scene",
    "animate",
    "body_radius",
    "filled",
    "in_pairs",
    "light_at",
    "render",
    "rendered",
    "resting",
    "seen_again",
    "simulate",
    "write_video",
]

SCENES = {
    "two mice": Scene(seed=3, seconds=60, width=384, height=288, animals=2, animal_size=56, floor="wood"),
    "two flies": Scene(
        seed=7,
        seconds=60,
        width=320,
        height=320,
        animals=2,
        animal_size=30,
        fur_colour=(40, 36, 30),
        skin_colour=(60, 50, 40),
        floor="wood",
        floor_colour=(215, 215, 210),
        wall_colour=(90, 90, 90),
        objects=0,
    ),
    "moving camera": Scene(seed=5, seconds=60, width=384, height=288, animal_size=66, camera_motion=10, arena_seed=9),
    "white mouse": Scene(
        seed=13,
        seconds=60,
        width=320,
        height=240,
        animal_size=50,
        fur_colour=(225, 222, 215),
        floor="wood",
        floor_colour=(60, 60, 66),
        light_drift=0.15,
        rest_share=0.3,
    ),
    "long rests": Scene(
        seed=9, seconds=120, width=320, height=240, animal_size=58, rest_share=0.93, light_drift=0.1, arena_seed=2
    ),
}
# The resting test: so many runs of so many frames, and a rest of so many before each of them and after the last.
N_RUNS, RUN, REST = 5, 40, 633
# At rest, a picture's own noise in gray levels, and how far the light drifts, over so many frames.
NOISE, LIGHT, LIGHT_PERIOD = 2.0, 0.02, 900


def in_pairs(files: list[Path]) -> list[tuple[Path, np.ndarray]]:
    """Return videos with their poses, NaN where a node is missing, as VIDEO POSES.npz VIDEO POSES.npz ... names them.

    An odd number of files ends the program.
    """
    if len(files) % 2:
        raise SystemExit("error: give a file of poses for each video")
    return [(video, np.load(poses)["poses"]) for video, poses in zip(files[::2], files[1::2], strict=True)]


def rendered(folder: Path) -> Iterator[tuple[str, Path, np.ndarray]]:
    """Render a recording of each scene into a folder; yield its name, its file and its poses."""
    for name, scene in SCENES.items():
        motion = animate(scene)
        path = folder / f"{name.replace(' ', '_')}.mp4"
        write_video(path, render(scene, motion), scene.frame_rate, preset="veryfast")
        yield name, path, simulate(scene, motion)[0].astype(np.float64)


def filled(poses: np.ndarray) -> np.ndarray:
    """Fill gaps by straight lines in time."""
    poses, time = poses.astype(np.float64), np.arange(len(poses))
    for place in np.ndindex(poses.shape[1:]):
        values = poses[(slice(None), *place)]
        seen = np.isfinite(values)
        poses[(slice(None), *place)] = np.interp(time, time[seen], values[seen]) if seen.any() else 0.0
    return poses


def body_radius(poses: np.ndarray) -> float:
    """Median root mean square distance of an animal's points from their mean."""
    centred = poses - poses.mean(axis=2, keepdims=True)
    return float(np.median(np.sqrt(np.square(centred).sum(axis=3).mean(axis=2))))


def light_at(number: int) -> float:
    """Return how bright a frame at rest is."""
    return 1 + LIGHT * np.sin(2 * np.pi * number / LIGHT_PERIOD)


def seen_again(picture: np.ndarray, light: float, rng: np.random.Generator) -> np.ndarray:
    """Return a picture (height, width, 3), uint8, in another light and with fresh noise."""
    noise = rng.normal(0, NOISE, picture.shape[:2])[..., None]
    return np.clip(np.rint(picture * light + noise), 0, 255).astype(np.uint8)


def resting(video: Path, poses: np.ndarray, out: Path) -> np.ndarray:
    """Write the resting test of a video; return its poses."""
    starts = np.linspace(1, len(poses) - RUN - 1, N_RUNS).astype(int)
    parts = [part for s in starts for part in (np.full(REST, s - 1), np.arange(s, s + RUN))]
    source = np.concatenate([*parts, np.full(REST, starts[-1] + RUN - 1)])
    at_rest = np.bincount(source, minlength=len(poses))[source] > 1
    with VideoReader(video) as reader:
        wanted = reader.read_frames(set(source.tolist()))
        pictures = {frame.index: cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB) for frame in wanted}
    rng = np.random.default_rng(0)
    frames = (
        seen_again(pictures[index], light_at(time) if rests else 1.0, rng)
        for time, (index, rests) in enumerate(zip(source, at_rest, strict=True))
    )
    write_video(out, frames, 30, preset="veryfast")
    return poses[source]
