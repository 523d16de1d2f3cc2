"""The arena: where the walls and objects stand, and how floor, walls and objects look."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from scene import Scene
from texture import FloatImage, brush, fractal, soft_step

# The lamp hangs beyond the upper left corner: shadows fall to the lower right.
SHADOW_DIRECTION = (0.62, 0.78)
_SUPERSAMPLE = 2


@dataclass(frozen=True)
class Layout:
    """Floor rectangle and objects, in pixels of a frame of the unmoved camera.

    Parameters
    ----------
    left, top, right, bottom : float
        Edges of the floor.
    objects : tuple of tuple
        (centre as a complex number x + iy, radius) of every object.
    """

    left: float
    top: float
    right: float
    bottom: float
    objects: tuple[tuple[complex, float], ...]

    def clearance(self, point: complex) -> float:
        """Distance in pixels from `point` to the nearest wall or object; negative inside one."""
        walls = min(point.real - self.left, self.right - point.real, point.imag - self.top, self.bottom - point.imag)
        return min([walls, *(abs(point - centre) - radius for centre, radius in self.objects)])

    def confine(self, point: complex, gap: float) -> complex:
        """Move `point` to the nearest place at least `gap` pixels from walls and objects."""
        for centre, radius in self.objects:
            away = point - centre
            if 0 < abs(away) < radius + gap:
                point = centre + away / abs(away) * (radius + gap)
        x = min(max(point.real, self.left + gap), self.right - gap)
        y = min(max(point.imag, self.top + gap), self.bottom - gap)
        return complex(x, y)


def lay_out(scene: Scene) -> Layout:
    """Place the walls and objects of a scene.

    Parameters
    ----------
    scene : Scene
        Settings of the recording.

    Returns
    -------
    Layout
        Floor rectangle and objects.
    """
    margin = scene.margin
    right, bottom = scene.width - 1 - margin, scene.height - 1 - margin
    rng = np.random.default_rng([scene.arena_seed, 1])
    radius = 0.085 * min(right - margin, bottom - margin)
    passage = 0.75 * scene.animal_size
    objects: list[tuple[complex, float]] = []
    for _ in range(200):
        if len(objects) == scene.objects:
            break
        # Objects stand near a corner, where an experimenter would put them, and leave the middle free.
        x, y = rng.uniform(0.14, 0.3, 2)
        x, y = (x if rng.random() < 0.5 else 1 - x), (y if rng.random() < 0.5 else 1 - y)
        centre = complex(margin + x * (right - margin), margin + y * (bottom - margin))
        if all(abs(centre - other) > radius + size + passage for other, size in objects):
            objects.append((centre, radius * float(rng.uniform(0.9, 1.15))))
    return Layout(margin, margin, right, bottom, tuple(objects))


def paint_arena(scene: Scene, pad: int) -> FloatImage:
    """Paint the empty arena in even light.

    Parameters
    ----------
    scene : Scene
        Settings of the recording.
    pad : int
        Pixels added on every side, for the motion of the camera.

    Returns
    -------
    numpy.ndarray
        Image (height + 2 pad, width + 2 pad, 3), float32, red, green, blue, 0 to 255.
    """
    layout = lay_out(scene)
    rng = np.random.default_rng([scene.arena_seed, 2])
    shape = (scene.height + 2 * pad, scene.width + 2 * pad)
    floor = _paint_bedding(scene, shape, rng) if scene.floor == "bedding" else _paint_wood(scene, shape, rng)
    picture = floor * _wall_shadow(layout, shape, pad)[..., None]
    for index, (centre, radius) in enumerate(layout.objects):
        _paint_object(picture, centre + complex(pad, pad), radius, index, rng)
    return _paint_walls(picture, scene, layout, pad, rng)


def _paint_bedding(scene: Scene, shape: tuple[int, int], rng: np.random.Generator) -> FloatImage:
    """Scatter thousands of wood shavings, each with its own tone and a small shadow."""
    scale = _SUPERSAMPLE * min(scene.width, scene.height) / 384
    height, width = shape[0] * _SUPERSAMPLE, shape[1] * _SUPERSAMPLE
    colour = np.array(scene.floor_colour, np.float64)
    canvas = np.full((height, width, 3), colour * 0.72, np.uint8)
    count = int(2.6 * height * width / (24 * scale**2))
    centres = rng.uniform((0, 0), (width, height), (count, 2))
    corners = _shavings(count, scale, rng) + centres[:, None]
    tones = colour * rng.normal(0.98, 0.085, (count, 1)) * rng.normal(1, 0.018, (count, 3))
    offset = 0.55 * scale * np.array(SHADOW_DIRECTION)
    shift = 4
    lit = np.round(corners * 2**shift).astype(np.int32)
    shade = np.round((corners + offset) * 2**shift).astype(np.int32)
    for index in range(count):
        tone = np.clip(tones[index], 0, 255)
        cv2.fillConvexPoly(canvas, shade[index], (tone * 0.72).tolist(), cv2.LINE_AA, shift)
        cv2.fillConvexPoly(canvas, lit[index], tone.tolist(), cv2.LINE_AA, shift)
    small = cv2.resize(canvas, (shape[1], shape[0]), interpolation=cv2.INTER_AREA).astype(np.float32)
    # Trodden and heaped places: broad, faint changes of brightness.
    uneven = 1 + 0.13 * fractal(shape, rng, coarsest=shape[0] / 3, octaves=4)
    return small * uneven[..., None]


def _shavings(count: int, scale: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Corners (count, 4, 2) of randomly turned slivers around the origin, in pixels."""
    length = scale * rng.gamma(5, 1.0, count) + 2 * scale
    breadth = scale * rng.uniform(0.9, 2.6, count)
    angle = rng.uniform(0, math.pi, count)
    box = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) / 2
    skew = rng.normal(1, 0.22, (count, 4, 2))
    local = box * skew * np.stack([length, breadth], axis=1)[:, None]
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    return np.asarray(local[..., :1] * along[:, None] + local[..., 1:] * across[:, None])


