"""What a choice says of itself, in English for one and for many."""

import numpy as np
import pytest

from keyframes.choice.selection import Keyframe, Selection
from keyframes.choice.warnings import warnings_of
from keyframes.settings import Settings

COMPARED = "(compared as thumbnails 64 pixels wide)"


def selection(n_frames, n_chosen, guards=None):
    chosen = tuple(Keyframe(index, None, index, 1, 0.0, 0.0) for index in range(n_chosen))
    return Selection(chosen, np.zeros(n_frames, np.int32), np.zeros(n_frames, np.float32), guards or {})


@pytest.mark.parametrize(
    ("n_frames", "n_chosen", "told"),
    [
        (1, 1, "5 frames were asked for, but only one was looked at; it was chosen"),
        (3, 3, "5 frames were asked for, but only 3 were looked at; all were chosen"),
        (
            3,
            1,
            f"5 frames were asked for, but only 3 were looked at, and they do not differ {COMPARED}; one was chosen",
        ),
        (
            3,
            2,
            f"5 frames were asked for, but only 3 were looked at, and only 2 of them differ {COMPARED}; 2 were chosen",
        ),
        (9, 1, f"5 frames were asked for, but the 9 frames do not differ {COMPARED}; one was chosen"),
        (9, 2, f"5 frames were asked for, but only 2 of the 9 frames differ {COMPARED}; all of those were chosen"),
    ],
)
def test_a_choice_of_fewer_frames_says_why(n_frames, n_chosen, told):
    assert warnings_of(selection(n_frames, n_chosen), None, Settings(k=5)) == (told,)


@pytest.mark.parametrize(("kept", "told"), [(1, "1 of the 5 chosen frames lies"), (2, "2 of the 5 chosen frames lie")])
def test_a_guard_that_gave_way_is_told_of_one_and_of_many(kept, told):
    guards = {
        "min_gap_s": {"limit": 0.1, "gave_way": 3, "kept": kept},
        "dark": {"limit": 3, "gave_way": 0, "kept": 0},
    }
    why = "because too few better ones were left; ask for fewer frames"
    for any_known, another in ((False, "another chosen one"), (True, "another chosen or labelled one")):
        warnings = warnings_of(selection(50, 5, guards), None, Settings(k=5), any_known=any_known)
        assert warnings == (f"{told} within 0.1 s of {another}, {why}",)


def test_where_every_frame_was_chosen_no_better_one_could_be_left():
    guards = {"min_gap_s": {"limit": 0.1, "gave_way": 2, "kept": 2}}
    assert warnings_of(selection(3, 3, guards), None, Settings(k=3)) == ()


@pytest.mark.parametrize(
    ("n_chosen", "gave_way", "is_told"), [(5, 3, False), (5, 4, True), (50, 5, False), (50, 6, True)]
)
def test_a_guard_that_changes_more_than_a_few_frames_is_told(n_chosen, gave_way, is_told):
    guards = {"min_gap_s": {"limit": 0.1, "gave_way": gave_way, "kept": 0}}
    told = warnings_of(selection(500, n_chosen, guards), None, Settings(k=n_chosen))
    sentence = (
        f"{gave_way} of the {n_chosen} best frames were replaced because they lie within 0.1 s of another chosen one; "
        "use --min-gap 0 to keep such frames"
    )
    assert told == ((sentence,) if is_told else ())
