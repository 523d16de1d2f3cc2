"""The luma plane instead of the picture: where it saves time, and the proof of what its levels mean."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.sampling import even_rows
from keyframes.scan.thumbnails import LIMITED_RANGE, Thumbnailer
from keyframes.settings import MAX_AUTO_K, Settings
from keyframes.video import (
    N_PROVEN,
    DisagreementError,
    Stretch,
    VideoReader,
    excerpt_pairs,
    expected_cost,
    needed,
    spread_pairs,
)

# Processor time per pixel of a frame, in nanoseconds: to decode it, and more for each bit of its packet; to convert it
# to blue, green and red and shrink it; and how much of that the luma plane saves. Measured on H.264 at 640 x 480 to
# 1920 x 1080. Only the ratios matter.
DECODING, EACH_BIT, CONVERSION, SAVED = 2.5, 28.0, 2.3, 1.3
# Pictures whose colours have the full resolution are converted by slower code of FFmpeg's, which takes this much more.
FULL_COLOR, FULL_COLOR_COST = "444P", 7.0
# In a file of fewer frames, the proof costs more than the luma plane saves.
LUMA_FRAMES = 1500
# Pictures that the proof compares with their luma planes, and by how many gray levels their thumbnails may differ.
LUMA_PROOFS = 8
LUMA_TOLERANCE = 3
# Share of what a look at a key frame costs that the luma plane saves.
SAVED_OF_LOOK = 0.25


def luma_pays(video: VideoReader, settings: Settings) -> bool:
    """Whether the luma plane saves more of a scan of every frame than it costs afterwards.

    Chosen frames are then decoded twice, as pictures and as what the scan saw: some of them, or all where they are
    reached by seeks. The answer depends on the packets and the settings alone, for thumbnails of both differ in the
    last level.
    """
    # Where parameters change, colours may be wrong after a seek, and luma would not show it.
    if len(video.packets.times_ms) < LUMA_FRAMES or video.packets.changes:
        return False
    n_chosen = _n_chosen(settings)
    extra = expected_cost(video, n_chosen, luma=True) - expected_cost(video, n_chosen, luma=False)
    return extra < _saving(video) * video.frames_expected


def luma_pays_sparsely(video: VideoReader, settings: Settings, stretches: Sequence[Stretch]) -> bool:
    """Whether the luma plane saves more of a sparse scan than decoding some of the chosen frames twice."""
    n_looks = sum(len(stretch.wanted) for stretch in stretches)
    n_decoded = sum(len(needed(video.packets, stretch)) for stretch in stretches)
    return min(_n_chosen(settings), N_PROVEN) * n_decoded / len(stretches) < SAVED_OF_LOOK * n_looks


def _n_chosen(settings: Settings) -> int:
    return MAX_AUTO_K if settings.k == "auto" else settings.k


def _saving(video: VideoReader) -> float:
    """Return which share of the time of a scan the luma plane saves."""
    sizes = video.packets.sizes
    bits = 8 * float(sizes.mean()) / (video.header.height * video.header.width)
    more = FULL_COLOR_COST if video.header.pixel_format == FULL_COLOR else 0.0
    return (SAVED + more) / (DECODING + CONVERSION + more + EACH_BIT * bits)


def find_luma_levels(video: VideoReader, thumbnailer: Thumbnailer) -> NDArray[np.uint8] | None:
    """Find what the 256 levels of a file's luma plane mean in gray; None where it must not be used.

    OpenCV hands the plane over without saying what it is, so it is compared with pictures. The thumbnailer is that of
    the scan, without levels.
    """
    if thumbnailer.color or not video.header.seekable or video.header.frame_rate <= 0:
        return None
    return _levels_of(spread_pairs(video, LUMA_PROOFS), video, thumbnailer)


def find_luma_levels_sparsely(
    video: VideoReader, thumbnailer: Thumbnailer, stretches: Sequence[Stretch]
) -> NDArray[np.uint8] | None:
    """Do the same by some of the frames that a sparse scan looks at."""
    if thumbnailer.color:
        return None
    some = [Stretch(stretches[i].key, stretches[i].wanted[:1]) for i in even_rows(len(stretches), LUMA_PROOFS)]
    return _levels_of(excerpt_pairs(video, some), video, thumbnailer)


def _levels_of(
    pairs: Iterable[tuple[NDArray[np.uint8], NDArray[np.uint8]]], video: VideoReader, thumbnailer: Thumbnailer
) -> NDArray[np.uint8] | None:
    possible, n_seen = [LIMITED_RANGE, np.arange(256, dtype=np.uint8)], 0
    try:
        for image, luma in pairs:
            if luma.shape != image.shape[:2]:
                return None
            image, plane = video.cropped(image), video.cropped(luma)
            possible = [levels for levels in possible if look_alike(thumbnailer, image, plane, levels)]
            n_seen += 1
    except DisagreementError:
        return None
    return possible[0] if possible and n_seen >= LUMA_PROOFS // 2 else None


def look_alike(
    thumbnailer: Thumbnailer, image: NDArray[np.uint8], plane: NDArray[np.uint8], levels: NDArray[np.uint8] | None
) -> bool:
    """Whether the thumbnails of a picture and of a luma plane with these levels show the same.

    Each pixel gets its level before pixels are averaged: noise is clipped at white, in the picture as well.
    """
    gray = thumbnailer.shrunk(image)
    same = thumbnailer.shrunk(plane if levels is None else np.asarray(cv2.LUT(plane, levels)))
    return bool(cv2.norm(gray, same, cv2.NORM_INF) <= LUMA_TOLERANCE)
