"""What FFmpeg has to say: caught from file descriptor 2, counted, never passed through.

FFmpeg reports a broken picture in its log alone; no return value of OpenCV tells. Its C code writes to descriptor 2,
past ``sys.stderr``, so the descriptor itself is turned into a temporary file while a video is being read, and Python's
``sys.stderr``, where it stands on that descriptor, moves to a copy of the old one.
"""

import contextlib
import io
import os
import re
import sys
import tempfile
import threading
from collections import Counter

from keyframes.video.log_level import LogLevel

# "[h264 @ 0x55b1def55ec0] [error] error while decoding MB 3 12": who, an address that differs each time, how bad, what.
# The level is there if it could be asked for; if not, only errors are written.
_MESSAGE = re.compile(
    rb"^\[(?P<who>[^\]@]+) @ (?:0x)?[0-9a-fA-F]+\] (?:\[(?P<level>[a-z]+)\] )?(?P<what>.+)$", re.MULTILINE
)
_ERRORS = {None, b"panic", b"fatal", b"error"}
# Much that is less than an error comes with intact files, too (a pixel format out of fashion, an unknown tag). What
# tells of broken pictures has these words: "concealing 77 DC, 77 AC, 77 MV errors in P frame", "Skipping NALU".
_BROKEN = re.compile(rb"\bconceal|\bSkipping\b.*\bNALU\b")
LARGEST_LOG = 1 << 20
# What libjpeg says of a damaged picture, and libtiff through OpenCV of a damaged page.
_IMAGE_MESSAGE = re.compile(
    rb"^(?:Corrupt JPEG data: .+|Premature end of JPEG file|\[ERROR:.+TIFF_Error (?!TIFF\w*Directory).+)$", re.MULTILINE
)
# What OpenCV puts before: "[ERROR:0@1.540] global grfmt_tiff.cpp:117 TIFF_Error ", with the seconds since the start.
_BEFORE_TIFF = re.compile(rb"^\[ERROR:.+?TIFF_Error ")
# Messages about images that are kept: whoever decodes images clears them after each one.
MOST_IMAGE_MESSAGES = 100
_COLOR = re.compile(rb"\x1b\[[0-9;]*m")
_NUMBER = re.compile(r"-?\b(?:0x[0-9a-fA-F]+|\d+)\b")

_lock = threading.Lock()
_active: list["DecoderLog"] = []
_redirection: "_Redirection | None" = None


class DecoderLog:
    """FFmpeg's errors while this is entered, and what it says of pictures that it patched up.

    A context manager that may be nested and used from several threads.

    With several logs at once each one gets all messages: descriptor 2 belongs to the whole process.

    Parameters
    ----------
    elsewhere : bool
        Whether the pictures come from FFmpeg in its own process: what is said in this one, where OpenCV may have been
        asked for the packets meanwhile, says nothing about them.

    Attributes
    ----------
    counts : Counter
        How often each message came, numbers in it replaced by "N".
    first : str
        The first message as it was, or "".
    image_messages : list of str
        What libraries other than FFmpeg said of damaged images, until somebody clears it.
    """

    def __init__(self, *, elsewhere: bool = False) -> None:
        self.elsewhere = elsewhere
        self.counts: Counter[str] = Counter()
        self.first = ""
        self.image_messages: list[str] = []

    def __enter__(self) -> "DecoderLog":
        global _redirection
        with _lock:
            _take_in()
            _redirection = _redirection or _Redirection.start()
            if _redirection is not None:
                _redirection.level.raise_to_info()
            _active.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        global _redirection
        with _lock:
            _take_in()
            _active.remove(self)
            if not _active and _redirection is not None:
                _redirection.stop()
                _redirection = None

    def update(self) -> None:
        """Take in what was written so far."""
        with _lock:
            _take_in()

    def summary(self) -> str:
        """Return the most frequent message with its count, "" where there is none; the same text on every run."""
        if not self.counts:
            return ""
        text, _ = min(self.counts.items(), key=lambda item: (-item[1], item[0]))
        return f"{self.counts.total()} messages, mostly '{text}'" if self.counts.total() > 1 else f"'{text}'"


