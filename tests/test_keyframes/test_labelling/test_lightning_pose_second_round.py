"""Lightning Pose projects as they are after training: of the app, of the command line, and older folders."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from ruamel.yaml import YAML

import keyframes
from keyframes import ExportError
from keyframes.labelling.lightning_pose.project import label_tables, labelled_frames, read_project
from tests.test_keyframes.result_folders import indices_of
from tests.test_keyframes.test_labelling.conftest import contents
from tests.test_keyframes.test_labelling.test_lightning_pose import check_images, queue_of

BODYPARTS = ("nose", "tail base")
HEAD = "scorer,anna,anna\nbodyparts,nose,nose\ncoords,x,y\n"


def frames_of(project):
    return {(frame.video.name, frame.frame_index): frame for frame in labelled_frames(project)}


def write_frames(folder, names, shape=(20, 30, 3)):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        cv2.imwrite(str(folder / name), np.full(shape, 80, np.uint8))


def app_project(place, indices=(5, 9), **settings):
    """A project as litpose_app.tasks.extract_frames writes it: JPEG frames with context, in the queue; one labelled."""
    names = [f"img{index + step:08d}.jpg" for index in indices for step in range(-2, 3)]
    write_frames(place / "labeled-data" / "one", names)
    entries = [{"frame_path": f"labeled-data/one/img{index:08d}.jpg", "predictions": None} for index in indices[1:]]
    queue = "\n".join(json.dumps(entry, separators=(",", ":")) for entry in entries)
    (place / "CollectedData.unlabeled.jsonl").write_text(queue + "\n", encoding="utf-8")
    row = f"labeled-data/one/img{indices[0]:08d}.jpg,1.5,2.5\n"
    (place / "CollectedData.csv").write_text(HEAD + row, encoding="utf-8")
    (place / "project.yaml").write_text(json.dumps({"schema_version": 1, **settings}), encoding="utf-8")
    return place


def test_jpeg_frames_of_the_app_count_and_their_context_does_not(tmp_path):
    frames = frames_of(app_project(tmp_path / "lp", keypoint_names=["nose"]))
    assert sorted(frames) == [("one", 5), ("one", 9)]
    assert all(frame.read().shape == (20, 30, 3) for frame in frames.values())


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"view_names": None},
        {"view_names": [], "keypoint_names": None},
        {"keypoint_names": ["nose"], "skeleton": []},
    ],
)
def test_nothing_is_required_of_a_project_file(settings, tmp_path, extracted):
    place = app_project(tmp_path / "lp", **settings)
    assert sorted(frames_of(place)) == [("one", 5), ("one", 9)]
    before = contents(place)
    # Without key points there, those of the table count.
    assert read_project(place).bodyparts == ("nose",)
    assert keyframes.export(extracted("mpeg4.mp4"), "lightning-pose", project=place).n_frames == 5
    after = contents(place)
    queue = "CollectedData.unlabeled.jsonl"
    assert after.pop(queue).startswith(before.pop(queue))
    assert {name: after[name] for name in before} == before


def test_a_project_without_key_points_begins_with_those_that_are_given(tmp_path, extracted):
    place = tmp_path / "lp"
    place.mkdir()
    (place / "project.yaml").write_text("schema_version: 1\n", encoding="utf-8")
    done = keyframes.export(extracted("mpeg4.mp4"), "lightning-pose", project=place, bodyparts=BODYPARTS, scorer="bob")
    assert (done.n_frames, done.notes) == (5, ())
    table = (place / "CollectedData.csv").read_text(encoding="utf-8")
    assert table.startswith("scorer,bob,bob,bob,bob\nbodyparts,nose,nose,tail base,tail base\n")


def classic(place, tables, folder="180607_004"):
    """A folder without project.yaml, such as Lightning Pose's own example has; names padded as DeepLabCut did."""
    place.mkdir()
    for number, name in enumerate(tables):
        view = f"{folder}_{name.rpartition('_')[2]}" if "_" in name else folder
        rows = [f"labeled-data/{view}/img{index:03d}.png" for index in (number, 40 + number)]
        write_frames(place / "labeled-data" / view, [Path(row).name for row in rows])
        (place / f"{name}.csv").write_text(HEAD + "".join(f"{row},1,2\n" for row in rows), encoding="utf-8")
    (place / "videos").mkdir()
    return place


