"""Frames fetched by seeks: what is written is always the frame that a plain loop counts."""

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import keyframes
from keyframes.scan.first_pass import scan_video
from keyframes.scan.luma import find_luma_levels, luma_pays
from keyframes.scan.scan import thumbnailer_of
from keyframes.settings import Settings
from keyframes.video import PLAIN, DisagreementError, Proof, VideoReader, View, seek_frames, seeking_pays
from keyframes.video.captures import open_capture
from keyframes.video.shortcuts.seeking import LEAD_FRAMES, Timeline
from tests.conftest import slow_but_for
from tests.test_keyframes.conftest import LONG_KINDS, ffmpeg, read_number


def plain_frames(path, indices):
    """Pictures of these indices by the plain loop."""
    capture, found = cv2.VideoCapture(str(path)), {}
    for index in range(max(indices) + 1):
        assert capture.grab()
        if index in indices:
            found[index] = capture.retrieve()[1]
    return found


def check_images(result, path):
    expected = plain_frames(path, set(result.frame_indices))
    for index, file in zip(result.frame_indices, result.files, strict=True):
        assert_array_equal(cv2.imread(str(file)), expected[index], err_msg=str(index))


# Seeks in H.264. The others take minutes.
QUICK = ("b_frames.mp4",)


@pytest.mark.parametrize("name", slow_but_for(QUICK, sorted(LONG_KINDS), pytest.mark.exhaustive))
def test_every_image_of_a_long_file_is_the_frame_of_its_index(name, long_file, tmp_path):
    result = keyframes.extract(long_file(name), 6, output=tmp_path / "out")
    assert len(result.keyframes) == 6
    assert result.manifest["settings"]["scan"] == "exact"
    check_images(result, long_file(name))
    assert result.warnings == ()


def walked(path, indices, **options):
    """Frames by seeks, with the proof that a scan gives, and whether seeks were thought to pay."""
    settings = Settings(k=5, **options)
    with VideoReader(path) as video:
        scan = scan_video(video, settings, progress=False)
        proof = scan.proof(video, settings, indices)
        pays = seeking_pays(video, indices, proof.view.luma)
        return {frame.index: frame.image for frame in seek_frames(video, indices, proof)}, pays, proof


@pytest.mark.parametrize("options", slow_but_for([{}], [{}, {"color": True}]))
@pytest.mark.parametrize(
    "name",
    slow_but_for(["b_frames.mp4"], ["b_frames.mp4", "no_pyramid.mp4", "mpeg4.mp4", "full_range.mp4", "mjpeg.mov"]),
)
def test_seeks_that_prove_themselves_give_the_sequential_frames(name, options, long_file):
    path, indices = long_file(name), [5, 577, 578, 903, 1551]
    found, pays, proof = walked(path, indices, **options)
    assert pays
    assert proof.view.luma is not options.get("color", False)
    expected = plain_frames(path, set(indices))
    for index in indices:
        assert_array_equal(found[index], expected[index])


def test_captures_are_few_where_each_holds_the_index_of_a_long_file(long_file, monkeypatch):
    path, opened = long_file("b_frames.mp4"), []
    indices = [5, 777, 1203, 1700, 2391]

    def count(*given):
        opened.append(given)
        return open_capture(*given)

    monkeypatch.setattr("keyframes.video.shortcuts.seeking.INDEXED_PACKETS", 1)
    with VideoReader(path, threads=3) as video:
        proof = scan_video(video, Settings(k=5), progress=False).proof(video, Settings(k=5), indices)
        monkeypatch.setattr("keyframes.video.shortcuts.seeking.open_capture", count)
        assert seeking_pays(video, indices, luma=True)
        assert [frame.index for frame in seek_frames(video, indices, proof)] == indices
    # A pair, one of pictures and one of luma.
    assert len(opened) == 2


def test_a_plan_costs_no_more_than_a_walk_and_less_where_key_frames_are_near():
    for step, cheaper in ((20, True), (5000, False)):
        timeline = Timeline(40.0 * np.arange(5000), np.arange(0, 5000, step), 25.0)
        for index in (0, 3, 40, 2600, 4999):
            landed = timeline.landing(index)
            assert landed in timeline.keys
            assert landed == 0 or landed + LEAD_FRAMES <= index
        for wanted in (range(5000), [4999], [0, 1, 2, 700, 702, 4000]):
            for most in (1, 3, 10_000):
                groups = timeline.groups(wanted, most)
                assert [index for group in groups for index in group] == list(wanted)
                assert max(map(len, groups)) <= most
        assert timeline.plan_cost(timeline.groups(range(5000), 5000)) == 5000
        assert timeline.plan_cost([[4999]]) <= 5000
        assert (timeline.plan_cost(timeline.groups([700, 4000], 9)) < 4001) == cheaper


def test_a_seek_to_another_picture_is_noticed(long_file):
    path, indices = long_file("b_frames.mp4"), [1200, 2000]
    with VideoReader(path) as video:
        settings = Settings(k=5, color=True)
        proof = scan_video(video, settings, progress=False).proof(video, settings, indices)
        wrong = Proof(proof.view, proof.fingerprint, {**proof.expected, 2000: proof.expected[1200]}, proof.agree)
        frames = seek_frames(video, indices, wrong)
        assert next(frames).index == 1200
        with pytest.raises(DisagreementError, match="another picture"):
            next(frames)


