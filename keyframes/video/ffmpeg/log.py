"""FFmpeg's log, turned into one record for each picture: its time, its own size, and the errors that came before it.

The program has one thread for each of its stages, and each of them writes whole lines in its own order. The decoder
writes a line for each picture, after its complaints about it, and the filters write another, after the size of those
that follow. So the first line of the one and the first line of the other belong to the first picture, and so on, and
which picture an error belongs to is the same on every run.
"""

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

# "[in#0/mpegts @ 0x55f] [warning] Packet corrupt": who, an address, how bad, what. The last one named counts.
_LINE = re.compile(rb"^(?:\[[^\]]+ @ \w+\] ?)*?(?:\[(?P<who>[^\]@]+) @ \w+\] ?)?\[(?P<level>[a-z]+)\] (?P<what>.+)$")
_ERRORS = {b"panic", b"fatal", b"error"}
# Levels that are passed on where a line says who speaks: the decoder log picks what tells of broken pictures. A line
# that names nobody is passed on if it is an error; others are names and titles.
_TOLD = {*_ERRORS, b"warning", b"info"}
# Since FFmpeg 6.1 the decoder writes "decoder -> pts:133200 … time_base:1/90000", before it "best_effort_ts:133200".
_DECODED = re.compile(
    rb"decoder -> (?:.*best_effort_ts:|pts:)(?P<pts>-?\d+|NOPTS) .*time_base:(?P<num>\d+)/(?P<den>\d+)"
)
_PACKET = re.compile(rb"demuxer -> .*pkt_pts:(?P<pts>-?\d+|NOPTS)")
_SIZE = re.compile(rb"^\[graph -?\d+ input [^\]]*\] \[verbose\] w:(?P<width>\d+) h:(?P<height>\d+) ")
# Lines of the other stages, several for each picture.
_STAGES = (b"demuxer", b"filter", b"encoder ", b"muxer <-", b"decoder -> ")
_FORMAT = re.compile(rb"Input #0, (?P<name>[^ ]+), from ")
_DURATION = re.compile(rb"Duration: (\d+):(\d+):(\d+(?:\.\d+)?)")
_START = re.compile(rb"Duration: .*, start: (-?\d+(?:\.\d+)?)")
_STREAM = re.compile(rb"Stream #0:(?P<number>\d+).*: Video: (?P<codec>\w+)(?P<rest>.*)")
_RATE = re.compile(rb", (?P<rate>\d+(?:\.\d+)?)(?P<thousands>k?) (?:fps|tbr)")
_STREAM_START = re.compile(rb", start (-?\d+(?:\.\d+)?)")
_ROTATION = re.compile(rb"rotation of (-?\d+(?:\.\d+)?) degrees")
_MAPPED = re.compile(rb"Stream #0:(?P<number>\d+) -> #0:0 ")


@dataclass(frozen=True)
class About:
    """What FFmpeg says of a file when it opens it; no codec where there is no video that it can open.

    `rotation` is in degrees clockwise by which the stored pictures are turned to be shown, `start_s` the start of the
    video stream.
    """

    codec: str = ""
    frame_rate: float = 0.0
    duration_s: float = 0.0
    rotation: int = 0
    start_s: float | None = None


@dataclass(frozen=True)
class Shown:
    """A picture that FFmpeg has decoded, and what was reported before it, in lines for `keyframes.video.decoder_log`.

    Its time is that from the start of the video stream, as OpenCV computes it; 0.0 where the file does not say. Its
    size is its own as it is shown, before it is scaled to that of the first picture.
    """

    time_ms: float
    width: int
    height: int
    messages: bytes


def read_log(lines: Iterator[bytes]) -> Iterator[About | Shown | bytes]:
    """Yield what FFmpeg says of the file, then each picture as soon as all is known of it, then what came after.

    The lines are those of its log at the level "repeat+level+verbose" with ``-debug_ts``.
    """
    log = _Log()
    for line in lines:
        opening = log.about is None
        log.take(line)
        if log.about is not None and opening:
            yield log.about
        yield from log.finished()
    if log.about is None:
        yield About()
    yield bytes(log.messages + log.demuxer_messages)


