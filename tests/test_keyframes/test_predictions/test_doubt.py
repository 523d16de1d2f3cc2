"""Where predictions are doubtful, and what is said of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from keyframes.predictions import Predictions
from keyframes.predictions.cleaning import clean, link_animals
from keyframes.predictions.doubt import (
    come_at_random,
    find_doubt,
    find_events,
    rank_levels,
    run_levels,
    worst_of_lasting,
)
from tests.test_keyframes.test_predictions.test_cleaning import walk

NAMES = ("nose", "left ear", "right ear", "back", "hip", "tail base")
N_FRAMES = 1500


def make(points, confidence=None):
    points = points.astype(np.float32)
    confidence = np.full(points.shape[:3], 0.9) if confidence is None else confidence
    nothing = np.zeros(len(points), bool)
    return Predictions(Path("x.csv"), np.arange(len(points)), points, confidence.astype(np.float32), NAMES, (), nothing)


def doubt_of(predictions):
    linked = link_animals(predictions.keypoints)
    return find_doubt(predictions, linked, clean(linked.points))


@pytest.fixture
def points(rng):
    true = walk(rng, n_frames=N_FRAMES)
    return true + rng.normal(0, 1, true.shape)


def test_jumps_and_exchanged_sides_are_the_worst_and_noted_once(points):
    jumps, swaps = np.arange(100, 1400, 130), np.arange(160, 1400, 130)
    points[jumps, 0, 5] += 60
    points[np.ix_(swaps, [0], [1, 2])] = points[np.ix_(swaps, [0], [2, 1])]
    doubt = doubt_of(make(points))
    events = find_events(doubt.level, 3)
    worst = events[np.argsort(-doubt.level[events])][: len(jumps) + len(swaps)]
    assert_array_equal(np.sort(worst), np.sort([*jumps, *swaps]))
    assert "tail base" in doubt.reason(100)
    assert any(word in doubt.reason(100) for word in ("jumped", "other points"))


def test_what_is_least_sure_is_found_on_any_scale(points, rng):
    confidence = rng.uniform(0.8, 1, points.shape[:3])
    confidence[700, 0, 3] = 0.1
    reasons = []
    for scaled in (confidence, 40 * confidence, confidence**9):
        doubt = doubt_of(make(points, scaled))
        assert doubt.level[700] > 2.5
        reasons.append(doubt.reason(700))
    assert reasons[0] == "back: low confidence (0.1)"


def test_without_confidence_nothing_is_said_of_it(points):
    doubt = doubt_of(make(points, np.full(points.shape[:3], np.nan)))
    assert not any("confidence" in doubt.reason(row) for row in range(N_FRAMES))


def test_what_is_hidden_for_long_is_one_event_and_less_doubtful(points):
    points[300, 0, 4] = np.nan
    points[800:1200, 0, 5] = np.nan
    doubt = doubt_of(make(points))
    assert doubt.reason(300) == "hip is missing"
    assert doubt.level[300] > 2
    assert not any("tail base is missing" in doubt.reason(row) for row in range(801, 1200))


def test_a_wrong_number_of_animals(rng):
    points = walk(rng, 2, N_FRAMES) + np.array([0, 200])[:, None, None]
    points[500:503, 1] = np.nan
    doubt = doubt_of(make(points + rng.normal(0, 1, points.shape)))
    assert doubt.reason(500) == "1 of 2 animals"


def test_what_is_missing_or_hardly_sure_once_is_worse_than_noise(rng):
    # It moves faster than its noise, so most points are the median of the frames around them.
    points = walk(rng, n_frames=600)
    points += 5 * np.arange(600)[:, None, None, None] + rng.normal(0, 0.3, points.shape)
    confidence = rng.normal(0.95, 0.01, points.shape[:3])
    confidence[100, 0, 3] = 0.05
    points[300] = np.nan
    points[400, 0, 1] = np.nan
    doubt = doubt_of(make(points, confidence))
    assert set(np.argsort(-doubt.level)[:3]) == {100, 300, 400}
    assert [doubt.reason(row) for row in (100, 300, 400)] == [
        "back: low confidence (0.05)",
        "0 of 1 animal",
        "left ear is missing",
    ]


def test_motion_at_the_ends_and_beside_gaps_is_no_jump(rng):
    points = walk(rng, n_frames=600)
    points += 5 * np.arange(600)[:, None, None, None] + rng.normal(0, 0.3, points.shape)
    points[300:304] = np.nan
    doubt = doubt_of(make(points))
    for row in (0, 1, 299, 304, 598, 599):
        assert "jumped" not in doubt.reason(row)


def test_a_point_that_is_alone_is_not_held_against_points_that_are_missing(rng):
    # Turned while only its tail base was seen: from the filled gap, that seems to be misplaced.
    points = walk(rng, n_frames=600)
    points[303:] = points[303:, :, ::-1]
    points[300:306, :, :5] = np.nan
    doubt = doubt_of(make(points + rng.normal(0, 1, points.shape)))
    assert not any("other points" in doubt.reason(row) for row in range(300, 306))


def test_the_wrong_point_is_named_and_not_one_that_it_makes_look_wrong(points):
    starts, named = np.arange(100, 1400, 130), [NAMES[number % 6] for number in range(10)]
    for number, start in enumerate(starts):
        points[start : start + 20, 0, number % 6] += 40
    doubt = doubt_of(make(points))
    # Away from its ends, where an error is a jump.
    rows = [start + 3 + doubt.level[start + 3 : start + 17].argmax() for start in starts]
    found = [doubt.reason(row).split(" is ") for row in rows]
    assert [name for name, _ in found] == named
    assert all(40 < int(rest.split()[0]) < 80 for _, rest in found)


def test_reasons_name_the_animal_of_the_file(rng):
    points = walk(rng, 2, N_FRAMES) + np.array([0, 200])[:, None, None]
    points += rng.normal(0, 1, points.shape)
    points[500, 1, 5] += 80
    # From here on the animals come in the other order.
    points[700:] = points[700:, ::-1]
    points[900, 1, 5] += 80
    predictions = make(points)
    assert [doubt_of(predictions).reason(row).split(" of ")[1][:8] for row in (500, 900)] == ["animal 2"] * 2
    named = doubt_of(replace(predictions, animals=("anna", "bob")))
    assert [named.reason(row).split(" of ")[1][:3] for row in (500, 900)] == ["bob"] * 2


def test_labels_of_people_are_not_in_doubt(points):
    points[100, 0, 5] += 80
    predictions = make(points)
    labelled = predictions.labelled.copy()
    labelled[100] = True
    doubt = doubt_of(replace(predictions, labelled=labelled))
    assert doubt.level[100] == 0
    assert doubt.reason(100) == ""


def test_further_errors_of_a_tool_count(points, rng):
    errors = rng.exponential(1, points.shape[:3]).astype(np.float32)
    errors[900, 0, 0] = 500
    doubt = doubt_of(replace(make(points), errors={"temporal_norm": errors}))
    assert doubt.reason(900) == "nose: high temporal norm (500)"


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_levels_of_ranks_are_shares_in_digits(seed, n_frames):
    rng = np.random.default_rng(seed)
    confidence = rng.integers(0, 9, (n_frames, 2, 1)).astype(np.float32)
    expected = [-np.log10((confidence <= value).mean()) for value in confidence.ravel()]
    assert_allclose(rank_levels(confidence).ravel(), expected, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 9, width=32), min_size=1, max_size=80), st.integers(1, 6))
def test_events_are_apart_and_the_worst_within_reach(levels, reach):
    level = np.array(levels, np.float32)
    events = find_events(level, reach)
    assert (np.diff(events) > reach).all()
    for event in events:
        assert level[event] == level[max(0, event - reach) : event + reach + 1].max()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(8, 12), st.integers(1, 4))
def test_of_an_error_that_lasts_the_worst_event_is_left(seed, n_errors, length, reach):
    rng = np.random.default_rng(seed)
    level = rng.integers(0, 9, 400).astype(np.float32)
    misplaced = np.zeros(400, np.float32)
    for first in rng.integers(0, 400 - length, n_errors):
        misplaced[first : first + length] = 8
        misplaced[first + rng.integers(1, length - 1)] = 0
    events = find_events(level, reach)
    errors, latest = [], -np.inf
    for row in np.flatnonzero(misplaced > 5).tolist():
        if row - latest > reach + 1:
            errors.append(set())
        errors[-1].add(row)
        latest = row
    expected = {event for event in events.tolist() if misplaced[event] == 0}
    for error in errors:
        if own := [event for event in events.tolist() if event in error]:
            expected.add(max(own, key=lambda event: level[event]))
    assert_array_equal(worst_of_lasting(events, level, misplaced, 5.0, reach), sorted(expected))


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.2), st.booleans())
def test_errors_that_last_are_told_from_those_that_come_at_random(seed, share, last):
    wrong = np.random.default_rng(seed).random(200 if last else 2000) < share
    misplaced = np.where(np.repeat(wrong, 10 if last else 1), np.float32(8), np.float32(0))
    assert come_at_random(misplaced, 5.0, 3) != (last and wrong.any())


def test_an_error_that_goes_from_point_to_point_is_one_event(points):
    points[500:520, 0, 4] += [50, 0]
    points[520:526, 0, 1] += [0, 40]
    points[526:540, 0, 3] += [-60, 0]
    points[[300, 900], 0, 5] += 60
    doubt = doubt_of(make(points))
    events = find_events(doubt.level, 3)
    assert ((events >= 500) & (events < 540) & (doubt.level[events] > 6)).sum() > 1
    kept = worst_of_lasting(events, doubt.level, doubt.misplaced, 6.0, 3)
    worst = kept[np.argsort(-doubt.level[kept])][:4]
    assert {300, 900} <= set(worst.tolist())
    assert ((kept >= 500) & (kept < 540) & (doubt.level[kept] > 6)).sum() == 1


def test_what_is_mostly_wrong_is_how_it_is():
    wrong = np.ones((50, 1, 1), bool)
    wrong[:10] = False
    assert (run_levels(wrong) == 0).all()
    assert (run_levels(~wrong)[:10] > 1).all()


def test_predictions_of_one_node(rng):
    points = rng.normal(100, 1, (200, 1, 1, 2))
    points[77] += 90
    doubt = doubt_of(replace(make(points), names=("nose",)))
    assert doubt.level.argmax() == 77
