"""The video room: the one place that opens a video."""

from keyframes.video.reader import PLAIN, DisagreementError, Proof, VideoReader, View

__all__ = ["PLAIN", "DisagreementError", "Proof", "VideoReader", "View"]
