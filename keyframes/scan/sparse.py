"""Which frames of a long recording are looked at, when not all of them are.

The packets tell it before a picture is decoded. Key frames cost least: they are taken evenly over the recording, each
with some frames behind it. Where much moves, packets are large: there whole stretches are decoded. What all of this
costs is fixed, and grows with the logarithm of the number of frames.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keyframes.scan.components import even_rows
from keyframes.scan.scan import Scan
from keyframes.video import Stretch, VideoReader, range_of, stored_behind
from keyframes.video.packets import Packets

# Decoding costs as much as that of so many frames of the recording, on average, at so many frames in all, ...
COST = 5000.0
AT_FRAMES = 100_000
# ... and at ten times as many more by this share.
MORE_AT_TEN_TIMES = 0.3
# From so many frames on, a scan is sparse unless asked otherwise.
LONG_FRAMES = 50_000
# This share of it goes to frames all over the recording, the rest to where much moves.
EVEN_SHARE = 0.7
# Behind a key frame, no more than so many frames are decoded that others need, and this many are looked at.
MOST_BEHIND = 24
LOOKS_BEHIND = 4
# A packet costs half as much as another that is this many times as small.
MOST_KEY_COST = 6.0
# Movement shows in packets larger than so many times those of a rest: of the tenth smallest stretch of so many seconds.
STRETCH_S = 0.5
REST_PERCENTILE = 10
ABOVE_REST = 1.3
# Of one key frame's stretch so many seconds of movement count, and so many frames a second are looked at in it.
MOST_MOVING_S = 3.0
LOOKS_A_SECOND = 8.0


@dataclass(frozen=True)
class _Group:
    """A key frame and the frames that are decoded from it alone, as far as they lie in the range, by their cost.

    `frames` are those that may be looked at, growing, and `costs` what it costs to decode up to each of them.
    """

    key: int
    frames: NDArray[np.int64]
    costs: NDArray[np.float64]


def cost_of(n_frames: int) -> float:
    """Return what a scan of so many frames may cost, in frames to decode."""
    return COST * max(0.2, 1 + MORE_AT_TEN_TIMES * math.log10(max(n_frames, 1) / AT_FRAMES))


def sparse_pays(video: VideoReader) -> bool:
    """Whether a recording is so long that not all of its frames need to be looked at."""
    return video.frames_expected >= LONG_FRAMES


def plan_sparse(video: VideoReader) -> list[Stretch]:
    """Return the stretches of a reader's range that a sparse scan looks at, in their order.

    Raises
    ------
    DisagreementError
        Where the packets tell no frame that can be had.
    """
    packets = video.packets
    first, stop = range_of(video)
    keys = packets.times_ms.searchsorted(packets.key_times_ms)
    keys = keys[max(0, int(keys.searchsorted(first, side="right")) - 1) : int(keys.searchsorted(stop))]
    if not len(keys):
        return []
    budget = cost_of(stop - first)
    key_cost = _key_cost(packets)
    n_heads = int(min(len(keys), EVEN_SHARE * budget // key_cost))
    behind = min(MOST_BEHIND, (EVEN_SHARE * budget - n_heads * key_cost) / max(1, n_heads))
    wanted: dict[int, NDArray[np.int64]] = {}
    spent = 0.0
    for key in keys[even_rows(len(keys), n_heads)].tolist():
        group = _group(packets, key, first, stop, video.every, key_cost)
        reached = group.frames[group.costs <= key_cost + behind][: None if group.key >= first else 1]
        reached = reached if len(reached) else group.frames[:1]
        if len(reached):
            picked = reached[even_rows(len(reached), 1 + LOOKS_BEHIND)]
            wanted[key] = picked
            spent += float(group.costs[group.frames.searchsorted(picked[-1])])
    for key, picked in _moving(video, keys, first, stop, budget - spent, key_cost, wanted):
        wanted[key] = np.union1d(wanted.get(key, picked), picked)
    return [Stretch(key, tuple(wanted[key].tolist())) for key in sorted(wanted)]


def _moving(
    video: VideoReader,
    keys: NDArray[np.int64],
    first: int,
    stop: int,
    budget: float,
    key_cost: float,
    heads: dict[int, NDArray[np.int64]],
) -> list[tuple[int, NDArray[np.int64]]]:
    """Return frames where much moves, each with its key frame, for as much as they may cost.

    They come from where most movement is to be had for what decoding up to it costs.
    """
    packets = video.packets
    movement = movement_of_packets(packets, video.header.frame_rate)
    if not movement[first:stop].any():
        return []
    rate = video.header.frame_rate
    most, found = MOST_MOVING_S * rate, []
    for key in keys.tolist():
        end = int(stored_behind(packets, key)[-1]) + 1
        if not movement[key:end].any():
            continue
        group = _group(packets, key, first, stop, video.every, key_cost)
        if not len(group.frames):
            continue
        moved = movement[group.frames] * (np.diff(group.frames, append=group.frames[-1] + 1))
        counted = np.cumsum(moved > 0) <= most
        gained = np.cumsum(moved * counted)
        paid = group.costs[group.frames.searchsorted(heads[key][-1])] if key in heads else 0.0
        worth = gained / np.maximum(group.costs - paid, 1.0)
        last = int(worth.argmax())
        if gained[last] > 0 and group.costs[last] > paid:
            looked_at = group.frames[: last + 1][(moved * counted)[: last + 1] > 0]
            n_looks = max(1, math.ceil(len(looked_at) * LOOKS_A_SECOND * video.every / rate))
            picked = looked_at[even_rows(len(looked_at), n_looks)]
            found.append((float(worth[last]), float(group.costs[last] - paid), key, picked))
    found.sort(key=lambda one: (-one[0], one[2]))
    taken, left = [], budget
    for _, cost, key, picked in found:
        if cost <= left:
            left -= cost
            taken.append((key, picked))
    return taken


def movement_of_packets(packets: Packets, frame_rate: float) -> NDArray[np.float64]:
    """How much more bytes the packets around each frame have than at rest, key frames apart; 0 where no more.

    In units of a packet at rest.
    """
    is_key = np.isin(packets.times_ms, packets.key_times_ms)
    n_frames = len(is_key)
    if is_key.sum() > n_frames / 2:
        # Where each picture stands for itself, sizes tell nothing of movement.
        return np.zeros(n_frames)
    counted = np.concatenate([[0], np.cumsum(~is_key)])
    sizes = np.concatenate([[0.0], np.cumsum(np.where(is_key, 0.0, packets.sizes))])
    reach = max(1, round(STRETCH_S * frame_rate / 2))
    begin, end = np.maximum(np.arange(n_frames) - reach, 0), np.minimum(np.arange(n_frames) + reach + 1, n_frames)
    mean = (sizes[end] - sizes[begin]) / np.maximum(counted[end] - counted[begin], 1)
    rest = float(np.percentile(mean, REST_PERCENTILE)) or 1.0
    return np.asarray(np.maximum(mean / rest - ABOVE_REST, 0))


def _key_cost(packets: Packets) -> float:
    """Return what decoding a key frame costs, in frames of the recording: half of it goes by the number of bytes."""
    is_key = np.isin(packets.times_ms, packets.key_times_ms)
    mean = float(packets.sizes.mean()) or 1.0
    return float(np.clip(0.5 + 0.5 * packets.sizes[is_key].mean() / mean, 1.0, MOST_KEY_COST))


def _group(packets: Packets, key: int, first: int, stop: int, every: int, key_cost: float) -> _Group:
    """Return what can be had from a key frame."""
    own = stored_behind(packets, key)
    order = packets.places[own].argsort()
    costs = np.empty(len(own))
    costs[order] = np.cumsum(~packets.spare[own][order]) - 1 + packets.spare[own][order] + key_cost
    may = (own >= first) & (own < stop) & ((own - first) % every == 0)
    # A frame that nothing needs is looked at only where the stride leaves nothing else.
    if every == 1:
        may &= ~packets.spare[own] | (own == key)
    # Behind one that is decoded before it: what is reached first is to grow.
    reached = np.maximum.accumulate(costs)
    return _Group(key, own[may], reached[may])


def warning_of_sparse(scan: Scan, video: VideoReader) -> str:
    """Say how much a sparse scan has looked at."""
    return (
        f"only {len(scan.frame_index):,} of {video.frames_expected:,} frames were looked at; --scan exact looks at all "
        "of them"
    )
