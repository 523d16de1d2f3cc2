"""Paths that cannot be looked at: a name that is too long, a folder that may not be entered; each gets one line."""

import os
from pathlib import Path

import pytest

import keyframes
from keyframes.batch.recordings import find_recordings
from keyframes.errors import not_there
from keyframes.labelling import deeplabcut, lightning_pose
from keyframes.labelling.image_names import frames_in

LONG = "x" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        ("info", f"{LONG}.mp4"),
        ("extract", f"{LONG}.mp4", "-k", 3),
        ("batch", LONG, "-k", 3),
        ("export", LONG, "--to", "coco"),
        ("export", "result", "--to", "coco", "--video", LONG),
        ("export", "result", "--to", "coco", "--prelabel", LONG),
        ("review", LONG),
        ("app", LONG),
        ("extract", "mpeg4.mp4", "-k", 3, "--unlike", LONG),
        ("extract", "mpeg4.mp4", "-k", 3, "--predictions", LONG),
        ("extract", "mpeg4.mp4", "-k", 3, "--encoder", f"{LONG}.onnx"),
        ("extract", "mpeg4.mp4", "-k", 3, "--export", "deeplabcut", "--project", LONG),
        ("extract", "mpeg4.mp4", "-k", 3, "--export", "lightning-pose", "--project", LONG),
    ],
)
def test_a_name_that_is_too_long(arguments, tmp_path, extracted, run_command):
    result = extracted("mpeg4.mp4")
    (tmp_path / "mpeg4.mp4").symlink_to(result.parent / "mpeg4.mp4")
    (tmp_path / "result").symlink_to(result)
    before = sorted(tmp_path.iterdir())
    done = run_command("keyframes", *arguments, cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: {LONG}")
    assert "(File name too long)" in line
    assert sorted(tmp_path.iterdir()) == before


def refused(path):
    raise PermissionError(13, "Permission denied", path)


def test_what_is_said_of_a_path_with_nothing_at_it(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    for path in (tmp_path / "none", tmp_path / "file" / "below", tmp_path / "file"):
        assert not_there(path) == "no such file"
    assert not_there(tmp_path / "none", "no such project") == "no such project"
    monkeypatch.setattr(os, "stat", refused)
    assert not_there("theirs/clip.mp4") == "cannot be reached (Permission denied)"


def test_a_folder_that_may_not_be_listed(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(keyframes.VideoError, match=r"cannot be read \(Permission denied\)"):
        keyframes.extract(tmp_path, 3, output=tmp_path / "out")
    # Its frames must not count as none.
    with pytest.raises(keyframes.ExportError, match=r"cannot be read \(Permission denied\)"):
        frames_in(tmp_path)


def test_what_cannot_be_looked_at_does_not_end_the_search_for_recordings(tmp_path):
    """Such as each entry of a folder that may be listed but not entered, or what a link leads to."""
    (tmp_path / "clip.mp4").touch()
    (tmp_path / "far").symlink_to(LONG)
    assert find_recordings(tmp_path) == (["clip.mp4"], {"": 1})


def project_with(place, *names):
    """A project of DeepLabCut and Lightning Pose alike, whose table names these images."""
    folder = place / "labeled-data" / "one"
    folder.mkdir(parents=True)
    (place / "config.yaml").write_text("Task: a\nscorer: b\nvideo_sets:\n", encoding="utf-8")
    rows = "".join(f"labeled-data/one/{name},1,2\n" for name in names)
    for table in (folder / "CollectedData_b.csv", place / "CollectedData.csv"):
        table.write_text(f"scorer,b,b\nbodyparts,nose,nose\ncoords,x,y\n{rows}", encoding="utf-8")
    return place


@pytest.mark.parametrize("tool", [deeplabcut, lightning_pose])
def test_a_label_counts_whose_image_cannot_be_looked_at(tool, tmp_path):
    (frame,) = tool.project.labelled_frames(project_with(tmp_path, f"img07{LONG}.png"))
    assert (frame.video.name, frame.frame_index, frame.read) == ("one", 7, None)


def test_a_folder_of_labels_that_cannot_be_looked_at_does_not_count_as_none(tmp_path):
    (project_with(tmp_path) / "labeled-data" / "two").symlink_to(LONG)
    with pytest.raises(keyframes.ExportError, match=r"labeled-data: cannot be read \(File name too long\)"):
        list(deeplabcut.project.labelled_frames(tmp_path))
