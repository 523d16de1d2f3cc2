"""Folders of images and TIFFs of many pages, through the interface of videos."""

import json

import cv2
import numpy as np
import pytest
import tifffile
from numpy.testing import assert_array_equal

import keyframes
from keyframes import RegionError, SettingsError, VideoError, VideoReader
from keyframes.review import Session
from keyframes.scan.first_pass import NOT_SPARSE
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
    result = keyframes.extract(path, 6, output=tmp_path / "out", scan="sparse")
    assert result.warnings == (NOT_SPARSE.format("it consists of images"),)
    for index, file in zip(result.frame_indices, result.files, strict=True):
        assert_array_equal(cv2.imread(str(file)), PICTURES[index])


def test_the_hash_of_a_folder_follows_its_files(folder):
    def folder_hash():
        with VideoReader(folder) as video:
            return file_hash(video.path, video.header.size_bytes)

    before = folder_hash()
    assert folder_hash() == before
    (folder / "shot 7.png").rename(folder / "shot 77.png")
    assert folder_hash() != before


def read(path, **options):
    with VideoReader(path, **options) as video:
        return list(video), video.damage()


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "webp", "ppm", "tif"])
@pytest.mark.parametrize("left", [0.0, 0.3, 0.95])
def test_a_truncated_image_is_left_out_and_named(tmp_path, ending, left):
    for number, image in enumerate(PICTURES[:6]):
        cv2.imwrite(str(tmp_path / f"f{number}.{ending}"), image)
    whole, damage = read(tmp_path)
    assert len(whole) == 6
    assert damage == []
    broken = tmp_path / f"f2.{ending}"
    broken.write_bytes(broken.read_bytes()[: int(left * broken.stat().st_size)])
    frames, damage = read(tmp_path)
    assert damage == [f"1 of 6 images could not be decoded and is left out: f2.{ending}"]
    assert [frame.index for frame in frames] == [0, 1, 3, 4, 5]
    for frame in frames:
        assert_array_equal(frame.image, whole[frame.index].image)


