"""Pictures spread over a whole file, from soon after its key frames; which frame exactly does not matter."""

from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.sampling import even_rows
from keyframes.video.captures import PLAIN, OpenCVCapture, View, current_picture, open_capture, released, stamp_ms
from keyframes.video.decoder_log import DecoderLog
from keyframes.video.passes import DisagreementError
from keyframes.video.reader import VideoReader
from keyframes.video.shortcuts.seeking import LEAD_FRAMES

# Distance in frames between the pictures of a file that has a single key frame.
SPREAD_STEP = 8


def spread_pairs(video: VideoReader, n_wanted: int) -> Iterator[tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Yield about `n_wanted` frames, spread over the file, as pairs of the picture and its luma plane.

    The captures of both do the same, so it does not matter whether a seek led to the frame that was meant.

    Raises
    ------
    DisagreementError
        Where the captures give frames of different times, or FFmpeg complains.
    """
    keys = video.packets.key_times_ms
    chosen = keys[even_rows(len(keys), n_wanted)]
    step = 1 if len(chosen) > 1 else SPREAD_STEP
    n_each = -(-n_wanted // max(1, len(chosen)))
    open_view = partial(open_capture, video.path, video.threads)
    with DecoderLog() as log, released(open_view(PLAIN)) as shown, released(open_view(View(luma=True))) as lumas:
        captures = (shown, lumas)
        for key_ms in chosen:
            for capture in captures if len(chosen) > 1 else ():
                _seek_behind(key_ms, capture, video.header.frame_rate)
            for _ in range(n_each):
                if not all(capture.grab() for _ in range(step) for capture in captures):
                    break
                if len({stamp_ms(capture) for capture in captures}) > 1:
                    raise DisagreementError("two captures of one file part")
                yield current_picture(shown, video.path), current_picture(lumas, video.path)
    if log.counts:
        raise DisagreementError("FFmpeg complains")


def spread_pictures(video: VideoReader, n_wanted: int) -> Iterator[NDArray[np.uint8]]:
    """Yield at most `n_wanted` pictures, spread over a reader's range, each from soon after a key frame.

    There are none where the range has too few key frames.
    """
    keys = video.packets.key_times_ms
    if video.stop_s is not None:
        keys = keys[keys < 1000 * video.stop_s]
    keys = keys[keys >= 1000 * video.start_s]
    if not video.header.seekable or len(keys) < n_wanted // 4 or video.header.frame_rate <= 0:
        return
    with DecoderLog(), released(open_capture(video.path, video.threads)) as capture:
        for key_ms in keys[even_rows(len(keys), n_wanted)]:
            _seek_behind(key_ms, capture, video.header.frame_rate)
            if capture.grab():
                yield current_picture(capture, video.path)


def middle_picture(video: VideoReader) -> NDArray[np.uint8]:
    """Return a picture from the middle of a file, or its first one where no seek leads there."""
    keys = video.packets.key_times_ms
    if video.header.seekable and len(keys) and video.header.frame_rate > 0:
        with DecoderLog(), released(open_capture(video.path, video.threads)) as capture:
            _seek_behind(keys[len(keys) // 2], capture, video.header.frame_rate)
            if capture.grab():
                return current_picture(capture, video.path)
    return next(iter(video)).image


def _seek_behind(key_ms: float, capture: OpenCVCapture, frame_rate: float) -> None:
    """Seek so far behind a key frame that OpenCV, which goes back before it looks for one, finds this one."""
    capture.set(cv2.CAP_PROP_POS_MSEC, float(key_ms) + 1000 * (LEAD_FRAMES + 1) / frame_rate)
