"""Folders of images and TIFFs of many pages, through the interface of videos."""

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import keyframes
from keyframes import VideoError, VideoReader
from keyframes.video import file_hash
from tests.test_keyframes.conftest import picture

PICTURES = [picture(i, 90, 120) for i in range(25)]


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "images"
    place.mkdir()
    for number, image in enumerate(PICTURES):
        cv2.imwrite(str(place / f"shot {number}.png"), image)
    (place / "notes.txt").write_text("not an image", encoding="utf-8")
    return place


@pytest.fixture
def pages(tmp_path):
    path = tmp_path / "stack.tif"
    assert cv2.imwritemulti(str(path), PICTURES)
    return path


@pytest.mark.parametrize("kind", ["folder", "pages"])
def test_images_are_frames_in_the_order_of_their_numbers(kind, request, tmp_path):
    path = request.getfixturevalue(kind)
    with VideoReader(path) as video:
        assert (video.header.width, video.header.height, video.header.frames_claimed) == (120, 90, 25)
        frames = list(video)
        assert video.damage() == []
        chosen = list(video.read_frames([24, 3]))
    assert [frame.index for frame in frames] == list(range(25))
    assert [frame.index for frame in chosen] == [3, 24]
    for frame in (*frames, *chosen):
        assert_array_equal(frame.image, PICTURES[frame.index])
    result = keyframes.extract(path, 6, output=tmp_path / "out", scan="fast")
    assert result.warnings == ("every frame was looked at, as with --scan exact: a sequence of images has no B-frames",)
    for index, file in zip(result.frame_indices, result.files, strict=True):
        assert_array_equal(cv2.imread(str(file)), PICTURES[index])


def test_many_pages_are_read_block_by_block(tmp_path, monkeypatch):
    path = tmp_path / "stack.tiff"
    assert cv2.imwritemulti(str(path), PICTURES)
    monkeypatch.setattr("keyframes.video.images.BLOCK_BYTES", 7 * PICTURES[0].nbytes)
    with VideoReader(path) as video:
        for frame in video:
            assert_array_equal(frame.image, PICTURES[frame.index])
        assert video.frames_decoded == 25


def test_the_hash_of_a_folder_follows_its_files(folder):
    def folder_hash():
        with VideoReader(folder) as video:
            return file_hash(video.path, video.header.size_bytes)

    before = folder_hash()
    assert folder_hash() == before
    (folder / "shot 7.png").rename(folder / "shot 77.png")
    assert folder_hash() != before


def test_images_that_do_not_fit_are_errors(folder):
    cv2.imwrite(str(folder / "shot 9.png"), np.zeros((50, 50, 3), np.uint8))
    with VideoReader(folder) as video, pytest.raises(VideoError, match="50 x 50"):
        list(video)
    (folder / "shot 9.png").write_bytes(b"broken")
    with VideoReader(folder) as video, pytest.raises(VideoError, match=r"shot 9\.png: is no image"):
        list(video)


def test_a_tiff_that_is_none_is_an_error(tmp_path):
    (tmp_path / "broken.tif").write_bytes(b"no image")
    with pytest.raises(VideoError, match="no video can be opened"):
        VideoReader(tmp_path / "broken.tif")
