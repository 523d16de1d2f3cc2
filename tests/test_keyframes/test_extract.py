"""The main job through the public function, on files of every kind."""

import csv
import json
import os
import re
import subprocess
import sys

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import keyframes
from keyframes import OutputError, RegionError, SettingsError, VideoError
from tests.test_keyframes.conftest import VIDEOS, read_number
from tests.test_keyframes.result_folders import contents


@pytest.mark.parametrize("name", sorted(VIDEOS))
def test_every_image_is_the_frame_of_its_index(name, tmp_path, video_file, sequential):
    path, video = video_file(name), VIDEOS[name]
    k = min(12, video.n_frames)
    result = keyframes.extract(path, k, output=tmp_path / "out")
    assert len(result.frame_indices) == len(set(result.frame_indices)) == k
    for index, file in zip(result.frame_indices, result.files, strict=True):
        image = cv2.imread(str(file))
        assert int(file.stem.removeprefix("img")) == index
        assert_array_equal(image, sequential(path)[index])
        if not video.rotation:
            assert read_number(image) == index
    assert len(list((tmp_path / "out" / "frames").iterdir())) == k
    assert result.warnings == ()


# Settings of the result that the next tests look at.
OPTIONS = {"seed": 3, "every": 2, "start_s": 0.1, "min_gap_s": 0.0, "allow_similar": True, "allow_blurred": True}


@pytest.fixture(scope="module")
def result(tmp_path_factory, video_file):
    folder = tmp_path_factory.mktemp("result") / "out"
    return keyframes.extract(video_file("variable_rate.mp4"), 8, output=folder, **OPTIONS)


def test_the_folder_holds_these_files(result):
    assert {path.name for path in result.folder.iterdir()} == {
        "contact_sheet.jpg",
        "frames",
        "keyframes.csv",
        "manifest.json",
        "report.html",
        "scan.npz",
    }
    sheet = cv2.imread(str(result.folder / "contact_sheet.jpg"))
    assert sheet.shape[0] > 100
    assert sheet.shape[1] > 300


def test_the_manifest_says_what_was_asked_for_and_nothing_of_this_run(result):
    text = (result.folder / "manifest.json").read_text(encoding="utf-8")
    manifest = json.loads(text)
    assert manifest == result.manifest
    assert manifest["schema_version"] == 1
    assert manifest["tool_version"] == keyframes.__version__
    assert manifest["video"]["path"] == "variable_rate.mp4"
    assert (manifest["video"]["frames_decoded"], manifest["video"]["frames_claimed"]) == (60, 60)
    assert manifest["settings"] == {
        **keyframes.Settings(k=8).as_dict(),
        **OPTIONS,
        # What "auto" came to.
        "scan": "exact",
    }
    assert set(manifest["guards"]) == {"dark"}
    assert os.fspath(result.folder.parent) not in text


