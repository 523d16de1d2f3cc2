"""How many threads FFmpeg gets, and that OpenCV gets none besides."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import cv2

from keyframes.video.frames import VideoHeader

# More FFmpeg threads than this gain little, and each one holds frames of its own.
MAX_DECODER_THREADS = 16
# FFmpeg's threads for each processor: most of them wait, for rows of the frame that theirs refers to, or for their turn
# to hand a picture over, and a frame that is left out takes its thread's turn too.
DECODER_THREADS = 4
# Most bytes of pictures that the threads hold, one each; large pictures need fewer threads anyway.
DECODER_BYTES = 16 << 20
# With several threads, FFmpeg decodes the slices of an MPEG-1 or MPEG-2 picture side by side, and then does not report
# much of the damage; of damaged AV1, it loses more frames the more threads it has.
ONE_THREAD_CODECS = {"mpg1", "mpg2", "mpeg1video", "mpeg2video", "av1", "av01"}


def threads_for_opening(asked: int | None) -> int:
    """Return the number of threads with which to open a file of which nothing is known yet."""
    return min(asked or cv2.getNumberOfCPUs(), MAX_DECODER_THREADS)


def threads_for_decoding(asked: int | None, header: VideoHeader) -> int:
    """Return the number of threads for a file of this codec and size of pictures; what was asked for is taken as it is.

    MPEG-1, MPEG-2 and AV1 are decoded on one.
    """
    threads = threads_for_opening(asked)
    if header.codec.lower() in ONE_THREAD_CODECS:
        return 1
    if asked is not None or threads == 1:
        return threads
    fitting = DECODER_BYTES // (3 * header.height * header.width)
    return max(threads, min(DECODER_THREADS * threads, MAX_DECODER_THREADS, fitting))


_lock = threading.Lock()
_holders: list[int] = []


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Keep OpenCV's functions within the thread that calls them, for as long as anybody wants it.

    While every processor decodes, a picture that OpenCV shares out between threads of its own takes longer, and these
    then wait in a loop for more: a fifth of the time of a fast scan.
    """
    with _lock:
        _holders.append(cv2.getNumThreads())
        cv2.setNumThreads(1)
    try:
        yield
    finally:
        with _lock:
            # The number that there was before the first holder: only the last one to leave gives it back.
            before = _holders.pop()
            if not _holders:
                cv2.setNumThreads(before)
