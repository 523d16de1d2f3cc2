"""Frames by excerpts: proven on some of them against seeks in the file itself, and fetched with a proof for each."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing

import numpy as np
from numpy.typing import NDArray

from keyframes.video.captures import PLAIN, View
from keyframes.video.excerpts import Excerpts, Stretch, needed, stored_behind, stretches_to, why_no_excerpts
from keyframes.video.frames import Frame
from keyframes.video.passes import DisagreementError, Pass
from keyframes.video.reader import Picture, VideoReader
from keyframes.video.seeking import (
    AIM_BEFORE,
    LEAD_FRAMES,
    PAIR_COST,
    SEEK_COST,
    WAITING_BYTES,
    WALK_SPEED,
    Proof,
    Seeker,
)
from keyframes.video.segments import range_of

# So many frames of a file are compared with those that a seek gives.
N_PROVEN = 8
# Each of them costs about as much as decoding so many frames.
PROOF_COST = 60
# A walk over no more frames than this is short.
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
    # What reads the packets takes its time too, and what is decoded first is not known before.
    if not wanted or wanted[-1] < FEWEST_WALKED or why_no_excerpts(video):
        return False
    if seen_as is not None and not _passed_all(video):
        return False
    try:
        n_needed = sum(len(needed(video.packets, stretch)) for stretch in stretches_to(video.packets, wanted))
    except (DisagreementError, IndexError):
        return False
    if seen_as is None:
        return n_needed + N_PROVEN * PROOF_COST < wanted[-1] / 2
    walk_speed = WALK_SPEED if video.workers > 1 else 1
    return (PAIR_COST if seen_as.luma else 1) * n_needed / video.workers < wanted[-1] / walk_speed


def expected_cost(video: VideoReader, n_wanted: int) -> float:
    """Frames to decode, or their equal in time, to fetch so many frames from anywhere in a file, by its packets."""
    packets = video.packets
    n_frames, n_keys = len(packets.times_ms), max(1, len(packets.key_times_ms))
    if why_no_excerpts(video):
        return n_wanted * (n_frames / n_keys / 2 + LEAD_FRAMES + SEEK_COST)
    # Nothing may refer to a key frame, either.
    n_referred = max(n_keys, n_frames - int(packets.spare.sum()))
    return min(n_referred, n_wanted * (n_referred / n_keys / 2 + 1))


def _passed_all(video: VideoReader) -> bool:
    """Whether a reader's latest pass saw the frames that the packets tell, and no damage."""
    seen, packets = video.latest_pass, video.packets
    return not seen.messages and np.array_equal(seen.times_ms, packets.times_ms[: len(seen.times_ms)])


def fetch_frames(video: VideoReader, indices: Iterable[int], proof: Proof | None) -> Iterator[Frame]:
    """Yield whole frames by excerpts, in ascending order.

    Each has the fingerprint that the scan saw; without a proof, some frames of the file are compared first. Where the
    scan looked at luma alone, each excerpt is decoded twice, as pictures and as what the scan saw.

    Raises
    ------
    DisagreementError
        Where a comparison fails: then nothing that was yielded is to be trusted.
    """
    wanted = sorted({int(index) for index in indices})
    if proof is None:
        prove_excerpts(video)
    luma = proof is not None and proof.view.luma
    for frame, seen in _frames_in_views(video, stretches_to(video.packets, wanted), luma=luma):
        if proof is not None and not _holds(proof, frame, seen):
            raise DisagreementError(f"frame {frame.index} gave another picture")
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
    for frame, plane in _frames_in_views(video, stretches, luma=True):
        yield frame.image, plane.image


def _frames_in_views(video: VideoReader, stretches: Sequence[Stretch], *, luma: bool) -> Iterator[tuple[Frame, Frame]]:
    """Yield each wanted frame twice: as a picture and, with `luma`, as its luma plane, from the same packets."""
    n_bytes = (4 if luma else 3) * video.header.height * video.header.width * (video.workers + 2)
    most = max(1, WAITING_BYTES // n_bytes)
    with ExitStack() as opened:

        def frames_in(view: View) -> Iterator[list[Frame]]:
            return opened.enter_context(closing(Excerpts(video, most, view).results(stretches, _frames)))

        pieces = frames_in(PLAIN)
        planes = frames_in(View(luma=True)) if luma else None
        for frames in pieces:
            yield from zip(frames, frames if planes is None else next(planes), strict=True)


def _frames(pictures: Iterator[Picture]) -> list[Frame]:
    return [Frame(index, time_s, image.copy()) for index, time_s, image in pictures]


def _holds(proof: Proof, frame: Frame, seen: Frame) -> bool:
    """Whether a frame is the one of a proof; `seen` is the same one in the view of the scan."""
    # In vivid colours, or where noise is clipped at white, luma is not gray: that both come from the same packets tells
    # more than what they show.
    return frame.index == seen.index and proof.fingerprint(seen.image) == proof.expected[frame.index]


def _proven(video: VideoReader) -> list[Stretch]:
    """Choose the frames that are compared: those that a seek reaches from the same key frame, where there are any."""
    packets = video.packets
    first, stop = range_of(video)
    keys = packets.times_ms.searchsorted(packets.key_times_ms)
    keys = keys[(keys >= first) & (keys < stop)]
    found = []
    for key in keys[np.unique(np.linspace(0, len(keys) - 1, min(len(keys), N_PROVEN)).astype(np.int64))].tolist():
        own = stored_behind(packets, key)
        found.append(Stretch(key, (int(own[min(len(own) - 1, LEAD_FRAMES + AIM_BEFORE + 1)]),)))
    return found


def _hash(image: NDArray[np.uint8]) -> bytes:
    return zlib.crc32(np.ascontiguousarray(image).data).to_bytes(4, "little")


def _hashes(pictures: Iterator[Picture]) -> list[tuple[int, bytes]]:
    return [(index, _hash(image)) for index, _, image in pictures]
