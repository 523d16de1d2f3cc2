"""Cameras of one scene: the same frames of each, chosen by all of them."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from keyframes import RegionError, SettingsError
from keyframes.result.naming import view_names
from keyframes.views import extract_views
from tests.test_keyframes.conftest import X264, encode_images, ffmpeg


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """Two cameras of one scene: one is short of five frames; what one sees stand still moves in the other."""
    folder = tmp_path_factory.mktemp("scene")
    for name, (height, width), n_frames in (("mouse_top.mp4", (120, 160), 80), ("mouse_side.mp4", (96, 128), 75)):
        frames = []
        for i in range(n_frames):
            image = np.full((height, width, 3), (60, 90, 120), np.uint8)
            # Each camera sees the square move in its own half of the time alone.
            t = min(i, 40) if name == "mouse_top.mp4" else max(i, 40)
            x, y = (
                round((width - 40) * (0.5 + 0.5 * np.sin(0.31 * t))),
                round((height - 40) * (0.5 + 0.5 * np.cos(0.17 * t))),
            )
            image[y : y + 40, x : x + 40] = (20, 220, 240)
            frames.append(image)
        encode_images(folder / name, frames, *X264, "-bf", "3")
    return [folder / "mouse_top.mp4", folder / "mouse_side.mp4"]


def test_the_same_frames_of_each_view_and_exact_images(scene, tmp_path, sequential):
    places = [tmp_path / "top", tmp_path / "side"]
    results = extract_views(scene, 10, outputs=places)
    assert results[0].frame_indices == results[1].frame_indices
    assert len(results[0].frame_indices) == 10
    assert max(results[0].frame_indices) < 75
    # What moves in one view only counts as much.
    assert sum(index > 40 for index in results[0].frame_indices) >= 3
    assert sum(index < 40 for index in results[0].frame_indices) >= 3
    for path, result in zip(scene, results, strict=True):
        for index, file in zip(result.frame_indices, result.files, strict=True):
            assert_array_equal(cv2.imread(str(file)), sequential(path)[index])
        manifest = json.loads((result.folder / "manifest.json").read_text(encoding="utf-8"))
        assert manifest == result.manifest
        assert manifest["views"] == ["mouse_top.mp4", "mouse_side.mp4"]
        assert manifest["video"]["path"] == path.name
        (warning,) = manifest["warnings"]
        assert "mouse_top.mp4 80, mouse_side.mp4 75" in warning
        stored = np.load(result.folder / "scan.npz")
        assert_array_equal(stored["frame_index"], np.arange(75))
        assert stored["pca_basis"].shape[0] == stored["features"].shape[1]


def test_warnings_tell_cameras_of_one_file_name_apart(scene, tmp_path):
    cameras = [tmp_path / name / "cam.mp4" for name in ("top", "side")]
    for camera, video in zip(cameras, scene, strict=True):
        camera.parent.mkdir()
        camera.symlink_to(video)
    (result, _) = extract_views(cameras, 3, outputs=[tmp_path / "one", tmp_path / "two"])
    assert any("top/cam.mp4 80, side/cam.mp4 75" in warning for warning in result.warnings)


def test_the_command_writes_the_views_and_exports_them(scene, tmp_path, run_command):
    options = ("-k", 6, "--views", "--export", "lightning-pose", "--bodyparts", "nose")
    done = run_command("keyframes", "extract", *scene, *options, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["lightning-pose", "mouse_side-keyframes", "mouse_top-keyframes"]
    queues = [
        [json.loads(line)["frame_path"] for line in path.read_text(encoding="utf-8").splitlines()]
        for path in (tmp_path / "lightning-pose" / f"CollectedData_{view}.unlabeled.jsonl" for view in ("top", "side"))
    ]
    assert len(queues[0]) == 6
    assert [path.replace("mouse_top", "mouse_side") for path in queues[0]] == queues[1]


@pytest.fixture(scope="module")
def other_times(scene):
    """Make a copy of the first camera's recording whose frames have other times, by FFmpeg's filter ``setts``."""

    def make(name, times):
        path = scene[0].with_name(f"{name}.mp4")
        # In its time base, a frame at 30 frames per second takes 512.
        ffmpeg("-i", scene[0], "-c", "copy", "-bsf:v", f"setts=pts={times}:dts={times.replace('PTS', 'DTS')}", path)
        return path

    return make


@pytest.mark.parametrize(
    ("name", "times", "apart"),
    [
        ("half the rate", "2*PTS", "2.6 s"),
        ("a pause", "PTS+20480*gte(PTS\\,25600)", "1.3 s"),
        ("29.97", "PTS*1.001", None),
        ("later", "PTS+5120", None),
        ("jitter", "PTS+200*mod(N\\,2)", None),
    ],
)
def test_cameras_whose_times_drift_apart_are_reported(scene, other_times, tmp_path, name, times, apart):
    other = other_times(name, times)
    results = extract_views([scene[0], other], 3, outputs=[tmp_path / "top", tmp_path / "other"])
    for result in results:
        assert [warning for warning in result.warnings if "number" in warning] == []
        told = [warning for warning in result.warnings if "may not be synchronized" in warning]
        assert len(told) == (apart is not None)
        assert all(f"differ by up to {apart} between the views" in warning for warning in told)


def test_a_range_is_one_of_each_cameras_own_times(scene, other_times, tmp_path):
    slow = other_times("slow", "2*PTS")
    options = {"outputs": [tmp_path / "top", tmp_path / "slow"], "start_s": 1.4, "stop_s": 2.0}
    with pytest.raises(RegionError) as raised:
        extract_views([scene[0], slow], 3, **options)
    assert str(raised.value) == (
        f"{scene[0]}: has no frame in common with the other views (frames in the range, by each video's own times: "
        "mouse_top.mp4 42 to 59, slow.mp4 21 to 29); choose another range"
    )


def test_images_without_times_are_not_out_of_step(scene, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    for index in range(80):
        cv2.imwrite(str(images / f"{index:03d}.png"), np.full((48, 64, 3), 3 * index, np.uint8))
    (result, _) = extract_views([scene[0], images], 3, outputs=[tmp_path / "top", tmp_path / "other"])
    assert list(result.warnings) == []


@pytest.mark.parametrize(
    ("names", "views"),
    [
        (["mouse_cam1.mp4", "mouse_cam2.mp4"], ["cam1", "cam2"]),
        (["top/a.mp4", "side/b.avi"], ["a", "b"]),
        (["day.mp4", "day_side.mp4"], ["day", "day_side"]),
    ],
)
def test_views_are_named_by_what_differs(names, views):
    assert view_names([Path(name) for name in names]) == views


def test_an_error_leaves_nothing_behind(scene, tmp_path, run_command):
    done = run_command("keyframes", "extract", *scene, "missing.mp4", "-k", 6, "--views", cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "missing.mp4: no such file" in line
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_go_together(scene, tmp_path, run_command):
    for arguments, told in (
        ((scene[0],), "--views needs two or more recordings"),
        ((*scene, "--unlike", "project"), "--views cannot be combined with --unlike"),
    ):
        done = run_command("keyframes", "extract", *arguments, "-k", 3, "--views", cwd=tmp_path)
        assert done.returncode == 2
        assert told in done.stderr
    with pytest.raises(SettingsError, match="sparse"):
        extract_views(scene, 3, outputs=[tmp_path / "a", tmp_path / "b"], scan="sparse")
