"""Complete files are not called damaged: cameras that drop frames, and containers without presentation times."""

import av
import pytest

import keyframes
from keyframes.video.inspection import inspect
from tests.conftest import slow_but_for
from tests.test_keyframes.conftest import X264, ffmpeg

SOURCE = ("-f", "lavfi", "-i", "testsrc2=s=320x240:r=25:d=8")
DROPPED = "select=not(between(n\\,40\\,42)+eq(n\\,90)+between(n\\,150\\,155))"


@pytest.fixture
def recording(tmp_path):
    def make(name, *codec):
        ffmpeg(*SOURCE, *codec, "-pix_fmt", "yuv420p", tmp_path / name)
        return tmp_path / name

    return make


def n_frames(path):
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(video=0))


def test_frames_that_a_camera_dropped_are_reported_as_that(recording, tmp_path):
    path = recording("dropped.avi", "-vf", DROPPED, "-fps_mode", "vfr", "-c:v", "mjpeg", "-q:v", "4")
    told = (
        "10 of 200 frames were dropped during recording: no frame from 1.560 to 1.720 s, 3.560 to 3.640 s, "
        "5.960 to 6.240 s"
    )
    report = inspect(path)
    assert report["frames_decoded"] == n_frames(path) == 190
    assert report["warnings"] == [told]
    assert told in keyframes.extract(path, 5, output=tmp_path / "out").warnings
    of_range = keyframes.extract(path, 5, stop_s=5.0, output=tmp_path / "range").warnings
    assert "no frame from 1.560 to 1.720 s, 3.560 to 3.640 s" in of_range


def test_a_range_of_a_file_whose_frames_come_unevenly_lacks_none(recording, tmp_path):
    select = ("-vf", "select=not(between(mod(n\\,40)\\,10\\,15))", "-fps_mode", "vfr")
    path = recording("uneven.mp4", *select, *X264)
    assert inspect(path)["warnings"] == []
    assert keyframes.extract(path, 5, stop_s=6.0, output=tmp_path / "out").warnings == ()


def test_frames_whose_packets_are_there_were_not_dropped_by_a_camera(recording, tmp_path):
    """Without the frame that they refer to, those between are not decoded, and FFmpeg says nothing."""
    path, lacking = recording("whole.avi", "-c:v", "mpeg4", "-bf", "2"), tmp_path / "lacking.avi"
    ffmpeg("-i", path, "-c", "copy", "-bsf:v", "noise=drop=eq(n\\,100)", lacking)
    report = inspect(lacking)
    assert report["frames_decoded"] == 197
    (warning,) = report["warnings"]
    assert warning.startswith("no frame from ")
    assert warning.endswith(" s (3 missing)")
    assert warning in keyframes.extract(lacking, 5, stop_s=6.0, output=tmp_path / "range").warnings


def test_frames_that_a_camera_dropped_at_once_are_reported(recording):
    """Without sound, nothing else than a loss has the first frame of an AVI file shown for longer."""
    path = recording(
        "first.avi", "-vf", "select=eq(n\\,0)+gte(n\\,3)", "-fps_mode", "vfr", "-c:v", "mjpeg", "-q:v", "4"
    )
    assert inspect(path)["warnings"] == [
        "2 of 200 frames were dropped during recording: no frame from 0.000 to 0.120 s"
    ]


def test_no_frame_is_in_doubt_for_lack_of_presentation_times(recording, tmp_path):
    """Some programs write the times of decoding for those of showing."""
    path, decoding_times = recording("b.mkv", "-c:v", "mpeg4", "-bf", "2"), tmp_path / "decoding_times.mkv"
    ffmpeg("-i", path, "-c", "copy", "-bsf:v", "setts=pts=DTS", decoding_times)
    same, choice = (keyframes.extract(video, 5, output=tmp_path / video.stem) for video in (path, decoding_times))
    assert choice.warnings == ()
    assert choice.frame_indices == same.frame_indices


COMPLETE = [
    ("b_frames.wmv", ("-c:v", "libx264", "-bf", "3")),
    ("packed.avi", ("-c:v", "mpeg4", "-bf", "2", "-vtag", "XVID")),
    # Its fragments tell when it ends, which is taken for how long it is.
    ("fragmented.mp4", (*X264, "-bf", "3", "-movflags", "dash")),
    ("earlier_sound.avi", ("-f", "lavfi", "-i", "sine=d=8", "-c:v", "mpeg4", "-c:a", "libmp3lame")),
    ("mpeg1_b.avi", ("-c:v", "mpeg1video", "-bf", "2")),
    ("h264_b.avi", ("-c:v", "libx264", "-bf", "2")),
    ("audio.mp4", ("-f", "lavfi", "-i", "sine=d=12", *X264)),
]


@pytest.mark.parametrize(("name", "codec"), slow_but_for(COMPLETE[:5], COMPLETE))
def test_nothing_is_reported_of_a_complete_file(name, codec, recording):
    path = recording(name, *codec)
    report = inspect(path)
    assert report["frames_decoded"] == n_frames(path)
    assert report["warnings"] == []
    assert report["duration_s"] == pytest.approx(8, abs=0.2)


def test_a_recording_at_an_uneven_rate_is_not_full_of_gaps(recording):
    path = recording(
        "uneven.mp4", "-vf", "setpts=(N+mod(N\\,7)*0.1+floor(N/3))/25/TB", "-fps_mode", "passthrough", *X264
    )
    assert inspect(path)["warnings"] == []


def test_a_recording_of_a_frame_in_five_seconds_keeps_them_all(tmp_path):
    """Matroska gives the first frames of such a file negative time stamps."""
    source = ("-f", "lavfi", "-i", "testsrc2=s=160x120:r=1/5", "-frames:v", "25")
    ffmpeg(*source, "-c:v", "libx264", "-pix_fmt", "yuv420p", tmp_path / "slow.mkv")
    report = inspect(tmp_path / "slow.mkv")
    assert (report["frames_decoded"], report["first_time_s"]) == (25, 0.0)
    result = keyframes.extract(tmp_path / "slow.mkv", 25, output=tmp_path / "out")
    assert result.frame_indices == list(range(25))
    times_s = [keyframe.time_s for keyframe in result.keyframes]
    assert times_s == pytest.approx([5 * index for index in range(25)], abs=1e-3)
