"""Times grow from frame to frame, and are the file's own wherever it has them."""

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import keyframes
from keyframes.video import VideoReader
from keyframes.video.clock import Clock
from keyframes.video.inspection import inspect
from keyframes.video.packets import LONGEST_DELAY, Packets
from tests.test_keyframes.conftest import X264, ffmpeg


def packets_with(stamps_ms):
    times_ms = np.sort(np.asarray(stamps_ms, np.float64))
    distinct = bool(np.all(np.diff(times_ms) > 0))
    return Packets(times_ms, times_ms[:1], 0.0, 0 if distinct else LONGEST_DELAY, distinct)


def times_of(stamps_ms, frame_rate=25.0, packets=None):
    clock = Clock(frame_rate, lambda: packets or packets_with(stamps_ms))
    return [clock.time_s(stamp_ms) for stamp_ms in stamps_ms]


def test_stamps_that_grow_are_the_times():
    assert times_of([0, 40, 80, 3000, 3040]) == [0.0, 0.04, 0.08, 3.0, 3.04]


def test_equal_stamps_are_spread_up_to_the_next_one():
    assert times_of([0, 1, 1, 2, 3, 3, 3, 4]) == pytest.approx(
        [0, 0.001, 0.0015, 0.002, 0.003, 0.003333, 0.003667, 0.004], abs=1.1e-6
    )


def test_frames_without_stamps_follow_at_the_frame_rate():
    assert times_of([0, 0, 0, 0]) == pytest.approx([0, 0.04, 0.08, 0.12])
    assert times_of([80, 120, 0, 0], packets=packets_with([0, 40, 80, 120])) == pytest.approx([0.08, 0.12, 0.16, 0.2])


def test_a_frame_that_comes_late_takes_no_time_from_those_behind_it():
    stamps_ms = [0, 40, 240, 80, 120, 280, 320]
    times_s = times_of(stamps_ms)
    assert times_s[:3] == [0.0, 0.04, 0.24]
    assert 0.24 < times_s[3] < times_s[4] < 0.28
    assert times_s[5:] == [0.28, 0.32]


def test_stamps_before_zero_count_from_the_first_frame_even_where_that_has_none():
    expected = pytest.approx([0, 5, 10, 15])
    assert times_of([-10_000, -5_000, 0, 5_000], frame_rate=0.2) == expected
    assert times_of([0, -5_000, 0, 5_000], frame_rate=0.2) == expected


def test_a_pause_is_not_filled_with_frames_of_one_stamp():
    assert times_of([0, 0, 10_000]) == pytest.approx([0, 0.04, 10])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(0, 400), min_size=1, max_size=60))
def test_times_grow_whatever_the_stamps(stamps_ms):
    times_s = times_of(stamps_ms)
    assert np.all(np.diff(times_s) > 0)
    # Once a stamp is later than all before it, by more than the frames that lack one can take, it is the time again.
    for place, stamp_ms in enumerate(stamps_ms):
        if stamp_ms > max(stamps_ms[:place], default=-1):
            assert times_s[place] == pytest.approx(stamp_ms / 1000, abs=1e-4)


@pytest.fixture(scope="module")
def fast_camera(tmp_path_factory):
    """Half a second at 2000 frames a second, in whole milliseconds: half of the stamps are equal to the one before."""
    path = tmp_path_factory.mktemp("fast") / "fast.mkv"
    source = ("-f", "lavfi", "-i", "testsrc2=s=160x120:r=2000:d=0.5")
    ffmpeg(*source, *X264, "-preset", "ultrafast", "-pix_fmt", "yuv420p", path)
    return path


def test_a_camera_faster_than_its_stamps_lasts_as_long_as_it_did(fast_camera, tmp_path):
    with av.open(str(fast_camera)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 1000
    report = inspect(fast_camera)
    assert report["frames_decoded"] == 1000
    assert report["duration_s"] == pytest.approx(0.5, abs=0.001)
    result = keyframes.extract(fast_camera, 5, start_s=0.4, stop_s=0.5, min_gap_s=0, output=tmp_path / "out")
    for keyframe in result.keyframes:
        assert keyframe.time_s == pytest.approx(keyframe.frame_index / 2000, abs=0.00101)
        assert 0.4 <= keyframe.time_s < 0.5


def test_a_part_of_such_a_recording_has_the_frames_of_its_times(fast_camera):
    with VideoReader(fast_camera, start_s=0.1, stop_s=0.2) as video:
        indices = [frame.index for frame in video]
    assert indices == list(range(indices[0], indices[-1] + 1))
    assert abs(indices[0] - 200) <= 2
    assert abs(indices[-1] - 399) <= 2
