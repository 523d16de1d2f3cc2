"""Parts that move: paws that step, values that swing into their goals, and directions as complex numbers."""

from __future__ import annotations

import cmath
import math

SWING_SECONDS = 0.15


class Paw:
    """One paw: planted on the floor until the body has left it behind, then swung to a new place."""

    def __init__(self, joint: int, ahead: float, aside: float) -> None:
        self.joint, self.ahead, self.aside = joint, ahead, aside
        self.place = self.start = 0j
        self.progress = 1.0

    @property
    def lift(self) -> float:
        """Height of the swing, 0 to 1."""
        return math.sin(math.pi * self.progress)

    def step(self, home: complex, velocity: complex, size: float, free: bool, dt: float) -> None:
        """Advance the swing, or begin one where the home has moved away and the other paw stands."""
        if self.progress < 1:
            self.progress = min(1.0, self.progress + dt / SWING_SECONDS)
            landing = home + velocity * (0.35 * SWING_SECONDS)
            self.place = self.start + (landing - self.start) * (0.6 * self.progress + 0.4 * ease(self.progress))
        elif free and abs(home - self.place) > 0.09 * size:
            self.start, self.progress = self.place, 0.0


class Spring:
    """A value that swings into its goal without overshoot."""

    def __init__(self, rate: float) -> None:
        self.rate, self.value, self.speed = rate, 0.0, 0.0

    def pull(self, goal: float, dt: float) -> float:
        """Move towards `goal` for `dt` seconds and return the new value."""
        self.speed += dt * self.rate * (self.rate * (goal - self.value) - 2 * self.speed)
        self.value += dt * self.speed
        return self.value


def unit(vector: complex) -> complex:
    """Direction of a vector."""
    return vector / max(abs(vector), 1e-9)


def bend(vector: complex, before: complex, limit: float) -> complex:
    """Direction of `vector`, at most `limit` radians away from the direction `before`."""
    angle = cmath.phase(unit(vector) / before)
    return before * cmath.rect(1, min(max(angle, -limit), limit))


def ease(share: float) -> float:
    """Smooth ramp from 0 at 0 to 1 at 1."""
    share = min(max(share, 0.0), 1.0)
    return share * share * (3 - 2 * share)
