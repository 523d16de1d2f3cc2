"""`-k auto`: the number of frames that the recording itself suggests."""

import json

import cv2
import numpy as np
import pytest

import keyframes
from keyframes.report.k_curve import BACKGROUND, BOTTOM, CURVE, HEIGHT, LEFT, MARK, RIGHT, TOP, WIDTH, draw_k_curve
from tests.test_keyframes.conftest import read_number
from tests.test_keyframes.result_folders import contents


def test_the_command_takes_auto(run_command, video_file, tmp_path):
    path = video_file("h264_b_frames.mp4")
    done = run_command("keyframes", "extract", path, "-k", "auto", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "h264_b_frames-keyframes"
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    found = manifest["k_selection"]
    k = found["k"]
    assert done.stdout.strip() == f"{path}: {k} of 60 frames in {folder.name} (k = {k}, see k_curve.png)"
    assert 2 <= k < 60
    assert len(manifest["keyframes"]) == len(list((folder / "frames").iterdir())) == k
    assert manifest["settings"]["k"] == "auto"
    assert manifest["warnings"] == []
    assert (found["method"], found["clear"]) == ("elbow", True)
    assert found["ks"] == list(range(1, 61))
    assert len(found["inertias"]) == 60
    assert found["inertias"] == sorted(found["inertias"], reverse=True)
    assert found["inertias"][-1] == 0
    assert cv2.imread(str(folder / "k_curve.png")).shape == (HEIGHT, WIDTH, 3)


def test_json_names_the_number(run_command, video_file, tmp_path):
    done = run_command("keyframes", "extract", video_file("mpeg4.mp4"), "-k", "auto", "--json", cwd=tmp_path)
    (result,) = json.loads(done.stdout)["results"]
    assert result["k_selection"]["k"] == len(result["keyframes"])


@pytest.mark.parametrize("word", ["automatic", "AUTO", "", "0", "-1", "2.5", "1e3", "٣"])
def test_what_is_neither_a_number_nor_auto_is_wrong_usage(word, run_command, tmp_path):
    done = run_command("keyframes", "extract", "missing.mp4", "-k", word, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{word!r} is neither a number of frames, 1 or more, nor 'auto'" in done.stderr


def test_help_tells_the_range(run_command):
    assert "2 to 300" in run_command("keyframes", "extract", "--help").stdout


@pytest.mark.parametrize("options", [{}, {"features": "pixels"}, {"seed": 5}])
def test_scenes_are_counted(options, tmp_path, encoded_pictures):
    numbers = [5, 77, 200, 144, 18]
    path = encoded_pictures("scenes.mp4", np.repeat(numbers, 12).tolist(), "-c:v", "libx264", "-crf", "23")
    result = keyframes.extract(path, "auto", output=tmp_path / "out", **options)
    assert sorted(read_number(cv2.imread(str(file))) for file in result.files) == sorted(numbers)
    assert result.warnings == ()


def test_the_same_bytes_with_any_number_of_threads(tmp_path, video_file):
    path = video_file("h264_b_frames.mp4")
    for name, threads in {"a": 1, "b": 2, "c": None}.items():
        keyframes.extract(path, "auto", output=tmp_path / name, threads=threads)
    assert contents(tmp_path / "a") == contents(tmp_path / "b") == contents(tmp_path / "c")
    assert "k_curve.png" in contents(tmp_path / "a")


def test_the_number_given_by_hand_gives_the_same_frames(tmp_path, video_file):
    path = video_file("mpeg4.mp4")
    found = keyframes.extract(path, "auto", output=tmp_path / "auto")
    given = keyframes.extract(path, len(found.keyframes), output=tmp_path / "given")
    assert given.keyframes == found.keyframes
    assert "k_selection" not in given.manifest
    assert set(contents(tmp_path / "auto")) - set(contents(tmp_path / "given")) == {"k_curve.png"}


def test_frames_that_are_all_alike_are_one(tmp_path, encoded_pictures):
    path = encoded_pictures("still.mp4", [9] * 20, "-c:v", "libx264", "-qp", "0")
    result = keyframes.extract(path, "auto", output=tmp_path / "out")
    assert len(result.keyframes) == result.manifest["k_selection"]["k"] == 1
    assert result.warnings == ("the 20 frames do not differ (compared as thumbnails 64 pixels wide); one was chosen",)


def test_a_single_frame_is_no_reason_to_warn(tmp_path, video_file):
    result = keyframes.extract(video_file("single_frame.mp4"), "auto", output=tmp_path / "out")
    assert (result.frame_indices, result.warnings) == ([0], ())


def test_two_different_frames_are_both_chosen(tmp_path, encoded_pictures):
    path = encoded_pictures("two.mp4", [3] * 9 + [252] * 11, "-c:v", "libx264", "-qp", "0")
    result = keyframes.extract(path, "auto", output=tmp_path / "out")
    assert (len(result.keyframes), result.warnings) == (2, ())


def test_a_word_other_than_auto_is_no_setting(tmp_path, video_file):
    with pytest.raises(keyframes.SettingsError, match="'many'; it must be a whole number or \"auto\""):
        keyframes.extract(video_file("mpeg4.mp4"), "many", output=tmp_path / "out")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "lowest", "highest"),
    [
        ("vfr", 10, 60),
        pytest.param("centered_pair", 15, 60, marks=(pytest.mark.slow, pytest.mark.recordings)),
        pytest.param("openfield", 20, 80, marks=(pytest.mark.slow, pytest.mark.recordings)),
    ],
)
def test_a_recording_gets_a_number_worth_labelling(name, lowest, highest, tmp_path, shared_data):
    result = keyframes.extract(shared_data / f"{name}.mp4", "auto", output=tmp_path / "out")
    assert lowest <= len(result.keyframes) <= highest
    assert result.manifest["k_selection"]["ks"][-1] == 300
    assert result.warnings == ()


