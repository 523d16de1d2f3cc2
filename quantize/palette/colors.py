"""Palettes: few colours that represent all of an image.

The core finds the entries among the distinct colours, each with how often it occurs; a few last turns work on entries
of whole levels. Colours are compared as they are seen, multiplied by their opacity. The alpha of what is clear (0) or
opaque (255) is exact: all clear pixels share one entry, and opaque pixels use opaque entries alone.

All of it is done in NumPy, so that there is nothing to compile.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering import byte_row_k_means, nearest_byte_rows

# Pixels whose colours are looked up at a time.
STRIP_PIXELS = 1 << 21
LAST_TURNS = 3
# Rounds in which unused entries are filled with the colours that are missed most.
FILLING_ROUNDS = 6
LUMA = np.array([299, 587, 114])


@dataclass(frozen=True)
class Colors:
    """The distinct colours of an image.

    Attributes
    ----------
    rgba : array (n_colors, 4), uint8
        In the order of their bytes; what is clear is one colour, (0, 0, 0, 0).
    counts : array (n_colors,), int64
        How many pixels have each.
    numbers : array (height, width), int32
        Which one each pixel has.
    """

    rgba: NDArray[np.uint8]
    counts: NDArray[np.int64]
    numbers: NDArray[np.int32]

    @cached_property
    def opaque(self) -> bool:
        """Whether nothing shines through."""
        return bool((self.rgba[:, 3] == 255).all())

    @cached_property
    def rows(self) -> NDArray[Any]:
        """The colours as they are compared."""
        return _rows(self.rgba, self.opaque)


@dataclass(frozen=True)
class Palette:
    """Entries, and which one represents each distinct colour.

    Attributes
    ----------
    rgba : array (n_entries, 4), uint8
        Those that are not opaque first, then the darkest.
    labels : array (n_colors,), int64
    """

    rgba: NDArray[np.uint8]
    labels: NDArray[np.int64]


def as_rgba(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Pixels (height, width, 4) of an image of 1 to 4 channels."""
    n_channels = pixels.shape[2]
    rgba = np.full((*pixels.shape[:2], 4), 255, np.uint8)
    rgba[..., :3] = pixels[..., : 3 if n_channels > 2 else 1]
    if n_channels in (2, 4):
        rgba[..., 3] = pixels[..., -1]
    return rgba


