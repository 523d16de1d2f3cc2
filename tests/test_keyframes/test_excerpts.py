"""Excerpts: each picture that is cut out of a file is the one that a plain loop counts, or the file is refused."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from keyframes.scan.first_pass import scan_video
from keyframes.scan.sparse import plan_sparse
from keyframes.settings import Settings
from keyframes.video import (
    DisagreementError,
    Excerpts,
    Proof,
    Stretch,
    VideoReader,
    View,
    excerpts_pay,
    fetch_frames,
    needed,
    stored_behind,
    stretches_to,
    why_no_excerpts,
)
from tests.conftest import slow_but_for
from tests.test_keyframes.conftest import LONG_KINDS, ffmpeg
from tests.test_keyframes.test_seeking import plain_frames

# What is decoded from one key frame refers to what lies before it, or the times of packets tell no frames.
UNFIT = {"open_gop.mkv", "refresh.mp4", "mpeg4_b.avi", "vp9.webm", "wmv.wmv", "transport.ts"}


@pytest.mark.parametrize("name", slow_but_for((), sorted(LONG_KINDS)))
def test_frames_of_excerpts_are_those_of_the_file(name, long_file):
    with VideoReader(long_file(name), threads=2) as video:
        assert bool(why_no_excerpts(video)) == (name in UNFIT - {"transport.ts"})
        if name in UNFIT:
            return
        wanted = np.unique(np.random.default_rng(3).integers(0, len(video.packets.times_ms), 40)).tolist()
        # Those right before a key frame may refer to it.
        keys = video.packets.times_ms.searchsorted(video.packets.key_times_ms[1:4])
        wanted = sorted({*wanted, *(keys - 1).tolist(), *(keys - 2).clip(0).tolist()})
        found = Excerpts(video).results(
            stretches_to(video.packets, wanted), lambda pictures: [(i, image.copy()) for i, _, image in pictures]
        )
        pictures = dict(one for part in found for one in part)
    assert list(pictures) == wanted
    expected = plain_frames(video.path, set(wanted))
    for index, image in pictures.items():
        assert_array_equal(image, expected[index])


def test_the_reason_against_excerpts_is_the_true_one(video_file):
    path, turned = video_file("h264_b_frames.mp4"), video_file("rotated.mp4")
    for file, backend, told in ((path, "opencv", ""), (path, "ffmpeg", "OpenCV"), (turned, "opencv", "rotated")):
        with VideoReader(file, backend=backend) as video:
            reason = why_no_excerpts(video)
            assert told in reason
            assert bool(told) == bool(reason)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["b_frames.mp4", "hevc.mkv"])
def test_pieces_of_fewer_frames_than_a_decoder_holds_back_are_whole(name, long_file):
    with VideoReader(long_file(name), threads=1) as video:
        own = stored_behind(video.packets, int(video.packets.times_ms.searchsorted(video.packets.key_times_ms[2])))
        stretches = [Stretch(int(own[0]), (index,)) for index in own.tolist()]
        lengths = {len(needed(video.packets, stretch)) for stretch in stretches}
        assert {1, 2} < lengths
        # Decoded one by one, so that no piece has several.
        pictures = {}
        for stretch in stretches:
            (part,) = Excerpts(video).results(
                [stretch], lambda pictures: [(i, image.copy()) for i, _, image in pictures]
            )
            pictures.update(part)
    expected = plain_frames(video.path, set(own.tolist()))
    assert all((expected[index] == image).all() for index, image in pictures.items())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["b_frames.mp4", "hevc.mkv", "mjpeg.mov"])
def test_frames_that_nobody_looked_at_are_fetched_by_excerpts(name, long_file):
    with VideoReader(long_file(name), threads=2) as video:
        wanted = [stretch.wanted[0] for stretch in plan_sparse(video)][::9]
        found = {frame.index: frame.image for frame in fetch_frames(video, wanted, None)}
    assert list(found) == wanted
    expected = plain_frames(video.path, set(wanted))
    assert all((expected[index] == image).all() for index, image in found.items())


def test_packets_whose_times_are_not_those_of_their_pictures_are_refused(long_file):
    with VideoReader(long_file("mpeg4.avi"), threads=1) as video:
        key = int(video.packets.times_ms.searchsorted(video.packets.key_times_ms[1]))
        stretch = Stretch(key, (key + 6,))
        places = video.packets.places.copy()
        places[[key + 2, key + 3]] = places[[key + 3, key + 2]]
        assert list(Excerpts(video).results([stretch], lambda pictures: [i for i, _, _ in pictures])) == [[key + 6]]
        video.packets = replace(video.packets, places=places)
        with pytest.raises(DisagreementError, match="another order"):
            list(Excerpts(video).results([stretch], list))


def test_a_picture_that_is_another_one_is_refused(video_file):
    with VideoReader(video_file("h264_b_frames.mp4")) as video:
        wrong = Proof(View(excerpts=True), lambda _: b"one", {0: b"other"}, lambda *_: True)
        with pytest.raises(DisagreementError, match="another picture"):
            list(fetch_frames(video, [0], wrong))


@pytest.mark.slow
@pytest.mark.parametrize("color", [False, True], ids=["luma", "pictures"])
def test_chosen_frames_of_an_exact_scan_are_fetched_by_excerpts(color, long_file):
    settings = Settings(k=8, scan="exact", color=color)
    with VideoReader(long_file("b_frames.mp4"), threads=2) as video:
        scan = scan_video(video, settings, False)
        assert scan.view == View(luma=not color)
        wanted = scan.frame_index[2003::41].tolist()
        proof = scan.proof(video, settings, wanted)
        assert excerpts_pay(video, wanted, scan.view)
        found = {frame.index: frame.image for frame in fetch_frames(video, wanted, proof)}
        proof.expected[wanted[-1]] = bytes(8)
        with pytest.raises(DisagreementError, match=f"frame {wanted[-1]} gave another picture"):
            list(fetch_frames(video, wanted, proof))
    assert list(found) == wanted
    expected = plain_frames(video.path, set(wanted))
    assert all((expected[index] == image).all() for index, image in found.items())


@pytest.mark.slow
def test_key_frames_whose_counts_of_pictures_are_equal_do_not_hide_each_other(video_file, tmp_path):
    """A count in HEVC is known modulo 256 pictures, so key frames of a long file share theirs."""
    part, path = tmp_path / "part.mp4", tmp_path / "hevc.mp4"
    open_groups = ("-x265-params", "log-level=error:open-gop=1:keyint=10:min-keyint=10:bframes=3")
    ffmpeg("-i", video_file("h264_b_frames.mp4"), "-c:v", "libx265", *open_groups, part)
    ffmpeg("-stream_loop", 3, "-i", part, "-c", "copy", path)
    with VideoReader(path, threads=1) as video:
        assert not why_no_excerpts(video)
        keys = video.packets.times_ms.searchsorted(video.packets.key_times_ms).tolist()
        n_keys = len(keys) // 4
        stretches = []
        for one in range(1, n_keys):
            # The last frame of a group that is decoded is still waited for when the same key frame comes again.
            own = stored_behind(video.packets, keys[one])
            stretches += [Stretch(keys[one], (int(own[3]),)), Stretch(keys[n_keys + one], (keys[n_keys + one],))]
        parts = Excerpts(video).results(stretches, lambda pictures: [(i, image.copy()) for i, _, image in pictures])
        pictures = dict(one for part in parts for one in part)
    assert list(pictures) == [stretch.wanted[0] for stretch in stretches]
    expected = plain_frames(path, set(pictures))
    assert all((expected[index] == image).all() for index, image in pictures.items())
