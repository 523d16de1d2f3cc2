"""A file of one track: FFmpeg takes its packets and their times as they were put in."""

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from keyframes.video.captures import open_capture, open_packets, released
from keyframes.video.shortcuts.matroska import TimedPacket, matroska

TIMES_MS = st.lists(st.integers(1, 10_000_000), min_size=1, max_size=5, unique=True).map(sorted)


@given(TIMES_MS, st.integers(2, 70), st.integers(0, 255))
def test_pictures_come_at_their_times_as_they_were_put_in(tmp_path_factory, later_ms, side, level):
    image = np.full((side, side, 3), level, np.uint8)
    image[: side // 2] = 255 - level
    data = cv2.imencode(".jpg", image)[1].tobytes()
    times_ms = [0, *later_ms]
    path = tmp_path_factory.getbasetemp() / "one_track.mkv"
    packets = [TimedPacket(time_ms, True, data) for time_ms in times_ms]
    path.write_bytes(matroska("V_MJPEG", b"", side, side, 10, packets))
    with released(open_packets(path)) as capture:
        assert [_packet(capture) for _ in times_ms] == [data] * len(times_ms)
        assert not capture.grab()
    with released(open_capture(path, 1)) as capture:
        for time_ms in times_ms:
            done, picture = capture.read()
            assert done
            # OpenCV 4.10 gives the first frame the time of the packet that it read last.
            assert round(capture.get(cv2.CAP_PROP_POS_MSEC)) == time_ms or time_ms == 0
            assert np.abs(picture.astype(int) - image).max() < 64
        assert not capture.grab()


def _packet(capture):
    assert capture.grab()
    return capture.retrieve()[1].tobytes()