class _Log:
    """What was read so far."""

    def __init__(self) -> None:
        self.about: About | None = None
        self.messages = bytearray()
        # The demuxer runs ahead of the decoder by no fixed number of pictures, so its errors belong to none of them.
        self.demuxer_messages = bytearray()
        self._decoded: deque[tuple[float, bytes]] = deque()
        self._sizes: deque[tuple[int, int]] = deque()
        self._size = (0, 0)
        self._start_ticks: int | None = None
        self._opening: list[bytes] = []
        self._format = b""

    def take(self, line: bytes) -> None:
        if any(stage in line for stage in _STAGES) and self._take_stage(line):
            return
        if self.about is None:
            self._opening.append(line)
            if found := _FORMAT.search(line):
                self._format = found["name"]
        if size := _SIZE.match(line):
            self._size = int(size["width"]), int(size["height"])
        elif (said := _LINE.match(line)) and said["level"] in (_ERRORS if said["who"] is None else _TOLD):
            who = said["who"] or b"ffmpeg"
            of_demuxer = who.startswith(b"in#") or who == self._format
            messages = self.demuxer_messages if of_demuxer else self.messages
            messages += b"[%s @ 0] [%s] %s\n" % (who, said["level"], said["what"])

    def finished(self) -> Iterator[Shown]:
        """Yield the pictures that decoder and filters have both told of."""
        while self._decoded and self._sizes:
            (time_ms, messages), (width, height) = self._decoded.popleft(), self._sizes.popleft()
            if self.about is not None and self.about.rotation % 180 == 90:
                width, height = height, width
            yield Shown(time_ms, width, height, messages)

    def _take_stage(self, line: bytes) -> bool:
        """Take a line about a packet or a picture; whether it is one."""
        if decoded := _DECODED.search(line):
            if self.about is None:
                self.about = _about(self._opening)
            tick_s = int(decoded["num"]) / int(decoded["den"]) if int(decoded["den"]) else 0.0
            start = self._start(tick_s)
            time_ms = 0.0 if decoded["pts"] == b"NOPTS" else (int(decoded["pts"]) - start) * tick_s * 1000
            self._decoded.append((time_ms, bytes(self.messages)))
            self.messages.clear()
        elif b"filter -> " in line:
            self._sizes.append(self._size)
        elif (packet := _PACKET.search(line)) and self._start_ticks is None:
            self._start_ticks = 0 if packet["pts"] == b"NOPTS" else int(packet["pts"])
        else:
            return b" -> " in line or b" <- " in line
        return True

    def _start(self, tick_s: float) -> int:
        """Start of the stream in ticks, which is the time of its first packet where FFmpeg does not say."""
        assert self.about is not None
        if self.about.start_s is None or not tick_s:
            return self._start_ticks or 0
        return round(self.about.start_s / tick_s)


def _about(lines: list[bytes]) -> About:
    """Read what FFmpeg says of the stream that it was told to read."""
    mapped = next((found["number"] for line in lines if (found := _MAPPED.search(line))), b"")
    duration_s, container_start, codec, rest, rotation = 0.0, 0.0, "", b"", 0
    here = False
    for line in lines:
        if found := _DURATION.search(line):
            duration_s = 3600 * int(found[1]) + 60 * int(found[2]) + float(found[3])
        if found := _START.search(line):
            container_start = float(found[1])
        if b"Stream #0:" in line:
            found = _STREAM.search(line)
            here = found is not None and found["number"] == mapped
            if here and found is not None and not codec:
                codec, rest = found["codec"].decode(), found["rest"]
        elif here and (found := _ROTATION.search(line)):
            rotation = round(-float(found[1])) % 360
    rate = _RATE.search(rest)
    start = _STREAM_START.search(rest)
    return About(
        codec=codec,
        frame_rate=0.0 if rate is None else float(rate["rate"]) * (1000 if rate["thousands"] else 1),
        duration_s=duration_s,
        rotation=rotation,
        # FFmpeg leaves out a start of zero, and before version 6 any.
        start_s=float(start[1]) if start else None if container_start else 0.0,
    )
