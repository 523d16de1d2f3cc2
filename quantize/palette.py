"""Palettes: few colours that stand for all of an image.

The distinct colours, with how often each occurs, fall into cells of like colours. k-means finds the entries among the
cells, each with its weight, and a few last turns look at every distinct colour.

The seeds of the core's k-means, which are exchanged as long as one is missed less than another place would gain, left
0.1 dB more than splitting by variance (X. Wu, "Color quantization by dynamic programming and principal analysis", ACM
Transactions on Graphics 11(4), 1992) in the same time, so that there is no splitting.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quantize.kernels.colors import (
    diffuse_errors,
    distinct_colors,
    entry_sums,
    fill_cells,
    nearest_entries,
)

# Bits of each channel that tell a cell; with transparency there are four channels.
CELL_BITS = {3: 6, 4: 5}
LLOYD_TURNS = 12
LAST_TURNS = 2
LUMA = np.array([299, 587, 114])


@dataclass(frozen=True)
class Colors:
    """The distinct colours of an image.

    Attributes
    ----------
    rgba : array (n_colors, 4), uint8
        In the order of appearance.
    counts : array (n_colors,), int64
        How many pixels have each.
    numbers : array (height, width), int32
        Which one each pixel has.
    """

    rgba: NDArray[np.uint8]
    counts: NDArray[np.int64]
    numbers: NDArray[np.int32]

    @property
    def rows(self) -> NDArray[np.float32]:
        """The colours as they are compared."""
        return _rows(self.rgba, not self.opaque)

    @property
    def opaque(self) -> bool:
        """Whether nothing shines through."""
        return bool((self.rgba[:, 3] == 255).all())


@dataclass(frozen=True)
class Palette:
    """Entries, and which one stands for each distinct colour.

    Attributes
    ----------
    rgba : array (n_entries, 4), uint8
        Those that are not opaque first, then the darkest.
    labels : array (n_colors,), int32
    """

    rgba: NDArray[np.uint8]
    labels: NDArray[np.int32]


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
    pixels = np.ascontiguousarray(rgba).view(np.uint32).ravel()
    seen = rgba[..., 3].ravel() > 0
    if not seen.all():
        pixels = np.where(seen, pixels, np.uint32(0))
    n_pixels = len(pixels)
    table = np.full(2 << n_pixels.bit_length(), -1, np.int32)
    first_pixels, counts = np.empty(n_pixels, np.int64), np.empty(n_pixels, np.int64)
    numbers = np.empty(n_pixels, np.int32)
    n_colors = distinct_colors(pixels, table, first_pixels, counts, numbers)
    found = pixels[first_pixels[:n_colors]].view(np.uint8).reshape(-1, 4)
    return Colors(found, counts[:n_colors].copy(), numbers.reshape(rgba.shape[:2]))


def choose_palette(colors: Colors, n_entries: int, random_state: int = 0) -> Palette:
    """Choose at most `n_entries` colours: all there are, if they are no more."""
    if len(colors.rgba) <= n_entries:
        return _sorted(colors.rgba, np.arange(len(colors.rgba), dtype=np.int32))
    # Loaded here: a decoder does without.
    from clustering.kmeans import k_means

    rows = colors.rows
    means, weights, cells = _cells(rows, colors.counts)
    moved = k_means(
        means,
        min(n_entries, len(means)),
        sample_weight=weights,
        max_iter=LLOYD_TURNS,
        random_state=random_state,
        n_threads=1,
    )
    entries, labels = moved.centers, moved.labels[cells]
    for _ in range(LAST_TURNS):
        labels = _assigned(rows, labels, entries)
        sums, totals = np.zeros(entries.shape), np.zeros(len(entries))
        entry_sums(rows, colors.counts, labels, sums, totals)
        entries = np.where(totals[:, None] > 0, sums / np.maximum(totals, 1)[:, None], entries).astype(np.float32)
    palette = _sorted(_unmultiplied(entries), labels)
    return Palette(palette.rgba, _assigned(rows, palette.labels, _rows(palette.rgba, not colors.opaque)))


def map_pixels(colors: Colors, palette: Palette, dither: bool) -> NDArray[np.uint8]:
    """Entry of each pixel (height, width): the nearest one, or with the errors handed on to the neighbours."""
    indices = palette.labels.astype(np.uint8)[colors.numbers]
    if dither:
        entries = _rows(palette.rgba, not colors.opaque)
        order, gaps = _neighbors(entries)
        diffuse_errors(colors.rows[colors.numbers], entries, order, gaps, indices)
    return indices


def _sorted(rgba: NDArray[np.uint8], labels: NDArray[np.int32]) -> Palette:
    """Leave out what occurs twice and sort; the labels are renumbered."""
    different, places = np.unique(rgba, axis=0, return_inverse=True)
    opaque = different[:, 3] == 255
    order = np.lexsort((different[:, :3] @ LUMA, opaque))
    ranks = np.empty(len(order), np.int32)
    ranks[order] = np.arange(len(order))
    return Palette(np.ascontiguousarray(different[order]), ranks[places.ravel()[labels]])


def _rows(rgba: NDArray[np.uint8], transparent: bool) -> NDArray[np.float32]:
    """Colours to compare: three channels, or four, where colour counts as much as it is opaque."""
    rows = rgba.astype(np.float32)
    if not transparent:
        return np.ascontiguousarray(rows[:, :3])
    rows[:, :3] *= rows[:, 3:] / 255
    return rows


def _unmultiplied(rows: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Undo `_rows`."""
    rgba = np.full((len(rows), 4), 255.0)
    rgba[:, : rows.shape[1]] = rows
    if rows.shape[1] == 4:
        rgba[:, :3] *= 255 / np.maximum(rgba[:, 3:], 0.5)
        rgba[rgba[:, 3] < 0.5] = 0
    return np.clip(np.rint(rgba), 0, 255).astype(np.uint8)


