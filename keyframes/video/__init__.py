"""The video room: the one place that opens a video."""

from keyframes.video.reader import PLAIN, DisagreementError, Proof, VideoReader, View
from keyframes.video.seeking import PAIR_COST, expected_cost

__all__ = ["PAIR_COST", "PLAIN", "DisagreementError", "Proof", "VideoReader", "View", "expected_cost"]
