"""A pass in segments sees what a walk sees, picture by picture, or says that it does not."""

import zlib
from dataclasses import astuple, fields

import av
import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import keyframes
from keyframes.scan.first_pass import scan_video
from keyframes.settings import Settings
from keyframes.video import DisagreementError, SegmentedPass, VideoReader, View, one_opencv_thread, plan_segments
from keyframes.video.passes import Pass
from keyframes.video.shortcuts.segments import MOST_BYTES, OVERLAP
from tests.conftest import slow_but_for
from tests.test_keyframes.conftest import LONG_KINDS, X264, ffmpeg

# A frame of these lacks its packet's time, or what is decoded from a key frame on is not what a walk decodes.
WALKED_ONLY = {"mpeg4_b.avi", "open_gop.mkv", "refresh.mp4", "transport.ts"}
FEWEST = 60


def hashes(pictures):
    return [(index, time_s, zlib.crc32(picture.tobytes())) for index, time_s, picture in pictures]


def walked(path, view, **options):
    """What a walk sees, and its account of it."""
    with VideoReader(path, threads=2, **options) as video:
        video.count_packets()
        return hashes(video.pictures(view)), video.latest_pass


def in_segments(path, view, **options):
    """What a pass in segments sees, its account, and how many segments there were; None where a proof failed."""
    with VideoReader(path, threads=2, **options) as video:
        segments = plan_segments(video, fewest=FEWEST)
        if not segments:
            return None
        whole = SegmentedPass(video, view, segments)
        try:
            seen = [row for part in whole.results(hashes) for row in part]
        except DisagreementError:
            return None
        if whole.log.counts:
            return None
        return seen, whole.seen, len(segments)


def same_account(one, other):
    values = [
        dict(zip((field.name for field in fields(Pass)), astuple(account), strict=True)) for account in (one, other)
    ]
    gaps = [value.pop("longest_gap_s") for value in values]
    times = [value.pop("times_ms") for value in values]
    return values[0] == values[1] and np.array_equal(*times) and abs(gaps[0] - gaps[1]) < 2e-6


@pytest.mark.parametrize("view", [View(), View(luma=True)], ids=["pictures", "luma"])
@pytest.mark.parametrize("name", slow_but_for(["b_frames.mp4"], sorted(LONG_KINDS), pytest.mark.exhaustive))
def test_segments_see_what_a_walk_sees(name, view, long_file):
    # It takes a while until a picture that a segment starts with shows to be another.
    path = long_file(name) if name in WALKED_ONLY else long_file(name, 10)
    found = in_segments(path, view)
    assert (found is None) == (name in WALKED_ONLY)
    if found is not None:
        pictures, account = walked(path, view)
        assert found[0] == pictures
        assert same_account(found[1], account)
        assert found[2] > 4


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"start_s": 41.3},
        {"stop_s": 55.01},
        {"every": 7},
        {"start_s": 12.345, "stop_s": 70, "every": 13},
        {"start_s": 79.9},
        {"start_s": 20, "stop_s": 20.5},
    ],
)
def test_segments_keep_range_and_stride(options, long_file):
    path = long_file("b_frames.mp4")
    found = in_segments(path, View(), **options)
    pictures, account = walked(path, View(), **options)
    assert found[0] == pictures
    assert same_account(found[1], account)


@pytest.mark.slow
def test_what_lies_far_before_the_range_is_not_decoded(long_file):
    with VideoReader(long_file("b_frames.mp4"), threads=2, start_s=60) as video:
        segments = plan_segments(video, fewest=FEWEST)
    assert 1500 < segments[0].first < segments[0].stop <= 1800 < segments[1].stop


def test_a_range_is_walked_to_where_a_time_does_not_tell_the_index(long_file):
    """All frames have the times of other packets: a segment that does not begin with the file would not show it."""
    path, options = long_file("mpeg4_b.avi"), {"start_s": 40, "stop_s": 60}
    with VideoReader(path, threads=2, **options) as video:
        segments = plan_segments(video, fewest=FEWEST)
    assert len(segments) > 1
    assert segments[0].aim_ms is not None
    assert in_segments(path, View(), **options) is None


def test_a_range_is_walked_to_where_b_frames_begin_on_the_way(tmp_path):
    """In an AVI file of two recordings, times tell the indices of the first one alone."""
    for name, n_between in (("without", 0), ("with", 2)):
        source = ("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=40")
        ffmpeg(*source, "-c:v", "libx264", "-preset", "ultrafast", "-g", 25, "-bf", n_between, tmp_path / f"{name}.avi")
    (tmp_path / "parts").write_text("file without.avi\nfile with.avi\n", encoding="utf-8")
    ffmpeg("-f", "concat", "-i", tmp_path / "parts", "-c", "copy", tmp_path / "joined.avi")
    assert in_segments(tmp_path / "joined.avi", View(), start_s=60) is None


def test_a_range_is_walked_to_where_a_packet_before_it_is_lost(tmp_path, sequential):
    """FFmpeg leaves such a packet out, and the decoder loses frames behind it, too: only decoding tells how many."""
    path = tmp_path / "lost.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc2=s=64x48:r=25:d=40", "-c:v", "libx264", "-bf", 2, "-g", 25, path)
    with av.open(str(path)) as container:
        lost = [packet for packet in container.demux(video=0) if packet.is_keyframe][4]
    data = bytearray(path.read_bytes())
    data[lost.pos : lost.pos + lost.size] = bytes(lost.size)
    path.write_bytes(data)
    assert in_segments(path, View(), start_s=30) is None
    found = keyframes.extract(path, 4, output=tmp_path / "out", start_s=30)
    pictures, images = sequential(path), [cv2.imread(str(file)) for file in found.files]
    assert_array_equal(images, [pictures[index] for index in found.frame_indices])
    assert "missing" in found.warnings[0]


