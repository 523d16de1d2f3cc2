"""How the animals look: fur, skin, eyes, whiskers and the shadow on the floor."""

from __future__ import annotations

import math
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from animal import CHAIN, FIRST_PAW, FIRST_TAIL, LEFT_EAR, NOSE, RIGHT_EAR, zoom
from arena import SHADOW_DIRECTION
from scene import Scene
from texture import FloatImage, brush, fractal, soft_step

Array = npt.NDArray[Any]

_SCALE = 2  # the animal is drawn at twice the size of the frame, then reduced
_SAMPLES = 56  # balls along the body
_FUR, _TAIL, _PAW = 0, 1, 2
_COAT = (640, 96)  # fur texture: along the body, across the body
_LIGHT = np.array([-0.46, -0.58, 0.67], np.float32)

# Half width of the body as a share of its length, from the base of the tail (0) to the nose (1).
_WIDTH_AT = [0.0, 0.05, 0.12, 0.22, 0.34, 0.46, 0.57, 0.67, 0.74, 0.80, 0.86, 0.93, 1.0]
_WIDTHS = [0.062, 0.110, 0.150, 0.172, 0.170, 0.152, 0.130, 0.112, 0.110, 0.104, 0.080, 0.050, 0.026]

# Joint of the body chain that a front (True) and a hind (False) leg hangs from.
_LEG_JOINT = {True: 1, False: 6}

# Balls of the sole of a front (True) and a hind (False) paw: place along the paw, size.
_SOLE = {True: [(0.0, 1.3), (0.4, 1.25)], False: [(-0.7, 0.62), (-0.2, 0.66), (0.3, 0.7), (0.6, 0.66)]}


class Coat:
    """Fur of one animal: a texture that moves with its body.

    Parameters
    ----------
    scene : Scene
        Settings of the recording.
    index : int
        Number of the animal; each has its own tone.
    """

    def __init__(self, scene: Scene, index: int) -> None:
        rng = np.random.default_rng([scene.seed, 4, index])
        hairs = cv2.GaussianBlur(rng.standard_normal(_COAT, np.float32), (0, 0), sigmaX=0.8, sigmaY=5.0)
        tufts = cv2.GaussianBlur(rng.standard_normal(_COAT, np.float32), (0, 0), sigmaX=3.0, sigmaY=12.0)
        patches = fractal(_COAT, rng, 90, 3)
        self.texture: FloatImage = 0.17 * hairs / hairs.std() + 0.07 * tufts / tufts.std() + 0.045 * patches
        self.edge: FloatImage = hairs / hairs.std()
        tone = 1.0 if index == 0 else float(rng.uniform(0.65, 1.5))
        self.fur = np.array(scene.fur_colour, np.float32) * tone
        self.skin = np.array(scene.skin_colour, np.float32)


class _Relief:
    """Upper surface of an animal, built from balls: height, edge, and where on the coat each pixel lies."""

    def __init__(self, low: Array, high: Array) -> None:
        self.origin = np.floor(low).astype(int)
        self.size = np.ceil(high).astype(int) - self.origin + 1
        shape = (int(self.size[1]) * _SCALE, int(self.size[0]) * _SCALE)
        self.top = np.full(shape, -1e3, np.float32)
        self.edge = np.full(shape, -1e3, np.float32)
        self.along = np.zeros(shape, np.float32)
        self.across = np.zeros(shape, np.float32)
        self.part = np.zeros(shape, np.uint8)

    def locate(self, points: Array) -> Array:
        """Positions (..., 2) in frame pixels as positions in the enlarged picture."""
        return np.asarray((points - self.origin + 0.5) * _SCALE - 0.5)

    def stamp(self, ball: Array, tangent: Array, span: tuple[float, float], part: int) -> None:
        """Add one ball (x, y, height, radius in frame pixels) that covers `span` of the coat's length."""
        x, y = self.locate(ball[:2])
        height, radius = float(ball[2]) * _SCALE, float(ball[3]) * _SCALE
        reach = radius + 3
        columns = slice(max(int(x - reach), 0), int(x + reach) + 2)
        rows = slice(max(int(y - reach), 0), int(y + reach) + 2)
        top = self.top[rows, columns]
        dy = (np.arange(top.shape[0], dtype=np.float32) + (rows.start - y))[:, None]
        dx = (np.arange(top.shape[1], dtype=np.float32) + (columns.start - x))[None]
        distance = np.sqrt(dx * dx + dy * dy)
        dome = height + np.sqrt(np.maximum(radius * radius - distance * distance, 0))
        dome -= 6 * np.maximum(distance - radius, 0)
        np.maximum(self.edge[rows, columns], radius - distance, out=self.edge[rows, columns])
        higher = dome > top
        top[higher] = dome[higher]
        ahead = (dx * tangent[0] + dy * tangent[1]) / max(radius, 1e-3)
        aside = (dy * tangent[0] - dx * tangent[1]) / max(radius, 1e-3)
        self.along[rows, columns][higher] = (span[0] + span[1] * ahead)[higher]
        self.across[rows, columns][higher] = aside[higher]
        self.part[rows, columns][higher] = part