def test_a_classic_folder_is_read_and_added_to(tmp_path, extracted, sequential):
    place = classic(tmp_path / "mirror-mouse", ["CollectedData"])
    assert sorted(frames_of(place)) == [("180607_004", 0), ("180607_004", 40)]
    before = contents(place)
    result = extracted("mpeg4.mp4")
    assert keyframes.export(result, "lightning-pose", project=place).n_frames == 5
    after = contents(place)
    assert {name: after[name] for name in before if before[name] is not None} == {
        name: content for name, content in before.items() if content is not None
    }
    assert not (place / "project.yaml").exists()
    check_images(place, queue_of(place), sequential(result.parent / "mpeg4.mp4"))
    assert keyframes.export(result, "lightning-pose", project=place).n_frames == 0


def test_what_was_held_out_is_labelled_too_and_is_no_view(tmp_path):
    place = classic(tmp_path / "lp", ["CollectedData"])
    rows = "labeled-data/other/img007.png,1,2\n"
    (place / "CollectedData_new.csv").write_text(HEAD + rows, encoding="utf-8")
    # As a script writes it that does not name the rows of the head.
    rows = ",anna,anna\n,nose,nose\n,x,y\nlabeled-data/other/img009.png,1,2\n"
    (place / "CollectedData_test.csv").write_text(rows, encoding="utf-8")
    # A table of predictions, and one of something else.
    predictions = (
        "scorer,net,net,net\nbodyparts,nose,nose,nose\ncoords,x,y,likelihood\nlabeled-data/p/img1.png,1,2,.9\n"
    )
    (place / "predictions.csv").write_text(predictions, encoding="utf-8")
    (place / "weights.csv").write_bytes(b"mouse;\xff\n")
    assert sorted(label_tables(place)) == ["CollectedData", "CollectedData_new", "CollectedData_test"]
    assert sorted(frames_of(place)) == [("180607_004", 0), ("180607_004", 40), ("other", 7), ("other", 9)]
    project = read_project(place)
    assert (project.views, dict(project.tables)) == ((), {"": "CollectedData"})


@pytest.mark.parametrize(
    ("tables", "views"),
    [
        (
            ["CollectedData_Cam-A", "CollectedData_Cam-B"],
            {"Cam-A": "CollectedData_Cam-A", "Cam-B": "CollectedData_Cam-B"},
        ),
        (["top_labels", "side_labels"], {"side": "side_labels", "top": "top_labels"}),
        (["CollectedData", "CollectedData_v1"], {"": "CollectedData"}),
        (["CollectedData", "CollectedData (Anna's conflicted copy)"], {"": "CollectedData"}),
        (["labels"], {"": "labels"}),
    ],
)
def test_the_views_of_a_classic_folder_are_named_by_its_tables(tables, views, tmp_path):
    project = read_project(classic(tmp_path / "lp", tables))
    assert dict(project.tables) == views
    assert set(project.views) == set(views) - {""}


def test_views_go_into_a_classic_folder(tmp_path, video_file):
    place = classic(tmp_path / "lp", ["CollectedData_side", "CollectedData_top"], "s1")
    results = []
    for view in ("top", "side"):
        shutil.copy(video_file("mpeg4.mp4"), tmp_path / f"s2_{view}.mp4")
        results.append(tmp_path / f"{view}-keyframes")
        keyframes.extract(tmp_path / f"s2_{view}.mp4", 3, output=results[-1], uniform=True)
    done = keyframes.export(results, "lightning-pose", project=place, views=("top", "side"))
    assert done.n_frames == 6
    for view in ("top", "side"):
        assert [entry["frame_path"] for entry in queue_of(place, f"_{view}")] == [
            f"labeled-data/s2_{view}/img{index:08d}.png" for index in indices_of(results[0])
        ]
    with pytest.raises(ExportError, match="is a project with the views side, top"):
        keyframes.export(results[0], "lightning-pose", project=place)


