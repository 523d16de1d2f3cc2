"""How the camera sees the arena: light, shift, focus and sensor noise, frame by frame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import numpy.typing as npt
from animal import Motion, animate
from arena import paint_arena
from fur import Coat, draw_animal
from scene import Scene, Wobble
from texture import FloatImage

_FOCUS = 0.55  # blur of the lens in pixels
_GRAIN = 0.5  # spread of one noise grain in pixels, as raw sensor values are interpolated


def render(
    scene: Scene, motion: Motion | None = None, frames: Iterable[int] | None = None
) -> Iterator[npt.NDArray[np.uint8]]:
    """Render a recording, one frame in memory at a time.

    Parameters
    ----------
    scene : Scene
        Settings of the recording.
    motion : Motion, optional
        Result of `animate(scene)`, where it is at hand; computed otherwise.
    frames : iterable of int, optional
        Numbers of the frames to render; all of them by default. A frame looks the same whichever
        others are rendered.

    Yields
    ------
    numpy.ndarray
        Frame (height, width, 3), uint8, red, green, blue.
    """
    motion = animate(scene) if motion is None else motion
    pad = math.ceil(scene.camera_motion) + 2 if scene.camera_motion else 0
    arena = paint_arena(scene, pad)
    coats = [Coat(scene, index) for index in range(scene.animals)]
    lamp = _Lamp(scene)
    for frame in range(scene.n_frames) if frames is None else frames:
        picture = _look_at(arena, motion.camera[frame], pad, scene)
        for points, breath, coat in zip(motion.points[frame], motion.breath[frame], coats, strict=True):
            draw_animal(picture, points.astype(np.float64), float(breath), coat, scene)
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), _FOCUS), np.float32)
        picture *= lamp.light(frame / scene.frame_rate)[..., None]
        yield _expose(picture, scene, frame)


def _look_at(arena: FloatImage, shift: npt.NDArray[np.float32], pad: int, scene: Scene) -> FloatImage:
    """Cut the part of the arena that the camera sees, to a fraction of a pixel."""
    if pad == 0:
        return arena.copy()
    matrix = np.array([[1, 0, pad - float(shift[0])], [0, 1, pad - float(shift[1])]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(arena, matrix, (scene.width, scene.height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(seen, np.float32)


class _Lamp:
    """Light that slowly changes its strength and its balance between the sides."""

    def __init__(self, scene: Scene) -> None:
        rng = np.random.default_rng([scene.seed, 6])
        self.depth, self.period = scene.light_drift, scene.light_period
        self.phase = float(rng.uniform(0, 2 * math.pi))
        self.sway = Wobble(rng, 0.4 / scene.light_period, 1.3 / scene.light_period)
        y, x = np.mgrid[0 : scene.height, 0 : scene.width].astype(np.float32)
        self.x, self.y = 2 * x / scene.width - 1, 2 * y / scene.height - 1
        self.even = 1.05 - 0.15 * ((self.x + 0.15) ** 2 + (self.y + 0.1) ** 2)

    def light(self, time: float) -> FloatImage:
        """Brightness (height, width) at `time` (seconds); around 1."""
        swell = math.sin(2 * math.pi * time / self.period + self.phase)
        tilt = 0.4 * self.sway(time) * (0.8 * self.x + 0.6 * self.y)
        return np.asarray(self.even * (1 + self.depth * (0.8 * swell + 0.5 * tilt)), np.float32)


def _expose(picture: FloatImage, scene: Scene, frame: int) -> npt.NDArray[np.uint8]:
    """Add the noise of the sensor, which grows with the light, and round to gray levels."""
    if scene.noise > 0:
        rng = np.random.default_rng([scene.seed, 7, frame])
        gray = rng.standard_normal(picture.shape[:2], np.float32)
        grain = rng.standard_normal(picture.shape, np.float32) * 0.5
        grain += 0.866 * gray[..., None]
        grain = cv2.GaussianBlur(grain, (0, 0), _GRAIN) * _unblurred()
        strength = scene.noise * np.sqrt(0.35 + 0.65 * np.maximum(picture, 0) / 128)
        picture = picture + strength * grain
    return np.asarray(np.clip(np.rint(picture), 0, 255), np.uint8)


def _unblurred() -> float:
    """Factor that gives blurred noise its spread back."""
    kernel = cv2.getGaussianKernel(9, _GRAIN)
    return float(1 / (kernel**2).sum())
