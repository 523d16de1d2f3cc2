"""Frames by excerpts: proven on some of them against seeks in the file itself, and fetched with a proof."""

import zlib
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from keyframes.sampling import even_rows
from keyframes.video.captures import PLAIN, View
from keyframes.video.frames import Frame
from keyframes.video.passes import DisagreementError, Pass
from keyframes.video.reader import Picture, VideoReader
from keyframes.video.shortcuts.excerpts import Excerpts, Stretch, needed, stored_behind, stretches_to, why_no_excerpts
from keyframes.video.shortcuts.seeking import (
    AIM_BEFORE,
    LEAD_FRAMES,
    PAIR_COST,
    SEEK_COST,
    WAITING_BYTES,
    WALK_SPEED,
    Proof,
    Seeker,
)

# Frames of a file that are compared with those that a seek gives, or with what a scan saw of their luma.
N_PROVEN = 8
# What each comparison costs, in frames to decode.
PROOF_COST = 60
# A walk over fewer frames is short anyway.
FEWEST_WALKED = 2000


def prove_excerpts(video: VideoReader) -> None:
    """Compare some pictures of excerpts with those that OpenCV's own seeks lead to, all over a reader's range.

    The packets are taken for the reader's latest iteration.

    Raises
    ------
    DisagreementError
        Where they are not the same pictures at the same times.
    """
    video.adopt(Pass.of_packets(video.packets, excerpts=True))
    _compare_with_seeks(video)


def _compare_with_seeks(video: VideoReader) -> None:
    """Compare them after a pass: excerpts lack what the container says of colours, and their luma does not show it."""
    expected: dict[int, bytes] = {}
    for hashes in Excerpts(video).results(_proven(video), _hashes):
        expected.update(hashes)
    with closing(Seeker(video, Proof(PLAIN, _hash, expected, lambda *_: True))) as seeker:
        for index in expected:
            seeker.frame(index)


def excerpts_pay(video: VideoReader, indices: Iterable[int], seen_as: View | None) -> bool:
    """Whether frames cost less by excerpts than by walking to the last one.

    `seen_as` is the view of the whole pass that the reader has made, or None where nothing of the file is proven yet.
    """
    wanted = sorted({int(index) for index in indices})
    # For a short walk, the packets alone would take too long to read.
    if not wanted or not FEWEST_WALKED <= wanted[-1] < len(video.packets.times_ms) or why_no_excerpts(video):
        return False
    if seen_as is not None and not _passed_all(video):
        return False
    try:
        n_needed = sum(len(needed(video.packets, stretch)) for stretch in stretches_to(video.packets, wanted))
    except DisagreementError:
        return False
    if seen_as is None:
        return n_needed + N_PROVEN * PROOF_COST < wanted[-1] / 2
    walk_speed = WALK_SPEED if video.workers > 1 else 1
    twice = min(1.0, N_PROVEN / len(wanted)) if seen_as.luma else 0.0
    return (1 + twice) * n_needed / video.workers < wanted[-1] / walk_speed


def expected_cost(video: VideoReader, n_wanted: int, *, luma: bool) -> float:
    """Return what it costs to fetch `n_wanted` frames from anywhere in a file, in frames to decode, by its packets.

    With `luma`, a scan has looked at luma alone.
    """
    packets = video.packets
    n_frames, n_keys = len(packets.times_ms), max(1, len(packets.key_times_ms))
    if why_no_excerpts(video):
        each = n_frames / n_keys / 2 + LEAD_FRAMES + SEEK_COST
        return min(n_frames, n_wanted * each * (PAIR_COST if luma else 1))
    # Key frames count even where nothing refers to them.
    n_referred = max(n_keys, n_frames - int(packets.spare.sum()))
    each = n_referred / n_keys / 2 + 1
    return min(n_referred, n_wanted * each) + (min(n_wanted, N_PROVEN) * each if luma else 0.0)


def _passed_all(video: VideoReader) -> bool:
    """Whether a reader's latest pass saw the frames that the packets tell, and no damage."""
    seen, packets = video.latest_pass, video.packets
    return not seen.messages and np.array_equal(seen.times_ms, packets.times_ms[: len(seen.times_ms)])


def fetch_frames(video: VideoReader, indices: Iterable[int], proof: Proof | None) -> Iterator[Frame]:
    """Yield whole frames by excerpts, in ascending order.

    Each must have the fingerprint that the scan saw. After a scan of luma alone, some of them are decoded as luma too
    and must have it, and some pictures of the file are compared with those that seeks lead to, as before a sparse scan.
    Without a proof, only this last comparison is made.

    Raises
    ------
    DisagreementError
        Where a comparison fails: then nothing that was yielded is to be trusted.
    """
    wanted = sorted({int(index) for index in indices})
    luma = proof is not None and proof.view.luma
    if proof is None:
        prove_excerpts(video)
    elif luma:
        if not proof.view.excerpts:
            _compare_with_seeks(video)
        some = [wanted[place] for place in even_rows(len(wanted), N_PROVEN)]
        for frame in _frames_of(video, stretches_to(video.packets, some), View(luma=True)):
            _compare(proof, frame)
    for frame in _frames_of(video, stretches_to(video.packets, wanted), PLAIN):
        if proof is not None and not luma:
            _compare(proof, frame)
        yield frame


def excerpt_pairs(
    video: VideoReader, stretches: Sequence[Stretch]
) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield the wanted frames of stretches as pairs of the picture and its luma plane.

    Raises
    ------
    DisagreementError
        Where FFmpeg complains, or an excerpt has other frames than its packets say.
    """
    pictures, planes = _frames_of(video, stretches, PLAIN), _frames_of(video, stretches, View(luma=True))
    with closing(pictures), closing(planes):
        for frame, plane in zip(pictures, planes, strict=True):
            yield frame.image, plane.image


def _frames_of(video: VideoReader, stretches: Sequence[Stretch], view: View) -> Generator[Frame, None, None]:
    """Yield the wanted frames of stretches in a view."""
    n_bytes = (1 if view.luma else 3) * video.header.height * video.header.width * (video.workers + 2)
    pieces = Excerpts(video, max(1, WAITING_BYTES // n_bytes), view).results(stretches, _frames)
    with closing(pieces):
        for frames in pieces:
            yield from frames


def _frames(pictures: Iterator[Picture]) -> list[Frame]:
    return [Frame(index, time_s, image.copy()) for index, time_s, image in pictures]


def _compare(proof: Proof, frame: Frame) -> None:
    """Compare a frame, in the view of a scan, with what that saw."""
    if proof.fingerprint(frame.image) != proof.expected[frame.index]:
        raise DisagreementError(f"frame {frame.index} gave another picture")


def _proven(video: VideoReader) -> list[Stretch]:
    """Choose the frames that are compared: those that a seek reaches from the same key frame, where there are any."""
    packets = video.packets
    first, stop = video.frame_range
    keys = packets.key_frames
    keys = keys[(keys >= first) & (keys < stop)]
    found = []
    for key in keys[even_rows(len(keys), N_PROVEN)].tolist():
        own = stored_behind(packets, key)
        found.append(Stretch(key, (int(own[min(len(own) - 1, LEAD_FRAMES + AIM_BEFORE + 1)]),)))
    return found


def _hash(image: NDArray[np.uint8]) -> bytes:
    return zlib.crc32(np.ascontiguousarray(image).data).to_bytes(4, "little")


def _hashes(pictures: Iterator[Picture]) -> list[tuple[int, bytes]]:
    return [(index, _hash(image)) for index, _, image in pictures]