def test_paths_of_another_computer_and_of_another_writer_are_read(tmp_path):
    place = classic(tmp_path / "lp", ["CollectedData"])
    with (place / "CollectedData.csv").open("a", encoding="utf-8") as file:
        file.write("labeled-data\\one\\img003.png,1,2\n/home/anna/lp/labeled-data/two/img004.jpg,1,2\n")
        # As DeepLabCut writes it, one column for each part.
        file.write("labeled-data,three,img005.png,1,2\n")
    found = sorted(key for key in frames_of(place) if key[0] in ("one", "two", "three"))
    assert found == [("one", 3), ("three", 5), ("two", 4)]
    # Images may lie in another folder than the app's.
    with (place / "CollectedData.csv").open("a", encoding="utf-8") as file:
        file.write("frames/four/img006.png,1,2\n")
    write_frames(place / "frames" / "four", ["img006.png"])
    assert frames_of(place)["four", 6].read().shape == (20, 30, 3)


def test_the_list_of_the_older_app_is_kept_up_where_it_is(tmp_path, extracted):
    result = extracted("mpeg4.mp4")
    place = keyframes.export(result, "lightning-pose", output=tmp_path / "lp", bodyparts=BODYPARTS).place
    names = [f"img{index:08d}.png" for index in indices_of(result)]
    selected = place / "labeled-data" / "mpeg4" / "selected_frames.csv"
    for there, expected in ((names, sorted), (names[::-1], list)):
        selected.write_text("".join(f"{name}\n" for name in there), encoding="utf-8")
        more = extracted("mpeg4.mp4", 12, uniform=True)
        queue, before = place / "CollectedData.unlabeled.jsonl", contents(place)
        keyframes.export(more, "lightning-pose", project=place)
        new = [f"img{index:08d}.png" for index in indices_of(more) if index not in indices_of(result)]
        assert selected.read_text(encoding="utf-8").split() == expected([*there, *new])
        queue.write_bytes(before["CollectedData.unlabeled.jsonl"])
    # A recording that is new to such a project gets a list of its own.
    keyframes.export(extracted("h264_b_frames.mp4"), "lightning-pose", project=place)
    assert (place / "labeled-data" / "h264_b_frames" / "selected_frames.csv").is_file()


def test_a_converted_video_does_not_end_the_second_round(tmp_path, extracted, video_file):
    """The first export asks for an MP4 copy; with that in its place, the next one goes on."""
    result = extracted("mpeg4.avi")
    first = keyframes.export(result, "lightning-pose", output=tmp_path / "lp", bodyparts=BODYPARTS)
    assert "convert mpeg4.avi" in first.notes[0]
    shutil.copy(video_file("mpeg4.mp4"), first.place / "videos" / "mpeg4.mp4")
    more = keyframes.export(extracted("mpeg4.avi", 12, uniform=True), "lightning-pose", project=first.place)
    assert more.n_frames
    assert not any("convert mpeg4.avi" in note for note in more.notes)
    assert any("mpeg4.mp4 is assumed to be a converted copy of mpeg4.avi" in note for note in more.notes)


