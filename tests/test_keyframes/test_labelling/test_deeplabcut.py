"""DeepLabCut: folders by its rules, and a config.yaml that differs in added lines only."""

import difflib
import itertools
import json
import math
import re
import shutil
from datetime import date
from pathlib import Path

import cv2
import pytest
from numpy.testing import assert_array_equal
from ruamel.yaml import YAML

import keyframes
from keyframes import ExportError, OutputError, SettingsError
from keyframes.export_options import ExportOptions
from keyframes.labelling.deeplabcut.export import default_place
from tests.test_keyframes.result_folders import indices_of
from tests.test_keyframes.test_labelling.conftest import contents

NEW = {"task": "reach", "scorer": "anna", "bodyparts": ("nose", "tail base")}


@pytest.fixture
def yaml():
    return YAML(typ="safe", pure=True)


@pytest.fixture
def project(tmp_path):
    """A project of one video, as DeepLabCut and people write it, with labels."""
    folder = tmp_path / "reach-anna-2026-01-05"
    (folder / "labeled-data" / "old").mkdir(parents=True)
    (folder / "labeled-data" / "old" / "img007.png").write_bytes(b"an image")
    (folder / "videos").mkdir()
    (folder / "config.yaml").write_text(CONFIGS["by hand"], encoding="utf-8", newline="")
    return folder


