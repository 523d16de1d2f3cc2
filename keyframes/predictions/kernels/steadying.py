"""Kernels that fill gaps in poses, and steady them over time."""

import numpy as np

from clustering import FAST_MATH, Array, compiled


@compiled()
def fill_gaps(points: Array, bad: Array, longest: int, far: Array) -> None:
    """Replace bad points by straight lines in time between the good ones; behind the ends, the nearest good one stays.

    IN: bad (n_frames, n_animals, n_nodes), bool; longest, of the gaps over which a line can be trusted.
    INOUT: points (n_frames, n_animals, n_nodes, 2). OUT: far (n_frames, n_animals, n_nodes), bool, whether a point lies
    in a longer gap, or the node is never good.
    """
    n_frames = points.shape[0]
    for animal in range(points.shape[1]):
        for node in range(points.shape[2]):
            before = -1
            t = 0
            while t < n_frames:
                if not bad[t, animal, node]:
                    far[t, animal, node] = False
                    before = t
                    t += 1
                    continue
                after = t
                while after < n_frames and bad[after, animal, node]:
                    after += 1
                is_far = after - t > longest or (before < 0 and after == n_frames)
                for i in range(t, after):
                    far[i, animal, node] = is_far
                    for axis in range(2):
                        if before < 0 and after == n_frames:
                            points[i, animal, node, axis] = np.nan
                        elif before < 0:
                            points[i, animal, node, axis] = points[after, animal, node, axis]
                        elif after == n_frames:
                            points[i, animal, node, axis] = points[before, animal, node, axis]
                        else:
                            share = (i - before) / (after - before)
                            low, high = points[before, animal, node, axis], points[after, animal, node, axis]
                            points[i, animal, node, axis] = low + share * (high - low)
                t = after


@compiled()
def place_by_shape(points: Array, far: Array, shape: Array) -> None:
    """Put far points where a mean shape, turned and moved onto the other nodes of the animal, has them.

    IN: far (n_frames, n_animals, n_nodes), bool; shape (n_nodes, 2). INOUT: points (n_frames, n_animals, n_nodes, 2).
    """
    n_frames, n_animals, n_nodes = far.shape
    for t in range(n_frames):
        for animal in range(n_animals):
            n, x, y, sx, sy = 0, 0.0, 0.0, 0.0, 0.0
            for node in range(n_nodes):
                if not far[t, animal, node]:
                    n += 1
                    x += points[t, animal, node, 0]
                    y += points[t, animal, node, 1]
                    sx += shape[node, 0]
                    sy += shape[node, 1]
            if n < 2 or n == n_nodes:
                continue
            x, y, sx, sy = x / n, y / n, sx / n, sy / n
            real, imaginary = 0.0, 0.0
            for node in range(n_nodes):
                if not far[t, animal, node]:
                    a, b = points[t, animal, node, 0] - x, points[t, animal, node, 1] - y
                    c, d = shape[node, 0] - sx, shape[node, 1] - sy
                    real += a * c + b * d
                    imaginary += b * c - a * d
            size = np.sqrt(real * real + imaginary * imaginary)
            c, s = (real / size, imaginary / size) if size > 0 else (1.0, 0.0)
            for node in range(n_nodes):
                if far[t, animal, node]:
                    dx, dy = shape[node, 0] - sx, shape[node, 1] - sy
                    points[t, animal, node, 0] = x + c * dx - s * dy
                    points[t, animal, node, 1] = y + s * dx + c * dy


