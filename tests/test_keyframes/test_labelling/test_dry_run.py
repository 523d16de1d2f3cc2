"""A dry run tells what an export writes, and writes nothing."""

import json
from typing import get_args

import pytest

import keyframes
from keyframes.export_options import ExportTool
from keyframes.labelling.exporting import uses_of
from tests.conftest import slow_but_for
from tests.test_keyframes.test_labelling.conftest import contents

OPTIONS = {"task": "reach", "scorer": "anna", "bodyparts": ("nose", "tail")}


def export(result, tool, **how):
    if tool == "sleap":
        pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
    options = {} if "project" in how else {name: OPTIONS[name] for name in uses_of(tool) & set(OPTIONS)}
    return keyframes.export(result, tool, **options, **how)


@pytest.mark.parametrize("tool", slow_but_for({"deeplabcut", "coco"}, get_args(ExportTool)))
def test_a_new_export_is_told_file_by_file(tool, tmp_path, extracted, unchanged):
    place = tmp_path / "deep" / "new"
    with unchanged(tmp_path):
        plan = export(extracted("mpeg4.mp4"), tool, output=place, dry_run=True)
    assert not place.parent.exists()
    done = export(extracted("mpeg4.mp4"), tool, output=place)
    made = {name for name, content in contents(place).items() if content is not None}
    assert {change.path for change in plan.changes} == made
    assert all(change.is_new for change in plan.changes)
    assert (plan.n_frames, plan.place, plan.notes) == (done.n_frames, done.place, done.notes)
    assert done.changes == ()


@pytest.mark.parametrize("tool", slow_but_for({"deeplabcut"}, ("deeplabcut", "lightning-pose", "sleap")))
def test_changes_of_a_project_are_told_line_by_line(tool, tmp_path, extracted, unchanged):
    project = export(extracted("mpeg4.mp4"), tool, output=tmp_path / "project").place
    project = project / "suggestions.slp" if tool == "sleap" else project
    before = contents(tmp_path)
    other = extracted("h264_b_frames.mp4") if tool != "sleap" else extracted("mpeg4.mp4", 7)
    with unchanged(tmp_path):
        plan = export(other, tool, project=project, dry_run=True)
    export(other, tool, project=project)
    after = contents(tmp_path)
    root = "project/"
    changed = {name.removeprefix(root) for name in before if before[name] != after.get(name) and before[name]}
    new = {name.removeprefix(root) for name in after if name not in before and after[name] is not None}
    assert {change.path for change in plan.changes if not change.is_new} == changed
    assert {change.path for change in plan.changes if change.is_new} == new
    if tool == "deeplabcut":
        (config,) = (change for change in plan.changes if not change.is_new)
        assert len(config.added) == 2
        assert sum("h264_b_frames.mp4" in line for line in config.added) == 1
        assert sum("crop: " in line for line in config.added) == 1


def test_the_command_lists_the_files(tmp_path, extracted, unchanged, run_command):
    command = ("keyframes", "export", extracted("mpeg4.mp4"), "--to", "coco", "-o", tmp_path / "new", "--dry-run")
    with unchanged(tmp_path):
        lines = run_command(*command).stdout.splitlines()
        document = json.loads(run_command(*command, "--json").stdout)
    assert lines[-1] == f"coco: 5 frames would be added to {tmp_path / 'new'}"
    (exported,) = document["exports"]
    assert [f"new      {change['path']}" for change in exported["changes"]] == lines[:-1]
    assert "new      annotations.json" in lines