CONFIGS = {
    "by hand": (
        "    # Project definitions (do not edit)\nTask: reach\nscorer: anna\ndate: Jan5\n"
        "multianimalproject: false\n\n\n# moved on Monday\nproject_path: /data/reach-anna-2026-01-05\n"
        "video_sets:\n  /data/videos/old.mp4:\n    crop: 0, 640, 0, 480   # whole\n\n  # that is all\n"
        "bodyparts:\n- nose\n- 'tail base'\nskeleton: [[nose, tail base]]\nnumframes2pick:   20\n"
    ),
    "long key": "Task: a\nscorer: b\nvideo_sets:\n  ? /data/a/long/name.mp4\n  : crop: 0, 1, 0, 2\nbodyparts: [x]\n",
    "windows": (
        "Task: a\r\nscorer: b\r\nvideo_sets:\r\n    C:\\data\\old.avi:\r\n        crop: 0, 1, 0, 2\r\nbodyparts: []\r\n"
    ),
    "last without end": "Task: a\nscorer: b\nbodyparts: [x]\nvideo_sets:\n  /a/old.mp4: {crop: '0, 1, 0, 2'}",
    "tuple": (
        "Task: a\nscorer: b\nTrainingFraction: !!python/tuple\n- 0.95\n"
        "video_sets:\n  /a/old.mp4:\n    crop: 0, 1, 0, 2\nbodyparts: [x]\n"
    ),
    "no value": "Task: ä\nscorer: b\nvideo_sets: # none yet\nbodyparts: [x]\n",
    "multi-animal": (
        "Task: a\nscorer: b\nmultianimalproject: true\nvideo_sets:\n  /a/old.mp4:\n    crop: 0, 1, 0, 2\n"
        "individuals:\n- one\n- two\nmultianimalbodyparts: [x]\nuniquebodyparts: []\nbodyparts: MULTI!\n"
    ),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_the_config_differs_in_added_lines_only(name, project, extracted, yaml):
    config, result = project / "config.yaml", extracted("mpeg4.mp4")
    config.write_text(CONFIGS[name], encoding="utf-8", newline="")
    before = contents(project)
    done = keyframes.export(result, "deeplabcut", project=config)
    text = config.read_bytes().decode("utf-8")
    old, new = (text.splitlines() for text in (CONFIGS[name], text))
    lines = [line for line in difflib.unified_diff(old, new, lineterm="", n=0) if line[:2] not in ("--", "++", "@@")]
    assert [line[0] for line in lines] == ["+", "+"]
    assert ("\r\n" in CONFIGS[name]) == ("\r\n" in text)
    assert text.count("\r\n") in (0, text.count("\n"))
    data, data_before = (yaml.load(one.replace("!!python/tuple", "")) for one in (text, CONFIGS[name]))
    # As DeepLabCut lists it, which else would add it a second time.
    video = project / "videos" / "mpeg4.mp4"
    assert video.samefile(result.parent / "mpeg4.mp4")
    assert data["video_sets"].pop(str(video)) == {"crop": "0, 160, 0, 120"}
    assert (data["video_sets"] or None) == data_before["video_sets"]
    assert {**data, "video_sets": None} == {**data_before, "video_sets": None}
    # Everything that was there is there, and only images and the link to the video are new.
    after = contents(project)
    kept = set(before) - {"config.yaml", "videos"}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    new_files = set(after) - set(before)
    assert {Path(name).parent.as_posix() for name in new_files} == {"labeled-data/mpeg4", "videos"}
    assert (done.n_frames, done.notes) == (5, ())


@pytest.mark.parametrize("nothing", ["{}", "{ }", "~", "null"])
def test_an_empty_mapping_at_the_end_of_the_file(nothing, project, extracted, yaml):
    config = project / "config.yaml"
    config.write_text(f"Task: a\nscorer: b\nvideo_sets: {nothing}", encoding="utf-8")
    keyframes.export(extracted("mpeg4.mp4"), "deeplabcut", project=project)
    assert len(yaml.load(config.read_text("utf-8"))["video_sets"]) == 1


@pytest.mark.parametrize("nothing", ["{}", "{ }", "~", "null", "&x {}", "!!map {}", ""])
def test_an_empty_mapping_loses_its_braces(nothing, project, extracted, yaml):
    config, comment = project / "config.yaml", "  # was: null, a: {} or ~"
    config.write_text(f"Task: a\nscorer: b\nvideo_sets: {nothing}{comment}\nz: 1\n", encoding="utf-8")
    keyframes.export(extracted("mpeg4.mp4"), "deeplabcut", project=project)
    lines = config.read_text("utf-8").splitlines()
    assert [line for line in lines if line[0] != " "] == ["Task: a", "scorer: b", lines[2], "z: 1"]
    assert lines[2].startswith("video_sets:")
    assert lines[2].endswith(comment)
    assert len(yaml.load(config.read_text("utf-8"))["video_sets"]) == 1


@pytest.mark.parametrize("name", ["mpeg4.mp4", "odd_name ' “ü” [1] %d.mp4", "single_frame.mp4", "variable_rate.mkv"])
def test_a_new_project(name, tmp_path, extracted, yaml):
    result = extracted(name, k=1 if name.startswith("single") else 5)
    place = tmp_path / "new"
    done = keyframes.export(result, "deeplabcut", output=place, **NEW)
    manifest = json.loads((result / "manifest.json").read_text(encoding="utf-8"))
    assert (done.place, done.n_frames) == (place, len(manifest["keyframes"]))
    config = yaml.load((place / "config.yaml").read_text(encoding="utf-8"))
    assert (config["Task"], config["scorer"], config["bodyparts"]) == ("reach", "anna", ["nose", "tail base"])
    video = place / "videos" / name
    assert video.samefile(result.parent / name)
    assert config["video_sets"] == {str(video): {"crop": "0, 160, 0, 120"}}
    assert config["project_path"] == str(place)
    assert re.fullmatch("[A-Z][a-z]{2}[0-9]{1,2}", config["date"])
    assert config["multianimalproject"] is False
    assert {path.name for path in place.iterdir()} == {
        *("config.yaml", "videos", "labeled-data", "training-datasets", "dlc-models")
    }
    # DeepLabCut's own rule, with as many digits for a single frame as for two.
    digits = math.ceil(math.log10(max(manifest["video"]["frames_claimed"], 2)))
    images = place / "labeled-data" / Path(name).stem
    expected = {f"img{str(entry['frame_index']).zfill(digits)}.png": entry for entry in manifest["keyframes"]}
    assert {path.name for path in images.iterdir()} == set(expected)
    for image, entry in expected.items():
        assert (images / image).read_bytes() == (result / entry["file"]).read_bytes()


def test_a_new_project_is_named_as_deeplabcut_names_it():
    options = ExportOptions(**NEW)
    assert default_place(options, date(2026, 3, 9)) == Path("reach-anna-2026-03-09")


def test_the_padding_of_the_folder_is_kept(project, extracted):
    folder = project / "labeled-data" / "mpeg4"
    folder.mkdir()
    (folder / "img0003.png").write_bytes(b"theirs")
    done = keyframes.export(extracted("mpeg4.mp4"), "deeplabcut", project=project)
    indices = indices_of(extracted("mpeg4.mp4"))
    names = {f"img{index:04d}.png" for index in indices} | {"img0003.png"}
    assert {path.name for path in folder.iterdir()} == names
    assert (folder / "img0003.png").read_bytes() == b"theirs"
    assert done.n_frames == len(names) - 1


@pytest.mark.parametrize("old_format", [True, False])
def test_frames_that_are_there_are_not_added_again(old_format, project, extracted):
    result = extracted("mpeg4.mp4")
    first, second, *_ = indices = indices_of(result)
    folder = project / "labeled-data" / "mpeg4"
    folder.mkdir()
    # One is an image without a label, one a label whose image is gone.
    (folder / f"img{first:02d}.png").write_bytes(b"theirs")
    head = "scorer,,,anna,anna\nbodyparts,,,nose,nose\ncoords,,,x,y\n"
    row = f"labeled-data,mpeg4,img{second:02d}.png,1.0,2.0\n"
    if old_format:
        head, row = head.replace(",,", ""), row.replace("data,mpeg4,", "data/mpeg4/")
    (folder / "CollectedData_anna.csv").write_text(head + row, encoding="utf-8")
    done = keyframes.export(result, "deeplabcut", project=project)
    assert done.n_frames == len(indices) - 2
    assert done.notes[1:] == ("2 of the 5 frames of mpeg4 were there already",)
    assert (folder / f"img{first:02d}.png").read_bytes() == b"theirs"
    assert not (folder / f"img{second:02d}.png").exists()

    before = contents(project)
    assert keyframes.export(result, "deeplabcut", project=project).n_frames == 0
    assert contents(project) == before


def test_jpeg_results_give_the_exact_frames(tmp_path, extracted, sequential):
    result = extracted("h264_b_frames.mp4", format="jpg")
    keyframes.export(result, "deeplabcut", output=tmp_path / "new", **NEW)
    frames = sequential(result.parent / "h264_b_frames.mp4")
    images = sorted((tmp_path / "new" / "labeled-data" / "h264_b_frames").iterdir())
    assert len(images) == 5
    for image in images:
        assert_array_equal(cv2.imread(str(image)), frames[int(image.stem.removeprefix("img"))])


def test_videos_of_one_name_get_folders_of_their_own(tmp_path, extracted, yaml):
    results = [extracted("mpeg4.mp4"), extracted("mpeg4.avi")]
    place = tmp_path / "new"
    keyframes.export(results, "deeplabcut", output=place, **NEW)
    videos = [Path(video) for video in yaml.load((place / "config.yaml").read_text(encoding="utf-8"))["video_sets"]]
    # DeepLabCut finds a folder by the stem of the video's path.
    assert {video.stem for video in videos} == {path.name for path in (place / "labeled-data").iterdir()}
    for video, result, name in zip(videos, results, ("mpeg4.mp4", "mpeg4.avi"), strict=True):
        assert video.samefile(result.parent / name)


def test_a_project_that_moved_still_knows_its_video(project, extracted):
    config = project / "config.yaml"
    config.write_text(CONFIGS["by hand"].replace("/old.mp4", "/mpeg4.mp4"), encoding="utf-8")
    before = config.read_bytes()
    done = keyframes.export(extracted("mpeg4.mp4"), "deeplabcut", project=project)
    assert config.read_bytes() == before
    assert done.notes == ("mpeg4.mp4 was matched by name with /data/videos/mpeg4.mp4, which is not on this machine",)


def test_a_folder_that_was_copied_into_the_project_is_known_by_name_alone(project, extracted):
    folder = project / "labeled-data" / "mpeg4"
    shutil.copytree(extracted("h264_b_frames.mp4") / "frames", folder)
    name = "mpeg4.mp4 was matched by name with"
    done = keyframes.export(extracted("mpeg4.mp4"), "deeplabcut", project=project)
    assert done.notes[0] == f"{name} {folder}, whose video config.yaml does not list"
    again = keyframes.export(extracted("mpeg4.mp4", 12, uniform=True), "deeplabcut", project=project)
    assert not any(note.startswith(name) for note in again.notes)


def another_video(project, result, video_file):
    shutil.copy(video_file("vp9.webm"), project / "videos" / "mpeg4.mp4")
    text = CONFIGS["by hand"].replace("/data/videos/old.mp4", str(project / "videos" / "mpeg4.mp4"))
    (project / "config.yaml").write_text(text, encoding="utf-8")


DAMAGES = {
    "no config": (
        lambda project, *_: (project / "config.yaml").unlink(),
        r": is not a project \(it has no config\.yaml\); give the folder of one, or .* that does not exist yet",
    ),
    "no YAML": (
        lambda project, *_: (project / "config.yaml").write_text("Task: a\nscorer: [b\nvideo_sets: 3", "utf-8"),
        r"config\.yaml: is not valid YAML in line 3",
    ),
    "two of one key": (
        lambda project, *_: (project / "config.yaml").write_text(
            "Task: a\nTask: b\nscorer: c\nvideo_sets: {}", "utf-8"
        ),
        r"config\.yaml: is not valid YAML in line 2",
    ),
    "another file": (
        lambda project, *_: (project / "config.yaml").write_text("net: 3\n", "utf-8"),
        "has no Task, scorer",
    ),
    "a date that is none": (
        lambda project, *_: (project / "config.yaml").write_text("Task: a\ndate: 2024-02-30\n", "utf-8"),
        r"config\.yaml: is not valid YAML",
    ),
    "nested without end": (
        lambda project, *_: (project / "config.yaml").write_text("Task: " + "[" * 5000, "utf-8"),
        r"config\.yaml: is not valid YAML",
    ),
    "a list": (lambda project, *_: (project / "config.yaml").write_text("- a\n", "utf-8"), "has no Task"),
    "empty": (lambda project, *_: (project / "config.yaml").write_bytes(b""), "has no Task"),
    "not UTF-8": (lambda project, *_: (project / "config.yaml").write_bytes(b"Task: \xe9\n"), "is not UTF-8"),
    "not a mapping": (
        lambda project, *_: (project / "config.yaml").write_text("Task: a\nscorer: b\nvideo_sets: 3\n", "utf-8"),
        "its video_sets are not a mapping",
    ),
    "one line": (
        lambda project, *_: (project / "config.yaml").write_text(
            "{Task: a, scorer: b, video_sets: {/a.mp4: {crop: '0, 1, 0, 2'}}}\n", "utf-8"
        ),
        "unusual way",
    ),
    "another video": (another_video, "the project has another video with the name mpeg4"),
    "labels that are none": (
        lambda project, *_: (
            (project / "labeled-data" / "mpeg4").mkdir(),
            (project / "labeled-data" / "mpeg4" / "CollectedData_anna.csv").write_bytes(b"\xff\xfe\x00"),
        ),
        r"CollectedData_anna\.csv: cannot be read",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_project_is_one_line_and_stays_as_it_is(
    damage, project, extracted, video_file, unchanged, run_command
):
    result = extracted("mpeg4.mp4")
    make, message = DAMAGES[damage]
    make(project, result, video_file)
    with unchanged(project), pytest.raises(ExportError, match=message):
        keyframes.export(result, "deeplabcut", project=project)
    with unchanged(project):
        done = run_command("keyframes", "export", result, "--to", "deeplabcut", "--project", project)
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (1, "")
    assert line.startswith("error: ")


def test_settings_that_a_new_project_needs(tmp_path, extracted):
    for missing in NEW:
        options = {name: value for name, value in NEW.items() if name != missing}
        with pytest.raises(SettingsError, match=f"--{missing}"):
            keyframes.export(extracted("mpeg4.mp4"), "deeplabcut", output=tmp_path / "new", **options)
    for name, words in itertools.product(("task", "scorer"), ("a/b", "a\0", "a\n", "a\ud83d", "a\udce9")):
        with pytest.raises(SettingsError, match=re.escape(f"`{name}` is {words!r}; it becomes part of a file name")):
            keyframes.export(extracted("mpeg4.mp4"), "deeplabcut", output=tmp_path / "new", **{**NEW, name: words})
    # As an ASCII locale has an umlaut.
    assert ExportOptions(task="Läufe".encode().decode("ascii", "surrogateescape"))
    with pytest.raises(SettingsError, match="different names"):
        keyframes.export(
            extracted("mpeg4.mp4"), "deeplabcut", output=tmp_path / "new", **{**NEW, "bodyparts": ("a", "a")}
        )
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_is_taken_stays(tmp_path, extracted, unchanged):
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "notes.txt").write_text("mine", encoding="utf-8")
    with unchanged(tmp_path), pytest.raises(OutputError, match=r"already exists.*; add to it with --project, or"):
        keyframes.export(extracted("mpeg4.mp4"), "deeplabcut", output=tmp_path / "new", **NEW)