def draw_animal(picture: FloatImage, points: Array, breath: float, coat: Coat, scene: Scene) -> None:
    """Draw one animal and its shadow into a picture, in place.

    Parameters
    ----------
    picture : numpy.ndarray
        Image (height, width, 3), float32, 0 to 255, changed in place.
    points : numpy.ndarray
        Points (POINTS, 3) of the animal: x, y in the frame and height over the floor, in pixels.
    breath : float
        Widening of the chest, as a share of its width.
    coat : Coat
        Fur of the animal.
    scene : Scene
        Settings of the recording.
    """
    body, shares = _body_balls(points, breath, scene)
    tail = _tail_balls(points, scene)
    paws = _paw_balls(points, scene)
    legs = _leg_balls(points, scene)
    everything = np.concatenate([body, tail, *paws, *legs])
    _cast_shadow(picture, everything, scene.animal_size)
    spread = everything[:, 3:] + 0.2 * scene.animal_size
    relief = _Relief((everything[:, :2] - spread).min(axis=0), (everything[:, :2] + spread).max(axis=0))
    _stamp_chain(relief, tail, np.linspace(0, 1, len(tail)), _TAIL)
    for paw in paws:
        _stamp_chain(relief, paw, np.linspace(0, 1, len(paw)), _PAW)
    for leg in legs:
        _stamp_chain(relief, leg, np.linspace(0.2, 0.3, len(leg)), _FUR)
    _stamp_chain(relief, body, shares, _FUR)
    colour, opacity = _shade(relief, coat)
    _draw_head(relief, colour, opacity, points, coat, scene)
    _paste(picture, relief, colour, opacity)


def _spread_evenly(points: Array, count: int) -> tuple[Array, Array]:
    """Sample a smooth line through points (n, d) at `count` places; also their shares of the length."""
    knots = np.linspace(0, len(points) - 1, 8 * len(points))
    lower = np.clip(knots.astype(int), 0, len(points) - 2)
    t = (knots - lower)[:, None]
    padded = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    a, b, c, d = (padded[lower + offset] for offset in range(4))
    line = b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))
    shares = np.linspace(0, 1, count)
    return np.stack([np.interp(shares, knots / knots[-1], axis) for axis in line.T], axis=1), shares


def _body_balls(points: Array, breath: float, scene: Scene) -> tuple[Array, Array]:
    """Balls (n, 4) of the trunk and head with their share of the body's length."""
    trunk, trunk_shares = _spread_evenly(points[CHAIN - 1 :: -1][:CHAIN], round(0.7 * _SAMPLES))
    head, head_shares = _spread_evenly(np.stack([points[0], (points[0] + points[NOSE]) / 2, points[NOSE]]), 20)
    shares = np.concatenate([0.7 * trunk_shares, 0.7 + 0.3 * head_shares[1:]])
    line = np.concatenate([trunk, head[1:]])
    radius = scene.animal_size * np.interp(shares, _WIDTH_AT, _WIDTHS)
    radius *= 1 + breath * np.exp(-(((shares - 0.4) / 0.2) ** 2))
    radius *= zoom(line[:, 2], scene)
    return np.column_stack([line, radius]), shares