def _cells(
    rows: NDArray[np.float32], counts: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
    """Mean and weight of the colours in each cell, and the cell of each colour."""
    n_channels = rows.shape[1]
    bits = CELL_BITS[n_channels]
    keys = np.zeros(len(rows), np.int32)
    for j in range(n_channels):
        keys = (keys << bits) | (rows[:, j].astype(np.int32) >> (8 - bits))
    table = np.full(1 << (bits * n_channels), -1, np.int32)
    cells, sums, totals = np.empty(len(rows), np.int32), np.zeros(rows.shape), np.zeros(len(rows))
    n_cells = fill_cells(keys, rows, counts, table, cells, sums, totals)
    means = sums[:n_cells] / totals[:n_cells, None]
    return means.astype(np.float32), totals[:n_cells].astype(np.float32), cells


def _assigned(rows: NDArray[np.float32], hints: NDArray[np.int32], entries: NDArray[np.float32]) -> NDArray[np.int32]:
    """Nearest entry of each row; the hints are entries that are probably near."""
    order, gaps = _neighbors(entries)
    labels = np.empty(len(rows), np.int32)
    nearest_entries(rows, hints, entries, order, gaps, labels)
    return labels


def _neighbors(entries: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """All entries in the order of their squared distance to each, and these distances."""
    gaps = np.zeros((len(entries), len(entries)), np.float32)
    for channel in entries.T:
        gaps += np.square(channel[:, None] - channel)
    # The bits of floats that are not negative are in their order; the numbers below them keep equal ones in theirs. So
    # numbers are sorted and not places, which takes a fifth of the time.
    keys = gaps.view(np.uint32).astype(np.uint64) << np.uint64(32) | np.arange(len(entries), dtype=np.uint64)
    # Each one is nearest to itself, an equal one comes after it.
    np.fill_diagonal(keys, 0)
    keys.sort(axis=1)
    order = (keys & np.uint64(0xFFFFFFFF)).astype(np.int32)
    gaps = (keys >> np.uint64(32)).astype(np.uint32).view(np.float32)
    order[:, 0], gaps[:, 0] = np.arange(len(entries)), -1
    return order, gaps