def hand_in(lines: bytes) -> None:
    """Give the logs that are entered whole lines that an FFmpeg in another process has written."""
    if lines:
        with _lock:
            _distribute(lines, _active)


def _take_in() -> None:
    if _redirection is not None:
        _distribute(_redirection.take(), [log for log in _active if not log.elsewhere])


def _distribute(lines: bytes, logs: list["DecoderLog"]) -> None:
    written = _COLOR.sub(b"", lines)
    texts = (_BEFORE_TIFF.sub(b"", text) for text in _IMAGE_MESSAGE.findall(written))
    about_images = [text.decode("utf-8", "replace") for text in texts]
    # One that was entered more than once hears each message once.
    logs = list(dict.fromkeys(logs))
    for log in logs:
        log.image_messages += about_images[: max(0, MOST_IMAGE_MESSAGES - len(log.image_messages))]
    for match in _MESSAGE.finditer(written):
        if match["level"] not in _ERRORS and not _BROKEN.search(match["what"]):
            continue
        what = match["what"].decode("utf-8", "replace").strip()
        for log in logs:
            log.first = log.first or what
            log.counts[f"{match['who'].decode('utf-8', 'replace').strip()}: {_NUMBER.sub('N', what)}"] += 1


def _redirect() -> int:
    """Turn descriptor 2 into a new temporary file, and return a descriptor that reads it; it goes away with both."""
    with tempfile.NamedTemporaryFile(prefix="keyframes-", suffix=".log") as file:
        # A second descriptor: with only one, reading would move the place where C code writes, and the other way round.
        reader = os.open(file.name, os.O_RDONLY | getattr(os, "O_TEMPORARY", 0))
        os.dup2(file.fileno(), 2)
    return reader


def _drain(reader: int) -> bytes:
    return b"".join(iter(lambda: os.read(reader, 1 << 16), b""))


class _Redirection:
    """Descriptor 2 turned into a temporary file, and what FFmpeg writes there."""

    def __init__(self, saved: int) -> None:
        self.level = LogLevel()
        self._saved = saved
        self._begun = b""
        self._readers: list[int] = []
        self._moved: io.TextIOWrapper | None = None

    @classmethod
    def start(cls) -> "_Redirection | None":
        """Redirect, or return None where there is no descriptor 2 or no place for a temporary file."""
        try:
            saved = os.dup(2)
        except OSError:
            return None
        redirection = cls(saved)
        redirection._move_python_stderr()
        try:
            redirection._readers.append(_redirect())
        except OSError:
            redirection._give_back_python_stderr()
            os.close(saved)
            return None
        return redirection

    def _move_python_stderr(self) -> None:
        self._original = sys.stderr
        try:
            stands_on_2 = sys.stderr.fileno() == 2
        except (AttributeError, OSError, ValueError):
            stands_on_2 = False
        if stands_on_2:
            sys.stderr.flush()
            self._moved = io.TextIOWrapper(
                os.fdopen(os.dup(self._saved), "wb", buffering=0),
                encoding=sys.stderr.encoding,
                errors=sys.stderr.errors,
                write_through=True,
            )
            sys.stderr = self._moved

    def _give_back_python_stderr(self) -> None:
        if self._moved is not None:
            if sys.stderr is self._moved:
                sys.stderr = self._original
            self._moved.close()

    def take(self) -> bytes:
        """Return the lines written since the last call."""
        text = self._begun + b"".join(map(_drain, self._readers))
        *finished, last = self._readers
        for reader in finished:
            os.close(reader)
        self._readers = [last]
        if os.lseek(last, 0, os.SEEK_CUR) > LARGEST_LOG:
            # The old file is read once more, for what another thread is just writing to it.
            with contextlib.suppress(OSError):
                self._readers.append(_redirect())
        lines, newline, self._begun = text.rpartition(b"\n")
        return lines + newline

    def stop(self) -> None:
        self.level.set_back()
        os.dup2(self._saved, 2)
        for descriptor in (self._saved, *self._readers):
            os.close(descriptor)
        self._give_back_python_stderr()
