"""Which frames are picked for doubt, from a table of distances."""

import numpy as np
import pytest

from keyframes.choice.picking import Events, Picked, pick
from keyframes.choice.pose_table import PoseTable

N_ROWS = 400
CERTAIN = 6.0


def picked_for_doubt(level, n_wanted=8, known=()):
    """Rows that are picked for doubt among poses along a line."""
    places = np.arange(N_ROWS, dtype=np.float32)
    distances = np.abs(places[:, None] - places)
    table = PoseTable(np.arange(N_ROWS), np.ones(N_ROWS, np.int64), 2 * distances, distances)
    is_known = np.isin(np.arange(N_ROWS), known)
    picked = Picked.beside(is_known, np.arange(N_ROWS), np.arange(N_ROWS) / 30, 0.1, 3)
    rows = np.flatnonzero((level > 0) & ~is_known)
    events = Events(rows[np.argsort(-level[rows], kind="stable")], level, CERTAIN)
    pick(table, picked, events, n_doubtful=n_wanted, n_wanted=n_wanted)
    return {row for row in picked.rows if picked.chosen_for[row] == "doubt"}


def level_of(rows, levels, noise=3.0):
    level = np.where(np.arange(N_ROWS) % 10 == 5, np.float32(noise), np.float32(0))
    level[rows] = levels
    return level


def test_few_errors_are_all_chosen_though_they_lie_close_together():
    rows = [100, 110, 120, 130, 140]
    assert set(rows) <= picked_for_doubt(level_of(rows, [200, 90, 40, 9, 7]))


def test_of_some_more_errors_the_worst_are_chosen():
    rows = np.arange(100, 200, 10)
    found = picked_for_doubt(level_of(rows, np.linspace(40, 20, 10)))
    assert set(rows[:7].tolist()) <= found
    assert len(found) == 8


def test_of_far_more_errors_those_are_chosen_that_represent_the_others():
    level = level_of(np.arange(0, N_ROWS, 5), 20.0)
    level[50] = 500
    found = sorted(picked_for_doubt(level))
    assert 50 in found
    assert len(found) == 8
    assert np.diff(found).max() < 120


@pytest.mark.parametrize("known", [(), (100, 101)])
def test_no_two_frames_are_of_one_event_nor_beside_a_known_one(known):
    level = level_of(np.arange(90, 150), np.linspace(60, 50, 60))
    found = sorted(picked_for_doubt(level, 12, known))
    assert np.diff(found).min() > 3
    assert not set(found) & {row + step for row in known for step in range(-2, 3)}


@pytest.mark.parametrize("n_wanted", [8, 30])
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_a_gap_that_was_asked_for_gives_way_only_where_no_free_frame_is_left(share, n_wanted):
    """All that differs, and all that is doubtful, happens within two seconds of thirteen."""
    every = np.arange(N_ROWS)
    places = np.clip(every.astype(np.float32) - 100, 0, 60)
    distances = np.abs(places[:, None] - places)
    table = PoseTable(every, np.ones(N_ROWS, np.int64), 2 * distances, distances)
    level = level_of(np.arange(100, 160, 6), 20.0)
    picked = Picked.beside(every == 0, every, every / 30, 1.0, 3, holds_gap=True)
    n_doubtful = round(share * n_wanted)
    pick(table, picked, Events(np.flatnonzero(level), level, CERTAIN), n_doubtful=n_doubtful, n_wanted=n_wanted)
    assert len(set(picked.rows)) == n_wanted
    n_apart = next((i for i, row in enumerate(picked.rows) if is_beside(row, picked.rows[:i])), n_wanted)
    assert n_apart == n_wanted or all(is_beside(row, picked.rows[:n_apart]) for row in every)
    assert (n_apart == n_wanted) == (n_wanted == 8)


def is_beside(row, others):
    """Whether a row is less than a second from one of these, or from the first one, which is known."""
    return min(abs(row - other) for other in [0, *others]) < 30
