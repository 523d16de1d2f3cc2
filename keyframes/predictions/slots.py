"""Who is who, on as few places as there are animals at once.

A tracker that loses an animal gives it a new track: twenty tracks of two flies are normal. With one place on the
animals' axis for each, most would be empty. Here, tracks that never overlap in time share one.
"""

from collections.abc import Sequence
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray


def slots_of_tracks(first: NDArray[np.int64], last: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give each track a place that no track overlapping in time has; as few places as possible (interval partitioning).

    Tracks keep their own places where no fewer are enough.

    Parameters
    ----------
    first, last : array (n_tracks,), int64
        Frames between which a track exists; last < first for one that never does.
    """
    slots = np.zeros(len(first), np.int64)
    free: list[int] = []
    taken: list[tuple[int, int]] = []
    n_slots = 0
    for track in np.lexsort((np.arange(len(first)), first)):
        if last[track] < first[track]:
            continue
        while taken and taken[0][0] < first[track]:
            heappush(free, heappop(taken)[1])
        if free:
            slots[track] = heappop(free)
        else:
            slots[track], n_slots = n_slots, n_slots + 1
        heappush(taken, (int(last[track]), int(slots[track])))
    return np.arange(len(first)) if n_slots == len(first) else slots


def slots_of_instances(rows: NDArray[np.int64], tracks: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give each instance a place in its frame: that of its track, or else the first that is free.

    Parameters
    ----------
    rows : array (n_instances,), int64
        Number of the frame, ascending.
    tracks : array (n_instances,), int64
        Number of the track; -1 for none.
    """
    if not len(rows):
        return np.zeros(0, np.int64)
    tracks = tracks.copy()
    # A second instance of a track in one frame has to go elsewhere.
    order = np.lexsort((tracks, rows))
    twice = order[1:][(np.diff(rows[order]) == 0) & (np.diff(tracks[order]) == 0)]
    tracks[twice] = -1
    tracked = tracks >= 0
    known, number = np.unique(tracks[tracked], return_inverse=True)
    first, last = np.full(len(known), np.iinfo(np.int64).max), np.full(len(known), -1)
    np.minimum.at(first, number, rows[tracked])
    np.maximum.at(last, number, rows[tracked])
    slots = np.zeros(len(rows), np.int64)
    slots[tracked] = slots_of_tracks(first, last)[number]

    others = np.flatnonzero(~tracked)
    starts = np.searchsorted(rows[others], rows[others])
    rank = np.arange(len(others)) - starts
    n_slots = slots.max(initial=-1) + 1 + rank.max(initial=-1) + 1
    free = np.ones((int(rows.max(initial=-1)) + 1, int(n_slots)), bool)
    free[rows[tracked], slots[tracked]] = False
    n_free = free.cumsum(axis=1, dtype=np.int32)
    slots[others] = (n_free[rows[others]] == (rank + 1)[:, None]).argmax(axis=1)
    return slots


def names_of_slots(slots: NDArray[np.int64], tracks: NDArray[np.int64], names: Sequence[str]) -> tuple[str, ...]:
    """Name each place after its track; no place where one has several tracks or none.

    Parameters
    ----------
    slots, tracks : array (n,), int64
        Place and track of each instance, or of each track that exists; the track is -1 for none.
    names : sequence of str
        Of the tracks.
    """
    pairs = np.unique(slots * (len(names) + 1) + tracks + 1)
    number, track = np.divmod(pairs, len(names) + 1)
    is_clear = len(np.unique(track)) == len(number) == slots.max(initial=-1) + 1 and track.min(initial=1) > 0
    return tuple(names[one - 1] for one in track) if is_clear else ()
