"""What the animal does when: a seeded semi-Markov process of behaviour bouts."""

from __future__ import annotations

import numpy as np

BEHAVIOURS = ("rest", "walk", "turn", "rear", "groom")

# Probability of the next behaviour (column, in the order of BEHAVIOURS) after the present one (row).
_NEXT = np.array(
    [
        [0.00, 0.54, 0.30, 0.08, 0.08],
        [0.48, 0.00, 0.34, 0.11, 0.07],
        [0.34, 0.58, 0.00, 0.05, 0.03],
        [0.40, 0.35, 0.25, 0.00, 0.00],
        [0.60, 0.25, 0.15, 0.00, 0.00],
    ]
)
_MEAN_SECONDS = {"rest": 2.6, "walk": 2.2, "turn": 0.9, "rear": 1.5, "groom": 2.0}
_SHORTEST_SECONDS = {"rest": 0.5, "walk": 0.7, "turn": 0.5, "rear": 1.1, "groom": 1.2}
_GAMMA_SHAPE = 4.0

Bout = tuple[str, float]


def draw_bouts(seconds: float, rest_share: float, rng: np.random.Generator) -> list[Bout]:
    """Draw behaviour bouts that fill a recording.

    The durations at rest are scaled after the draw, so that rest takes exactly `rest_share` of the
    time however short the recording is; with a large share the rests get long.

    Parameters
    ----------
    seconds : float
        Length of the recording in seconds.
    rest_share : float
        Share of the time at rest, 0 to 1.
    rng : numpy.random.Generator
        Source of the draws.

    Returns
    -------
    list of tuple
        (behaviour, duration in seconds) in order of time.
    """
    active_seconds = (1 - rest_share) * seconds
    if active_seconds <= 0:
        return [("rest", seconds)]
    bouts = _trim_active(_draw_chain(active_seconds, rng), active_seconds)
    resting = sum(duration for name, duration in bouts if name == "rest")
    scale = rest_share * seconds / resting
    return [(name, duration * scale if name == "rest" else duration) for name, duration in bouts]


def _draw_chain(active_seconds: float, rng: np.random.Generator) -> list[Bout]:
    """Draw bouts, from rest to rest, until the active ones last long enough."""
    bouts: list[Bout] = []
    state, active = 0, 0.0
    while active < active_seconds or state != 0:
        duration = _draw_duration(BEHAVIOURS[state], rng)
        bouts.append((BEHAVIOURS[state], duration))
        active += duration if state else 0.0
        state = int(rng.choice(len(BEHAVIOURS), p=_NEXT[state]))
    return [*bouts, ("rest", _draw_duration("rest", rng))]


def _draw_duration(name: str, rng: np.random.Generator) -> float:
    """Draw the duration of one bout in seconds."""
    mean, shortest = _MEAN_SECONDS[name], _SHORTEST_SECONDS[name]
    return shortest + float(rng.gamma(_GAMMA_SHAPE, (mean - shortest) / _GAMMA_SHAPE))


def _trim_active(bouts: list[Bout], active_seconds: float) -> list[Bout]:
    """Shorten the active bouts by a common factor so that they last `active_seconds` together."""
    active = sum(duration for name, duration in bouts if name != "rest")
    factor = active_seconds / active
    return [(name, duration if name == "rest" else duration * factor) for name, duration in bouts]


def spell_out(bouts: list[Bout], n_frames: int, frame_rate: float) -> list[str]:
    """Name the behaviour of every frame.

    Parameters
    ----------
    bouts : list of tuple
        (behaviour, duration in seconds) in order of time.
    n_frames : int
        Number of frames.
    frame_rate : float
        Frames per second.

    Returns
    -------
    list of str
        One behaviour name per frame.
    """
    ends = np.cumsum([duration for _, duration in bouts])
    which = np.searchsorted(ends, np.arange(n_frames) / frame_rate, side="right")
    return [bouts[min(int(index), len(bouts) - 1)][0] for index in which]
