"""Videos as they are read: every frame, its time and its picture, and what is told of a file that is not whole."""

import os

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from keyframes import Crop, RegionError, VideoError, VideoReader
from keyframes.video import file_hash
from tests.test_keyframes.conftest import VIDEOS, read_number


@pytest.fixture(params=sorted(VIDEOS))
def video(request):
    return VIDEOS[request.param]


def test_iteration_gives_every_frame_in_presentation_order(video, video_file, sequential):
    path = video_file(video.name)
    expected = sequential(path)
    with VideoReader(path) as reader:
        frames = list(reader)
    assert [frame.index for frame in frames] == list(range(video.n_frames))
    for frame, image in zip(frames, expected, strict=True):
        assert_array_equal(frame.image, image)
    assert np.all(np.diff([frame.time_s for frame in frames]) > 0)
    if not video.rotation:
        assert [read_number(frame.image) for frame in frames] == list(range(video.n_frames))


def test_chosen_frames_are_those_of_their_indices(video, video_file, sequential):
    path = video_file(video.name)
    wanted = sorted({0, video.n_frames // 3, video.n_frames // 2, video.n_frames - 1})
    with VideoReader(path) as reader:
        frames = list(reader.read_frames(reversed(wanted)))
    assert [frame.index for frame in frames] == wanted
    for frame in frames:
        assert_array_equal(frame.image, sequential(path)[frame.index])


def test_the_header_tells_size_and_rate(video, video_file):
    with VideoReader(video_file(video.name)) as reader:
        header = reader.header
        n_decoded = len(list(reader))
    size = (video.height, video.width) if not video.rotation else (video.width, video.height)
    assert (header.height, header.width) == size
    assert header.size_bytes == os.path.getsize(video_file(video.name))
    assert n_decoded == reader.frames_decoded == video.n_frames
    assert reader.damage() == []
    if video.n_frames > 1 and "variable" not in video.name:
        assert header.frame_rate == pytest.approx(30)
        assert reader.last_time_s == pytest.approx((video.n_frames - 1) / 30, abs=0.002)


@pytest.mark.parametrize("name", ["variable_rate.mp4", "variable_rate.mkv"])
def test_times_of_a_variable_rate_are_the_true_ones(name, video_file):
    with VideoReader(video_file(name)) as reader:
        times = [frame.time_s for frame in reader]
    slots = np.arange(60) + np.arange(60) // 2
    np.testing.assert_allclose(times, slots / 30, atol=0.0011)


def test_rotation_is_applied_as_a_player_does(video_file):
    with VideoReader(video_file("rotated.mp4")) as reader:
        frames = list(reader)
        assert reader.header.rotation in (90, 270)
    turned = [read_number(np.rot90(frame.image, quarter)) for quarter in (1, 3) for frame in frames]
    assert list(range(60)) in (turned[:60], turned[60:])


def test_crop_is_a_part_of_the_picture(video_file, sequential):
    path = video_file("h264_b_frames.mp4")
    with VideoReader(path, crop=Crop(10, 30, 50, 40)) as reader:
        first = next(iter(reader))
    assert_array_equal(first.image, sequential(path)[0][30:70, 10:60])


@pytest.mark.parametrize("crop", [Crop(111, 0, 50, 120), Crop(0, 1, 160, 120)])
def test_a_crop_outside_the_picture_is_refused(video_file, crop):
    with pytest.raises(RegionError, match="160 x 120"):
        VideoReader(video_file("h264_b_frames.mp4"), crop=crop)


def test_a_range_between_two_frames_is_refused_without_a_word_on_the_end(video_file):
    with (
        VideoReader(video_file("h264_b_frames.mp4"), start_s=0.51, stop_s=0.52) as reader,
        pytest.raises(RegionError, match=r"no frame between 0\.51 s and 0\.52 s; change"),
    ):
        list(reader)


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_no_pixel(video_file, sequential, threads):
    path = video_file("h264_open_gop.mkv")
    with VideoReader(path, threads=threads) as reader:
        for frame in reader:
            assert_array_equal(frame.image, sequential(path)[frame.index])


def test_every_container_tells_that_it_was_cut_off(cut_off):
    with VideoReader(cut_off) as reader:
        numbers = [read_number(frame.image) for frame in reader]
        (warning,) = reader.damage()
    assert numbers[:-4] == list(range(len(numbers) - 4))
    assert f"only {len(numbers)} of the" in warning


@pytest.mark.parametrize(
    "name", ["edit_list.mp4", "trimmed.mov", "longer_sound.mkv", "longer_sound.mp4", "fragmented.mp4"]
)
def test_an_intact_file_is_not_called_damaged(name, intact):
    with VideoReader(intact / name) as reader:
        numbers = [read_number(frame.image) for frame in reader]
        assert reader.damage() == []
    assert numbers == list(range(numbers[0], 60))


def test_a_frame_past_the_break_is_an_error(truncated):
    with VideoReader(truncated) as reader, pytest.raises(VideoError, match="frame 59 cannot be decoded"):
        list(reader.read_frames([3, 59]))


def test_flipped_bytes_are_reported_though_frames_decode(damaged):
    with VideoReader(damaged) as reader:
        list(reader)
        (warning,) = reader.damage()
    assert "FFmpeg" in warning


def test_a_file_that_vanishes_is_told(tmp_path, video_file):
    path = tmp_path / "here.mp4"
    path.write_bytes(video_file("mpeg4.mp4").read_bytes())
    with VideoReader(path) as reader:
        path.unlink()
        with pytest.raises(VideoError, match="cannot be read any more"):
            file_hash(path, reader.header.size_bytes)


def test_the_hash_of_a_file_follows_the_content(tmp_path, video_file):
    data = video_file("mpeg4.mp4").read_bytes()
    copy, other = tmp_path / "copy.mp4", tmp_path / "other.mp4"
    copy.write_bytes(data)
    other.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    hashes = []
    for path in (video_file("mpeg4.mp4"), copy, other):
        with VideoReader(path) as reader:
            hashes.append(file_hash(path, reader.header.size_bytes))
    assert hashes[0] == hashes[1] != hashes[2]
