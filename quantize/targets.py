"""The search for a step at which a result has the PSNR or the size that was asked for."""

from collections.abc import Callable
from functools import partial
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from quantize.datatypes import Settings
from quantize.errors import TargetError

MOST_TURNS = 16
NARROW = 2e-4
MOST_OCTAVES = 6.0
# Where a weight does not help either, it may at a finer step.
FINER_OCTAVES = (0.0, 0.25, 0.75)
PSNR_EXCESS, BPP_TOLERANCE, LEAST_USE = 0.1, 0.02, 0.95


class Attempt(Protocol):
    """An image encoded at some step."""

    @property
    def data(self) -> bytes:
        """The whole file."""

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """What it decodes to."""

    @property
    def psnr(self) -> float:
        """How near that is to the image, in dB."""


_Found = TypeVar("_Found", bound=Attempt)
# Encodes at the base-2 logarithm of a step, with a Lagrangian weight so many octaves above the usual one.
_Try = Callable[[float, float], _Found]


def reach(attempt: _Try[_Found], settings: Settings, start: float, low: float, high: float) -> _Found:
    """Encode as the settings ask for.

    Parameters
    ----------
    attempt : function of the base-2 logarithm of the step, and of octaves by which to raise the weight of bits
    settings : Settings
    start : float
        Where to begin; the result if no PSNR and no size was asked for.
    low, high : float
        The finest step and the coarsest one.

    Raises
    ------
    TargetError
        Where a PSNR or a size that was asked for is out of reach.
    """
    if settings.psnr is not None:
        return _for_psnr(attempt, settings.psnr, (start, low, high))
    if settings.max_bytes is not None:
        return _for_bytes(attempt, settings.max_bytes, (start, low, high))
    if settings.bpp is not None:
        return _for_bpp(attempt, settings.bpp, (start, low, high))
    return attempt(start, 0.0)


def _bits_per_pixel(tried: Attempt) -> float:
    return 8 * len(tried.data) / (tried.pixels.shape[0] * tried.pixels.shape[1])


def _for_psnr(attempt: _Try[_Found], wanted: float, places: tuple[float, float, float]) -> _Found:
    best, found = _search(attempt, places, lambda tried: tried.psnr, wanted, wanted + PSNR_EXCESS, -5.0)
    if not found:
        raise TargetError(f"psnr={wanted:g} is out of reach; the nearest is {best.psnr:.2f} dB")
    return best


def _for_bpp(attempt: _Try[_Found], wanted: float, places: tuple[float, float, float]) -> _Found:
    least, most = (np.log2(wanted * (1 + sign * BPP_TOLERANCE)) for sign in (-1, 1))
    best, found = _search(attempt, places, lambda tried: np.log2(_bits_per_pixel(tried)), least, most, -0.9)
    if not found:
        raise TargetError(f"bpp={wanted:g} is out of reach; the nearest is {_bits_per_pixel(best):.4g}")
    return best


def _for_bytes(attempt: _Try[_Found], limit: int, places: tuple[float, float, float]) -> _Found:
    least, most = np.log2(limit * LEAST_USE), np.log2(limit)
    best, _ = _search(attempt, places, lambda tried: np.log2(len(tried.data)), least, most, -0.9)
    if len(best.data) > limit:
        raise TargetError(f"max_bytes={limit} is out of reach; the least is {len(best.data)} bytes")
    return best


def _search(
    attempt: _Try[_Found],
    limits: tuple[float, float, float],
    measure: Callable[[_Found], float],
    least: float,
    most: float,
    slope: float,
) -> tuple[_Found, bool]:
    """Find a step whose result measures `least` to `most`; where steps are too far apart, a weight of bits as well.

    The measure falls by about `slope` for each octave of the step. Returns the result, and True; or where none was
    found the best one, and False: the largest below `most`, or the least of all.
    """
    # Only those that may be the result are kept: each has all pixels.
    kept: list[tuple[float, _Found]] = []
    values: dict[float, float] = {}

    def measured(place: float, octaves: float) -> float:
        result = attempt(place, octaves)
        value = measure(result)
        everything = [*kept, (value, result)]
        fitting = [pair for pair in everything if pair[0] <= most]
        kept[:] = [_largest(fitting) if fitting else min(everything, key=lambda pair: pair[0])]
        return value

    def at_step(place: float) -> float:
        values[place] = measured(place, 0.0)
        return values[place]

    start, low, high = limits
    if not _bisect(at_step, start, low, high, least, most, slope):
        above = [place for place, value in values.items() if value > most]
        finest = max(above, default=low)
        for place in [max(finest - finer, low) for finer in FINER_OCTAVES] if above else []:
            if _bisect(partial(measured, place), 0.5, 0.0, MOST_OCTAVES, least, most, slope):
                break
    value, best = kept[0]
    return best, least <= value <= most


def _largest(pairs: list[tuple[float, _Found]]) -> tuple[float, _Found]:
    return max(pairs, key=lambda pair: pair[0])


def _bisect(
    value_at: Callable[[float], float], place: float, low: float, high: float, least: float, most: float, slope: float
) -> bool:
    """Find where a falling function is between `least` and `most`, by secants within what brackets it.

    The function may jump, and may have been a little different at earlier places: a bracket counts for no more than a
    few turns.
    """
    aim = (least + most) / 2
    left, right = low, high
    at_left: float | None = None
    at_right: float | None = None
    for turn in range(MOST_TURNS):
        value = value_at(place)
        if least <= value <= most:
            return True
        if value > most:
            left, at_left = place, value
        else:
            right, at_right = place, value
        if right - left < NARROW or (value < least and place == low) or (value > most and place == high):
            return False
        if at_left is None or at_right is None:
            place += (aim - value) / slope
        elif turn % 3 and at_left > at_right:
            place = left + (at_left - aim) / (at_left - at_right) * (right - left)
        else:
            place = (left + right) / 2
        place = min(max(place, left), right)
    return False
