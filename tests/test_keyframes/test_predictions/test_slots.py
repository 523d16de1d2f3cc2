"""Places on the axis of animals: tracks share them where they can, and give them their names."""

import numpy as np

from keyframes.predictions.slots import names_of_slots, slots_of_instances, slots_of_tracks


def test_slots_keep_tracks_apart_in_as_few_places_as_can_be(rng):
    first = rng.integers(0, 500, 60)
    last = first + rng.integers(0, 60, 60)
    # Tracks of one frame are tracks, too.
    last[::3] = first[::3]
    slots = slots_of_tracks(first, last)
    there = (np.arange(600) >= first[:, None]) & (np.arange(600) <= last[:, None])
    for slot in range(slots.max() + 1):
        assert there[slots == slot].sum(axis=0).max() == 1
    assert slots.max() + 1 == there.sum(axis=0).max()


def test_places_of_tracks_of_one_name_have_different_names():
    places, names = np.arange(5), ("fly", "", "fly", "fly (2)", "")
    assert names_of_slots(places, places, names) == ("fly", "", "fly (3)", "fly (2)", "")


def test_animals_without_a_track_take_no_place_of_a_track():
    rows = np.array([0, 0, 0, 1, 1, 2, 2, 2])
    tracks = np.array([1, -1, 0, -1, -1, 1, 1, 0])
    slots = slots_of_instances(rows, tracks)
    for row in range(3):
        assert len(set(slots[rows == row])) == (rows == row).sum()
    assert slots[0] == slots[5]
    assert slots[2] == slots[7]
    without = np.array([1, 3, 4, 6])
    assert slots[without].min() > slots[np.setdiff1d(np.arange(8), without)].max()
    assert slots.max() == 3
    assert slots_of_instances(rows, np.full(8, -1)).tolist() == [0, 1, 2, 0, 1, 0, 1, 2]
