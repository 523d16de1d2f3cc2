"""A still that behaves like a photograph: a mountain lake with sky, water, forest and meadow."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt
from texture import FloatImage, brush, fractal, soft_step

_SUPERSAMPLE = 2
_HAZE = np.array([196, 205, 214], np.float32)


def paint_photo(width: int = 480, height: int = 320, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Render the photograph-like still.

    Parameters
    ----------
    width, height : int
        Size in pixels.
    seed : int
        Seed of the landscape.

    Returns
    -------
    numpy.ndarray
        Image (height, width, 3), uint8, red, green, blue.
    """
    rng = np.random.default_rng([seed, 8])
    shape = (height * _SUPERSAMPLE, width * _SUPERSAMPLE)
    shore = round(0.56 * shape[0])
    picture = _paint_sky(shape, rng)
    _paint_mountains(picture, shore, rng)
    _paint_far_forest(picture, shore, rng)
    _paint_lake(picture, shore, rng)
    _paint_meadow(picture, rng)
    _paint_trees(picture, rng)
    small = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.float32)
    return _develop(small, rng)


def _paint_sky(shape: tuple[int, int], rng: np.random.Generator) -> FloatImage:
    """Evening gradient, a glow over the mountains and drawn-out clouds."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
    depth = np.clip(y / (0.56 * shape[0]), 0, 1)[..., None]
    sky = (1 - depth) * np.array([88, 126, 172], np.float32) + depth * np.array([222, 214, 202], np.float32)
    glow = np.exp(-(((x / shape[1] - 0.68) / 0.32) ** 2) - ((y / shape[0] - 0.40) / 0.24) ** 2)
    sky += glow[..., None] * np.array([38, 20, -14], np.float32)
    squeezed = fractal((shape[0], shape[1] // 3), rng, shape[0] / 4, 6)
    billows = cv2.resize(squeezed, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    cover = soft_step((billows - 0.55 + 0.5 * depth[..., 0]) * 0.62 - 0.2) * (1 - 0.6 * depth[..., 0])
    lower = cv2.GaussianBlur(np.roll(billows, 12, axis=0), (0, 0), 4)
    light = np.clip(0.86 + 0.13 * (billows - lower) + 0.05 * billows, 0.6, 1.05)
    brush(sky, light[..., None] * np.array([250, 243, 236], np.float32), 0.85 * cover)
    return np.asarray(sky, np.float32)


def _ridge(width: int, rng: np.random.Generator, height: float, roughness: float) -> FloatImage:
    """Skyline (width,): fractal noise along one line, with mean 0 and about `height` tall."""
    line = np.zeros(width, np.float32)
    cell, strength = width / 3, 1.0
    while cell > 2:
        grid = rng.standard_normal(int(width / cell) + 4).astype(np.float32)
        places = np.arange(width) / cell + rng.uniform(0, 1)
        # Straight slopes between the grid points look like rock; a smooth curve would look like dunes.
        line += strength * np.interp(places, np.arange(len(grid)), grid).astype(np.float32)
        cell, strength = cell / 2, strength * roughness
    line -= line.mean()
    return np.asarray(line * height / max(float(line.std()), 1e-6), np.float32)


def _paint_mountains(picture: FloatImage, shore: int, rng: np.random.Generator) -> None:
    """Four ranges, the far ones pale with haze, with lit and shaded faces and snow."""
    height, width = picture.shape[:2]
    y = np.arange(height, dtype=np.float32)[:, None]
    ranges = [(0.30, 0.050, 0.60), (0.37, 0.046, 0.40), (0.44, 0.030, 0.22), (0.50, 0.016, 0.10)]
    for level, tall, haze in ranges:
        skyline = level * height + _ridge(width, rng, tall * height, 0.52)
        inside = soft_step((y - skyline) / 1.5)
        relief = fractal((height, width), rng, 70, 7)
        # Faces and tree lines follow the broad shape of the range, not every notch of its skyline.
        broad = cv2.GaussianBlur(skyline[None], (0, 0), sigmaX=22, sigmaY=0.1)
        relief = relief + (y - np.asarray(broad, np.float32)) / (0.35 * height)
        slope = cv2.GaussianBlur(cv2.Sobel(relief, cv2.CV_32F, 1, 1, ksize=3), (0, 0), 0.8)
        slope += 1.2 * cv2.Sobel(cv2.GaussianBlur(relief, (0, 0), 2.5), cv2.CV_32F, 1, 0, ksize=3)
        light = np.clip(0.92 + 0.42 * slope / max(float(slope.std()), 1e-6), 0.3, 1.9)
        wooded = soft_step((y - broad - 0.055 * height + 12 * relief) / (0.05 * height))[..., None]
        rock = np.array([112, 104, 100], np.float32) * (1 - wooded) + np.array([72, 80, 60], np.float32) * wooded
        ground = rock * light[..., None]
        snow = soft_step((0.036 * height - (y - broad) + 11 * slope / max(float(slope.std()), 1e-6)) / 8)
        if level < 0.4:
            brush(ground, np.clip(light, 0.6, 1.15)[..., None] * np.array([226, 230, 238], np.float32), 0.9 * snow)
        mist = haze + 0.35 * np.clip((y - skyline) / (shore - skyline).clip(1), 0, 1) ** 2
        brush(ground, _HAZE, np.clip(mist, 0, 0.9) * np.ones_like(relief))
        brush(picture, ground, inside)


def _paint_far_forest(picture: FloatImage, shore: int, rng: np.random.Generator) -> None:
    """Band of distant treetops along the far shore."""
    height, width = picture.shape[:2]
    y = np.arange(height, dtype=np.float32)[:, None]
    for lift, tone in ((0.034, 1.0), (0.016, 0.72)):
        tops = shore - lift * height + _ridge(width, rng, 0.004 * height, 0.8)
        tops -= 7 * np.abs(np.sin(np.arange(width) * 0.21 + 3 * _ridge(width, rng, 1.0, 0.6)))
        leaves = fractal((height, width), rng, 9, 4)
        green = np.array([62, 76, 52], np.float32) * tone * (1 + 0.30 * leaves)[..., None]
        brush(green, _HAZE, np.full(leaves.shape, 0.16, np.float32))
        brush(picture, green, soft_step((y - tops) / 2))


def _paint_lake(picture: FloatImage, shore: int, rng: np.random.Generator) -> None:
    """Mirror everything above the shore in rippled water."""
    height, width = picture.shape[:2]
    rows = height - shore
    y, x = np.mgrid[0:rows, 0:width].astype(np.float32)
    near = y / rows
    # Ripples look finer and flatter towards the far shore: sample one noise field in perspective.
    field = fractal((1024, 1024), rng, 60, 5)
    far = 1 / (0.06 + near)
    ripple = cv2.remap(
        field, (x - width / 2) * far * 0.35 + 512, 900 * far / 16.7, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    source_y = shore - 1 - y * 1.02 - ripple * (1.0 + 9 * near)
    mirrored = cv2.remap(picture, x + 2.5 * ripple * near, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    mirrored = cv2.GaussianBlur(mirrored, (0, 0), sigmaX=1.0, sigmaY=2.2)
    water = mirrored * (0.86 - 0.30 * near)[..., None] + np.array([4, 12, 16], np.float32)
    water += (13 * np.clip(ripple - 0.9, 0, 2) * (0.4 + near))[..., None] * np.array([1.0, 1.0, 0.95], np.float32)
    water += (26 * np.exp(-y / 3))[..., None]
    picture[shore:] = water


def _paint_meadow(picture: FloatImage, rng: np.random.Generator) -> None:
    """Near bank: thousands of grass blades, the nearer ones longer, and a few flowers."""
    height, width = picture.shape[:2]
    y = np.arange(height, dtype=np.float32)[:, None]
    edge = 0.875 * height + _ridge(width, rng, 0.012 * height, 0.6) - np.linspace(0.10, -0.05, width) * height
    soil = np.array([52, 58, 30], np.float32) * (1 + 0.3 * fractal((height, width), rng, 30, 5))[..., None]
    brush(picture, soil.astype(np.float32), soft_step((y - edge) / 3))
    blades = 9000
    roots = np.sort(rng.uniform(0, 1, blades))
    canvas = np.clip(picture, 0, 255).astype(np.uint8)
    for depth in roots:
        x = float(rng.uniform(0, width))
        base = float(edge[min(int(x), width - 1)])
        foot = base + depth * (height * 1.08 - base)
        tall = (7 + 26 * depth) * float(rng.uniform(0.5, 1.2))
        lean = float(rng.normal(0.15, 0.35)) * tall
        bend = np.array([[x, foot], [x + 0.25 * lean, foot - 0.6 * tall], [x + lean, foot - tall]])
        bright = float(rng.uniform(0.45, 1.15)) * (0.72 + 0.38 * depth)
        tone = bright * np.array([112 + 40 * rng.random(), 122, 64])
        cv2.polylines(canvas, [np.round(bend * 16).astype(np.int32)], False, tone.tolist(), 1, cv2.LINE_AA, 4)
        if rng.random() < 0.018:
            petal = [(232, 226, 214), (226, 178, 64), (176, 120, 190)][int(rng.integers(3))]
            tip = tuple(int(v) for v in np.round(bend[2] * 16))
            cv2.circle(canvas, tip, int(16 * (1.2 + 2.2 * depth)), petal, -1, cv2.LINE_AA, 4)
    picture[:] = canvas


def _paint_trees(picture: FloatImage, rng: np.random.Generator) -> None:
    """Spruces on the near bank, drawn twig by twig."""
    height, width = picture.shape[:2]
    canvas = np.clip(picture, 0, 255).astype(np.uint8)
    for place, foot, tall in ((0.17, 0.89, 0.50), (0.075, 0.93, 0.74), (0.27, 0.885, 0.30), (0.955, 0.955, 0.40)):
        _draw_spruce(canvas, place * width, foot * height, tall * height, rng)
    picture[:] = canvas


def _draw_spruce(canvas: npt.NDArray[np.uint8], x: float, foot: float, tall: float, rng: np.random.Generator) -> None:
    """Draw one spruce from the top down, so that lower twigs lie over the ones behind."""
    trunk = np.array([[x - 0.012 * tall, foot], [x + 0.012 * tall, foot], [x, foot - tall]])
    cv2.fillConvexPoly(canvas, np.round(trunk * 16).astype(np.int32), (50, 40, 32), cv2.LINE_AA, 4)
    for share in np.sort(rng.uniform(0.01, 0.93, int(6.5 * tall))):
        reach = 0.23 * tall * share**0.85 * float(rng.uniform(0.45, 1.1))
        side = float(rng.choice((-1, 1))) * math.sqrt(float(rng.uniform(0.02, 1)))
        start = np.array([x, foot - tall * (1 - share)])
        end = start + np.array([side * reach, reach * float(rng.uniform(0.12, 0.42))])
        # The light comes from the right, as the glow in the sky.
        bright = float(rng.uniform(0.5, 1.15)) * (0.8 + 0.35 * side)
        tone = bright * np.array([52, 66, 38])
        cv2.line(canvas, *_pair(start, end), tone.tolist(), 2, cv2.LINE_AA, 4)
        for _ in range(5):
            knot = start + (end - start) * float(rng.uniform(0.2, 1))
            tuft = knot + np.array([side * 0.02, 0.03]) * tall * rng.uniform(0.2, 1.0, 2)
            shade = bright * float(rng.uniform(0.7, 1.35)) * np.array([54, 70, 40])
            cv2.line(canvas, *_pair(knot, tuft), shade.tolist(), 1, cv2.LINE_AA, 4)


def _pair(start: npt.NDArray[np.float64], end: npt.NDArray[np.float64]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Turn two points into sixteenths of a pixel, as OpenCV draws them."""
    (x0, y0), (x1, y1) = np.round(np.stack([start, end]) * 16).astype(int).tolist()
    return (x0, y0), (x1, y1)


def _develop(picture: FloatImage, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Give the picture the softness, vignette, contrast and grain of a camera."""
    height, width = picture.shape[:2]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    sharp = cv2.GaussianBlur(picture, (0, 0), 0.5)
    vignette = 1.03 - 0.22 * ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 2
    tone = np.clip(sharp * vignette[..., None] / 255, 0, 1)
    tone = 0.82 * tone + 0.18 * tone * tone * (3 - 2 * tone)
    grain = 1.1 * rng.standard_normal((height, width, 1), np.float32) + 0.6 * rng.standard_normal(
        picture.shape, np.float32
    )
    return np.asarray(np.clip(np.rint(255 * tone + grain), 0, 255), np.uint8)