def _tail_balls(points: Array, scene: Scene) -> Array:
    """Balls (n, 4) of the tail, thinner towards its tip."""
    line, shares = _spread_evenly(np.concatenate([points[CHAIN - 1 : CHAIN], points[FIRST_TAIL:]]), 90)
    radius = scene.animal_size * (0.033 - 0.024 * shares**0.8)
    return np.column_stack([line[:, :2], np.minimum(line[:, 2], radius), radius])


def _paw_balls(points: Array, scene: Scene) -> list[Array]:
    """Balls (n, 4) of each paw: a sole and toes that point the way of the body."""
    paws = []
    for index in range(4):
        paw = points[FIRST_PAW + index]
        front = index < 2
        way = points[NOSE, :2] - points[0, :2] if front else points[5, :2] - points[7, :2]
        way = way / max(float(np.hypot(*way)), 1e-6)
        across = np.array([-way[1], way[0]])
        length = scene.animal_size * (0.034 if front else 0.060)
        sole = [[*(paw[:2] + way * shift * length), paw[2], 0.6 * scale * length] for shift, scale in _SOLE[front]]
        toes = [
            [*(paw[:2] + length * (way * 1.15 + across * aside)), paw[2] * 0.8, (0.3 if front else 0.2) * length]
            for aside in ((-0.62, 0.0, 0.62) if front else (-0.42, -0.14, 0.14, 0.42))
        ]
        paws.append(np.array(sole + toes))
    return paws


def _leg_balls(points: Array, scene: Scene) -> list[Array]:
    """Balls (n, 4) of each furred leg, from the body to the heel."""
    legs = []
    for index in range(4):
        joint, paw = points[_LEG_JOINT[index < 2]], points[FIRST_PAW + index]
        line = joint + (paw - joint) * np.linspace(0.3, 0.82, 8)[:, None]
        radius = scene.animal_size * np.linspace(0.075, 0.030, 8)
        legs.append(np.column_stack([line, radius]))
    return legs


def _stamp_chain(relief: _Relief, balls: Array, shares: Array, part: int) -> None:
    """Add a chain of balls to the relief."""
    tangents = np.gradient(balls[:, :2], axis=0)
    lengths = np.maximum(np.hypot(tangents[:, 0], tangents[:, 1]), 1e-6)
    steps = np.gradient(shares)
    for ball, tangent, length, share, step in zip(balls, tangents, lengths, shares, steps, strict=True):
        # Where the body is seen end on, many hairs crowd into few pixels; bound that crowding.
        stretch = min(step * ball[3] / length, 0.25)
        relief.stamp(ball, tangent / length, (float(share), float(stretch)), part)


def _shade(relief: _Relief, coat: Coat) -> tuple[FloatImage, FloatImage]:
    """Colour (h, w, 3) and opacity (h, w) of the enlarged picture."""
    along = np.clip(relief.along, 0, 1) * (_COAT[0] - 1)
    across = (np.clip(relief.across, -1.2, 1.2) / 2.4 + 0.5) * (_COAT[1] - 1)
    hairs = np.asarray(cv2.remap(coat.texture, across, along, cv2.INTER_LINEAR), np.float32)
    fringe = cv2.remap(coat.edge, across, along, cv2.INTER_LINEAR)
    furry = relief.part == _FUR
    opacity = soft_step((relief.edge + np.where(furry, 0.55 * fringe - 0.2, 0.0)) / 1.7)
    solid = np.where(relief.edge > -2, np.maximum(relief.top, 0), 0).astype(np.float32)
    smooth = cv2.GaussianBlur(solid, (0, 0), 1.6)
    slope_y, slope_x = np.gradient(smooth)
    upright = 1 / np.sqrt(1 + slope_x**2 + slope_y**2)
    lit = np.clip((_LIGHT[2] - _LIGHT[0] * slope_x - _LIGHT[1] * slope_y) * upright, 0, 1)
    tone = 0.34 + 0.80 * lit + 0.12 * upright
    fur = coat.fur * _fur_tone(relief, hairs)[..., None]
    # Short hair shines where it is seen along the light.
    gloss = 26 * lit**6 * (1 + 1.8 * hairs)
    furred = fur * tone[..., None] + np.maximum(gloss, 0)[..., None]
    skin = np.where(relief.part == _TAIL, 0.80 + 0.04 * np.sin(relief.along * 260), 1.08)
    bare = coat.skin * (skin * (0.42 + 0.62 * lit))[..., None]
    return np.where(furry[..., None], furred, bare).astype(np.float32), opacity


