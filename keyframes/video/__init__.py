"""The video room: the one place that opens a video."""

from keyframes.video.captures import PLAIN, View
from keyframes.video.damage import find_suspects, is_incomplete
from keyframes.video.file_identity import file_hash
from keyframes.video.reader import DisagreementError, Proof, VideoReader
from keyframes.video.seeking import PAIR_COST, expected_cost

__all__ = [
    "PAIR_COST",
    "PLAIN",
    "DisagreementError",
    "Proof",
    "VideoReader",
    "View",
    "expected_cost",
    "file_hash",
    "find_suspects",
    "is_incomplete",
]
