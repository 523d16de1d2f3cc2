"""Which frames of a long recording are looked at, when not all of them are.

The packets tell it before a picture is decoded. Key frames cost least: they are taken evenly over the recording, each
with some frames behind it. Where much moves, packets are large: there whole stretches are decoded. What all of this
costs is fixed, and grows with the logarithm of the number of frames.
"""

import math
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from keyframes.sampling import even_rows
from keyframes.scan.scan import Scan
from keyframes.video import Stretch, VideoReader, stretches_to
from keyframes.video.packets import Packets

# The budget of a scan, in average frames to decode, for a recording of AT_FRAMES frames; for ten times as many frames,
# it is larger by this share.
COST = 8500.0
AT_FRAMES = 100_000
MORE_AT_TEN_TIMES = 0.3
# Where key frames are fewer frames apart than this, frames cost less to reach, and the budget is smaller: down to this
# share where every frame is a key frame, which is 1,500 frames of an hour. With a key frame every 12 frames it is 900,
# because the packets between them tell where something moves.
KEYS_APART = 100
LEAST_SHARE = 0.17
# Recordings of this many frames or more are scanned sparsely unless asked otherwise.
LONG_FRAMES = 50_000
# Largest share of the budget that goes to key frames all over the recording, where packet sizes tell of movement.
EVEN_SHARE = 0.7
# Most groups whose movement is looked at more closely: in all, and for each frame of the budget.
MOST_GROUPS = 4096
GROUPS_A_FRAME = 2
# Share of the cost of decoding a frame that grows with its packet, and the most that a frame costs, in average frames.
# Key frames of 8 to 35 times the mean size took 2 to 6.5 times as long as other frames that are referred to (H.264 and
# HEVC, 320 x 240 to 1920 x 1080); these numbers give 2.3 to 6.9.
COST_OF_BYTES = 0.2
MOST_COST = 8.0
# Packet sizes are averaged over this many seconds. This percentile of the averages is taken for a rest, and what is
# larger by this factor for movement.
STRETCH_S = 0.5
REST_PERCENTILE = 10
ABOVE_REST = 1.3
# Where at most this share of a recording moves, whole stretches are decoded for the movement; otherwise any frame will
# do.
RARE = 0.3
# What is left of the budget goes to decoding on after each key frame, to look at this many frames there.
LOOKS_BEHIND = 8
# Seconds of movement that count after one key frame: the first of these with which all of it fits into the budget. And
# how many frames are looked at in each of these seconds.
MOVING_S = (3.0, 1.5)
LOOKS_A_SECOND = 4.0


@dataclass(frozen=True)
class _Group:
    """A key frame and the frames that are decoded from it alone, as far as they lie in the range, by their cost.

    `frames` are those that may be looked at, ascending, and `costs` what it costs to decode up to each of them.
    """

    key: int
    frames: NDArray[np.int64]
    costs: NDArray[np.float64]


@dataclass(frozen=True)
class _Groups:
    """All groups of a reader's range, for those of some key frames at a time.

    `keys` are the key frames with a frame of range and stride before the next key frame, which is in `ends`; `key_cost`
    is what decoding one costs on average. For each frame of the recording, `may` tells whether it may be looked at, and
    `costs` what it costs to decode up to it.
    """

    keys: NDArray[np.int64]
    ends: NDArray[np.int64]
    key_cost: float
    may: NDArray[np.bool_]
    costs: NDArray[np.float64]

    @classmethod
    def of(cls, video: VideoReader) -> "_Groups | None":
        """Find the groups by the packets; None where they tell none."""
        packets, (first, stop) = video.packets, video.frame_range
        keys, ends = _keys_within(packets, first, stop, video.every)
        if not len(keys):
            return None
        frame_costs = _frame_costs(packets)
        key_cost = float(frame_costs[packets.key_frames].mean())
        may, costs = _reached(packets, frame_costs, first, stop, video.every)
        return cls(keys, ends, key_cost, may, costs + key_cost)

    def some(self, places: NDArray[np.int64]) -> list[_Group]:
        """Return the groups of these key frames, by their places among `keys`; those without a frame are left out."""
        found = []
        for key, end in zip(self.keys[places].tolist(), self.ends[places].tolist(), strict=True):
            frames = key + np.flatnonzero(self.may[key:end])
            if len(frames):
                found.append(_Group(key, frames, self.costs[frames]))
        return found

    def most_moving(self, movement: NDArray[np.float64], budget: float) -> list[_Group]:
        """Return the groups with the most movement for their length, no more than may be worth a closer look."""
        sums = np.concatenate([[0], np.cumsum(movement)])
        moved = (sums[self.ends] - sums[self.keys]) / np.maximum(self.ends - self.keys, 1)
        n_groups = min(MOST_GROUPS, int((moved > 0).sum()), int(GROUPS_A_FRAME * max(budget, 0)))
        return self.some(np.sort(np.argsort(-moved, kind="stable")[:n_groups]))


