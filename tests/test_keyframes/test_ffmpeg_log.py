"""FFmpeg's log as records of pictures, in the forms of its versions 5 and 9."""

import pytest

from keyframes.video.decoder_log import DecoderLog, hand_in
from keyframes.video.ffmpeg.log import About, Shown, read_log

OPENING = b"""\
[h264 @ 0x55] [verbose] Reinit context to 320x240, pix_fmt: yuv420p
[mpegts @ 0x56] [error] PES packet size mismatch
[info] Input #0, mpegts, from 'file:a.ts':
[info]     title           : concealing 77 errors
[info]   Duration: 00:01:03.92, start: 1.400000, bitrate: 334 kb/s
[info]   Stream #0:0[0x101]: Audio: mp2, 48000 Hz, stereo, fltp, 384 kb/s, start 1.400000
[info]   Stream #0:1[0x100]: Video: h264 (High), 1 reference frame, yuv420p, 320x240, 29.97 fps, 29.97 tbr, 90k tbn%s
[info]     Side data:
[info]       displaymatrix: rotation of -90.00 degrees
[info] Stream mapping:
[info]   Stream #0:1 -> #0:0 (h264 (native) -> ppm (native))
"""
VERSION_9 = b"""\
[vist#0:1/h264 @ 0x57] [info] demuxer -> ist_index:0:1 type:video pkt_pts:133200 pkt_pts_time:1.48 pkt_dts:126000
[vist#0:1/h264 @ 0x57] [dec:h264 @ 0x58] [info] decoder -> pts:133200 pts_time:1.48 keyframe:1 time_base:1/90000
[graph -1 input from stream 0:1 @ 0x59] [verbose] w:320 h:240 pixfmt:yuv420p tb:1/90000
[vf#0:0 @ 0x60] [info] filter_raw -> pts:133200 pts_time:1.48 time_base:1/90000
[h264 @ 0x61] [error] error while decoding MB 3 12, bytestream -5
[vist#0:1/h264 @ 0x57] [dec:h264 @ 0x58] [info] decoder -> pts:136800 pts_time:1.52 keyframe:0 time_base:1/90000
[in#0/mpegts @ 0x62] [error] corrupt input packet in stream 1
[vf#0:0 @ 0x60] [info] filter -> pts:37 pts_time:1.48 exact:37.000000 time_base:1/25
[graph -1 input from stream 0:1 @ 0x63] [verbose] w:240 h:240 pixfmt:yuv420p tb:1/90000
[vf#0:0 @ 0x60] [info] filter -> pts:38 pts_time:1.52 exact:38.000000 time_base:1/25
[h264 @ 0x61] [warning] nothing of importance
[vist#0:1/h264 @ 0x57] [dec:h264 @ 0x58] [error] Error submitting packet to decoder: Invalid data
"""
VERSION_5 = b"""\
[info] demuxer -> ist_index:1 type:video next_dts:NOPTS next_dts_time:NOPTS pkt_pts:133200 pkt_pts_time:1.48 off:0
[info] decoder -> ist_index:1 type:video frame_pts:NOPTS frame_pts_time:NOPTS best_effort_ts:133200 time_base:1/90000
[graph 0 input from stream 0:1 @ 0x59] [verbose] w:320 h:240 pixfmt:yuv420p tb:1/90000 fr:25/1 sar:1/1
[info] filter -> pts:37 pts_time:1.48 exact:37.000008 time_base:1/25
[h264 @ 0x61] [error] error while decoding MB 3 12, bytestream -5
[info] decoder -> ist_index:1 type:video frame_pts:136800 frame_pts_time:1.52 best_effort_ts:136800 time_base:1/90000
[graph 0 input from stream 0:1 @ 0x59] [verbose] w:240 h:240 pixfmt:yuv420p tb:1/90000 fr:25/1 sar:1/1
[info] filter -> pts:38 pts_time:1.52 exact:38.000008 time_base:1/25
[error] Error while decoding stream #0:1: Invalid data found when processing input
"""


@pytest.mark.parametrize(("start", "lines"), [(b", start 1.480000", VERSION_9), (b"", VERSION_5)], ids=["9", "5"])
def test_each_picture_has_its_time_its_size_and_what_was_said_of_it(start, lines):
    about, first, second, end = read_log(iter((OPENING % start + lines).splitlines(keepends=True)))
    assert about == About("h264", 29.97, 63.92, 90, 1.48 if start else None)
    # The picture is shown turned by a quarter.
    assert first == Shown(0.0, 240, 320, b"[mpegts @ 0] [error] PES packet size mismatch\n")
    assert isinstance(second, Shown)
    assert (second.time_ms, second.width, second.height) == (pytest.approx(40), 240, 240)
    assert second.messages == b"[h264 @ 0] [error] error while decoding MB 3 12, bytestream -5\n"
    with DecoderLog() as log:
        hand_in(first.messages)
        hand_in(second.messages)
        hand_in(end)
    assert log.first == "PES packet size mismatch"
    assert sum(log.counts.values()) == (4 if start else 3)
    assert not [text for text in log.counts if "importance" in text or "conceal" in text]


def test_a_file_that_cannot_be_opened():
    lines = [b"[in#0 @ 0x5] [error] Error opening input: Invalid data found when processing input\n"]
    about, end = read_log(iter(lines))
    assert about == About()
    assert end == b"[in#0 @ 0] [error] Error opening input: Invalid data found when processing input\n"