@compiled(fastmath=FAST_MATH)
def to_states(points: Array, shape: Array, mean: Array, basis: Array, states: Array) -> None:
    """Write each pose as scores of its shape, its place, and the direction in which it is turned.

    IN: points (n_frames, n_animals, n_nodes, 2); shape (n_nodes, 2) that poses are turned onto; mean (2 * n_nodes,) of
    the turned ones, x and y of a node beside each other; basis (n_scores, 2 * n_nodes), orthonormal.
    OUT: states (n_frames, n_animals, n_scores + 4): scores; x and y of the middle; cosine and sine.
    """
    n_frames, n_animals, n_nodes = points.shape[:3]
    n_scores = basis.shape[0]
    turned = np.empty(2 * n_nodes)
    for t in range(n_frames):
        for animal in range(n_animals):
            x, y = 0.0, 0.0
            for node in range(n_nodes):
                x += points[t, animal, node, 0]
                y += points[t, animal, node, 1]
            x, y = x / n_nodes, y / n_nodes
            real, imaginary = 0.0, 0.0
            for node in range(n_nodes):
                a, b = points[t, animal, node, 0] - x, points[t, animal, node, 1] - y
                real += a * shape[node, 0] + b * shape[node, 1]
                imaginary += b * shape[node, 0] - a * shape[node, 1]
            size = np.sqrt(real * real + imaginary * imaginary)
            c, s = (real / size, imaginary / size) if size > 0 else (1.0, 0.0)
            for node in range(n_nodes):
                a, b = points[t, animal, node, 0] - x, points[t, animal, node, 1] - y
                turned[2 * node] = c * a + s * b - mean[2 * node]
                turned[2 * node + 1] = c * b - s * a - mean[2 * node + 1]
            for i in range(n_scores):
                total = 0.0
                for j in range(2 * n_nodes):
                    total += basis[i, j] * turned[j]
                states[t, animal, i] = total
            states[t, animal, n_scores] = x
            states[t, animal, n_scores + 1] = y
            states[t, animal, n_scores + 2] = c
            states[t, animal, n_scores + 3] = s


@compiled(fastmath=FAST_MATH)
def steady(states: Array, scale: Array, reach: int, stride: int, out: Array, counted: Array) -> None:
    """Replace each state by the mean of those around it in time that noise alone may tell from it.

    A frame weighs 1 where the squared distance, in units of what noise makes of it, is no more than expected (the
    number of columns, twice as much for two frames), and falls off beyond that.

    IN: states (n_frames, n_animals, n_columns); scale (n_columns,), one over the noise of each.
    OUT: out, as states; counted (n_frames, n_animals), sum of the weights.
    """
    n_frames, n_animals, n_columns = states.shape
    total = np.empty(n_columns)
    # The direction is one number, though it has two columns.
    expected = n_columns - 1.0
    spread = np.sqrt(expected)
    for t in range(n_frames):
        for animal in range(n_animals):
            total[:] = 0.0
            weights = 0.0
            for k in range(-reach, reach + 1):
                i = t + stride * k
                if i < 0 or i >= n_frames:
                    continue
                squared = 0.0
                for j in range(n_columns):
                    difference = (states[i, animal, j] - states[t, animal, j]) * scale[j]
                    squared += difference * difference
                weight = np.exp(-0.5 * max(0.5 * squared - expected, 0.0) / spread)
                weights += weight
                for j in range(n_columns):
                    total[j] += weight * states[i, animal, j]
            for j in range(n_columns):
                out[t, animal, j] = total[j] / weights
            counted[t, animal] = weights


@compiled(fastmath=FAST_MATH)
def from_states(states: Array, mean: Array, basis: Array, points: Array) -> None:
    """Write states as points again; see `to_states`.

    IN: states, mean, basis. OUT: points (n_frames, n_animals, n_nodes, 2).
    """
    n_scores = basis.shape[0]
    n_nodes = points.shape[2]
    for t in range(states.shape[0]):
        for animal in range(states.shape[1]):
            c, s = states[t, animal, n_scores + 2], states[t, animal, n_scores + 3]
            size = np.sqrt(c * c + s * s)
            c, s = (c / size, s / size) if size > 0 else (np.float32(1), np.float32(0))
            for node in range(n_nodes):
                a, b = mean[2 * node], mean[2 * node + 1]
                for i in range(n_scores):
                    a += states[t, animal, i] * basis[i, 2 * node]
                    b += states[t, animal, i] * basis[i, 2 * node + 1]
                points[t, animal, node, 0] = states[t, animal, n_scores] + c * a - s * b
                points[t, animal, node, 1] = states[t, animal, n_scores + 1] + s * a + c * b