def test_the_table_has_the_keyframes_of_the_manifest_in_time_order(result):
    entries = result.manifest["keyframes"]
    assert [entry["frame_index"] for entry in entries] == sorted(entry["frame_index"] for entry in entries)
    with (result.folder / "keyframes.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [{name: str(value) for name, value in entry.items()} for entry in entries]


def test_the_scan_has_a_row_for_each_frame_and_agrees_with_the_manifest(result):
    with np.load(result.folder / "scan.npz") as archive:
        scan = dict(archive)
    n_frames = len(scan["frame_index"])
    assert_array_equal(np.diff(scan["frame_index"]), 2)
    assert scan["time_s"][0] >= 0.1
    for name in ("time_s", "label", "distance", "sharpness", "brightness", "map", "features", "fingerprint"):
        assert len(scan[name]) == n_frames
    assert scan["map"].shape == (n_frames, 2)
    assert scan["features"].dtype == np.float16
    assert scan["pca_basis"].shape == (scan["features"].shape[1], len(scan["pca_mean"]))
    for entry in result.manifest["keyframes"]:
        (row,) = np.flatnonzero(scan["frame_index"] == entry["frame_index"])
        members = scan["label"] == entry["cluster"]
        assert scan["label"][row] == entry["cluster"]
        assert members.sum() == entry["cluster_size"]
        assert scan["distance"][row] == pytest.approx(entry["distance"], abs=1e-5)
        assert scan["distance"][row] == scan["distance"][members].min()
        assert scan["sharpness"][row] == pytest.approx(entry["sharpness"], abs=1e-3)
        assert scan["time_s"][row] == entry["time_s"]


def test_the_same_settings_give_the_same_bytes_with_any_number_of_threads(tmp_path, video_file):
    path = video_file("h264_b_frames.mp4")
    for algorithm in ("auto", "kmeans"):
        for name, options in {"a": {"threads": 1}, "b": {"threads": 2}, "c": {}, "other": {"seed": 1}}.items():
            place = tmp_path / algorithm / name
            keyframes.extract(path, 9, output=place, algorithm=algorithm, **options)
    for algorithm in ("auto", "kmeans"):
        same = [contents(tmp_path / algorithm / name) for name in "abc"]
        assert same[0] == same[1] == same[2]
    # Only k-means draws at random.
    first, other = (contents(tmp_path / "kmeans" / name)["keyframes.csv"] for name in ("a", "other"))
    assert first != other


def test_a_damaged_video_gives_the_same_bytes_with_any_number_of_threads(tmp_path, damaged):
    results = [keyframes.extract(damaged, 9, output=tmp_path / str(n), threads=n) for n in (1, 2, 5)]
    assert "FFmpeg" in results[0].warnings[0]
    assert contents(tmp_path / "1") == contents(tmp_path / "2") == contents(tmp_path / "5")


@pytest.mark.slow
def test_another_process_gives_the_same_bytes(tmp_path, video_file):
    path = video_file("h264_b_frames.mp4")
    keyframes.extract(path, 9, output=tmp_path / "here")
    program = "import sys, keyframes; keyframes.extract(sys.argv[1], 9, output=sys.argv[2])"
    subprocess.run([sys.executable, "-c", program, path, tmp_path / "there"], check=True)
    assert contents(tmp_path / "here") == contents(tmp_path / "there")


@pytest.mark.parametrize(
    "options",
    [{"features": "pixels"}, {"color": True}, {"width": 12}, {"crop": keyframes.Crop(0, 24, 160, 96)}, {"width": 9999}],
)
def test_settings_that_change_what_is_compared(options, tmp_path, video_file, sequential):
    path = video_file("h264_b_frames.mp4")
    result = keyframes.extract(path, 7, output=tmp_path / "out", **options)
    assert len(result.frame_indices) == 7
    for index, file in zip(result.frame_indices, result.files, strict=True):
        assert_array_equal(cv2.imread(str(file)), sequential(path)[index])


def test_jpg_images(tmp_path, video_file, sequential):
    path = video_file("h264_b_frames.mp4")
    result = keyframes.extract(path, 4, output=tmp_path / "out", format="jpg")
    for index, file in zip(result.frame_indices, result.files, strict=True):
        assert file.suffix == ".jpg"
        assert np.abs(cv2.imread(str(file)).astype(int) - sequential(path)[index]).mean() < 4


def test_a_video_with_fewer_different_frames_than_asked_for(tmp_path, encoded_pictures):
    path = encoded_pictures("three.mp4", [5] * 10 + [77] * 10 + [200] * 10, "-c:v", "libx264", "-qp", "0")
    result = keyframes.extract(path, 10, output=tmp_path / "out")
    assert sorted(read_number(cv2.imread(str(file))) for file in result.files) == [5, 77, 200]
    (warning,) = result.warnings
    assert "10 frames were asked for, but only 3 of the 30 frames differ" in warning
    assert json.loads((tmp_path / "out" / "manifest.json").read_text(encoding="utf-8"))["warnings"] == [warning]


def test_more_frames_asked_for_than_there_are(tmp_path, video_file):
    result = keyframes.extract(video_file("h264_b_frames.mp4"), 100, output=tmp_path / "out")
    assert result.frame_indices == list(range(60))
    assert "only 60 were looked at" in result.warnings[0]
    single = keyframes.extract(video_file("single_frame.mp4"), 2, output=tmp_path / "single")
    assert single.frame_indices == [0]


def test_a_truncated_video_gives_frames_up_to_the_break(tmp_path, truncated, sequential):
    result = keyframes.extract(truncated, 5, output=tmp_path / "out")
    n_decoded = len(sequential(truncated))
    (warning,) = result.warnings
    assert f"only {n_decoded} of the 60 frames" in warning
    assert result.manifest["video"]["frames_decoded"] == n_decoded
    assert result.manifest["video"]["frames_claimed"] == 60
    assert result.manifest["warnings"] == [warning]
    for index, file in zip(result.frame_indices, result.files, strict=True):
        assert read_number(cv2.imread(str(file))) == index < n_decoded


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"k": 0}, SettingsError),
        ({"k": 2.5}, SettingsError),
        ({"k": float("inf")}, SettingsError),
        ({"k": "5"}, SettingsError),
        ({"k": 5, "start_s": float("nan")}, SettingsError),
        ({"k": 5, "every": 0}, SettingsError),
        ({"k": 5, "seed": -1}, SettingsError),
        ({"k": 5, "start_s": 2.0, "stop_s": 1.0}, SettingsError),
        ({"k": 5, "min_gap_s": -1.0}, SettingsError),
        ({"k": 5, "min_gap_s": float("inf")}, SettingsError),
        ({"k": 5, "features": "smell"}, SettingsError),
        ({"k": 5, "format": "gif"}, SettingsError),
        ({"k": 5, "start_s": 60.0}, RegionError),
        ({"k": 5, "crop": keyframes.Crop(100, 100, 100, 100)}, RegionError),
        ({"k": 5, "video": "missing.mp4"}, VideoError),
    ],
)
def test_bad_settings_leave_nothing_behind(options, error, tmp_path, video_file):
    with pytest.raises(error):
        keyframes.extract(**{"video": video_file("mpeg4.mp4"), "output": tmp_path / "a" / "b", **options})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        *((name, "1:30", "it must be a number") for name in ("start_s", "stop_s", "min_gap_s", "rate", "doubt")),
        ("start_s", None, "it must be a number"),
        ("min_gap_s", [1], "it must be a number"),
        ("rate", 10**400, "it must be a number"),
        *((name, 5, "it must be a tuple of numbers") for name in ("levels", "mean", "std", "predictions_offset")),
        ("levels", ("a", 2), "it must be a tuple of numbers"),
        ("mean", None, "it must be a tuple of numbers"),
        ("input_size", 224, "it must be a tuple of whole numbers"),
        ("input_size", (224.0, 224), "it must be a tuple of whole numbers"),
        ("keypoints", "nose", "it must be a tuple of names"),
        ("keypoints", [1], "it must be a tuple of names"),
        ("predictions", 5, "it must be a path"),
        ("encoder", 5, "it must be a path"),
        ("scan", ["sparse"], "choose one of auto, exact, sparse"),
        ("crop", (0, 24, 160, 96), "give a keyframes.Crop"),
    ],
)
def test_a_setting_of_another_kind_is_told(name, value, told):
    with pytest.raises(SettingsError, match=f"^{re.escape(f'`{name}` is {value!r}; {told}')}$"):
        keyframes.Settings(k=3, **{name: value})