def _fur_tone(relief: _Relief, hairs: FloatImage) -> FloatImage:
    """Brightness of the fur: a darker back, paler flanks and snout, and single hairs."""
    back = np.exp(-((relief.across / 0.42) ** 2)) * soft_step((0.74 - relief.along) * 5)
    flank = np.clip(np.abs(relief.across) - 0.55, 0, 1)
    snout = soft_step((relief.along - 0.93) * 9)
    return np.asarray((1 + hairs) * (1.02 - 0.17 * back + 0.30 * flank + 0.22 * snout), np.float32)


def _draw_head(
    relief: _Relief, colour: FloatImage, opacity: FloatImage, points: Array, coat: Coat, scene: Scene
) -> None:
    """Add whiskers, nose, eyes and ears."""
    size = scene.animal_size * float(zoom(points[0, 2], scene)) * _SCALE
    flat = points[NOSE, :2] - points[0, :2]
    forward = flat / max(float(np.hypot(*flat)), 1e-6)
    aside = np.array([-forward[1], forward[0]])
    nose, neck = relief.locate(points[NOSE, :2]), relief.locate(points[0, :2])
    reach = nose - neck
    _draw_whiskers(colour, opacity, nose - 0.06 * size * forward, forward, aside, size)
    _blob(colour, opacity, nose + 0.012 * size * forward, (0.020 * size, 0.017 * size), forward, coat.skin * 0.72)
    for sign in (-1, 1):
        eye = neck + 0.60 * reach + sign * 0.072 * size * aside
        _blob(colour, opacity, eye, (0.026 * size, 0.021 * size), forward, coat.fur * 0.45)
        _blob(colour, opacity, eye, (0.019 * size, 0.016 * size), forward, np.array([14.0, 11, 11]))
        _blob(colour, opacity, eye - 0.006 * size, (0.005 * size, 0.005 * size), forward, np.array([215.0, 218, 222]))
    for point, sign in ((LEFT_EAR, -1), (RIGHT_EAR, 1)):
        _draw_ear(colour, opacity, relief.locate(points[point, :2]), forward, sign * aside, size, coat)


def _draw_ear(
    colour: FloatImage, opacity: FloatImage, ear: Array, forward: Array, outward: Array, size: float, coat: Coat
) -> None:
    """Round ear with a furred rim, a pink hollow and a small shadow on the head."""
    axis = outward + 0.25 * forward
    axis = axis / np.hypot(*axis)
    thin = 0.6 * coat.fur + 0.4 * coat.skin
    shadow = ear + 0.012 * size * np.array(SHADOW_DIRECTION) - 0.012 * size * forward
    _blob(colour, opacity, shadow, (0.074 * size, 0.062 * size), axis, coat.fur * 0.4, 0.5, 5, grow=False)
    _blob(colour, opacity, ear, (0.068 * size, 0.055 * size), axis, thin * 1.12)
    hollow = ear + 0.006 * size * forward
    _blob(colour, opacity, hollow, (0.053 * size, 0.041 * size), axis, 0.35 * coat.fur + 0.58 * coat.skin, 0.9, 4)
    deep = ear - 0.018 * size * outward - 0.004 * size * forward
    _blob(colour, opacity, deep, (0.034 * size, 0.024 * size), axis, 0.4 * coat.fur + 0.22 * coat.skin, 0.85, 5)