@pytest.mark.slow
def test_intra_refresh_and_transport_streams_fail_a_proof_or_are_right(long_file):
    for name in ("refresh.mp4", "transport.ts", "open_gop.mkv"):
        indices = [300, 903, 1217, 1551]
        try:
            found, _, _ = walked(long_file(name), indices)
        except DisagreementError:
            continue
        expected = plain_frames(long_file(name), set(indices))
        for index in indices:
            assert_array_equal(found[index], expected[index])


def test_the_fingerprint_tells_a_change_of_one_pixel(long_file):
    with VideoReader(long_file("b_frames.mp4")) as video:
        settings = Settings(k=5, color=True)
        proof = scan_video(video, settings, progress=False).proof(video, settings, [0])
        image = next(iter(video)).image
    assert proof.fingerprint(image) == proof.expected[0]
    image[77, 33, 1] ^= 1
    assert proof.fingerprint(image) != proof.expected[0]


@pytest.mark.parametrize(
    ("name", "luma"),
    slow_but_for(
        [("b_frames.mp4", True)],
        [
            ("b_frames.mp4", True),
            ("full_range.mp4", True),
            ("full_color.mp4", True),
            ("vp9.webm", True),
            ("ten_bits.mp4", False),
        ],
    ),
)
def test_the_luma_plane_is_used_where_it_is_proven(name, luma, long_file):
    with VideoReader(long_file(name)) as video:
        settings = Settings(k=2, features="pixels")
        scan = scan_video(video, settings, progress=False)
        assert scan.proof(video, settings, [0]).view == (View(luma=True) if luma else PLAIN)
        grays = [cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY) for frame in VideoReader(video.path, stop_s=2)]
    size = scan.components.mean.size
    expected = [cv2.resize(gray, (64, size // 64), interpolation=cv2.INTER_AREA).reshape(-1) for gray in grays]
    assert np.abs(scan.features[:60].astype(int) - expected).max() <= 3


@pytest.mark.parametrize("name", ["limited.avi", "full.avi"])
def test_noise_that_is_clipped_at_white_does_not_hide_what_the_luma_plane_is(name, rng, tmp_path):
    """The mean of clipped pixels is darker than the clipped mean, beside dark pixels as well."""
    side, white = 192, 235 if name == "limited.avi" else 255
    bright = np.full((100, side, side), white - 2)
    for number, plane in enumerate(bright):
        plane[40:70, number : number + 30] -= 150
    luma = np.clip(bright + rng.normal(0, 9, bright.shape), 0, 255).reshape(100, -1)
    pixels = ("-pix_fmt", "yuv420p" if name == "limited.avi" else "yuvj420p")
    source = ("-f", "rawvideo", *pixels, "-s", f"{side}x{side}", "-r", "30", "-i", "-")
    pictures = np.concatenate([luma, np.full((100, side * side // 2), 128)], axis=1).astype(np.uint8).tobytes()
    codec = ("-c:v", "mpeg4", "-g", "12") if name == "limited.avi" else ("-c:v", "mjpeg", *pixels)
    ffmpeg(*source, *codec, "-q:v", "2", tmp_path / name, stdin=pictures)
    with VideoReader(tmp_path / name) as video:
        levels = find_luma_levels(video, thumbnailer_of(video, Settings(k=2)))
    assert levels is not None
    assert levels[235] == (255 if name == "limited.avi" else 235)


@pytest.mark.slow
def test_the_luma_plane_does_not_pay_where_many_frames_are_fetched_twice_by_seeks(long_file):
    """For the most frames, the file is walked through, and the luma plane pays again."""
    pays = {}
    for name in ("open_gop.mkv", "b_frames.mp4", "full_color.mp4"):
        with VideoReader(long_file(name)) as video:
            pays[name] = [luma_pays(video, Settings(k=k)) for k in (5, 20, 320)]
    assert pays == {
        "open_gop.mkv": [True, False, True],
        "b_frames.mp4": [True, True, True],
        "full_color.mp4": [True, True, True],
    }


@pytest.mark.slow
def test_a_crop_is_proven_on_the_whole_picture(long_file, tmp_path):
    path = long_file("b_frames.mp4")
    result = keyframes.extract(path, 8, output=tmp_path / "out", crop=keyframes.Crop(0, 24, 160, 96))
    check_images(result, path)
    assert {read_number(cv2.imread(str(file))) for file in result.files} == {
        index % 60 for index in result.frame_indices
    }


@pytest.mark.slow
def test_the_same_bytes_with_any_number_of_threads(long_file, tmp_path):
    for name, scan in (("full_range.mp4", "exact"), ("b_frames.mp4", "sparse")):
        results = []
        for threads in (1, 3):
            folder = tmp_path / f"{scan}{threads}"
            keyframes.extract(long_file(name), 6, output=folder, threads=threads, scan=scan)
            results.append({path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()})
        assert results[0] == results[1]