@pytest.mark.slow
@pytest.mark.recordings
def test_recordings_that_hardly_move(tmp_path, shared_data):
    still = keyframes.extract(shared_data / "still.mp4", "auto", output=tmp_path / "still")
    assert 5 <= len(still.frame_indices) <= 60
    black = keyframes.extract(shared_data / "black.mp4", "auto", output=tmp_path / "black")
    assert len(black.frame_indices) == 1
    assert "2000 frames do not differ" in black.warnings[0]


def places(image, color):
    """Columns and rows of the pixels of about this colour."""
    rows, columns = np.nonzero(np.abs(image.astype(int) - color).max(axis=2) < 12)
    return columns, rows


@pytest.mark.parametrize(
    ("ks", "inertias", "k"),
    [
        (range(1, 301), [50 / i for i in range(1, 301)], 17),
        (range(1, 9), [9, 6, 4, 2, 1.5, 1, 0.6, 0], 8),
        ([1, 2], [3e40, 0.0], 2),
        ([1], [0.0], 1),
    ],
)
def test_the_picture_shows_the_curve_and_the_choice(ks, inertias, k):
    ks = list(ks)
    image = draw_k_curve(ks, inertias, k)
    assert image.shape == (HEIGHT, WIDTH, 3)
    assert np.array_equal(image[0, 0], BACKGROUND)
    # The mark stands at the chosen number, and nothing is cut off at the edge.
    columns, _ = places(image[BOTTOM - 8 : BOTTOM + 9], MARK)
    expected = LEFT + (RIGHT - LEFT) * (k - ks[0]) / max(1, ks[-1] - ks[0])
    assert np.median(columns) == pytest.approx(expected, abs=8)
    for edge in (image[:4], image[-4:], image[:, :4], image[:, -4:]):
        assert np.all(edge == BACKGROUND)
    columns, rows = places(image, CURVE)
    if len(ks) > 1:
        assert columns.min() == pytest.approx(LEFT, abs=6)
        assert rows.min() == pytest.approx(TOP, abs=6)
        assert columns.max() == pytest.approx(RIGHT, abs=12)