def _blob(
    colour: FloatImage,
    opacity: FloatImage,
    centre: Array,
    axes: tuple[float, float],
    direction: Array,
    paint: Array,
    strength: float = 1.0,
    softness: float = 1.6,
    grow: bool = True,
) -> None:
    """Paint a soft-edged ellipse; with `grow` it also covers what lies outside the animal."""
    reach = max(axes) + softness + 2
    columns = slice(max(int(centre[0] - reach), 0), max(int(centre[0] + reach) + 2, 0))
    rows = slice(max(int(centre[1] - reach), 0), max(int(centre[1] + reach) + 2, 0))
    window = colour[rows, columns]
    dy = (np.arange(window.shape[0]) + (rows.start - centre[1]))[:, None]
    dx = (np.arange(window.shape[1]) + (columns.start - centre[0]))[None]
    along = (dx * direction[0] + dy * direction[1]) / axes[0]
    across = (dy * direction[0] - dx * direction[1]) / axes[1]
    mask = strength * soft_step((1 - np.hypot(along, across)) * min(axes) / softness)
    brush(window, np.asarray(paint, np.float32), mask)
    if grow:
        np.maximum(opacity[rows, columns], mask, out=opacity[rows, columns])


def _draw_whiskers(
    colour: FloatImage, opacity: FloatImage, root: Array, forward: Array, aside: Array, size: float
) -> None:
    """Three thin, slightly bent hairs on each side of the snout."""
    mask = np.zeros(opacity.shape, np.uint8)
    reach = np.linspace(0.15, 1, 6)[:, None]
    for sign in (-1, 1):
        for angle in (0.35, 0.85, 1.35):
            along = math.cos(angle) * forward * reach + sign * math.sin(angle) * aside * reach
            hair = root + 0.125 * size * (along - 0.16 * forward * reach**2)
            cv2.polylines(mask, [np.round(hair * 16).astype(np.int32)], False, 255, 1, cv2.LINE_AA, 4)
    hairs = mask.astype(np.float32) / 255
    outside = hairs * (1 - opacity)
    brush(colour, np.array([232, 226, 214], np.float32), np.maximum(0.35 * hairs, outside))
    np.maximum(opacity, 0.55 * hairs, out=opacity)


def _cast_shadow(picture: FloatImage, balls: Array, size: float) -> None:
    """Darken the floor: a soft cast shadow that moves away with height, and a tight one at the contact."""
    pad = 0.45 * size + balls[:, 2].max()
    low = np.maximum(np.floor((balls[:, :2] - pad).min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil((balls[:, :2] + pad).max(axis=0)).astype(int), (picture.shape[1], picture.shape[0]))
    if (high <= low).any():
        return
    cast = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    near = np.zeros_like(cast)
    ground = balls[:, :2] - low
    thrown = ground + np.outer(0.75 * balls[:, 2] + 0.35 * balls[:, 3], SHADOW_DIRECTION)
    for mask, places in ((cast, thrown), (near, ground)):
        for (x, y), radius in zip(places, balls[:, 3], strict=True):
            spot = (round(float(x) * 16), round(float(y) * 16))
            cv2.circle(mask, spot, max(round(float(radius) * 16), 8), 255, -1, cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(cast, (0, 0), 0.035 * size).astype(np.float32) / 255
    tight = cv2.GaussianBlur(near, (0, 0), 0.018 * size).astype(np.float32) / 255
    picture[low[1] : high[1], low[0] : high[0]] *= ((1 - 0.46 * soft) * (1 - 0.36 * tight))[..., None]


def _paste(picture: FloatImage, relief: _Relief, colour: FloatImage, opacity: FloatImage) -> None:
    """Reduce the enlarged animal and lay it over the picture."""
    width, height = int(relief.size[0]), int(relief.size[1])
    layer = np.dstack([colour * opacity[..., None], opacity])
    small = cv2.resize(layer, (width, height), interpolation=cv2.INTER_AREA)
    x, y = int(relief.origin[0]), int(relief.origin[1])
    left, top = max(x, 0), max(y, 0)
    right, bottom = min(x + width, picture.shape[1]), min(y + height, picture.shape[0])
    if right <= left or bottom <= top:
        return
    seen = small[top - y : bottom - y, left - x : right - x]
    window = picture[top:bottom, left:right]
    window *= 1 - seen[..., 3:]
    window += seen[..., :3]