def test_a_video_of_another_name_in_the_project_is_known(tmp_path, extracted):
    result = extracted("mpeg4.mp4")
    place = keyframes.export(result, "lightning-pose", output=tmp_path / "lp", bodyparts=BODYPARTS).place
    (place / "videos" / "mpeg4.mp4").rename(place / "videos" / "session1.mp4")
    (place / "labeled-data" / "mpeg4").rename(place / "labeled-data" / "session1")
    queue = place / "CollectedData.unlabeled.jsonl"
    queue.write_text(queue.read_text(encoding="utf-8").replace("/mpeg4/", "/session1/"), encoding="utf-8")
    shutil.copy(place / "videos" / "session1.mp4", place / "videos" / "session1 (conflicted copy).mp4")
    before = contents(place)
    assert keyframes.export(result, "lightning-pose", project=place).n_frames == 0
    assert contents(place) == before


@pytest.mark.parametrize("folder", ["videos", "videos/day1", "videos_new"])
def test_a_video_is_known_where_the_app_plays_it(folder, tmp_path, extracted, video_file, unchanged):
    result = extracted("mpeg4.mp4")
    place = keyframes.export(result, "lightning-pose", output=tmp_path / "lp", bodyparts=BODYPARTS).place
    (place / folder).mkdir(exist_ok=True)
    (place / "videos" / "mpeg4.mp4").rename(place / folder / "mpeg4.mp4")
    # What somebody keeps beside it is no video of the project.
    (place / "videos" / "mpeg4.txt").write_text("Monday", encoding="utf-8")
    with unchanged(place):
        assert keyframes.export(result, "lightning-pose", project=place).n_frames == 0
    again = keyframes.extract(result.parent / "mpeg4.mp4", 3, output=tmp_path / "again", unlike=[place])
    assert again.manifest["unlike"][0]["of_this_video"] == 5
    other = shutil.copy(video_file("h264_b_frames.mp4"), tmp_path / "mpeg4.mp4")
    more = keyframes.extract(other, 3, output=tmp_path / "more", unlike=[place])
    assert more.manifest["unlike"][0]["of_this_video"] == 0
    with unchanged(place), pytest.raises(ExportError, match="the project has another video of this name"):
        keyframes.export(more.folder, "lightning-pose", project=place)


def test_frames_without_a_video_in_the_project_are_known_by_name_alone(tmp_path, extracted):
    """As those of an AVI file, of which the project will have a converted copy."""
    result = extracted("mpeg4.avi")
    place = keyframes.export(result, "lightning-pose", output=tmp_path / "lp", bodyparts=BODYPARTS).place
    notes = keyframes.export(extracted("mpeg4.avi", 12, uniform=True), "lightning-pose", project=place).notes
    assert any(note.startswith("mpeg4.avi was matched by name with ") for note in notes)


@pytest.mark.parametrize("copy", [False, True])
def test_videos_are_copied_where_that_is_wanted(copy, tmp_path, extracted):
    result = extracted("mpeg4.mp4")
    options = {"bodyparts": BODYPARTS, "copy_videos": copy}
    place = keyframes.export(result, "lightning-pose", output=tmp_path / "lp", **options).place
    video = place / "videos" / "mpeg4.mp4"
    assert video.is_symlink() is not copy
    assert video.read_bytes() == (result.parent / "mpeg4.mp4").read_bytes()


def test_a_skeleton_and_what_the_project_has_in_another_way(tmp_path, extracted):
    result = extracted("mpeg4.mp4")
    options = {"bodyparts": BODYPARTS, "skeleton": (("nose", "tail base"),), "scorer": "anna"}
    place = keyframes.export(result, "lightning-pose", output=tmp_path / "lp", **options).place
    data = YAML(typ="safe", pure=True).load((place / "project.yaml").read_text(encoding="utf-8"))
    assert data["skeleton"] == [["nose", "tail base"]]
    there = ("5 of the 5 frames of mpeg4 were there already",)
    assert keyframes.export(result, "lightning-pose", project=place, **options).notes == there
    notes = keyframes.export(result, "lightning-pose", project=place, bodyparts=("paw",), individuals=("m1",)).notes
    assert notes == (
        "project.yaml has bodyparts nose,tail base and stays unchanged: --bodyparts paw is ignored",
        *there,
        "--individuals is ignored: lightning-pose does not use it",
    )
