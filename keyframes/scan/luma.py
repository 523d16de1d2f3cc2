"""The luma plane instead of the picture: where it saves time, and the proof of what its levels mean."""

import numpy as np
from numpy.typing import NDArray

from keyframes.scan.thumbnails import LIMITED_RANGE, Thumbnailer
from keyframes.settings import MAX_AUTO_K, Settings
from keyframes.video import PAIR_COST, DisagreementError, VideoReader, expected_cost, spread_pairs

# The luma plane saves this share of the time that decoding takes, and needs a proof; short files are read before that
# has paid.
LUMA_SAVING = 0.15
LUMA_FRAMES = 1500
LUMA_PROOFS = 20
LUMA_TOLERANCE = 3


def luma_pays(video: VideoReader, settings: Settings) -> bool:
    """Whether the luma plane saves more of a scan of every frame than it costs afterwards.

    Frames that are fetched by seeks are then decoded twice, as pictures and as what the scan saw.
    """
    n_packets = len(video.packets.times_ms)
    if n_packets < LUMA_FRAMES:
        return False
    n_chosen = MAX_AUTO_K if settings.k == "auto" else settings.k
    seeks = expected_cost(n_chosen, n_packets, len(video.packets.key_times_ms))
    extra = min(PAIR_COST * seeks, n_packets) - min(seeks, n_packets)
    return extra < LUMA_SAVING * video.frames_expected


def find_luma_levels(video: VideoReader, thumbnailer: Thumbnailer) -> NDArray[np.uint8] | None:
    """Find what the 256 levels of a file's luma plane mean in gray; None where it must not be used.

    OpenCV hands the plane over without saying what it is: so it is looked at what it shows. The thumbnailer is that of
    the scan, without levels.
    """
    if thumbnailer.color or not video.header.seekable or video.header.frame_rate <= 0:
        return None
    possible, n_seen = [LIMITED_RANGE, np.arange(256, dtype=np.uint8)], 0
    try:
        for image, luma in spread_pairs(video, LUMA_PROOFS):
            if luma.shape != image.shape[:2]:
                return None
            gray, plane = thumbnailer(video.cropped(image)), thumbnailer(video.cropped(luma))
            possible = [levels for levels in possible if look_alike(levels[plane], gray)]
            n_seen += 1
    except DisagreementError:
        return None
    return possible[0] if possible and n_seen >= LUMA_PROOFS // 2 else None


def look_alike(plane: NDArray[np.uint8], gray: NDArray[np.uint8]) -> bool:
    """Whether the thumbnails of a luma plane, in levels of gray, and of a picture show the same."""
    return bool(np.abs(plane - gray.astype(np.int16)).max() <= LUMA_TOLERANCE)