def test_a_plan_covers_the_range_and_keeps_room_for_the_proofs(long_file):
    with VideoReader(long_file("mpeg4.mp4"), threads=2) as video:
        segments = plan_segments(video, fewest=FEWEST)
    assert [segment.first for segment in segments] == [0, *(segment.stop for segment in segments[:-1])]
    assert segments[-1].stop == len(video.packets.times_ms)
    assert all(segment.stop - segment.first >= max(FEWEST, OVERLAP) for segment in segments)
    assert [segment.aim_ms is None for segment in segments] == [True] + [False] * (len(segments) - 1)


def test_segments_are_shorter_where_more_is_kept_of_a_frame(long_file):
    with VideoReader(long_file("mpeg4.mp4"), threads=2) as video:
        plans = [plan_segments(video, fewest=FEWEST, frame_bytes=size) for size in (1, MOST_BYTES // 100, MOST_BYTES)]
    longest = [max(segment.stop - segment.first for segment in plan[:-1]) for plan in plans]
    assert longest[0] > 200 > longest[1] >= 100 > longest[2] >= FEWEST


@pytest.mark.slow
@pytest.mark.parametrize(("threads", "planned"), [(1, False), (2, True)])
def test_nothing_is_planned_for_one_thread(threads, planned, long_file):
    for name in ("wmv.wmv", "mjpeg.mov"):
        with VideoReader(long_file(name), threads=threads) as video:
            assert bool(plan_segments(video)) == planned


def test_nothing_is_planned_without_times(long_file, tmp_path):
    ffmpeg("-i", long_file("b_frames.mp4"), "-c", "copy", tmp_path / "raw.h264")
    with VideoReader(tmp_path / "raw.h264", threads=2) as video:
        assert plan_segments(video) == []


@pytest.mark.slow
def test_a_segment_that_starts_with_other_pictures_is_noticed(tmp_path):
    """With intra refresh a seek comes to the right time, and it takes many frames until the pictures are right."""
    path = tmp_path / "refresh.mp4"
    noisy = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=30,noise=all_seed=1:alls=20:allf=t", "-t", 16)
    refresh = "intra-refresh=1:keyint=120:bframes=0"
    ffmpeg(*noisy, "-pix_fmt", "yuv420p", *X264, "-x264-params", refresh, path)
    with VideoReader(path, threads=2) as video:
        plan = plan_segments(video, fewest=FEWEST)
        with pytest.raises(DisagreementError, match="other pictures"):
            list(SegmentedPass(video, View(), plan).results(hashes))
    assert in_segments(path, View(luma=True)) is None


@pytest.mark.parametrize(
    "name",
    slow_but_for(["b_frames.mp4"], ["refresh.mp4", "transport.ts", "open_gop.mkv", "mpeg4_b.avi", "b_frames.mp4"]),
)
def test_a_scan_is_the_same_with_any_number_of_workers(name, long_file):
    scans = []
    for threads in (1, 3):
        with VideoReader(long_file(name), threads=threads) as video:
            scans.append(scan_video(video, Settings(k=5), progress=False))
    for column in ("frame_index", "time_s", "brightness", "sharpness", "suspect", "features", "place"):
        assert_array_equal(getattr(scans[1], column), getattr(scans[0], column), err_msg=column)
    assert scans[1].frames_decoded == scans[0].frames_decoded
    assert scans[1].warnings == scans[0].warnings


def test_a_segment_may_hold_no_frame_of_the_stride(long_file):
    with VideoReader(long_file("b_frames.mp4"), threads=2, every=1000) as video:
        video.count_packets()
        assert max(segment.stop - segment.first for segment in plan_segments(video)) < 1000
        scan = scan_video(video, Settings(k=1, every=1000), progress=False)
    assert_array_equal(scan.frame_index, np.arange(0, len(video.packets.times_ms), 1000))


@pytest.mark.slow
@pytest.mark.parametrize("place", [0.3, 0.9])
def test_a_damaged_file_gives_the_same_scan_with_any_number_of_workers(place, long_file, tmp_path):
    data = bytearray(long_file("full_range.mp4").read_bytes())
    first = int(place * len(data))
    data[first : first + 40] = bytes(byte ^ 0x5A for byte in data[first : first + 40])
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    scans, told = [], []
    for threads in (1, 2):
        with VideoReader(path, threads=threads) as video:
            scans.append(scan_video(video, Settings(k=5), progress=False))
            told.append(video.damage())
    assert_array_equal(scans[0].features, scans[1].features)
    assert_array_equal(scans[0].suspect, scans[1].suspect)
    assert scans[0].suspect.any()
    assert told[0] == told[1] != []


def test_opencv_has_one_thread_until_the_last_scan_ends():
    before = cv2.getNumThreads()
    first, second = one_opencv_thread(), one_opencv_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert cv2.getNumThreads() == 1
    second.__exit__(None, None, None)
    assert cv2.getNumThreads() == before


def test_a_scan_leaves_opencv_its_threads(video_file):
    before = cv2.getNumThreads()
    during = []
    with VideoReader(video_file("h264_b_frames.mp4"), threads=2) as video:
        scan_video(video, Settings(k=4), lambda *_: during.append(cv2.getNumThreads()))
    assert cv2.getNumThreads() == before
    assert set(during) == {1}
