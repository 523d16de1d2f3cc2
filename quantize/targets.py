"""Attempts at encoding an image, and the search for the step that gives the PSNR or the size that was asked for."""

import zlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import isfinite
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quantize.container import pack
from quantize.datatypes import Encoded, Picture, Settings
from quantize.errors import TargetError
from quantize.metrics import psnr, ssim

# A search for a step, or for a weight, ends after so many attempts, or where it is known to so many octaves.
MOST_TURNS, NARROW = 16, 2e-4
# Octaves by which the weight of bits is raised at most, where steps alone are too far apart.
MOST_OCTAVES = 6.0
# Where a weight does not help either, it may at a finer step.
FINER_OCTAVES = (0.0, 0.25, 0.75)
# Beyond the base-2 logarithm of any size.
MOST_LOG = 64.0
# What is near enough: decibels above a PSNR, a share above or below bits per pixel, a share of a number of bytes.
PSNR_EXCESS, BPP_TOLERANCE, LEAST_USE = 0.1, 0.02, 0.95
# An exact result is worth no more decibels than this, so that secants have a slope.
EXACT_PSNR = 120.0

# Encodes at the base-2 logarithm of a step, with a Lagrangian weight so many octaves above the usual one.
_Try = Callable[[float, float], Encoded]


def packed(
    picture: Picture,
    settings: Settings,
    profile: str,
    colors: NDArray[np.uint8],
    chunks: list[tuple[bytes, bytes]],
    details: dict[str, Any],
) -> Encoded:
    """Pack the chunks of an attempt that decodes to `colors` (height, width, 1 or 3); alpha stays as it is."""
    pixels = np.concatenate([colors, picture.pixels[..., -1:]], axis=2) if picture.has_alpha else colors
    data = pack(profile, pixels, chunks, {} if settings.strip else picture.metadata)
    return Encoded(data, pixels, ".vqi", profile, details, psnr(picture.pixels, pixels), float("nan"))


def reach(attempt: _Try, picture: Picture, settings: Settings, start: float, low: float, high: float) -> Encoded:
    """Encode as the settings ask for.

    Parameters
    ----------
    attempt : function of the base-2 logarithm of the step, and of octaves by which to raise the weight of bits
    picture, settings
    start : float
        Where to begin, as such a logarithm; the result if no PSNR and no size was asked for.
    low, high : float
        The finest step and the coarsest one, as such logarithms.

    Raises
    ------
    TargetError
        Where a PSNR or a size that was asked for is out of reach.
    """
    places = start, low, high
    if settings.psnr is not None:
        found = _for_psnr(attempt, settings.psnr, places)
    elif settings.max_bytes is not None:
        found = _for_bytes(attempt, settings.max_bytes, places)
    elif settings.bpp is not None:
        found = _for_bpp(attempt, settings.bpp, places)
    else:
        found = attempt(start, 0.0)
    if not is_reached(found, settings):
        raise out_of_reach(found, picture, settings)
    return replace(found, ssim=ssim(picture.pixels, found.pixels))


def is_reached(found: Encoded, settings: Settings) -> bool:
    """Whether a result has the PSNR or the size that was asked for; any has where neither was."""
    if settings.psnr is not None:
        return found.psnr >= settings.psnr
    if settings.max_bytes is not None:
        return len(found.data) <= settings.max_bytes
    return settings.bpp is None or found.bits_per_pixel <= settings.bpp * (1 + BPP_TOLERANCE)


def out_of_reach(nearest: Encoded, picture: Picture, settings: Settings) -> TargetError:
    """Return the error that a PSNR or a size is out of reach, with the nearest result."""
    how = " with a palette" if nearest.profile == "palette" else ""
    if settings.psnr is not None:
        return TargetError(f"a PSNR of {settings.psnr:g} dB cannot be reached{how}; the best is {nearest.psnr:.2f} dB")
    if settings.max_bytes is not None:
        fault = f"{settings.max_bytes} bytes cannot be reached{how}; the minimum is {len(nearest.data)} bytes"
    else:
        least = f"{nearest.bits_per_pixel:.4g}"
        fault = f"{settings.bpp:g} bits per pixel cannot be reached{how}; the minimum is {least}"
    by_metadata = _fits_stripped(nearest, picture, settings)
    return TargetError(f"{fault}, including metadata; leave these out with --strip" if by_metadata else fault)


def _fits_stripped(nearest: Encoded, picture: Picture, settings: Settings) -> bool:
    """Whether a size would be reached without the metadata, which are stored as zlib has them."""
    if settings.strip:
        return False
    n_stored = sum(len(zlib.compress(data, 9)) for data in picture.metadata.values())
    return is_reached(replace(nearest, data=nearest.data[: len(nearest.data) - n_stored]), settings)


def _for_psnr(attempt: _Try, wanted: float, places: tuple[float, float, float]) -> Encoded:
    def preference(decibels: float, tried: Encoded) -> float:
        """Prefer the fewest bytes of those that are good enough, or else the most decibels."""
        return 1 / len(tried.data) if decibels >= wanted else decibels - 2 * EXACT_PSNR

    def measure(tried: Encoded) -> float:
        return min(tried.psnr, EXACT_PSNR)

    return _search(attempt, places, measure, wanted, wanted + PSNR_EXCESS, -5.0, preference)


def _for_bpp(attempt: _Try, wanted: float, places: tuple[float, float, float]) -> Encoded:
    least, most = (np.log2(wanted * (1 + sign * BPP_TOLERANCE)) for sign in (-1, 1))
    return _search(
        attempt, places, lambda tried: np.log2(tried.bits_per_pixel), least, most, -0.9, _best_of_at_most(most)
    )


def _for_bytes(attempt: _Try, limit: int, places: tuple[float, float, float]) -> Encoded:
    least, most = np.log2(limit * LEAST_USE), np.log2(limit)
    return _search(attempt, places, lambda tried: np.log2(len(tried.data)), least, most, -0.9, _best_of_at_most(most))


def _best_of_at_most(most: float) -> Callable[[float, Encoded], float]:
    """Prefer the largest value of those up to `most`, or else the least; and before all others, the least exact one."""

    def preference(value: float, tried: Encoded) -> float:
        if value > most:
            return -MOST_LOG - value
        return value if isfinite(tried.psnr) else 2 * MOST_LOG - value

    return preference


def _search(
    attempt: _Try,
    limits: tuple[float, float, float],
    measure: Callable[[Encoded], float],
    least: float,
    most: float,
    slope: float,
    preference: Callable[[float, Encoded], float],
) -> Encoded:
    """Find a step whose result measures `least` to `most`; where steps are too far apart, a weight of bits as well.

    The measure falls by about `slope` for each octave of the step. Returns the preferred result of those that were
    tried, whether it measures that or not.
    """
    # Only the one that may be the result is kept: each has all pixels.
    kept: list[tuple[float, Encoded]] = []
    values: dict[float, float] = {}

    def measured(place: float, octaves: float) -> float:
        result = attempt(place, octaves)
        value = measure(result)
        kept[:] = [max([*kept, (preference(value, result), result)], key=itemgetter(0))]
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
    return kept[0][1]


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
