"""A sparse scan: which frames it looks at, and that each picture is the one that a plain loop counts."""

import json
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import keyframes
from keyframes.report.overview import make_overview
from keyframes.sampling import nearest_of
from keyframes.scan.first_pass import scan_video
from keyframes.scan.luma import luma_pays
from keyframes.scan.path import path_of
from keyframes.scan.scan import represented, thumbnailer_of
from keyframes.scan.sparse import LONG_FRAMES, cost_of, filled_level, plan_sparse, sparse_pays
from keyframes.settings import Settings
from keyframes.video import (
    DisagreementError,
    VideoReader,
    View,
    fetch_frames,
    needed,
    stored_behind,
    why_no_excerpts,
)
from keyframes.video.packets import Packets
from tests.conftest import slow_but_for
from tests.test_keyframes.conftest import X264, ffmpeg, read_number
from tests.test_keyframes.test_seeking import check_images, plain_frames

RATE = 25.0


class KnownByPackets(SimpleNamespace):
    """A reader of which only the packets are known."""

    frame_range = VideoReader.frame_range


def recording(n_frames, gop=250, sizes=None, **options):
    """A recording with a B-frame, which nothing needs, before every other frame."""
    times_ms = np.arange(n_frames) * 1000 / RATE
    spare = (np.arange(n_frames) % gop) % 2 == 1
    places = np.arange(n_frames)
    # A B-frame is stored behind the frame that it is shown before, where that is of the same group.
    swapped = np.flatnonzero(spare[:-1] & (np.arange(1, n_frames) % gop != 0))
    places[swapped], places[swapped + 1] = swapped + 1, swapped
    packets = Packets(
        times_ms,
        times_ms[::gop],
        0.0,
        1,
        True,
        sizes=np.full(n_frames, 500, np.uint32) if sizes is None else sizes,
        places=places.astype(np.int32),
        spare=spare,
        afresh=True,
    )
    header = SimpleNamespace(frame_rate=RATE, codec="avc1")
    video = {"start_s": 0.0, "stop_s": None, "every": 1, **options}
    return KnownByPackets(packets=packets, header=header, **video)


def n_decoded(video):
    return sum(len(needed(video.packets, stretch)) for stretch in plan_sparse(video))


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 1000),
    st.integers(1, 300),
    st.integers(1, 40),
    st.floats(0, 50),
    st.floats(0.1, 200),
    st.integers(0, 2**31),
)
def test_a_plan_looks_at_frames_of_range_and_stride_alone(n_frames, gop, every, start_s, length_s, seed):
    sizes = np.random.default_rng(seed).integers(20, 5000, n_frames).astype(np.uint32)
    video = recording(n_frames, gop, sizes, every=every, start_s=start_s, stop_s=start_s + length_s)
    inside = [i for i in range(n_frames) if start_s <= round(i / RATE, 6) < start_s + length_s]
    plan = plan_sparse(video)
    looked_at = [index for stretch in plan for index in stretch.wanted]
    assert looked_at == sorted(set(looked_at))
    assert set(looked_at) <= {index for index in inside if (index - inside[0]) % every == 0}
    for stretch in plan:
        assert set(stretch.wanted) <= set(stored_behind(video.packets, stretch.key).tolist())


def test_a_plan_takes_what_else_is_to_be_looked_at():
    video = recording(3000, 250, every=3, start_s=10.0, stop_s=90.0)
    without = {index for stretch in plan_sparse(video) for index in stretch.wanted}
    first = min(without)
    also = [first + 3 * 101, first + 3 * 211, first + 1, 0, 2999]
    assert not without & set(also)
    plan = plan_sparse(video, also)
    assert {index for stretch in plan for index in stretch.wanted} == without | set(also[:2])
    assert [stretch.key for stretch in plan] == sorted({stretch.key for stretch in plan})
    for stretch in plan:
        assert set(stretch.wanted) <= set(needed(video.packets, stretch).tolist())


