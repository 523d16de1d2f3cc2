"""The curve that ``-k auto`` chose from, as a picture: what more clusters gain, and where the gain ends."""

import math
from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT = 1080, 640
# The edges of the axes, in pixels.
LEFT, TOP, RIGHT, BOTTOM = 84, 76, WIDTH - 40, HEIGHT - 74
# Everything is drawn this much larger and shrunk at the end: OpenCV's letters and thin lines are smoother that way.
DRAWN_LARGER = 3
# Points closer than this many pixels would run into one another; then the line alone is drawn.
POINT_SPACE = 9
N_TICKS = 8
# Of the chosen k, with some room.
TEXT_WIDTH = 130
BACKGROUND = (250, 250, 250)
INK = (60, 60, 60)
FAINT = (226, 226, 226)
CURVE = (170, 104, 38)
MARK = (36, 84, 214)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_k_curve(ks: Sequence[int], inertias: Sequence[float], k: int) -> NDArray[np.uint8]:
    """Draw the inertia over the number of clusters, in percent of the first one, with a mark at the chosen k.

    Returns a picture (height, width, 3), uint8: blue, green, red.
    """
    full = inertias[0] or 1.0
    percents = [100 * inertia / full for inertia in inertias]
    drawing = _Drawing(ks[0], max(ks[-1], ks[0] + 1))
    drawing.axes(f"Differences within the clusters, % of those with k = {ks[0]}", "k, number of clusters")
    drawing.curve(ks, percents)
    drawing.mark(ks, percents, k)
    size = (WIDTH, HEIGHT)
    return np.asarray(cv2.resize(drawing.image, size, interpolation=cv2.INTER_AREA), np.uint8)


class _Drawing:
    """A picture with axes: k from `first` to `last` to the right, 0 to 100 % upwards."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last = first, last
        self.image: NDArray[np.uint8] = np.full((DRAWN_LARGER * HEIGHT, DRAWN_LARGER * WIDTH, 3), BACKGROUND, np.uint8)

    def axes(self, title: str, label: str) -> None:
        """Draw ticks with their numbers, faint lines across, and what the axes mean."""
        for percent in range(0, 101, 20):
            y = self._y(percent)
            self._line((LEFT, y), (RIGHT, y), INK if percent == 0 else FAINT, 1.2)
            self._write(str(percent), LEFT - 12, y, 0.55, align=(1.0, 0.5))
        for tick in _ticks(self.first, self.last):
            x = self._x(tick)
            self._line((x, BOTTOM), (x, BOTTOM + 6), INK, 1.2)
            self._write(str(tick), x, BOTTOM + 20, 0.55, align=(0.5, 0.5))
        self._write(title, LEFT, TOP - 40, 0.62, align=(0.0, 0.5))
        self._write(label, RIGHT, BOTTOM + 50, 0.62, align=(1.0, 0.5))

    def curve(self, ks: Sequence[int], percents: Sequence[float]) -> None:
        """Draw the curve, and its points where they lie far enough apart."""
        places = [(self._x(k), self._y(percent)) for k, percent in zip(ks, percents, strict=True)]
        for before, after in pairwise(places):
            self._line(before, after, CURVE, 2.0)
        if all(math.dist(before, after) >= POINT_SPACE for before, after in pairwise(places)):
            for place in places:
                self._disc(place, 3.2, CURVE)

    def mark(self, ks: Sequence[int], percents: Sequence[float], k: int) -> None:
        """Draw a ring at the chosen k and a dashed line below it, and write it where the curve leaves room."""
        x, y = self._x(k), self._y(percents[ks.index(k)])
        for start in np.arange(BOTTOM, y, -9):
            self._line((x, float(start)), (x, max(y, float(start) - 5)), MARK, 1.4)
        self._disc((x, y), 7.5, MARK)
        self._disc((x, y), 4.5, BACKGROUND)
        # To the right a falling curve leaves room; at the picture's edge the text stands above all that is left of it.
        if x <= RIGHT - TEXT_WIDTH:
            self._write(f"k = {k}", x + 14, y - 24, 0.8, MARK, (0.0, 0.5), 2.0)
        else:
            highest = np.interp(x - TEXT_WIDTH, [self._x(k) for k in ks], [self._y(percent) for percent in percents])
            self._write(f"k = {k}", x, float(highest) - 24, 0.8, MARK, (1.0, 0.5), 2.0)

    def _x(self, k: float) -> float:
        return LEFT + (RIGHT - LEFT) * (k - self.first) / (self.last - self.first)

    def _y(self, percent: float) -> float:
        return BOTTOM + (TOP - BOTTOM) * percent / 100

    def _line(
        self, start: tuple[float, float], end: tuple[float, float], color: tuple[int, int, int], thickness: float
    ) -> None:
        ends = (_enlarged(start), _enlarged(end))
        cv2.line(self.image, *ends, color, round(DRAWN_LARGER * thickness), cv2.LINE_AA)

    def _disc(self, place: tuple[float, float], radius: float, color: tuple[int, int, int]) -> None:
        cv2.circle(self.image, _enlarged(place), round(DRAWN_LARGER * radius), color, cv2.FILLED, cv2.LINE_AA)

    def _write(
        self,
        text: str,
        x: float,
        y: float,
        size: float,
        color: tuple[int, int, int] = INK,
        align: tuple[float, float] = (0.0, 0.0),
        thickness: float = 1.2,
    ) -> None:
        """Write a text whose point at the shares `align` of its width and height lies at (x, y)."""
        scale = DRAWN_LARGER * size
        (width, height), _ = cv2.getTextSize(text, FONT, scale, round(DRAWN_LARGER * thickness))
        left = round(DRAWN_LARGER * x - align[0] * width)
        baseline = round(DRAWN_LARGER * y + (1 - align[1]) * height)
        cv2.putText(
            self.image, text, (left, baseline), FONT, scale, color, round(DRAWN_LARGER * thickness), cv2.LINE_AA
        )


def _enlarged(place: tuple[float, float]) -> tuple[int, int]:
    return round(DRAWN_LARGER * place[0]), round(DRAWN_LARGER * place[1])


def _ticks(first: int, last: int) -> list[int]:
    """First, and round numbers to last: the smallest step of 1, 2 or 5 times a power of ten that gives few enough."""
    steps = (factor * 10**power for power in range(10) for factor in (1, 2, 5))
    step = next(step for step in steps if (last - first) / step <= N_TICKS)
    # Its number must not run into that of the next one.
    round_ones = list(range((2 * first + 3 * step - 1) // (2 * step) * step, last + 1, step))
    return [first, *round_ones]
