"""Kernels that find where predictions are doubtful."""

import numpy as np

from clustering import Array, compiled


@compiled()
def note_events(levels: Array, low: float, kind: int, long_run: int, level: Array, what: Array, hidden: Array) -> None:
    """Note the worst frame of each run of high levels of a point, where nothing worse is noted of that frame.

    A run counts once: the longer it is, the lower its level, by as many digits as its length has.

    IN: levels (n_frames, n_animals, n_nodes), in digits; low, from which on a level is high; kind; long_run, frames of
    which a run is something hidden rather than doubtful. INOUT: level (n_frames,); what (n_frames, 3): kind, animal,
    node; hidden (n_frames,).
    """
    n_frames = levels.shape[0]
    for animal in range(levels.shape[1]):
        for node in range(levels.shape[2]):
            t = 0
            while t < n_frames:
                if not levels[t, animal, node] >= low:
                    t += 1
                    continue
                first, worst = t, t
                while t < n_frames and levels[t, animal, node] >= low:
                    if levels[t, animal, node] > levels[worst, animal, node]:
                        worst = t
                    t += 1
                found = levels[worst, animal, node] - np.log10(t - first)
                if found > level[worst]:
                    level[worst] = found
                    what[worst, 0] = kind
                    what[worst, 1] = animal
                    what[worst, 2] = node
                    hidden[worst] = t - first > long_run


@compiled()
def peaks(level: Array, reach: int, low: float, found: Array) -> int:
    """Find the frames that are the worst of all within reach; return how many there are.

    IN: level (n_frames,); reach in frames; low, least level. OUT: found (n_frames,), rows in ascending order.
    """
    n, latest = 0, -reach - 1
    for t in range(level.shape[0]):
        if level[t] < low or t - latest <= reach:
            continue
        is_worst = True
        for i in range(max(0, t - reach), min(level.shape[0], t + reach + 1)):
            if level[i] > level[t]:
                is_worst = False
                break
        if is_worst:
            found[n] = t
            n += 1
            latest = t
    return n