@pytest.mark.parametrize("side", [0.5, float("nan"), "10", None])
def test_a_crop_is_of_whole_pixels(side):
    with pytest.raises(SettingsError, match=f"^`crop` is 0,0,{side},10; give whole numbers of pixels$"):
        keyframes.Crop(0, 0, side, 10)


def test_numpys_numbers_are_settings_too(tmp_path, video_file):
    path = video_file("mpeg4.mp4")
    options = {"seed": np.uint8(3), "start_s": np.float32(0.5), "every": np.int32(2)}
    crop = keyframes.Crop(0, 24, 160, 96)
    corners = np.array([0, 24, 160, 96])
    keyframes.extract(path, np.int64(4), output=tmp_path / "a", crop=keyframes.Crop(*corners), **options)
    keyframes.extract(path, 4, output=tmp_path / "b", crop=crop, seed=3, start_s=0.5, every=2)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_an_unknown_setting_is_an_error(video_file):
    with pytest.raises(TypeError, match="colour"):
        keyframes.extract(video_file("mpeg4.mp4"), 5, colour=True)


def test_what_exists_is_not_overwritten_unasked(tmp_path, video_file):
    place = tmp_path / "out"
    path = video_file("mpeg4.mp4")
    keyframes.extract(path, 3, output=place)
    before = contents(place)
    with pytest.raises(OutputError, match="--overwrite"):
        keyframes.extract(path, 5, output=place)
    assert contents(place) == before
    keyframes.extract(path, 5, output=place, overwrite=True)
    assert len(list((place / "frames").iterdir())) == 5
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_failed_overwrite_keeps_the_earlier_result(tmp_path, video_file):
    place = tmp_path / "out"
    keyframes.extract(video_file("mpeg4.mp4"), 3, output=place)
    before = contents(place)
    with pytest.raises(RegionError):
        keyframes.extract(video_file("mpeg4.mp4"), 3, output=place, overwrite=True, start_s=60)
    assert contents(place) == before


def test_a_folder_that_is_no_result_is_never_replaced(tmp_path, video_file):
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(OutputError, match="not an earlier result"):
        keyframes.extract(video_file("mpeg4.mp4"), 3, output=tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_empty_folder_may_be_the_result(tmp_path, video_file):
    (tmp_path / "out").mkdir()
    keyframes.extract(video_file("mpeg4.mp4"), 3, output=tmp_path / "out")
    assert (tmp_path / "out" / "manifest.json").is_file()


def test_the_default_choice_compiles_nothing(video_file, tmp_path):
    """Numba alone takes most of a second to load."""
    program = (
        "import sys, keyframes\nkeyframes.extract(sys.argv[1], 3, output=sys.argv[2])\nprint('numba' in sys.modules)"
    )
    command = [sys.executable, "-c", program, video_file("h264_b_frames.mp4"), tmp_path / "out"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False\n"
