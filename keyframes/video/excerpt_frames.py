"""Frames by excerpts: proven on some of them against seeks in the file itself, and fetched with a proof for each."""

import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from keyframes.video.captures import PLAIN
from keyframes.video.excerpts import Excerpts, Stretch, needed, stored_behind, stretches_to, why_no_excerpts
from keyframes.video.frames import Frame
from keyframes.video.passes import DisagreementError, Pass
from keyframes.video.reader import Picture, VideoReader
from keyframes.video.seeking import AIM_BEFORE, LEAD_FRAMES, WAITING_BYTES, Proof, Seeker
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


def excerpts_pay(video: VideoReader, indices: Iterable[int]) -> bool:
    """Whether frames of a file of which nothing is proven yet cost less by excerpts than by walking to the last one."""
    wanted = sorted({int(index) for index in indices})
    # What reads the packets takes its time too, and what is decoded first is not known before.
    if not wanted or wanted[-1] < FEWEST_WALKED or why_no_excerpts(video):
        return False
    try:
        n_needed = sum(len(needed(video.packets, stretch)) for stretch in stretches_to(video.packets, wanted))
    except (DisagreementError, IndexError):
        return False
    return n_needed + N_PROVEN * PROOF_COST < wanted[-1] / 2


def fetch_frames(video: VideoReader, indices: Iterable[int], proof: Proof | None) -> Iterator[Frame]:
    """Yield whole frames by excerpts, in ascending order.

    Each has the fingerprint that the scan saw; without a proof, some frames of the file are compared first.

    Raises
    ------
    DisagreementError
        Where a comparison fails: then nothing that was yielded is to be trusted.
    """
    wanted = sorted({int(index) for index in indices})
    if proof is None:
        prove_excerpts(video)
    n_bytes = 3 * video.header.height * video.header.width * (video.workers + 2)
    excerpts = Excerpts(video, most_pictures=max(1, WAITING_BYTES // n_bytes))

    def proven(pictures: Iterator[Picture]) -> list[Frame]:
        frames = []
        for index, time_s, image in pictures:
            if proof is not None and proof.fingerprint(image) != proof.expected[index]:
                raise DisagreementError(f"frame {index} gave another picture")
            frames.append(Frame(index, time_s, image.copy()))
        return frames

    for frames in excerpts.results(stretches_to(video.packets, wanted), proven):
        yield from frames


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
