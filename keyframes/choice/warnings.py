"""What there is to report of a choice: too few frames that differ, and what the guards could not keep out."""

from typing import TYPE_CHECKING

import numpy as np

from keyframes.choice.by_pictures import hardly_tells_apart
from keyframes.choice.selection import Selection
from keyframes.scan.scan import Scan
from keyframes.settings import Settings

if TYPE_CHECKING:
    from clustering import KSelection

# A guard that changes no more frames than this, or than this share of them, needs no warning.
FEW, FEW_SHARE = 3, 0.1
SWITCHES = {
    "similar": "--allow-similar",
    "min_gap_s": "--min-gap 0",
    "dark": "--allow-dark",
    "blurred": "--allow-blurred",
}


def warnings_of(
    selection: Selection, k_selection: "KSelection | None", settings: Settings, *, any_known: bool = False
) -> tuple[str, ...]:
    """Tell where the choice is not the one that was asked for, and what the guards could not keep out.

    `any_known` is whether frames were labelled before, which the guards look at as well.
    """
    return (
        *_warnings_of_number(selection, k_selection, settings),
        *_warnings_of_noise(selection),
        *_warnings_of_uniform(settings),
        *_warnings_of_guards(selection, any_known),
    )


def warnings_of_damage(selection: Selection, scan: Scan) -> tuple[str, ...]:
    """Tell how many of the chosen frames may be damaged."""
    chosen = [keyframe.frame_index for keyframe in selection.keyframes]
    n_damaged = int(np.isin(chosen, scan.frame_index[scan.suspect]).sum())
    if not n_damaged:
        return ()
    return (f"{n_damaged} of the {len(chosen)} chosen frames may be damaged: too few other distinct frames exist",)


def _warnings_of_number(selection: Selection, k_selection: "KSelection | None", settings: Settings) -> tuple[str, ...]:
    """Where fewer frames were chosen than asked for, or nothing spoke for the number that was."""
    k, n_frames, n_chosen = settings.k, len(selection.labels), len(selection.keyframes)
    compared = f"(compared as thumbnails {settings.width} pixels wide)"
    if settings.predictions is not None:
        compared = "(compared by their predicted poses)"
    if k == "auto":
        if k_selection is None or k_selection.clear:
            return ()
        if n_chosen == 1:
            return (f"the {n_frames:,} frames do not differ {compared}; one was chosen",) if n_frames > 1 else ()
        return (
            f"no number of frames stands out, so {n_chosen} were chosen; see k_curve.png, or give a number with -k",
        )
    if n_chosen >= k:
        return ()
    if n_frames < k:
        seen = f"{k:,} frames were asked for, but only {_were(n_frames, 'looked at')}"
        if n_chosen == n_frames:
            return (f"{seen}; {'it was' if n_frames == 1 else 'all were'} chosen",)
        few = "they do not differ" if n_chosen == 1 else f"only {n_chosen:,} of them differ"
        return (f"{seen}, and {few} {compared}; {_were(n_chosen, 'chosen')}",)
    if n_chosen == 1:
        return (f"{k:,} frames were asked for, but the {n_frames:,} frames do not differ {compared}; one was chosen",)
    return (
        f"{k:,} frames were asked for, but only {n_chosen:,} of the {n_frames:,} frames differ {compared}; all of "
        "those were chosen",
    )


def _warnings_of_noise(selection: Selection) -> tuple[str, ...]:
    """Where predictions hardly show which poses the chosen frames leave out."""
    if not hardly_tells_apart(selection):
        return ()
    share, n_frames = selection.within_noise, selection.by_pictures
    told = f"by their predictions, {share:.0%} of the other frames look like a chosen or labelled frame"
    if n_frames is None:
        return (f"{told}; without --predictions, frames are chosen by their pictures",)
    if not n_frames:
        return (f"{told}, and too few of their pictures differ",)
    were = "was chosen by its picture" if n_frames == 1 else "were chosen by their pictures"
    return (f"{told}, so {n_frames} of the {len(selection.keyframes)} {were}",)


def _warnings_of_uniform(settings: Settings) -> tuple[str, ...]:
    """Tell what had no effect because evenly spaced frames were asked for, too."""
    asked = {"--algorithm": settings.algorithm != "auto", "--min-gap": bool(settings.min_gap_s)}
    ignored = [option for option, is_given in asked.items() if is_given]
    if not settings.uniform or not ignored:
        return ()
    return (f"{' and '.join(ignored)} had no effect, because --uniform takes evenly spaced frames",)


def _were(number: int, done: str) -> str:
    return f"one was {done}" if number == 1 else f"{number or 'none'} were {done}"


def _warnings_of_guards(selection: Selection, any_known: bool) -> tuple[str, ...]:
    """Tell what the guards could not keep out, and where they changed much of the choice."""
    if len(selection.keyframes) == len(selection.labels):
        # There was nothing to choose.
        return ()
    another = "another chosen or labelled one" if any_known else "another chosen one"
    told = {
        "similar": ("looks", "look", f"like {another}"),
        "min_gap_s": ("lies", "lie", f"within {{limit:g}} s of {another}"),
        "dark": ("is", "are", "much darker than most of the recording"),
        "blurred": ("is", "are", "much less sharp than most of the recording"),
    }
    n_chosen = len(selection.keyframes)
    kept = tuple(
        f"{effect['kept']} of the {n_chosen} chosen frames {told[name][effect['kept'] > 1]} "
        f"{told[name][2].format(**effect)}, because too few better ones were left; ask for fewer frames"
        for name, effect in selection.guards.items()
        if effect["kept"]
    )
    moved = tuple(
        f"{effect['gave_way']} of the {n_chosen} best frames were replaced because they {told[name][1]} "
        f"{told[name][2].format(**effect)}; use {SWITCHES[name]} to keep such frames"
        for name, effect in selection.guards.items()
        if not effect["kept"] and effect["gave_way"] > max(FEW, FEW_SHARE * n_chosen)
    )
    return (*kept, *moved)
