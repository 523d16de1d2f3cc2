"""The baseline: frames evenly spread over what is looked at."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import keyframes
from keyframes import Settings, VideoReader
from keyframes.choice.uniform import select_uniform
from keyframes.scan.first_pass import scan_video


@pytest.mark.parametrize("k", [1, 4, 7, 60])
def test_frames_stand_in_the_middle_of_equal_stretches(k, tmp_path, video_file):
    result = keyframes.extract(video_file("h264_b_frames.mp4"), k, output=tmp_path / "out", uniform=True)
    # The reference: cut the range into k stretches and take the middle of each.
    stretches = [range(i * 60 // k, (i + 1) * 60 // k) for i in range(k)]
    assert result.frame_indices == [stretch[(len(stretch) - 1) // 2] for stretch in stretches]
    assert [keyframe.cluster_size for keyframe in result.keyframes] == [len(stretch) for stretch in stretches]
    scan = np.load(tmp_path / "out" / "scan.npz")
    for part, stretch in enumerate(stretches):
        assert_array_equal(np.flatnonzero(scan["label"] == part), stretch)
        features = scan["features"][stretch.start : stretch.stop].astype(np.float64)
        expected = np.linalg.norm(features - features.mean(axis=0), axis=1)
        assert_allclose(scan["distance"][stretch.start : stretch.stop], expected, rtol=1e-5, atol=1e-6)


def test_range_and_stride_count(tmp_path, video_file):
    result = keyframes.extract(
        video_file("mpeg4.mp4"), 3, output=tmp_path / "out", uniform=True, start_s=0.5, stop_s=1.5, every=2
    )
    # Frames 15 to 44 at 30 a second, every second one: 15, 17, … 43.
    assert result.frame_indices == [19, 29, 39]


def test_like_frames_are_taken_all_the_same(tmp_path, encoded_pictures):
    path = encoded_pictures("still.avi", [7] * 12, "-c:v", "ffv1")
    result = keyframes.extract(path, 6, output=tmp_path / "out", uniform=True)
    assert result.frame_indices == [0, 2, 4, 6, 8, 10]
    assert result.warnings == ()


def test_more_frames_than_there_are(tmp_path, encoded_pictures):
    path = encoded_pictures("short.avi", range(5), "-c:v", "ffv1")
    result = keyframes.extract(path, 9, output=tmp_path / "out", uniform=True)
    assert result.frame_indices == [0, 1, 2, 3, 4]
    assert result.warnings == ("9 frames were asked for, but only 5 were looked at; all were chosen",)


def test_what_has_no_effect_is_reported(tmp_path, video_file):
    options = {"uniform": True, "algorithm": "kmeans", "min_gap_s": 0.5}
    result = keyframes.extract(video_file("mpeg4.mp4"), 4, output=tmp_path / "out", **options)
    assert result.warnings == ("--algorithm and --min-gap had no effect, because --uniform takes evenly spaced frames",)


def test_a_picture_in_doubt_gives_way(damaged):
    with VideoReader(damaged, threads=1) as video:
        scan = scan_video(video, Settings(k=10), progress=False)
    assert scan.suspect.any()
    assert not scan.suspect.all()
    selection = select_uniform(scan, 10)
    rows = np.searchsorted(scan.frame_index, [keyframe.frame_index for keyframe in selection.keyframes])
    for part, row in enumerate(rows):
        assert selection.labels[row] == part
        assert not scan.suspect[row] or scan.suspect[selection.labels == part].all()
