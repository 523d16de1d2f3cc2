"""Kernel of the palette: dithering.

A colour is a row of 3 or 4 float32: red, green, blue and, with transparency, alpha, the first three multiplied by it.
"""

import numpy as np

from clustering import Array, compiled

# Kinds of colours by their alpha.
CLEAR, TRANSLUCENT, OPAQUE = 0, 1, 2


@compiled(allocates=False)
def diffuse_errors(
    colors: Array,
    kinds: Array,
    numbers: Array,
    strengths: Array,
    palette: Array,
    opaque: Array,
    order: Array,
    gaps: Array,
    limit: float,
    edge: float,
    errors: Array,
    indices: Array,
) -> None:
    """Dither: hand the error of each pixel on to its neighbours, every other row from right to left.

    R. W. Floyd and L. Steinberg, "An adaptive algorithm for spatial grey scale", Proceedings of the SID 17(2), 1976.
    The alpha of clear and of opaque pixels is exact: no error reaches it, and none passes through clear pixels.

    IN: colors (n_colors, n_channels) float32; kinds (n_colors,) CLEAR, TRANSLUCENT or OPAQUE; numbers (height, width)
    the colour of each pixel; strengths (n_colors,) float32, share of the error that its pixels take up; palette
    (n_entries, n_channels) float32; opaque (n_entries,) bool; order (n_entries, n_entries) for each entry all of them,
    by distance; gaps, those distances, squared; limit, the largest error that a pixel takes up, and edge, the distance
    to a neighbour at which it takes up half, both in levels. INOUT: errors (2, width + 2, n_channels) float32, zeros;
    indices (height, width) uint8 the nearest entries of the undithered pixels; the dithered ones afterwards.
    """
    height, width = numbers.shape
    n_entries, n_channels = palette.shape
    most, sharp = np.float32(limit * limit), np.float32(edge * edge)
    for r in range(height):
        here, below = r % 2, 1 - r % 2
        for c in range(width + 2):
            for j in range(n_channels):
                errors[below, c, j] = np.float32(0)
        step = 1 - 2 * here
        for t in range(width):
            c = t if step == 1 else width - 1 - t
            color = numbers[r, c]
            kind = kinds[color]
            if kind == CLEAR:
                continue
            west, north = numbers[r, c - 1 if c > 0 else 0], numbers[r - 1 if r > 0 else 0, c]
            size, across, down = np.float32(0), np.float32(0), np.float32(0)
            for j in range(n_channels):
                size += errors[here, c + 1, j] * errors[here, c + 1, j]
                across += (colors[color, j] - colors[west, j]) * (colors[color, j] - colors[west, j])
                down += (colors[color, j] - colors[north, j]) * (colors[color, j] - colors[north, j])
            share = strengths[color] / np.float32(16) * sharp / (sharp + max(across, down))
            size *= share * share
            if size > most:
                share *= np.sqrt(most / size)
            # What is wanted takes the place of the error that it was made of.
            top = np.float32(255)
            for j in range(n_channels - 1, -1, -1):
                wanted = colors[color, j] + errors[here, c + 1, j] * share
                if j == 3 and kind == OPAQUE:
                    wanted = np.float32(255)
                wanted = min(max(wanted, np.float32(0)), top)
                errors[here, c + 1, j] = wanted
                if j == 3:
                    # No colour is brighter than its alpha.
                    top = wanted
            hint = np.int64(indices[r, c])
            reach = np.float32(0)
            for j in range(n_channels):
                difference = errors[here, c + 1, j] - palette[hint, j]
                reach += difference * difference
            best, least = hint, reach
            for k in range(1, n_entries):
                if gaps[hint, k] > np.float32(4) * reach:
                    break
                entry = np.int64(order[hint, k])
                if kind == OPAQUE and not opaque[entry]:
                    continue
                distance = np.float32(0)
                for j in range(n_channels):
                    difference = errors[here, c + 1, j] - palette[entry, j]
                    distance += difference * difference
                if distance < least:
                    best, least = entry, distance
            indices[r, c] = best
            for j in range(n_channels):
                error = errors[here, c + 1, j] - palette[best, j]
                errors[here, c + 1 + step, j] += np.float32(7) * error
                errors[below, c + 1 - step, j] += np.float32(3) * error
                errors[below, c + 1, j] += np.float32(5) * error
                errors[below, c + 1 + step, j] += error