def test_a_jpeg_with_a_hole_is_left_out(tmp_path):
    rng = np.random.default_rng(0)
    for number, image in enumerate(PICTURES[:4]):
        cv2.imwrite(str(tmp_path / f"f{number}.jpg"), image // 2 + rng.integers(0, 90, image.shape).astype(np.uint8))
    data = bytearray((tmp_path / "f1.jpg").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    (tmp_path / "f1.jpg").write_bytes(data)
    frames, damage = read(tmp_path)
    assert damage == ["1 of 4 images could not be decoded and is left out: f1.jpg"]
    assert [frame.index for frame in frames] == [0, 2, 3]


def test_what_a_camera_adds_behind_a_jpeg_is_no_damage(tmp_path):
    for number, image in enumerate(PICTURES[:3]):
        data = cv2.imencode(".jpg", image)[1].tobytes()
        (tmp_path / f"f{number}.jpg").write_bytes(data + bytes(100) + b"maker's note")
    frames, damage = read(tmp_path)
    assert len(frames) == 3
    assert damage == []


def test_a_warning_names_ten_images_and_says_how_many_more_there_are(folder, tmp_path):
    for number in range(3, 17):
        (folder / f"shot {number}.png").write_bytes(b"broken")
    cv2.imwrite(str(folder / "shot 0.png"), np.zeros((50, 50, 3), np.uint8))
    frames, damage = read(folder)
    assert [frame.index for frame in frames] == [1, 2, *range(17, 25)]
    named = ", ".join(f"shot {number}.png" for number in range(3, 13))
    assert damage == [
        f"14 of 25 images could not be decoded and are left out: {named} and 4 more",
        "1 of 25 images differs in size from most (120 x 90 pixels) and is left out: shot 0.png",
    ]
    result = keyframes.extract(folder, 4, output=tmp_path / "out", uniform=True)
    assert list(result.warnings) == damage
    assert result.manifest["video"]["frames_claimed"] == 25
    assert result.manifest["video"]["frames_decoded"] == 10
    for index, file in zip(result.frame_indices, result.files, strict=True):
        assert_array_equal(cv2.imread(str(file)), PICTURES[index])


def test_a_folder_without_one_image_that_can_be_decoded_is_an_error(tmp_path):
    (tmp_path / "a.png").write_bytes(b"broken")
    (tmp_path / "b.jpg").write_bytes(b"")
    with pytest.raises(VideoError, match=r"not one image can be decoded \(it is damaged, or not an image\)"):
        VideoReader(tmp_path)


@pytest.mark.parametrize(
    ("n_images", "told"),
    [(0, "is a folder without images"), (1, "holds 2 videos beside 1 image"), (2, "beside 2 images")],
)
def test_a_folder_of_videos_is_no_recording_even_with_a_stray_image(n_images, told, tmp_path):
    for name in ["1.mp4", "2.AVI", "._3.mp4", *(f"{number}.png" for number in range(n_images))]:
        (tmp_path / name).touch()
    with pytest.raises(VideoError, match=f"{told}; name the video files in it, or use keyframes batch"):
        VideoReader(tmp_path)


def test_of_files_with_several_pages_the_first_is_used_and_that_is_told(tmp_path):
    for number in range(4):
        pages = np.stack(PICTURES[number : number + 1 + number % 2])[..., 1]
        tifffile.imwrite(tmp_path / f"f{number}.tif", pages, photometric="minisblack")
    frames, damage = read(tmp_path)
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert damage == [
        "2 of the 4 files have several pages; only the first page was used: f1.tif, f3.tif",
    ]
    for frame in frames:
        assert_array_equal(frame.image[..., 0], PICTURES[frame.index][..., 1])


def test_the_review_page_counts_frames_where_there_are_no_times(pages, tmp_path):
    result = keyframes.extract(pages, 3, output=tmp_path / "out")
    with Session(result.folder, pages) as session:
        overview = session.overview()
        assert (overview["no_times"], overview["first_s"], overview["last_s"]) == (True, 0, 24)
        assert session.near(7.3)["frame"] == 7
        assert [one["time"] for one in session.state()["keyframes"]] == result.frame_indices
        first = result.frame_indices[0]
        near = session.candidates(first, apart_s=3)["candidates"]
        assert all(abs(one["time"] - first) >= 3 for one in near)
        session.change(session.state()["revision"], "add", near[0]["frame"], None, "")
    manifest = json.loads((result.folder / "manifest.json").read_text(encoding="utf-8"))
    assert {entry["time_s"] for entry in manifest["keyframes"]} == {None}


@pytest.mark.parametrize("layout", ["series", "square", "single"])
def test_a_sleap_file_of_a_stack_is_right_or_the_export_says_that_it_is_not(tmp_path, layout, run_command):
    sio = pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
    images = np.stack(PICTURES)[..., 1][:, :, : 90 if layout == "square" else 120]
    path = tmp_path / "stack.tif"
    with tifffile.TiffWriter(path) as tiff:
        if layout == "single":
            for image in images:
                tiff.write(image, contiguous=False)
        else:
            tiff.write(images, photometric="minisblack")
    result = keyframes.extract(path, 4, output=tmp_path / "out")
    done = run_command("keyframes", "export", result.folder, "--to", "sleap", "--video", path, "-o", tmp_path / "sleap")
    assert done.returncode == 0
    expected = (25, *images.shape[1:], 1)
    closed = sio.load_slp(str(tmp_path / "sleap" / "suggestions.slp"), open_videos=False)
    assert tuple(closed.videos[0].shape) == expected
    opened = sio.load_slp(str(tmp_path / "sleap" / "suggestions.slp")).videos[0]
    assert (tuple(opened.shape) == expected) == ("label in suggestions.pkg.slp" not in done.stderr)
    packed = sio.load_slp(str(tmp_path / "sleap" / "suggestions.pkg.slp"))
    for index in result.frame_indices:
        assert_array_equal(packed.videos[0][index][..., 0], images[index])
        if tuple(opened.shape) == expected:
            assert_array_equal(opened[index][..., 0], images[index])


def test_images_without_a_rate_have_no_times(pages, tmp_path, run_command):
    frames, _ = read(pages)
    assert {frame.time_s for frame in frames} == {None}
    result = keyframes.extract(pages, 8, output=tmp_path / "out")
    assert result.manifest["video"]["frame_rate"] == 0
    assert {entry["time_s"] for entry in result.manifest["keyframes"]} == {None}
    assert "min_gap_s" not in result.manifest["guards"]
    assert result.manifest["settings"]["min_gap_s"] == 0
    assert "rate" not in result.manifest["settings"]
    assert result.warnings == ()
    table = (result.folder / "keyframes.csv").read_text(encoding="utf-8").splitlines()
    assert [line.split(",")[1] for line in table[1:]] == [""] * 8
    with np.load(result.folder / "scan.npz") as scan:
        assert np.isnan(scan["time_s"]).all()
    page = (result.folder / "report.html").read_text(encoding="utf-8")
    assert "from frame 0 to frame 24" in page
    assert "00:0" not in page
    assert f'aria-label="Frame {result.frame_indices[0]}, represents' in page
    told = json.loads(run_command("keyframes", "info", pages, "--json").stdout)
    for name in ("first_time_s", "duration_s", "shortest_gap_s", "longest_gap_s", "variable_frame_rate"):
        assert told[name] is None
    shown = run_command("keyframes", "info", pages).stdout
    assert "frame rate              unknown\n" in shown
    assert "codec                   unknown\n" in shown


def test_with_a_rate_they_have_times_and_the_least_gap_holds(pages, tmp_path):
    frames, _ = read(pages, rate=50, start_s=0.1, stop_s=0.2)
    assert [(frame.index, frame.time_s) for frame in frames] == [(index, index / 50) for index in range(5, 10)]
    result = keyframes.extract(pages, 5, output=tmp_path / "out", rate=50, min_gap_s=0.08)
    assert result.manifest["video"]["frame_rate"] == 50
    assert result.manifest["settings"]["rate"] == 50
    for keyframe in result.keyframes:
        assert keyframe.time_s == keyframe.frame_index / 50
    assert np.diff(result.frame_indices).min() >= 4
    assert result.manifest["guards"]["min_gap_s"]["limit"] == 0.08


def test_a_lost_image_leaves_the_times_of_the_others_alone(folder):
    (folder / "shot 3.png").write_bytes(b"broken")
    frames, damage = read(folder, rate=10)
    assert [frame.time_s for frame in frames] == [index / 10 for index in range(25) if index != 3]
    assert len(damage) == 1


def test_seconds_without_a_rate_are_refused(pages, tmp_path, run_command):
    for options in ({"start_s": 1.0}, {"stop_s": 1.0}):
        with pytest.raises(RegionError, match="need --rate HZ"):
            VideoReader(pages, **options)
    done = run_command("keyframes", "extract", pages, "-k", "3", "--start", "1", "-o", tmp_path / "out")
    assert done.returncode == 1
    assert done.stderr == f"error: {pages}: images have no times, so --start and --stop need --rate HZ\n"
    done = run_command("keyframes", "extract", pages, "-k", "3", "--min-gap", "0.5", "-o", tmp_path / "out")
    assert done.returncode == 0
    assert done.stderr.startswith(
        f"warning: {pages}: images have no times, so the gap of 0.5 s was not kept; also give --rate"
    )


@pytest.mark.parametrize("options", [{"rate": 25.0}, {"levels": (0, 100)}], ids=str)
def test_options_of_images_are_refused_for_videos(video_file, options):
    with pytest.raises(SettingsError, match="applies to images"):
        VideoReader(video_file("mpeg4.mp4"), **options)


def test_frames_without_times_go_through_every_choice_and_export(pages, folder, tmp_path, run_command):
    first = keyframes.extract(pages, 4, output=tmp_path / "first")
    more = keyframes.extract(pages, 4, output=tmp_path / "more", unlike=[first.folder])
    assert not set(more.frame_indices) & set(first.frame_indices)
    both = [tmp_path / "view-a", tmp_path / "view-b"]
    results = keyframes.extract_views([pages, folder], 4, outputs=both)
    assert results[0].frame_indices == results[1].frame_indices
    assert {keyframe.time_s for result in results for keyframe in result.keyframes} == {None}
    for tool in ("coco", "cvat", "label-studio", "lightning-pose", "deeplabcut"):
        done = run_command(
            *("keyframes", "export", first.folder, "--to", tool, "--video", pages, "--bodyparts", "nose,tail"),
            *("--task", "reach", "--scorer", "anna", "-o", tmp_path / tool),
        )
        assert done.returncode == 0, done.stderr
    tasks = json.loads((tmp_path / "label-studio" / "tasks.json").read_text(encoding="utf-8"))
    assert "time_s" not in tasks[0]["data"]


def test_context_frames_stop_at_a_lost_page(tmp_path, run_command):
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, np.stack(PICTURES)[..., ::-1], photometric="rgb", compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as tiff:
        offset, size = tiff.pages[10].dataoffsets[0], tiff.pages[10].databytecounts[0]
    data = bytearray(path.read_bytes())
    data[offset + 8 : offset + size] = bytes(size - 8)
    path.write_bytes(data)
    result = keyframes.extract(path, 24, output=tmp_path / "out")
    assert {9, 11, 24} <= set(result.frame_indices)
    done = run_command(
        *("keyframes", "export", result.folder, "--to", "lightning-pose", "--bodyparts", "nose", "--video", path),
        *("-o", tmp_path / "pose"),
    )
    assert done.returncode == 0, done.stderr
    images = sorted((tmp_path / "pose" / "labeled-data" / "stack").glob("*.png"))
    assert [int(image.stem[3:]) for image in images] == [index for index in range(25) if index != 10]


def test_a_tiff_that_is_none_is_an_error(tmp_path):
    (tmp_path / "broken.tif").write_bytes(b"no image")
    with pytest.raises(VideoError, match=r"not one image can be decoded \(not a TIFF file"):
        VideoReader(tmp_path / "broken.tif")
