"""Lightning Pose: tables and queues that its libraries load, and context frames that are the exact neighbours."""

import json
import re
import shutil
from pathlib import Path

import cv2
import pytest
from numpy.testing import assert_array_equal
from ruamel.yaml import YAML

import keyframes
from keyframes import ExportError, SettingsError
from keyframes.result.naming import view_names
from keyframes.result.recordings import read_recordings
from tests.test_keyframes.result_folders import indices_of
from tests.test_keyframes.test_labelling.conftest import contents

BODYPARTS = ("nose", "tail base")


def queue_of(place, view=""):
    lines = (place / f"CollectedData{view}.unlabeled.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def neighbours(path):
    """The five images of a labelled one, as Lightning Pose finds them: by the first digits of the stem."""
    digits = re.search(r"(\d+)", path.stem).group()
    return [
        path.with_stem(path.stem.replace(digits, str(max(int(digits) + step, 0)).zfill(len(digits))))
        for step in range(-2, 3)
    ]


def check_images(place, queue, frames):
    """Every queued image and its neighbours are the frames of their indices, and there are no others."""
    expected = set()
    for entry in queue:
        for path in neighbours(place / entry["frame_path"]):
            index = int(path.stem.removeprefix("img"))
            if index < len(frames):
                assert_array_equal(cv2.imread(str(path)), frames[index])
                expected.add(path)
    folders = {(place / entry["frame_path"]).parent for entry in queue}
    assert {path for folder in folders for path in folder.glob("*.png")} == expected


@pytest.mark.parametrize("name", ["variable_rate.mp4", "h264_open_gop.mkv"])
def test_a_new_project(name, tmp_path, extracted, sequential):
    pandas = pytest.importorskip("pandas", reason="needs pandas, of the deeplabcut extra")
    # Every frame near both ends is chosen, and some between.
    result, place = extracted(name, 25, uniform=True), tmp_path / "new"
    done = keyframes.export(result, "lightning-pose", output=place, scorer="anna", bodyparts=BODYPARTS)
    assert (done.place, done.n_frames) == (place, 25)
    table = pandas.read_csv(place / "CollectedData.csv", header=[0, 1, 2], index_col=0)
    assert len(table) == 0
    assert table.columns.tolist() == [("anna", part, axis) for part in BODYPARTS for axis in "xy"]
    queue = queue_of(place)
    stem = Path(name).stem
    assert queue == [
        {"frame_path": f"labeled-data/{stem}/img{index:08d}.png", "predictions": None} for index in indices_of(result)
    ]
    check_images(place, queue, sequential(result.parent / name))
    # The app reports every other file as unexpected.
    assert all(path.suffix == ".png" for path in (place / "labeled-data" / stem).iterdir())
    if name.endswith(".mp4"):
        assert (place / "videos" / f"{stem}.mp4").samefile(result.parent / name)
        assert done.notes == ()
    else:
        assert "convert h264_open_gop.mkv" in done.notes[0]
    data = YAML(typ="safe", pure=True).load((place / "project.yaml").read_text(encoding="utf-8"))
    assert data == {"view_names": [], "keypoint_names": list(BODYPARTS)}


@pytest.mark.parametrize("k", [1, 60])
def test_at_both_ends_there_is_less_context(k, tmp_path, extracted, sequential):
    result = extracted("h264_b_frames.mp4", k, uniform=True)
    keyframes.export(result, "lightning-pose", output=tmp_path / "new", bodyparts=BODYPARTS)
    check_images(tmp_path / "new", queue_of(tmp_path / "new"), sequential(result.parent / "h264_b_frames.mp4"))


def test_context_reaches_beyond_the_range_that_was_looked_at(tmp_path, extracted, sequential):
    result = extracted("h264_b_frames.mp4", 3, start_s=0.5, stop_s=0.6)
    keyframes.export(result, "lightning-pose", output=tmp_path / "new", bodyparts=BODYPARTS)
    check_images(tmp_path / "new", queue_of(tmp_path / "new"), sequential(result.parent / "h264_b_frames.mp4"))


@pytest.mark.slow
def test_a_real_recording_of_variable_rate(tmp_path, shared_data, sequential):
    video = shared_data / "vfr.mp4"
    result = keyframes.extract(video, 6, output=tmp_path / "vfr-keyframes").folder
    keyframes.export(result, "lightning-pose", output=tmp_path / "new", bodyparts=BODYPARTS, videos=[video])
    check_images(tmp_path / "new", queue_of(tmp_path / "new"), sequential(video))


@pytest.fixture
def project(tmp_path, extracted):
    """A project in use: of six frames, one is labelled, two are not queued any more, two wait with a prediction."""
    place = tmp_path / "project"
    keyframes.export(extracted("mpeg4.mp4", 6), "lightning-pose", output=place, bodyparts=BODYPARTS)
    first, *_ = queue = (place / "CollectedData.unlabeled.jsonl").read_text(encoding="utf-8").splitlines()
    with (place / "CollectedData.csv").open("a", encoding="utf-8", newline="") as file:
        file.write(f"{json.loads(first)['frame_path']},1.0,2.0,3.0,4.0\n")
    # The last line has no end, as a person leaves it.
    waiting = [line.replace("null", '{"nose": [1, 2]}') for line in queue[1:3]]
    (place / "CollectedData.unlabeled.jsonl").write_text("\n".join(waiting), encoding="utf-8")
    (place / "project.yaml").write_text(
        "# ours\nschema_version: 1\nview_names: []\nkeypoint_names: [nose, tail base]\n", encoding="utf-8"
    )
    return place


def test_a_project_keeps_all_and_gets_the_rest(project, extracted, sequential):
    result, before = extracted("mpeg4.mp4", 6), contents(project)
    done = keyframes.export(result, "lightning-pose", project=project)
    after = contents(project)
    assert (done.n_frames, done.notes) == (3, ("3 of the 6 frames of mpeg4 were there already",))
    queue = "CollectedData.unlabeled.jsonl"
    assert {name: after[name] for name in before if name != queue} == {
        name: content for name, content in before.items() if name != queue
    }
    assert set(after) == set(before)
    lines = after[queue].decode().splitlines()
    assert lines[:2] == before[queue].decode().splitlines()
    assert [json.loads(line)["frame_path"] for line in lines[2:]] == [
        f"labeled-data/mpeg4/img{index:08d}.png" for index in indices_of(result)[3:]
    ]
    assert keyframes.export(result, "lightning-pose", project=project).n_frames == 0
    assert contents(project) == after

    more = extracted("mpeg4.mp4", 15, uniform=True)
    n_new = len(set(indices_of(more)) - set(indices_of(result)))
    assert keyframes.export(more, "lightning-pose", project=project).n_frames == n_new
    whole = [json.loads(line) for line in after[queue].decode().splitlines()] + queue_of(project)[5:]
    labelled = {"frame_path": f"labeled-data/mpeg4/img{indices_of(result)[0]:08d}.png"}
    check_images(project, [*whole, labelled], sequential(more.parent / "mpeg4.mp4"))


def test_views_are_aligned_row_by_row(tmp_path, video_file, sequential):
    pandas = pytest.importorskip("pandas", reason="needs pandas, of the deeplabcut extra")
    results, views = [], ("top", "side")
    for view, name in zip(views, ("h264_b_frames.mp4", "variable_rate.mp4"), strict=True):
        shutil.copy(video_file(name), tmp_path / f"trial1_{view}.mp4")
        results.append(tmp_path / f"{view}-keyframes")
        keyframes.extract(tmp_path / f"trial1_{view}.mp4", 6, output=results[-1], uniform=True)
    place = tmp_path / "new"
    done = keyframes.export(results, "lightning-pose", output=place, bodyparts=BODYPARTS, views=views)
    assert done.n_frames == 12
    data = YAML(typ="safe", pure=True).load((place / "project.yaml").read_text(encoding="utf-8"))
    assert data["view_names"] == list(views)
    queues = [queue_of(place, f"_{view}") for view in views]
    for view, queue, result in zip(views, queues, results, strict=True):
        assert [entry["frame_path"] for entry in queue] == [
            f"labeled-data/trial1_{view}/img{index:08d}.png" for index in indices_of(result)
        ]
        check_images(place, queue, sequential(tmp_path / f"trial1_{view}.mp4"))
        assert (place / "videos" / f"trial1_{view}.mp4").samefile(tmp_path / f"trial1_{view}.mp4")
        assert len(pandas.read_csv(place / f"CollectedData_{view}.csv", header=[0, 1, 2], index_col=0)) == 0
    # Into the project of these views, they are there already; a single view does not belong there.
    before = contents(place)
    assert keyframes.export(results, "lightning-pose", project=place, views=views).n_frames == 0
    # Views stay aligned: a frame that one of them has lost does not come back there alone.
    queue = place / "CollectedData_side.unlabeled.jsonl"
    queue.write_text("".join(queue.read_text(encoding="utf-8").splitlines(keepends=True)[1:]), encoding="utf-8")
    before = contents(place)
    assert keyframes.export(results, "lightning-pose", project=place, views=views).n_frames == 0
    with pytest.raises(ExportError, match="is a project with the views top, side, but this export has a single view"):
        keyframes.export(results[0], "lightning-pose", project=place)
    assert contents(place) == before


@pytest.mark.parametrize(
    ("videos", "names"),
    [
        (("trial1_top", "trial1_side"), ("trial1_top", "trial1_side")),
        (("top trial1", "side trial1"), ("trial1_top", "trial1_side")),
        (("mouse1_1", "mouse1_2"), ("mouse1_1", "mouse1_2")),
        (("mouse11_1", "mouse11_2"), ("mouse11_1", "mouse11_2")),
        (("cam_a", "cam_b"), ("cam_a", "cam_b")),
        (("day-a-cam.1", "day-a-cam.2"), ("day-a-cam_1", "day-a-cam_2")),
        (("left", "right"), ("left_left", "left_right")),
    ],
)
def test_views_of_a_session_have_its_name_and_their_own(videos, names, tmp_path, extracted):
    manifest = json.loads((extracted("mpeg4.mp4") / "manifest.json").read_text(encoding="utf-8"))
    folders = [tmp_path / str(number) for number in range(len(videos))]
    for folder, video in zip(folders, videos, strict=True):
        folder.mkdir()
        manifest["video"]["path"] = f"{video}.mp4"
        (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    views = view_names([Path(f"{video}.mp4") for video in videos])
    assert tuple(recording.name for recording in read_recordings(folders, views=views)) == names


def test_views_that_do_not_fit(tmp_path, extracted):
    results = [extracted("mpeg4.mp4", 4), extracted("h264_b_frames.mp4")]
    for views, message in (
        (("top", "side"), "its frames differ from those of"),
        (("top",), "name one for each"),
        (("top", "top"), "name two or more different ones"),
    ):
        with pytest.raises(ExportError, match=message):
            keyframes.export(results, "lightning-pose", output=tmp_path / "new", bodyparts=BODYPARTS, views=views)
    assert list(tmp_path.iterdir()) == []


def other_video(project):
    (project / "videos" / "mpeg4.mp4").unlink()
    shutil.copy(Path(__file__).parents[3] / "sample_data" / "mouse.mp4", project / "videos" / "mpeg4.mp4")


DAMAGES = {
    "no project file, no table": (
        lambda project: ((project / "project.yaml").unlink(), (project / "CollectedData.csv").unlink()),
        r"is not a project \(it has no project\.yaml and no table of labels, CollectedData\.csv\); .* not exist yet",
    ),
    "no YAML": (lambda project: (project / "project.yaml").write_text("a: [", "utf-8"), "is not valid YAML"),
    "no key points": (
        lambda project: (
            (project / "project.yaml").write_text("schema_version: 1", "utf-8"),
            (project / "CollectedData.csv").unlink(),
        ),
        "names no keypoints, and there is no table of labels; give --bodyparts",
    ),
    "empty project file": (lambda project: (project / "project.yaml").write_text("", "utf-8"), "is not a mapping"),
    "no list": (
        lambda project: (project / "project.yaml").write_text("view_names: []\nkeypoint_names: 3", "utf-8"),
        "are not lists",
    ),
    "views": (
        lambda project: (project / "project.yaml").write_text("view_names: [a, b]\nkeypoint_names: [c]", "utf-8"),
        "is a project with the views a, b",
    ),
    "queue that is none": (
        lambda project: (project / "CollectedData.unlabeled.jsonl").write_text("img1.png\n", "utf-8"),
        r"unlabeled\.jsonl: is not a queue",
    ),
    "queue of lists": (
        lambda project: (project / "CollectedData.unlabeled.jsonl").write_text("[1]\n", "utf-8"),
        r"unlabeled\.jsonl: is not a queue",
    ),
    "queue of an earlier app": (
        lambda project: (project / "CollectedData.unlabeled").write_text("labeled-data/one/img00000005.png\n", "utf-8"),
        r"CollectedData\.unlabeled: is a queue of an earlier app; open the project in the app",
    ),
    "table that is none": (
        lambda project: (project / "CollectedData.csv").write_bytes(b"\xff\xfe"),
        r"CollectedData\.csv: cannot be read",
    ),
    "empty table": (
        lambda project: (project / "CollectedData.csv").write_bytes(b""),
        r"CollectedData\.csv: is not a table of labels",
    ),
    "table with semicolons": (
        lambda project: (project / "CollectedData.csv").write_text("scorer;a;a\nbodyparts;c;c\ncoords;x;y\n", "utf-8"),
        r"CollectedData\.csv: is not a table of labels",
    ),
    "another video": (other_video, "the project has another video of this name"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_project_is_one_line_and_stays_as_it_is(damage, project, extracted, unchanged):
    make, message = DAMAGES[damage]
    make(project)
    with unchanged(project), pytest.raises(ExportError, match=message):
        keyframes.export(extracted("mpeg4.mp4", 6), "lightning-pose", project=project)


def test_images_that_are_not_of_the_video(tmp_path, extracted):
    result = tmp_path / "result"
    shutil.copytree(extracted("mpeg4.mp4"), result)
    image = next((result / "frames").iterdir())
    cv2.imwrite(str(image), 255 - cv2.imread(str(image)))
    video = extracted("mpeg4.mp4").parent / "mpeg4.mp4"
    with pytest.raises(ExportError, match="is not the image of"):
        keyframes.export(result, "lightning-pose", output=tmp_path / "new", bodyparts=BODYPARTS, videos=[video])
    assert [path.name for path in tmp_path.iterdir()] == ["result"]


def test_a_damaged_image_is_not_blamed_on_the_video(tmp_path, extracted):
    result, video = tmp_path / "result", extracted("mpeg4.mp4").parent / "mpeg4.mp4"
    shutil.copytree(extracted("mpeg4.mp4"), result)
    next((result / "frames").iterdir()).unlink()
    with pytest.raises(ExportError, match=r"img\d+\.png: cannot be read"):
        keyframes.export(result, "lightning-pose", output=tmp_path / "new", bodyparts=BODYPARTS, videos=[video])


def test_a_project_file_of_comments_alone(tmp_path, extracted):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "project.yaml").write_text("# my project\n", encoding="utf-8")
    (tmp_path / "new" / "CollectedData.csv").write_text("scorer,a,a\nbodyparts,c,c\ncoords,x,y\n", encoding="utf-8")
    assert keyframes.export(extracted("mpeg4.mp4"), "lightning-pose", project=tmp_path / "new").n_frames == 5


def test_what_a_new_project_needs(tmp_path, extracted):
    with pytest.raises(SettingsError, match="--bodyparts"):
        keyframes.export(extracted("mpeg4.mp4"), "lightning-pose", output=tmp_path / "new")
    result = tmp_path / "result"
    shutil.copytree(extracted("mpeg4.mp4"), result)
    with pytest.raises(ExportError, match="say where it is with --video"):
        keyframes.export(result, "lightning-pose", output=tmp_path / "new", bodyparts=BODYPARTS)