def _paint_wood(scene: Scene, shape: tuple[int, int], rng: np.random.Generator) -> FloatImage:
    """Boards with grain that runs along them."""
    height, width = shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    boards = max(3, round(height / (0.2 * min(scene.width, scene.height))))
    board = np.minimum((y * boards / height).astype(int), boards - 1)
    warp = cv2.resize(fractal((height, max(8, width // 9)), rng, height / 5, 5), (width, height))
    fine = cv2.resize(fractal((height, max(8, width // 14)), rng, 5, 3), (width, height))
    rings = np.sin(2 * math.pi * (y / 9 + 2.6 * warp + rng.uniform(0, 9, boards)[board]))
    tone = 1 + rng.normal(0, 0.05, boards)[board] + 0.055 * rings + 0.09 * fine + 0.05 * warp
    seam = np.abs((y * boards / height + 0.5) % 1 - 0.5) * height / boards
    tone *= 1 - 0.5 * np.exp(-((seam / 1.1) ** 2))
    ends = rng.uniform(0.2, 0.8, boards)[board] * width
    tone *= 1 - 0.45 * np.exp(-(((x - ends) / 1.0) ** 2))
    return np.asarray(tone[..., None] * np.array(scene.floor_colour), np.float32)


def _wall_distances(layout: Layout, shape: tuple[int, int], pad: int) -> tuple[FloatImage, ...]:
    """Distance of every pixel to the left, top, right and bottom edge of the floor, positive inside."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32) - pad
    return x - layout.left, y - layout.top, layout.right - x, layout.bottom - y


def _wall_shadow(layout: Layout, shape: tuple[int, int], pad: int) -> FloatImage:
    """Shade (height, width) that the walls throw on the floor, 1 where there is none."""
    left, top, right, bottom = _wall_distances(layout, shape, pad)
    reach = 0.5 * max(layout.top, 12)
    edge = np.minimum(top, left * 1.15) / reach
    cast = 0.42 * soft_step((1.25 - edge) / 0.8)
    corner = np.minimum(np.minimum(left, right), np.minimum(top, bottom))
    occluded = 0.34 * np.exp(-np.maximum(corner, 0) / (0.35 * reach))
    return np.asarray((1 - cast) * (1 - occluded), np.float32)


def _paint_walls(picture: FloatImage, scene: Scene, layout: Layout, pad: int, rng: np.random.Generator) -> FloatImage:
    """Put the four walls, their rim and the table around the floor."""
    shape = (picture.shape[0], picture.shape[1])
    sides = np.stack(_wall_distances(layout, shape, pad))
    depth = -sides.min(axis=0)
    thick = 0.062 * min(scene.width, scene.height)
    faces = np.array([0.66, 0.58, 1.0, 1.08], np.float32)[sides.argmin(axis=0)]
    grain = fractal(shape, rng, 24, 4)
    wall = faces * (0.78 + 0.22 * np.clip(depth / thick, 0, 1)) * (1 + 0.05 * grain)
    rim = soft_step(depth - thick * 0.84) * soft_step(thick * 1.02 - depth)
    wall = wall * (1 - rim) + rim * 1.32 * (1 + 0.03 * grain)
    walled = wall[..., None] * np.array(scene.wall_colour, np.float32)
    table = (58 + 9 * grain)[..., None] * np.array([1.0, 0.97, 0.93], np.float32)
    outside = soft_step(depth - thick * 1.02)[..., None]
    walled = walled * (1 - outside) + table * outside
    on_wall = soft_step(depth)[..., None]
    return np.asarray(picture * (1 - on_wall) + walled * on_wall, np.float32)


def _paint_object(picture: FloatImage, centre: complex, radius: float, index: int, rng: np.random.Generator) -> None:
    """Put one object, a bowl of pellets or a wooden block, with its shadow on the floor."""
    y, x = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]].astype(np.float32)
    dx, dy = x - centre.real, y - centre.imag
    cast = np.hypot(dx - radius * 0.3, dy - radius * 0.38)
    shade = 0.5 * soft_step((radius * 1.02 - cast) / (radius * 0.22)) + 0.2 * np.exp(
        -np.maximum(np.hypot(dx, dy) - radius, 0) / 4
    )
    picture *= 1 - np.minimum(shade, 0.62)[..., None]
    if index % 2 == 0:
        _paint_bowl(picture, dx, dy, radius, rng)
    else:
        _paint_block(picture, dx, dy, radius, rng)


def _paint_bowl(picture: FloatImage, dx: FloatImage, dy: FloatImage, radius: float, rng: np.random.Generator) -> None:
    """Glazed bowl: a bright rim, a dark inside and food pellets."""
    distance = np.hypot(dx, dy) / radius
    facing = (dx * SHADOW_DIRECTION[0] + dy * SHADOW_DIRECTION[1]) / (radius * np.maximum(distance, 0.2))
    slope = facing * (2 * soft_step((0.84 - distance) * radius / 2) - 1)
    glaze = np.array([118, 134, 150], np.float32)
    tone = 0.85 + 0.28 * slope - 0.3 * soft_step((0.8 - distance) * 6)
    tone += 0.5 * np.exp(-(((distance - 0.87) / 0.035) ** 2)) * np.clip(-facing, 0, 1) ** 3
    brush(picture, tone[..., None] * glaze, soft_step((1 - distance) * radius))
    for _ in range(16):
        place = 0.52 * radius * math.sqrt(rng.random()) * np.exp(2j * math.pi * rng.random())
        angle, size = rng.uniform(0, math.pi), radius * rng.uniform(0.13, 0.2)
        along = (dx - place.real) * math.cos(angle) + (dy - place.imag) * math.sin(angle)
        across = (dy - place.imag) * math.cos(angle) - (dx - place.real) * math.sin(angle)
        edge = 1 - np.hypot(along / size, across / (0.55 * size))
        light = 0.8 + 0.5 * np.clip(edge, 0, 1) - 0.25 * (dx - place.real + dy - place.imag) / radius
        brush(picture, light[..., None] * np.array([128, 96, 62], np.float32), soft_step(edge * size * 0.6))


def _paint_block(picture: FloatImage, dx: FloatImage, dy: FloatImage, radius: float, rng: np.random.Generator) -> None:
    """Square wooden block with end grain, a bevel and a drilled hole."""
    angle = rng.uniform(0, math.pi / 2)
    u = (dx * math.cos(angle) + dy * math.sin(angle)) / (0.78 * radius)
    v = (dy * math.cos(angle) - dx * math.sin(angle)) / (0.78 * radius)
    edge = 1 - np.maximum(np.abs(u), np.abs(v))
    grain = fractal((dx.shape[0], dx.shape[1]), rng, 14, 4)
    rings = np.sin(26 * np.hypot(u + 1.3, v + 0.7) + 3 * grain)
    side = np.where(np.abs(u) > np.abs(v), np.sign(u) * math.cos(angle), -np.sign(v) * math.sin(angle))
    upright = np.where(np.abs(u) > np.abs(v), np.sign(u) * math.sin(angle), np.sign(v) * math.cos(angle))
    lit = -(side * SHADOW_DIRECTION[0] + upright * SHADOW_DIRECTION[1])
    tone = 1 + 0.07 * rings + 0.06 * grain + 0.3 * lit * soft_step((0.16 - edge) * 14)
    hole = np.hypot(u, v)
    tone *= 1 - 0.65 * soft_step((0.34 - hole) * 12)
    brush(picture, tone[..., None] * np.array([168, 124, 78], np.float32), soft_step(edge * 0.78 * radius))
