"""How much FFmpeg says, and OpenCV: of FFmpeg enough that what it patches up is told, of OpenCV errors alone.

FFmpeg conceals the broken parts of a picture with what it has at hand, and says so as a mere piece of information,
where OpenCV lets errors through alone. Its own switch, the variable OPENCV_FFMPEG_LOGLEVEL, counts only before the
first capture of a process and sends everything to standard output; so the library inside OpenCV is asked itself.

OpenCV warns at every luma plane that it hands over. Nobody sees that, and to write it and read it takes as long as to
copy a small plane.
"""

import ctypes
import os
from functools import cache
from pathlib import Path
from typing import Any

import cv2

# libavutil/log.h
AV_LOG_INFO = 32
AV_LOG_PRINT_LEVEL = 2
# OpenCV 5 has moved its functions; modules/core/include/opencv2/core/utils/logger.defines.hpp
_OPENCV_LOG: Any = cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging
OPENCV_ERRORS = 2


class LogLevel:
    """FFmpeg's log level, raised and set back; it stays as it is where it cannot be reached or the user set it.

    OpenCV's is lowered to errors meanwhile.
    """

    def __init__(self) -> None:
        self._of_opencv: int | None = None
        self._library = None if _set_by_user() else _library()
        self._level: int | None = None
        self._flags: int | None = None

    def raise_to_info(self) -> None:
        """Let FFmpeg say more, each message with its level; again at each use, for OpenCV's first capture sets it."""
        if self._of_opencv is None:
            self._of_opencv = int(_OPENCV_LOG.getLogLevel())
            _OPENCV_LOG.setLogLevel(min(self._of_opencv, OPENCV_ERRORS))
        if self._library is None:
            return
        if self._flags is None:
            self._flags = self._library.av_log_get_flags()
            self._library.av_log_set_flags(self._flags | AV_LOG_PRINT_LEVEL)
        if (level := self._library.av_log_get_level()) < AV_LOG_INFO:
            self._level = level
            self._library.av_log_set_level(AV_LOG_INFO)

    def set_back(self) -> None:
        """Leave the level as it was, or as OpenCV has set it meanwhile."""
        if self._of_opencv is not None:
            _OPENCV_LOG.setLogLevel(self._of_opencv)
        if self._library is None:
            return
        if self._flags is not None:
            self._library.av_log_set_flags(self._flags)
        if self._level is not None and self._library.av_log_get_level() == AV_LOG_INFO:
            self._library.av_log_set_level(self._level)


def _set_by_user() -> bool:
    return "OPENCV_FFMPEG_LOGLEVEL" in os.environ or "OPENCV_FFMPEG_DEBUG" in os.environ


@cache
def _library() -> ctypes.CDLL | None:
    """OpenCV's compiled module, through which the FFmpeg that it is linked with can be called.

    None where it is not linked but loaded when it is needed, as on Windows.
    """
    home = Path(cv2.__file__)
    for path in [home, *sorted(home.parent.rglob("cv2*.so"))]:
        if path.suffix == ".so":
            library = ctypes.CDLL(str(path))
            return library if hasattr(library, "av_log_set_level") else None
    return None
