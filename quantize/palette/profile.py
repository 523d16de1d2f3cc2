"""The palette profile: from an image to as many colours as serve what was asked for."""

from bisect import bisect_left
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from quantize.datatypes import MOST_COLORS, Encoded, Picture, Settings, psnr_of
from quantize.metrics import psnr, ssim
from quantize.palette.colors import as_rgba, choose_palette, find_colors, map_pixels
from quantize.targets import is_reached, out_of_reach

# Writes a file of indices (height, width) and a palette (n_entries, 4), which show these pixels.
Writer = Callable[[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]], bytes]


def encode_palette(picture: Picture, settings: Settings, write: Writer, ending: str) -> Encoded:
    """Encode an image with a palette: of all its colours where they are few enough, else of the best ones.

    Without a target, of as many entries as allowed. With a PSNR (or a quality, which is one), of the fewest that reach
    it; with a size, of the most that fit. TargetError where no number of entries comes up to it.
    """
    rgba = as_rgba(picture.pixels)
    colors = find_colors(rgba)
    level = settings.dither_strength
    tried: dict[int, Encoded] = {}

    def attempt(n_entries: int) -> Encoded:
        if n_entries not in tried:
            palette = choose_palette(colors, n_entries, settings.seed)
            if level > 0 and len(colors.rgba) > n_entries:
                # Loaded here, with Numba: nothing else about palettes is compiled.
                from quantize.palette.dithering import dither

                indices = dither(colors, palette, level)
            else:
                indices = map_pixels(colors, palette)
            pixels = as_original(palette.rgba[indices], picture.pixels.shape[2])
            tried[n_entries] = Encoded(
                write(indices, palette.rgba, pixels),
                pixels,
                ending,
                "palette",
                {"colors": len(palette.rgba), "lossless": len(colors.rgba) <= n_entries, "dither": level},
                psnr(picture.pixels, pixels),
                ssim(picture.pixels, pixels),
            )
        return tried[n_entries]

    most = min(settings.codewords or MOST_COLORS, max(len(colors.rgba), 2))
    return _search(attempt, most, picture, settings)


def as_original(rgba: NDArray[np.uint8], n_channels: int) -> NDArray[np.uint8]:
    """Pixels with the channels of the original, of which the gray ones have gray entries alone."""
    if n_channels < 3:
        return np.ascontiguousarray(rgba[..., [0, 3][:n_channels]])
    return np.ascontiguousarray(rgba[..., :n_channels])


def n_bits_of(n_entries: int) -> int:
    """Bits of an index."""
    return max((n_entries - 1).bit_length(), 1)


def _search(attempt: Callable[[int], Encoded], most: int, picture: Picture, settings: Settings) -> Encoded:
    """Find the number of entries, 2 to `most`, that serves the target."""
    if settings.quality is not None:
        return _fewest(attempt, most, psnr_of(settings.quality))
    if settings.psnr is not None:
        found = _fewest(attempt, most, settings.psnr)
    else:
        found = _most(attempt, most, lambda tried: is_reached(tried, settings))
    if not is_reached(found, settings):
        raise out_of_reach(found, picture, settings)
    return found


def _fewest(attempt: Callable[[int], Encoded], most: int, wanted: float) -> Encoded:
    """Return the result of the fewest entries that reach a PSNR, or of the most where none do."""
    best = attempt(most)
    if best.psnr < wanted:
        return best
    return attempt(2 + bisect_left(range(2, most), True, key=lambda n: attempt(n).psnr >= wanted))


def _most(attempt: Callable[[int], Encoded], most: int, fits: Callable[[Encoded], bool]) -> Encoded:
    """Return the result of the most entries that fit, or of two where none do."""
    if fits(attempt(most)):
        return attempt(most)
    fewer = range(most - 1, 1, -1)
    place = bisect_left(fewer, True, key=lambda n: fits(attempt(n)))
    return attempt(fewer[place] if place < len(fewer) else 2)
