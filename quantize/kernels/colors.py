"""Kernels of the palette: distinct colours, cells of like colours, the nearest entry, and dithering.

A colour is a row of 3 or 4 float32: red, green, blue and, with transparency, alpha, the first three multiplied by it.
"""

import numpy as np
from numpy.typing import NDArray

from clustering.kernels.compilation import compiled


@compiled()
def distinct_colors(pixels: NDArray, table: NDArray, first_pixels: NDArray, counts: NDArray, numbers: NDArray) -> int:
    """Give numbers to the distinct colours in the order of appearance; return how many there are.

    IN: pixels (n_pixels,) uint32. INOUT: table, a power of two of places, more than n_pixels, all -1. OUT: first_pixels
    (n_pixels,) where each number appeared first; counts (n_pixels,) how often each did; numbers (n_pixels,) int32.
    """
    mask = np.uint64(table.shape[0] - 1)
    n_colors = 0
    for i in range(pixels.shape[0]):
        color = np.uint64(pixels[i])
        # A product of two 32-bit numbers, whose upper bits depend on all bits of the colour.
        place = np.int64(((color * np.uint64(2654435761)) >> np.uint64(12)) & mask)
        while table[place] >= 0 and pixels[first_pixels[table[place]]] != pixels[i]:
            place = (place + 1) & np.int64(mask)
        if table[place] < 0:
            table[place] = n_colors
            first_pixels[n_colors] = i
            counts[n_colors] = 0
            n_colors += 1
        numbers[i] = table[place]
        counts[table[place]] += 1
    return n_colors


@compiled()
def fill_cells(
    keys: NDArray, colors: NDArray, counts: NDArray, table: NDArray, cells: NDArray, sums: NDArray, totals: NDArray
) -> int:
    """Sum up the colours of equal key; return how many keys there are.

    IN: keys (n_colors,); colors (n_colors, n_channels); counts (n_colors,). INOUT: table, a place for each possible
    key, all -1; sums (n_colors, n_channels), totals (n_colors,), zeros. OUT: cells (n_colors,) the number of each
    one's key.
    """
    n_cells = 0
    for i in range(keys.shape[0]):
        cell = table[keys[i]]
        if cell < 0:
            cell = n_cells
            table[keys[i]] = cell
            n_cells += 1
        cells[i] = cell
        totals[cell] += counts[i]
        for j in range(colors.shape[1]):
            sums[cell, j] += counts[i] * colors[i, j]
    return n_cells


@compiled()
def nearest_entries(
    colors: NDArray, hints: NDArray, palette: NDArray, order: NDArray, gaps: NDArray, labels: NDArray
) -> None:
    """Find the nearest entry of each colour, from one that is probably near.

    An entry farther from the hinted one than twice the colour is cannot be nearer: the search goes through the entries
    in the order of their distance to the hinted one and ends there.

    IN: colors (n_colors, n_channels); hints (n_colors,) entries; palette (n_entries, n_channels); order (n_entries,
    n_entries) for each entry all of them, by distance; gaps, those distances, squared. OUT: labels (n_colors,).
    """
    n_entries, n_channels = palette.shape
    for i in range(colors.shape[0]):
        hint = hints[i]
        best, reach = hint, np.float32(0)
        for j in range(n_channels):
            difference = colors[i, j] - palette[hint, j]
            reach += difference * difference
        least = reach
        for t in range(1, n_entries):
            if gaps[hint, t] > np.float32(4) * reach:
                break
            entry = order[hint, t]
            distance = np.float32(0)
            for j in range(n_channels):
                difference = colors[i, j] - palette[entry, j]
                distance += difference * difference
            if distance < least or (distance == least and entry < best):
                best, least = entry, distance
        labels[i] = best


@compiled()
def entry_sums(colors: NDArray, counts: NDArray, labels: NDArray, sums: NDArray, totals: NDArray) -> None:
    """Sum up the colours of each entry.

    IN: colors (n_colors, n_channels); counts, labels (n_colors,). INOUT: sums (n_entries, n_channels), totals
    (n_entries,), zeros.
    """
    for i in range(colors.shape[0]):
        totals[labels[i]] += counts[i]
        for j in range(colors.shape[1]):
            sums[labels[i], j] += counts[i] * colors[i, j]


@compiled()
def diffuse_errors(pixels: NDArray, palette: NDArray, order: NDArray, gaps: NDArray, indices: NDArray) -> None:
    """Dither: hand the error of each pixel on to its neighbours, every other row from right to left.

    R. W. Floyd and L. Steinberg, "An adaptive algorithm for spatial grey scale", Proceedings of the SID 17(2), 1976.

    IN: pixels (height, width, n_channels) float32; palette, order, gaps as of `nearest_entries`. INOUT: indices
    (height, width) the nearest entries of the undithered pixels; the dithered ones afterwards.
    """
    height, width, n_channels = pixels.shape
    n_entries = palette.shape[0]
    here, below = np.zeros((width + 2, n_channels), np.float32), np.zeros((width + 2, n_channels), np.float32)
    wanted = np.zeros(n_channels, np.float32)
    share = np.float32(1 / 16)
    for r in range(height):
        below[:] = 0
        step = 1 if r % 2 == 0 else -1
        for t in range(width):
            c = t if step == 1 else width - 1 - t
            for j in range(n_channels):
                wanted[j] = min(max(pixels[r, c, j] + here[c + 1, j] * share, np.float32(0)), np.float32(255))
            hint = indices[r, c]
            reach = np.float32(0)
            for j in range(n_channels):
                reach += (wanted[j] - palette[hint, j]) ** 2
            best, least = hint, reach
            for k in range(1, n_entries):
                if gaps[hint, k] > np.float32(4) * reach:
                    break
                entry = order[hint, k]
                distance = np.float32(0)
                for j in range(n_channels):
                    distance += (wanted[j] - palette[entry, j]) ** 2
                if distance < least:
                    best, least = entry, distance
            indices[r, c] = best
            for j in range(n_channels):
                error = wanted[j] - palette[best, j]
                here[c + 1 + step, j] += 7 * error
                below[c + 1 - step, j] += 3 * error
                below[c + 1, j] += 5 * error
                below[c + 1 + step, j] += error
        here, below = below, here