def find_colors(rgba: NDArray[np.uint8]) -> Colors:
    """Find the distinct colours of an image (height, width, 4); what cannot be seen is all the same."""
    height, width = rgba.shape[:2]
    n_rows = max(1, STRIP_PIXELS // width)
    strips = [slice(first, first + n_rows) for first in range(0, height, n_rows)]
    found = np.unique(np.concatenate([np.unique(_words(rgba[strip])) for strip in strips]))
    numbers, counts = np.empty((height, width), np.int32), np.zeros(len(found), np.int64)
    for strip in strips:
        numbers[strip] = np.searchsorted(found, _words(rgba[strip]))
        counts += np.bincount(numbers[strip].ravel(), minlength=len(found))
    return Colors(found.view(np.uint8).reshape(-1, 4), counts, numbers)


def _words(rgba: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """Pixels as numbers; the same for all that are clear."""
    words = np.ascontiguousarray(rgba).view(np.uint32)[..., 0]
    clear = rgba[..., 3] == 0
    return np.where(clear, np.uint32(0), words) if clear.any() else words


def choose_palette(colors: Colors, n_entries: int, random_state: int = 0) -> Palette:
    """Choose `n_entries` colours, 2 or more; all there are, if they are no more.

    There are fewer only where these show every colour of the image exactly.
    """
    if len(colors.rgba) <= n_entries:
        return _sorted(colors.rgba, np.arange(len(colors.rgba)))
    visible = colors.rgba[:, 3] > 0
    n_wanted = n_entries - int(not visible.all())
    rgba, weights, rows = colors.rgba[visible], colors.counts[visible].astype(np.float64), colors.rows[visible]
    seen = rgba[:, :3] if colors.opaque else np.rint(rows / 255).astype(np.uint8)
    pinned = None if colors.opaque else rgba[:, 3] == 255
    centers = byte_row_k_means(seen, weights, n_wanted, pinned=pinned, random_state=random_state)
    entries = _rounded(centers * (1 if colors.opaque else 255))
    best, least = entries, np.inf
    for turn in range(LAST_TURNS + 1):
        entries, labels, squares = _filled(rgba, rows, weights, entries, n_wanted)
        error = float(np.sum(weights * squares))
        if error < least:
            best, least = entries, error
        if turn < LAST_TURNS:
            entries = _rounded(_means(rows, weights, labels, entries))
    if not visible.all():
        best = np.concatenate([best, np.zeros((1, 4), np.uint8)])
    palette = _sorted(best, np.zeros(0, np.int64))
    return Palette(palette.rgba, _assigned(colors.rgba, colors.rows, palette.rgba)[0])


def map_pixels(colors: Colors, palette: Palette) -> NDArray[np.uint8]:
    """Nearest entry of each pixel (height, width)."""
    return palette.labels.astype(np.uint8)[colors.numbers]


def _filled(
    rgba: NDArray[np.uint8], rows: NDArray[Any], weights: NDArray[np.float64], entries: NDArray[np.uint8], n_wanted: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.float64]]:
    """Fill up entries of which some are equal with the colours that are missed most.

    Returns the entries, and the label and the squared error of each colour.
    """
    entries = np.unique(entries, axis=0)
    for turn in range(FILLING_ROUNDS + 1):
        labels, squares = _assigned(rgba, rows, entries)
        missed = weights * squares
        n_missing = min(n_wanted - len(entries), int(np.count_nonzero(missed)))
        if n_missing == 0:
            break
        # A few at a time: what one of them serves need not be served again.
        n = n_missing if turn >= FILLING_ROUNDS - 1 else -(-n_missing // 2)
        worst = np.argsort(-missed, kind="stable")[:n]
        entries = np.concatenate([entries, rgba[worst]])
    return entries, labels, squares


def _assigned(
    rgba: NDArray[np.uint8], rows: NDArray[Any], entries: NDArray[np.uint8]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Nearest entry of each colour that may represent it, and the squared distance to it."""
    opaque, is_clear = rgba[:, 3] == 255, rgba[:, 3] == 0
    places = _rows(entries, rows.shape[1] == 3)
    forbidden = (opaque, entries[:, 3] < 255) if (entries[:, 3] < 255).any() and opaque.any() else None
    labels, _ = nearest_byte_rows(rows, places, forbidden)
    if is_clear.any():
        labels[is_clear] = np.flatnonzero(entries[:, 3] == 0)[0]
    squares = np.zeros(len(rows))
    for row, place in zip(rows.T, places.T, strict=True):
        squares += np.square(row - place[labels], dtype=np.float64)
    return labels, squares


def _means(
    rows: NDArray[Any], weights: NDArray[np.float64], labels: NDArray[np.int64], entries: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """Mean of the colours of each entry, as they are compared; opaque entries stay opaque."""
    totals = np.bincount(labels, weights, len(entries))
    means = _rows(entries, rows.shape[1] == 3).astype(np.float64)
    known = totals > 0
    for j in range(3 if rows.shape[1] == 3 else 4):
        # Whole numbers, whose sums are exact in any order.
        means[known, j] = np.bincount(labels, weights * rows[:, j], len(entries))[known] / totals[known]
    if rows.shape[1] == 4:
        means[entries[:, 3] == 255, 3] = 255 * 255
    return means


def _rows(rgba: NDArray[np.uint8], opaque: bool) -> NDArray[Any]:
    """Colours to compare: three channels, or four in 255ths, where colour counts as much as it is opaque.

    All of them whole numbers: scores of the first are exact in float32, of the others in float64.
    """
    if opaque:
        return rgba[:, :3].astype(np.float32)
    rows = rgba.astype(np.float64)
    rows[:, :3] *= rows[:, 3:]
    rows[:, 3] *= 255
    return rows


def _rounded(rows: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Undo `_rows`; colours that are not opaque stay so."""
    rgba = np.full((len(rows), 4), 255.0)
    if rows.shape[1] == 3:
        rgba[:, :3] = rows
    else:
        rgba[:, 3] = np.where(rows[:, 3] < 255 * 255, np.clip(np.rint(rows[:, 3] / 255), 1, 254), 255)
        rgba[:, :3] = rows[:, :3] / rgba[:, 3:]
    return np.clip(np.rint(rgba), 0, 255).astype(np.uint8)


def _sorted(rgba: NDArray[np.uint8], labels: NDArray[np.int64]) -> Palette:
    """Sort different entries; the labels are renumbered."""
    order = np.lexsort((rgba[:, :3] @ LUMA, rgba[:, 3] == 255))
    ranks = np.empty(len(order), np.int64)
    ranks[order] = np.arange(len(order))
    return Palette(np.ascontiguousarray(rgba[order]), ranks[labels])
