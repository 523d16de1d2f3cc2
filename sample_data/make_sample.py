"""Render the sample recording: a mouse in an arena, its true poses, and a photograph-like still.

The recording is drawn from scratch, so the true place of every body part is known. Run without
arguments, the script rewrites the files next to it::

    python sample_data/make_sample.py

Other recordings go elsewhere::

    python sample_data/make_sample.py --out /tmp/long --seconds 120 --seed 3

From Python, with this folder on the path, any scene can be rendered::

    from make_sample import Scene, render, simulate, write_video

    scene = Scene(seed=3, animals=2, floor="wood", camera_motion=6)
    poses, behaviours = simulate(scene)
    write_video("two.mp4", render(scene), scene.frame_rate)
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Iterable
from pathlib import Path

import cv2
import imageio_ffmpeg  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
from animal import NODE_POINTS, Motion, animate
from camera import render
from photo import paint_photo
from scene import Scene

__all__ = ["NODES", "Motion", "Scene", "animate", "paint_photo", "render", "simulate", "write_poses", "write_video"]

NODES = tuple(NODE_POINTS)


def simulate(scene: Scene, motion: Motion | None = None) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.str_]]:
    """Give the true poses and behaviours of a recording.

    Parameters
    ----------
    scene : Scene
        Settings of the recording.
    motion : Motion, optional
        Result of `animate(scene)`, where it is at hand; computed otherwise.

    Returns
    -------
    poses : numpy.ndarray
        float32 (n_frames, n_animals, n_nodes, 2): x, then y of every node of `NODES`, in pixels; the
        centre of the upper left pixel is (0, 0). Left and right are those of the animal.
    behaviours : numpy.ndarray
        str (n_frames, n_animals): name of the behaviour.
    """
    motion = animate(scene) if motion is None else motion
    return motion.points[:, :, list(NODE_POINTS.values()), :2], motion.behaviours


def write_video(
    path: str | Path,
    frames: Iterable[npt.NDArray[np.uint8]],
    frame_rate: float,
    crf: float = 23.0,
    preset: str = "slow",
) -> None:
    """Encode frames as H.264 (yuv420p, with B-frames), the same bytes from the same ffmpeg build.

    Parameters
    ----------
    path : str or Path
        Video file to write.
    frames : iterable of numpy.ndarray
        Frames (height, width, 3), uint8, red, green, blue; even height and width.
    frame_rate : float
        Frames per second.
    crf : float
        Constant rate factor of libx264: lower is larger and better.
    preset : str
        Preset of libx264.
    """
    options = ["-crf", str(crf), "-preset", preset, "-threads", "1", "-movflags", "+faststart"]
    options += ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1"]
    writer = None
    try:
        for frame in frames:
            if writer is None:
                writer = imageio_ffmpeg.write_frames(
                    str(path),
                    (frame.shape[1], frame.shape[0]),
                    fps=frame_rate,
                    codec="libx264",
                    pix_fmt_in="rgb24",
                    pix_fmt_out="yuv420p",
                    quality=None,
                    macro_block_size=2,
                    output_params=options,
                )
                writer.send(None)
            writer.send(np.ascontiguousarray(frame))
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise ValueError("there are no frames to write")


def write_poses(path: str | Path, scene: Scene, motion: Motion | None = None) -> None:
    """Write the true poses of a recording as CSV, one row per frame.

    Parameters
    ----------
    path : str or Path
        File to write.
    scene : Scene
        Settings of the recording.
    motion : Motion, optional
        Result of `animate(scene)`, where it is at hand; computed otherwise.
    """
    poses, behaviours = simulate(scene, motion)
    prefixes = [""] if scene.animals == 1 else [f"animal{index + 1}_" for index in range(scene.animals)]
    header = ["frame_index", "time_s"]
    for prefix in prefixes:
        header += [f"{prefix}behaviour", *(f"{prefix}{node}_{axis}" for node in NODES for axis in "xy")]
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for frame in range(scene.n_frames):
            row = [str(frame), f"{frame / scene.frame_rate:.2f}"]
            for animal in range(scene.animals):
                row += [str(behaviours[frame, animal]), *(f"{value:.2f}" for value in poses[frame, animal].flat)]
            writer.writerow(row)


def write_photo(path: str | Path, seed: int) -> None:
    """Write the photograph-like still as PNG.

    Parameters
    ----------
    path : str or Path
        File to write.
    seed : int
        Seed of the landscape.
    """
    photo = cv2.cvtColor(paint_photo(seed=seed), cv2.COLOR_RGB2BGR)
    if not cv2.imwrite(str(path), photo, [cv2.IMWRITE_PNG_COMPRESSION, 9]):
        raise OSError(f"could not write {path}")


def main(arguments: list[str] | None = None) -> None:
    """Write `mouse.mp4`, `mouse.csv` and `photo.png`.

    Parameters
    ----------
    arguments : list of str, optional
        Command line without the name of the script; that of the process by default.
    """
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder to write into (this one)")
    parser.add_argument("--seconds", type=float, default=Scene.seconds, help="length of the clip (%(default)s)")
    parser.add_argument("--seed", type=int, default=Scene.seed, help="seed of the clip (%(default)s)")
    parser.add_argument("--crf", type=float, default=23.0, help="rate factor of the encoder (%(default)s)")
    options = parser.parse_args(arguments)
    scene = Scene(seed=options.seed, seconds=options.seconds)
    motion = animate(scene)
    options.out.mkdir(parents=True, exist_ok=True)
    write_video(options.out / "mouse.mp4", render(scene, motion), scene.frame_rate, options.crf)
    write_poses(options.out / "mouse.csv", scene, motion)
    write_photo(options.out / "photo.png", seed=1)


if __name__ == "__main__":
    main()
