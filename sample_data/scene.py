"""Settings of one synthetic recording, and the smooth random signals that drive it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

Colour = tuple[int, int, int]
FLOORS = ("bedding", "wood")


@dataclass(frozen=True)
class Scene:
    """Everything that decides what a recording shows.

    Two equal scenes give the same poses and the same frames.

    Parameters
    ----------
    seed : int
        Seed of the behaviour, the motion, the fur, the noise and the light.
    seconds : float
        Length of the recording in seconds.
    frame_rate : float
        Frames per second.
    width, height : int
        Frame size in pixels; even numbers, because the video stores colour at half resolution.
    animals : int
        Number of animals.
    animal_size : float
        Length from the nose to the base of the tail in pixels.
    fur_colour, skin_colour : tuple of int
        Colour (red, green, blue; 0 to 255) of the fur, and of the tail, paws and ears.
    floor : str
        Floor texture, one of `FLOORS`.
    floor_colour, wall_colour : tuple of int
        Mean colour (red, green, blue; 0 to 255) of the floor and of the walls.
    arena_seed : int
        Seed of the floor texture and of the place of the objects.
    objects : int
        Number of fixed objects; fewer are placed where the floor has no room for them.
    noise : float
        Standard deviation of the sensor noise in gray levels, at mid gray.
    light_drift : float
        Depth of the slow light change, as a share of the mean brightness (0.05 is 5 %).
    light_period : float
        Period of the slow light change in seconds.
    camera_motion : float
        Largest shift of the camera along each axis in pixels; 0 is a fixed camera.
    rest_share : float
        Share of the time at rest, 0 to 1.
    """

    seed: int = 11
    seconds: float = 45.0
    frame_rate: float = 25.0
    width: int = 512
    height: int = 384
    animals: int = 1
    animal_size: float = 92.0
    fur_colour: Colour = (86, 70, 57)
    skin_colour: Colour = (206, 158, 146)
    floor: str = "bedding"
    floor_colour: Colour = (190, 168, 133)
    wall_colour: Colour = (150, 154, 156)
    arena_seed: int = 5
    objects: int = 2
    noise: float = 3.0
    light_drift: float = 0.06
    light_period: float = 28.0
    camera_motion: float = 0.0
    rest_share: float = 0.5

    def __post_init__(self) -> None:
        """Refuse settings that cannot be rendered."""
        _require(self.seconds > 0 and self.frame_rate > 0, "seconds and frame_rate must be above 0")
        _require(self.n_frames > 0, "seconds * frame_rate must give at least one frame")
        _require(self.width >= 64 and self.height >= 64, "width and height must be at least 64 pixels")
        _require(self.width % 2 == 0 and self.height % 2 == 0, "width and height must be even")
        _require(self.animals >= 1, "animals must be at least 1")
        _require(self.objects >= 0, "objects must not be negative")
        _require(self.floor in FLOORS, f"floor must be one of {', '.join(FLOORS)}")
        _require(self.noise >= 0 and self.camera_motion >= 0, "noise and camera_motion must not be negative")
        _require(0 <= self.light_drift < 1, "light_drift must be at least 0 and below 1")
        _require(self.light_period > 0, "light_period must be above 0")
        _require(0 <= self.rest_share <= 1, "rest_share must lie between 0 and 1")
        room = min(self.width, self.height) - 2 * self.margin
        _require(
            8 <= self.animal_size <= room / 2,
            f"animal_size must lie between 8 and {room / 2:.0f} pixels for this frame size and camera motion",
        )

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return round(self.seconds * self.frame_rate)

    @property
    def margin(self) -> float:
        """Distance in pixels from the frame border to the floor, wide enough for the camera motion."""
        return 0.08 * min(self.width, self.height) + self.camera_motion


def _require(holds: bool, message: str) -> None:
    """Raise ValueError with `message` where a setting is unusable."""
    if not holds:
        raise ValueError(message)


class Wobble:
    """A smooth random signal of time: a sum of sines of random frequency and phase.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of the frequencies and phases.
    slow, fast : float
        Range of the frequencies in hertz.
    terms : int
        Number of sines.
    """

    def __init__(self, rng: np.random.Generator, slow: float, fast: float, terms: int = 4) -> None:
        self._rates = [2 * math.pi * float(rate) for rate in rng.uniform(slow, fast, terms)]
        self._phases = [float(phase) for phase in rng.uniform(0, 2 * math.pi, terms)]

    def __call__(self, time: float) -> float:
        """Value at `time` (seconds), between -1 and 1."""
        total = sum(math.sin(rate * time + phase) for rate, phase in zip(self._rates, self._phases, strict=True))
        return total / len(self._rates)
