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
    """Give each instance a place in its frame: that of its track, or else one behind those of all tracks.

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

    # Nothing says that one without a track is the animal whose track is missing.
    others = np.flatnonzero(~tracked)
    starts = np.searchsorted(rows[others], rows[others])
    slots[others] = slots[tracked].max(initial=-1) + 1 + np.arange(len(others)) - starts
    return slots


def names_of_slots(slots: NDArray[np.int64], tracks: NDArray[np.int64], names: Sequence[str]) -> tuple[str, ...]:
    """Name each place after its track, "" where it has several or none; no place where no name is clear.

    A name that another track has as well gets a number.

    Parameters
    ----------
    slots, tracks : array (n,), int64
        Place and track of each instance, or of each track that exists; the track is -1 for none.
    names : sequence of str
        Of the tracks.
    """
    pairs = np.unique(slots * (len(names) + 1) + tracks + 1)
    number, track = np.divmod(pairs, len(names) + 1)
    n_tracks, n_places = np.bincount(number), np.bincount(track)
    found = [""] * len(n_tracks)
    for place, one in zip(number.tolist(), track.tolist(), strict=True):
        if one and n_tracks[place] == n_places[one] == 1:
            found[place] = names[one - 1]
    return _distinct(found) if any(found) else ()


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Give the names that come again, other than "", a number: fly, fly (2)."""
    found: list[str] = []
    for name in names:
        own, number = name, 1
        while own and (own in found or (own != name and own in names)):
            number += 1
            own = f"{name} ({number})"
        found.append(own)
    return tuple(found)