def cost_of(n_frames: int) -> float:
    """Return what a scan of `n_frames` frames may cost, in frames to decode."""
    return COST * max(0.2, 1 + MORE_AT_TEN_TIMES * math.log10(max(n_frames, 1) / AT_FRAMES))


def sparse_pays(video: VideoReader) -> bool:
    """Whether a recording is so long that not all of its frames need to be looked at."""
    return video.frames_expected >= LONG_FRAMES


def plan_sparse(video: VideoReader, also: Iterable[int] = ()) -> list[Stretch]:
    """Return the stretches of a reader's range that a sparse scan looks at, in their order.

    `also` are frame indices that are looked at in any case, beside what a scan may cost; those out of range or stride
    are not.

    Raises
    ------
    DisagreementError
        Where the packets tell no frame that can be had.
    """
    packets, (first, stop) = video.packets, video.frame_range
    groups = _Groups.of(video)
    if groups is None:
        return []
    budget = cost_of(stop - first) * _share_of_cost(packets)
    share = 1.0 if _stand_alone(packets) else EVEN_SHARE
    n_heads = max(1, int(min(len(groups.keys), share * budget // groups.key_cost)))
    heads = {group.key: group for group in groups.some(even_rows(len(groups.keys), n_heads))}
    left = budget - sum(float(head.costs[0]) for head in heads.values())
    movement = movement_of_packets(packets, video.header.frame_rate)
    if (movement[first:stop] > 0).mean() > RARE:
        movement = np.zeros_like(movement)
    offers = _moving(groups.most_moving(movement, left), movement, video.header.frame_rate, left, heads)
    wanted = {key: {int(head.frames[0])} for key, head in heads.items()}
    for offer in offers:
        wanted.setdefault(offer.key, set()).update(offer.frames.tolist())
    for key, frames in _behind(heads, offers, left).items():
        wanted[key].update(frames.tolist())
    in_range = [
        index for index in np.unique([*also]).tolist() if first <= index < stop and not (index - first) % video.every
    ]
    for stretch in stretches_to(packets, in_range):
        wanted.setdefault(stretch.key, set()).update(stretch.wanted)
    return [Stretch(key, tuple(sorted(wanted[key]))) for key in sorted(wanted)]


def _behind(heads: Mapping[int, _Group], offers: Sequence["_Offer"], budget: float) -> dict[int, NDArray[np.int64]]:
    """Return what to look at behind each key frame of `heads`, for what the offers leave of the budget.

    What is decoded for movement right behind a key frame is not paid for twice.
    """
    extents = {offer.key: offer.cost for offer in offers}
    behind = filled_level([extents.get(key, 0.0) for key in heads], budget - sum(extents.values()))
    reached = {key: head.frames[head.costs <= head.costs[0] + behind] for key, head in heads.items()}
    return {key: frames[even_rows(len(frames), 1 + LOOKS_BEHIND)] for key, frames in reached.items()}


def _share_of_cost(packets: Packets) -> float:
    """Return which share of the whole budget a scan needs, by the distance between key frames."""
    apart = len(packets.times_ms) / len(packets.key_times_ms)
    return min(1.0, LEAST_SHARE + (1 - LEAST_SHARE) * apart / KEYS_APART)


def _keys_within(packets: Packets, first: int, stop: int, every: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the key frames with a frame of range and stride before the next key frame, and these next ones."""
    keys = packets.key_frames
    ends = np.append(keys[1:], len(packets.times_ms))
    earliest = first + -(-np.maximum(keys - first, 0) // every) * every
    within = earliest < np.minimum(ends, stop)
    return keys[within], ends[within]


@dataclass(frozen=True)
class _Offer:
    """What decoding on after a key frame gives: frames where much moves, what they cost, and what they are worth.

    `n_looks` of the frames `seen` are looked at.
    """

    key: int
    seen: NDArray[np.int64]
    n_looks: int
    cost: float
    worth: float

    @property
    def frames(self) -> NDArray[np.int64]:
        """Those that are looked at."""
        return self.seen[even_rows(len(self.seen), self.n_looks)]


@dataclass(frozen=True)
class _Moving:
    """What moves at the frames of a group, how long each of them lasts, and for how long it has moved up to each."""

    group: _Group
    moved: NDArray[np.float64]
    seconds: NDArray[np.float64]
    moving_s: NDArray[np.float64]
    costs: NDArray[np.float64]


def _moving(
    groups: list[_Group],
    movement: NDArray[np.float64],
    frame_rate: float,
    budget: float,
    heads: Container[int],
) -> list[_Offer]:
    """Return the offers that give the most movement for their cost, as far as the budget goes.

    The key frames of `heads` are decoded already.
    """
    moving = [one for group in groups if (one := _moving_in(group, movement, frame_rate, group.key in heads))]
    offers: list[_Offer] = []
    for most_s in MOVING_S:
        offers = [offer for one in moving if (offer := _offer(one, most_s))]
        if sum(offer.cost for offer in offers) <= budget:
            break
    taken, left = [], budget
    for offer in sorted(offers, key=lambda offer: (-offer.worth, offer.key)):
        if offer.cost <= left:
            left -= offer.cost
            taken.append(offer)
    return taken


def _moving_in(group: _Group, movement: NDArray[np.float64], frame_rate: float, has_head: bool) -> _Moving | None:
    frames, moved = group.frames, movement[group.frames]
    moves = moved > 0
    if not moves.any():
        return None
    # Those that others need represent the ones between.
    seconds = np.ones(len(frames))
    np.subtract(frames[1:], frames[:-1], out=seconds[:-1])
    seconds /= frame_rate
    costs = group.costs - group.costs[0] if has_head else group.costs
    return _Moving(group, moved, seconds, (seconds * moves).cumsum(), costs)


def _offer(moving: _Moving, most_s: float) -> _Offer | None:
    """Return the best offer of a group, where `most_s` seconds of movement count; None if it has none."""
    moves = moving.moved > 0
    counts = moves & (moving.moving_s - moving.seconds * moves < most_s)
    worth = (moving.moved * moving.seconds * counts).cumsum() / np.maximum(moving.costs, 1.0)
    last = int(worth.argmax())
    if worth[last] <= 0 or moving.costs[last] <= 0:
        return None
    counts[last + 1 :] = False
    n_looks = max(1, round(float(moving.seconds[counts].sum()) * LOOKS_A_SECOND))
    return _Offer(moving.group.key, moving.group.frames[counts], n_looks, float(moving.costs[last]), float(worth[last]))


def movement_of_packets(packets: Packets, frame_rate: float) -> NDArray[np.float64]:
    """Return by how much the packets around each frame, key frames left out, exceed those at rest: array (n_frames,).

    It is in units of a packet at rest, and 0 where they are no larger.
    """
    is_key = np.isin(packets.times_ms, packets.key_times_ms)
    n_frames = len(is_key)
    if _stand_alone(packets):
        return np.zeros(n_frames)
    counted = np.concatenate([[0], np.cumsum(~is_key)])
    sizes = np.concatenate([[0.0], np.cumsum(np.where(is_key, 0.0, packets.sizes))])
    reach = max(1, round(STRETCH_S * frame_rate / 2))
    begin, end = np.maximum(np.arange(n_frames) - reach, 0), np.minimum(np.arange(n_frames) + reach + 1, n_frames)
    mean = (sizes[end] - sizes[begin]) / np.maximum(counted[end] - counted[begin], 1)
    rest = float(np.percentile(mean, REST_PERCENTILE)) or 1.0
    return np.asarray(np.maximum(mean / rest - ABOVE_REST, 0))


def _stand_alone(packets: Packets) -> bool:
    """Whether most frames are key frames, whose sizes tell nothing of movement."""
    return len(packets.key_times_ms) > len(packets.times_ms) / 2


def _frame_costs(packets: Packets) -> NDArray[np.float64]:
    """Return what decoding each frame costs, in frames of the recording."""
    mean = float(packets.sizes.mean()) or 1.0
    return np.asarray(np.minimum(1 - COST_OF_BYTES + COST_OF_BYTES * packets.sizes / mean, MOST_COST))


def filled_level(filled: Sequence[float], more: float) -> float:
    """Return the level that `more` water reaches when it is poured over vessels that are filled already."""
    if not filled:
        return 0.0
    heights = np.sort(np.array(filled, np.float64))
    levels = (more + heights.cumsum()) / np.arange(1, 1 + len(heights))
    return float(levels[np.append(levels[:-1] <= heights[1:], True).argmax()])


def _reached(
    packets: Packets, frame_costs: NDArray[np.float64], first: int, stop: int, every: int
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Return which frames may be looked at, and what decoding behind the key frame of each one costs to reach it."""
    n_frames, places, spare = len(packets.times_ms), packets.places, packets.spare
    keys = packets.key_frames
    group = keys.searchsorted(np.arange(n_frames), side="right") - 1
    key, ends = keys[group], np.append(places[keys[1:]], n_frames)
    # As `stored_behind` has it.
    own = (group >= 0) & (places >= places[key]) & (places < ends[group])
    index = np.arange(n_frames)
    may = own & (index >= first) & (index < stop) & ((index - first) % every == 0)
    # A frame that nothing needs is looked at only where the stride leaves nothing else.
    if every == 1:
        may &= ~spare | (index == key)
    decoded = np.zeros(n_frames)
    decoded[places] = np.where(own & ~spare, frame_costs, 0)
    decoded = decoded.cumsum()[places]
    behind = np.where(may & (index != key), decoded - decoded[key] + frame_costs * spare, 0)
    # A frame may be decoded before one that is shown before it: in each group, costs must not fall from frame to frame.
    total = float(frame_costs.sum())
    behind = np.maximum.accumulate(behind + group * total) - group * total
    return may, behind


def warning_of_sparse(scan: Scan, video: VideoReader) -> str:
    """Say how much a sparse scan has looked at."""
    return (
        f"only {len(scan.frame_index):,} of {video.frames_expected:,} frames were looked at; use --scan exact to look "
        "at all of them"
    )