@pytest.mark.slow
def test_a_plan_costs_little_more_for_a_multiple_of_the_length():
    hour, long = recording(90_000), recording(200_000)
    assert n_decoded(hour) < 0.1 * 90_000
    assert n_decoded(long) < 1.25 * n_decoded(hour)
    assert cost_of(10**7) - cost_of(10**6) == pytest.approx(cost_of(10**6) - cost_of(10**5))


@given(st.lists(st.floats(0, 100), min_size=1, max_size=20), st.floats(0, 1000))
def test_a_level_takes_as_much_as_there_is_more(filled, more):
    level = filled_level(filled, more)
    assert sum(max(0.0, level - height) for height in filled) == pytest.approx(more, abs=1e-6)


@pytest.mark.parametrize("n_frames", [90_000, pytest.param(900_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("moves", [0.0, 0.2, 1.0])
def test_a_plan_spends_what_it_may_and_counts_nothing_twice(n_frames, moves):
    rng = np.random.default_rng(0)
    sizes = np.full(n_frames, 500.0)
    # Right behind key frames, where what is decoded for movement serves the looks behind each key frame, too.
    group, behind = np.divmod(np.arange(n_frames), 250)
    sizes[(rng.random(group[-1] + 1) < moves)[group] & (behind < 60)] *= 3
    sizes[::250] = 9000
    video = recording(n_frames, 250, sizes.astype(np.uint32))
    shares = sizes / sizes.mean()
    decoded = [needed(video.packets, stretch) for stretch in plan_sparse(video)]
    spent = sum(float((0.8 + 0.2 * shares[frames]).sum()) for frames in decoded)
    # Up to a frame behind each key frame is left.
    assert 0.75 * cost_of(n_frames) < spent <= cost_of(n_frames)


def test_key_frames_are_looked_at_even_where_the_others_are_next_to_nothing():
    sizes = np.full(90_000, 20, np.uint32)
    sizes[::250] = 200_000
    assert len(plan_sparse(recording(90_000, 250, sizes))) == 360


def test_a_plan_looks_at_short_runs_between_long_rests():
    rng = np.random.default_rng(0)
    sizes = rng.normal(500, 50, 90_000)
    runs = [(begin, begin + 50) for begin in range(700, 90_000, 2250)]
    for begin, end in runs:
        sizes[begin:end] *= 3
    looked_at = np.concatenate(
        [stretch.wanted for stretch in plan_sparse(recording(90_000, 250, sizes.astype(np.uint32)))]
    )
    seen = [np.sum((looked_at >= begin) & (looked_at < end)) for begin, end in runs]
    assert np.mean(np.array(seen) >= 5) > 0.5


def test_what_moved_between_frames_far_apart_may_have_moved_far():
    rows = np.zeros((6, 64), np.uint8)
    rows[3:] = 200
    chunks = [rows]
    path = path_of(chunks, 6, (8, 8), np.array([1, 1, 240, 1, 1]))
    assert path[2] == 0
    assert path[3] >= 240
    assert path[5] == path[3]


def test_the_name_of_earlier_versions_is_taken():
    assert Settings(k=3, scan="fast").scan == "sparse"


def test_long_recordings_are_scanned_sparsely_unless_that_would_bend_the_choice():
    assert sparse_pays(SimpleNamespace(frames_expected=LONG_FRAMES))
    assert not sparse_pays(SimpleNamespace(frames_expected=LONG_FRAMES - 1))
    assert Settings(k=3).scan == Settings(k=3, algorithm="kmeans").scan == "auto"
    assert Settings(k=3, uniform=True).scan == Settings(k=3, algorithm="centnn").scan == "exact"


@given(st.sets(st.integers(0, 300), min_size=1))
def test_a_frame_represents_those_that_it_is_nearest_to(indices):
    looked_at = np.array(sorted(indices))
    nearest = nearest_of(looked_at - looked_at[0], int(looked_at[-1] - looked_at[0]) + 1)
    assert_array_equal(represented(looked_at), np.bincount(nearest))


def test_where_no_frame_was_looked_at_no_cluster_is_shown():
    time_s = np.array([0.0, 1.0, 9.0, 10.0])
    overview = make_overview(
        time_s, np.zeros(4, np.int32), np.eye(4, 2, dtype=np.float32), np.array([0]), has_gaps=True
    )
    assert set(overview.bin_label.tolist()) == {0, -1}


@pytest.mark.slow
def test_a_result_says_what_was_looked_at(long_file, tmp_path):
    path = long_file("b_frames.mp4")
    result = keyframes.extract(path, 8, output=tmp_path / "out", scan="sparse")
    check_images(result, path)
    assert [read_number(cv2.imread(str(file))) for file in result.files] == [i % 60 for i in result.frame_indices]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text("utf-8"))
    looked_at = np.load(tmp_path / "out" / "scan.npz")["frame_index"]
    assert manifest["scan"]["looked_at"] == len(looked_at) < manifest["scan"]["frames"] == 2400
    assert manifest["settings"]["scan"] == "sparse"
    assert f"only {len(looked_at)} of 2,400 frames were looked at" in result.warnings[0]
    assert f"{len(looked_at)} of 2,400 frames" in (tmp_path / "out" / "report.html").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vp9.webm", "refresh.mp4"])
def test_where_it_is_not_possible_every_frame_is_looked_at_and_a_warning_says_so(name, long_file, tmp_path):
    sparse, exact = (
        keyframes.extract(long_file(name), 8, output=tmp_path / scan, scan=scan) for scan in ("sparse", "exact")
    )
    assert "a sparse scan of this recording is not possible" in sparse.warnings[0]
    assert sparse.warnings[1:] == exact.warnings
    assert sparse.keyframes == exact.keyframes
    assert "scan" not in sparse.manifest


@pytest.mark.parametrize(
    ("name", "color", "luma"),
    slow_but_for(
        [("mpeg4.avi", False, True)],
        [
            ("mpeg4.avi", False, True),
            ("mpeg4.avi", True, False),
            ("mjpeg.mov", False, True),
            ("b_frames.mp4", False, True),
            ("hevc.mkv", False, True),
        ],
    ),
)
def test_a_sparse_scan_looks_at_the_luma_plane_unless_it_is_in_color(name, color, luma, long_file):
    settings = Settings(k=25, scan="sparse", color=color, features="pixels")
    with VideoReader(long_file(name), threads=2) as video:
        scan = scan_video(video, settings, False)
        assert scan.view == View(luma=luma, excerpts=True)
        wanted = scan.frame_index[::11].tolist()
        proof = scan.proof(video, settings, wanted)
        found = {frame.index: frame.image for frame in fetch_frames(video, wanted, proof)}
        proof.expected[wanted[-1]] = bytes(8)
        with pytest.raises(DisagreementError, match=f"frame {wanted[-1]} gave another picture"):
            list(fetch_frames(video, wanted, proof))
    expected = plain_frames(video.path, set(wanted))
    assert list(found) == wanted
    assert all((expected[index] == image).all() for index, image in found.items())
    thumbnailer = thumbnailer_of(video, settings)
    grays = [thumbnailer(expected[index]).reshape(-1).astype(int) for index in wanted]
    assert np.abs(scan.features[::11] - np.array(grays)).max() <= (3 if luma else 0)


@pytest.fixture(scope="module")
def flashes(tmp_path_factory):
    """A recording whose luma is not gray in some frames: no red, green and blue of 0 to 255 make such a colour."""
    path, side, flashes = tmp_path_factory.mktemp("vivid") / "flashes.avi", 96, range(50, 2400, 97)
    scenes = np.random.default_rng(0).integers(100, 150, (8, side, side // 8)).repeat(8, 2)
    luma = scenes.repeat(300, 0).reshape(2400, -1)
    chroma = np.full((2400, side * side // 2), 128)
    luma[flashes], chroma[flashes, : side * side // 4] = 200, 240
    source = ("-f", "rawvideo", "-pix_fmt", "yuvj420p", "-s", f"{side}x{side}", "-r", "30", "-i", "-")
    pictures = np.concatenate([luma, chroma], axis=1).astype(np.uint8).tobytes()
    ffmpeg(*source, "-c:v", "mjpeg", "-q:v", "2", "-pix_fmt", "yuvj420p", path, stdin=pictures)
    return path, set(flashes)


@pytest.mark.slow
def test_vivid_colors_do_not_end_a_sparse_scan(flashes, tmp_path):
    path, vivid = flashes
    result = keyframes.extract(path, 20, output=tmp_path / "out", scan="sparse", min_gap_s=0)
    assert "scan" in result.manifest
    assert vivid & set(result.frame_indices)
    check_images(result, path)


@pytest.mark.slow
def test_vivid_colors_are_fetched_after_an_exact_scan_without_walking_through_the_file(flashes, tmp_path, monkeypatch):
    path, vivid = flashes
    monkeypatch.setattr(VideoReader, "read_frames", None)
    result = keyframes.extract(path, 20, output=tmp_path / "out", scan="exact", min_gap_s=0)
    assert vivid & set(result.frame_indices)
    check_images(result, path)


@pytest.fixture(scope="module")
def joined(tmp_path_factory):
    """Two recordings of H.264 with other parameters for colours, which each tells before its first picture alone."""
    folder, stream = tmp_path_factory.mktemp("joined"), b""
    source = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=30,hue=s=0.3", "-frames:v", "900")
    for offset in (0, -2):
        options = f"psy=0:scenecut=0:chroma-qp-offset={offset}"
        ffmpeg(
            *source, *X264, "-pix_fmt", "yuv420p", "-bf", "0", "-g", "10", "-x264-params", options, folder / "one.h264"
        )
        told = set()
        for unit in (folder / "one.h264").read_bytes().split(b"\0\0\1")[1:]:
            kind = unit[0] & 31
            if kind not in told:
                stream += b"\0\0\0\1" + unit.rstrip(b"\0")
            told |= {kind} & {7, 8}
    (folder / "both.h264").write_bytes(stream)
    ffmpeg("-r", "30", "-i", folder / "both.h264", "-c", "copy", folder / "both.mp4")
    ffmpeg("-i", folder / "both.mp4", "-c", "copy", folder / "both.mkv")
    return folder / "both.mkv"


def test_parameters_that_change_are_noticed(joined, video_file):
    with VideoReader(joined) as video:
        assert video.packets.changes
        assert "parameters" in why_no_excerpts(video)
        assert not luma_pays(video, Settings(k=5))
    for name in ("h264_b_frames.mp4", "mpeg4.avi"):
        with VideoReader(video_file(name)) as video:
            assert not video.packets.changes


@pytest.mark.slow
@pytest.mark.parametrize("scan", ["exact", "sparse"])
def test_colors_are_right_where_parameters_change(joined, scan, tmp_path):
    result = keyframes.extract(joined, 20, output=tmp_path / "out", scan=scan)
    assert max(result.frame_indices) > 900
    check_images(result, joined)


@pytest.mark.slow
def test_colors_are_right_where_only_the_container_tells_their_range(tmp_path):
    path = tmp_path / "full.mp4"
    source = ("-f", "lavfi", "-i", "testsrc2=size=160x120:rate=30", "-frames:v", "1800")
    ffmpeg(*source, *X264, "-pix_fmt", "yuv420p", "-g", "25", tmp_path / "plain.mp4")
    ffmpeg("-i", tmp_path / "plain.mp4", "-c", "copy", "-color_range", "pc", path)
    for scan in ("exact", "sparse"):
        check_images(keyframes.extract(path, 12, output=tmp_path / scan, scan=scan), path)
