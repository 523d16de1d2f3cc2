"""Kernels that follow animals from frame to frame."""

import numpy as np

from clustering import Array, compiled

# What an animal costs that cannot be compared with another one: more than any place in a picture.
UNSEEN = 1e9


@compiled(inner=True)
def median_of(values: Array, n: int) -> float:
    """Median of the first n values, which are put in order; the lower one of two."""
    for i in range(1, n):
        value, j = values[i], i - 1
        while j >= 0 and values[j] > value:
            values[j + 1] = values[j]
            j -= 1
        values[j + 1] = value
    return float(values[(n - 1) // 2])


@compiled(inner=True)
def pose_distance(latest: Array, track: int, points: Array, t: int, place: int, room: Array) -> float:
    """Median distance of the nodes of an animal to those that a track had latest; `UNSEEN` where none can be compared.

    IN: latest (n_tracks, n_nodes, 2); points (n_frames, n_places, n_nodes, 2). OUT: room (n_nodes,).
    """
    n = 0
    for node in range(points.shape[2]):
        dx = points[t, place, node, 0] - latest[track, node, 0]
        dy = points[t, place, node, 1] - latest[track, node, 1]
        distance = np.sqrt(dx * dx + dy * dy)
        if np.isfinite(distance):
            room[n] = distance
            n += 1
    return median_of(room, n) if n else UNSEEN


@compiled()
def link(points: Array, latest: Array, order: Array, gain: Array) -> None:
    """Follow animals through time: give each track the place, on the animals' axis, that lies nearest to it.

    A track keeps its place unless two tracks together come nearer by an exchange. Nobody is compared that cannot be
    seen.

    IN: points (n_frames, n_places, n_nodes, 2). INOUT: latest (n_tracks, n_nodes, 2), where the tracks start.
    OUT: order (n_frames, n_tracks), place of each track; gain (n_frames,), how many pixels a node of the two animals is
    nearer after an exchange of their places, 0 where none was.
    """
    n_frames, n_places, n_nodes = points.shape[:3]
    n_tracks = latest.shape[0]
    cost, room = np.empty((n_tracks, n_places)), np.empty(n_nodes)
    here, before = np.arange(n_places), np.arange(n_places)
    for t in range(n_frames):
        for track in range(n_tracks):
            for place in range(n_places):
                cost[track, place] = pose_distance(latest, track, points, t, place, room)
        # Tracks come first in `here`; the places behind them are free.
        for place in range(n_places):
            before[place] = here[place]
        changed = True
        while changed:
            changed = False
            for one in range(n_tracks):
                for other in range(one + 1, n_places):
                    now = cost[one, here[one]]
                    after = cost[one, here[other]]
                    if other < n_tracks:
                        now += cost[other, here[other]]
                        after += cost[other, here[one]]
                    if after < now - 1e-6:
                        here[one], here[other] = here[other], here[one]
                        changed = True
        total, seen, exchanged = 0.0, 0, False
        for track in range(n_tracks):
            order[t, track] = here[track]
            if here[track] != before[track]:
                was, now = cost[track, before[track]], cost[track, here[track]]
                if was < UNSEEN and now < UNSEEN:
                    total += was - now
                    seen += 1
                    for other in range(n_tracks):
                        exchanged |= other != track and here[other] == before[track]
        gain[t] = total / seen if exchanged else 0.0
        for track in range(n_tracks):
            for node in range(n_nodes):
                # Axis by axis: to compile the copy of a slice takes seconds.
                x, y = points[t, here[track], node, 0], points[t, here[track], node, 1]
                if np.isfinite(x + y):
                    latest[track, node, 0], latest[track, node, 1] = x, y


@compiled()
def deviations(points: Array, out: Array) -> None:
    """Distance of each point from the median of the five frames around it; NaN where fewer than three have it.

    IN: points (n_frames, n_animals, n_nodes, 2). OUT: out (n_frames, n_animals, n_nodes).
    """
    n_frames = points.shape[0]
    across, down = np.empty(5, points.dtype), np.empty(5, points.dtype)
    for t in range(n_frames):
        first = max(0, min(t - 2, n_frames - 5))
        stop = min(n_frames, first + 5)
        for animal in range(points.shape[1]):
            for node in range(points.shape[2]):
                n = 0
                for i in range(first, stop):
                    x, y = points[i, animal, node, 0], points[i, animal, node, 1]
                    if np.isfinite(x + y):
                        across[n], down[n] = x, y
                        n += 1
                out[t, animal, node] = np.nan
                if n >= 3:
                    x = points[t, animal, node, 0] - median_of(across, n)
                    y = points[t, animal, node, 1] - median_of(down, n)
                    out[t, animal, node] = np.sqrt(x * x + y * y)


@compiled()
def common_motion(deviation: Array, reach: int, typical: Array, out: Array) -> None:
    """How much more than usual all of an animal moves around each time: the median over nodes, then over time.

    IN: deviation (n_frames, n_animals, n_nodes); typical (n_nodes,), usual deviation of each node. INOUT: out
    (n_frames, n_animals), 1 or more.
    """
    n_frames, n_animals, n_nodes = deviation.shape
    room, window = np.empty(n_nodes), np.empty(2 * reach + 1)
    of_frame = np.empty(n_frames)
    for animal in range(n_animals):
        for t in range(n_frames):
            n = 0
            for node in range(n_nodes):
                if np.isfinite(deviation[t, animal, node]) and typical[node] > 0:
                    room[n] = deviation[t, animal, node] / typical[node]
                    n += 1
            of_frame[t] = median_of(room, n) if n else 0.0
        for t in range(n_frames):
            n = 0
            for i in range(max(0, t - reach), min(n_frames, t + reach + 1)):
                window[n] = of_frame[i]
                n += 1
            out[t, animal] = max(1.0, median_of(window, n))
