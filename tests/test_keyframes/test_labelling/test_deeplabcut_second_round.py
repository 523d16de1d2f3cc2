"""DeepLabCut projects as they are after training: plots, crops, JPEG images, videos that were moved or copied."""

import csv
import errno
import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from ruamel.yaml import YAML

import keyframes
from keyframes import ExportError, VideoReader
from keyframes.labelling.deeplabcut.project import labelled_frames
from tests.test_keyframes.result_folders import indices_of
from tests.test_keyframes.test_labelling.conftest import contents

NEW = {"task": "reach", "scorer": "anna", "bodyparts": ("nose", "tail-base")}


def config_of(place):
    return YAML(typ="safe", pure=True).load((place / "config.yaml").read_text(encoding="utf-8"))


def frames_of(project):
    return {(frame.video.name, frame.frame_index): frame for frame in labelled_frames(project)}


def change(place, old, new):
    config = place / "config.yaml"
    text = config.read_text(encoding="utf-8")
    assert old in text
    config.write_text(text.replace(old, new), encoding="utf-8")


def new_project(place, result, **options):
    return keyframes.export(result, "deeplabcut", output=place, **{**NEW, **options}).place


def label(folder, names, layout="three columns", scorer="anna"):
    """Write labels as DeepLabCut does: a table of pandas with three columns for the path, or, as it was, with one."""
    n_paths = 3 if layout == "three columns" else 1
    with (folder / f"CollectedData_{scorer}.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        for head, values in (("scorer", [scorer] * 4), ("bodyparts", [*"aabb"]), ("coords", [*"xyxy"])):
            table.writerow([head, *[""] * (n_paths - 1), *values])
        for name in names:
            parts = ["labeled-data", folder.name, name]
            separator = "\\" if layout == "windows" else "/"
            table.writerow([*(parts if n_paths == 3 else [separator.join(parts)]), 1.5, 2.5, 3.5, 4.5])


# As deeplabcut.refine_training_dataset.outlier_frames names them.
def test_plots_of_predictions_are_no_frames(tmp_path, extracted):
    result = extracted("mpeg4.mp4")
    place = new_project(tmp_path / "dlc", result)
    folder = place / "labeled-data" / "mpeg4"
    for image in list(folder.iterdir()):
        cv2.imwrite(str(image.with_name(f"{image.stem}labeled.png")), np.zeros((90, 90, 3), np.uint8))
    (folder / "img59labeled.png").write_bytes(b"a plot without its frame")
    frames = frames_of(place)
    assert sorted(index for _, index in frames) == indices_of(result)
    manifest = json.loads((result / "manifest.json").read_text(encoding="utf-8"))
    for entry in manifest["keyframes"]:
        assert_array_equal(
            frames["mpeg4", entry["frame_index"]].read(), cv2.imread(str(result / entry["file"])), strict=True
        )
    # Nor do they tell the padding, or what is there already.
    (folder / "img7labeled.png").write_bytes(b"a plot")
    more = extracted("mpeg4.mp4", 12, uniform=True)
    keyframes.export(more, "deeplabcut", project=place)
    names = {path.name for path in folder.iterdir() if re.fullmatch(r"img\d+\.png", path.name)}
    assert names == {f"img{index:02d}.png" for index in {*indices_of(result), *indices_of(more)}}


@pytest.mark.parametrize("ending", ["jpg", "JPEG", "png"])
@pytest.mark.parametrize("layout", ["three columns", "one column", "windows"])
def test_images_of_each_format_count_labelled_or_not(layout, ending, tmp_path):
    place = tmp_path / "dlc"
    folder = place / "labeled-data" / "one"
    folder.mkdir(parents=True)
    (place / "config.yaml").write_text("Task: a\nscorer: b\nvideo_sets:\n", encoding="utf-8")
    image = np.full((20, 30, 3), 90, np.uint8)
    for name in ("img003", "img040", "frame-7"):
        cv2.imwrite(str(folder / f"{name}.{ending}"), image)
    label(folder, [f"img003.{ending}", f"frame-7.{ending}", f"img012.{ending}"], layout)
    frames = frames_of(place)
    assert sorted(frames) == [("one", 3), ("one", 7), ("one", 12), ("one", 40)]
    assert frames["one", 12].read is None
    assert all(frames["one", index].read().shape == (20, 30, 3) for index in (3, 7, 40))


def test_labels_of_several_animals_count(tmp_path):
    place = tmp_path / "dlc"
    folder = place / "labeled-data" / "one"
    folder.mkdir(parents=True)
    (place / "config.yaml").write_text("Task: a\nscorer: b\nvideo_sets:\n", encoding="utf-8")
    text = (
        "scorer,,,b,b,b,b\nindividuals,,,m1,m1,single,single\nbodyparts,,,nose,nose,corner,corner\n"
        "coords,,,x,y,x,y\nlabeled-data,one,img05.png,1,2,,\n"
    )
    (folder / "CollectedData_b.csv").write_text(text, encoding="utf-8-sig")
    assert sorted(frames_of(place)) == [("one", 5)]
    # An image that a person imported is one that is labelled, whatever its format.
    cv2.imwrite(str(folder / "session-8.bmp"), np.full((20, 30, 3), 90, np.uint8))
    (folder / "CollectedData_b.csv").write_text(text.replace("img05.png", "session-8.bmp"), encoding="utf-8")
    frames = frames_of(place)
    assert [*frames] == [("one", 8)]
    assert frames["one", 8].read().shape == (20, 30, 3)


@pytest.fixture
def pandas():
    """What writes DeepLabCut's HDF5 tables."""
    pytest.importorskip("tables", reason="needs PyTables, of the deeplabcut extra")
    pytest.importorskip("h5py", reason="needs h5py, of the sleap extra")
    return pytest.importorskip("pandas", reason="needs pandas, of the deeplabcut extra")


@pytest.fixture
def of_one_video(tmp_path):
    """A project with a folder for one video, without images or labels."""
    (tmp_path / "dlc" / "labeled-data" / "one").mkdir(parents=True)
    (tmp_path / "dlc" / "config.yaml").write_text("Task: a\nscorer: b\nvideo_sets:\n", encoding="utf-8")
    return tmp_path / "dlc"


def test_a_table_without_rows_has_no_labels(pandas, of_one_video):
    columns = pandas.MultiIndex.from_product([["b"], ["nose"], ["x", "y"]], names=["scorer", "bodyparts", "coords"])
    index = pandas.MultiIndex.from_tuples([("labeled-data", "one", "img031.png")])
    table = pandas.DataFrame(np.ones((1, 2)), index=index, columns=columns)
    table.iloc[:0].to_hdf(of_one_video / "labeled-data" / "one" / "CollectedData_b.h5", key="df_with_missing", mode="w")
    assert frames_of(of_one_video) == {}


@pytest.mark.parametrize("several_levels", [True, False])
def test_labels_that_are_only_in_hdf5_count(several_levels, pandas, of_one_video):
    table_file = of_one_video / "labeled-data" / "one" / "CollectedData_b.h5"
    paths = [("labeled-data", "one", f"img{index:03d}.png") for index in (31, 2, 700)]
    index = pandas.MultiIndex.from_tuples(paths) if several_levels else ["/".join(path) for path in paths]
    columns = pandas.MultiIndex.from_product([["b"], ["nose"], ["x", "y"]], names=["scorer", "bodyparts", "coords"])
    table = pandas.DataFrame(np.ones((3, 2)), index=index, columns=columns)
    table.to_hdf(table_file, key="df_with_missing", mode="w")
    assert sorted(frames_of(of_one_video)) == [("one", 2), ("one", 31), ("one", 700)]
    table_file.write_bytes(b"no HDF5")
    with pytest.raises(ExportError, match=r"CollectedData_b\.h5: cannot be read as a table of labels"):
        frames_of(of_one_video)


def rounded(low, high, size):
    """Ends of a crop as deeplabcut.utils.auxfun_videos.VideoReader keeps them: as fractions, which it rounds down."""
    return int(size * (low / size)), int(size * min(high / size, 1))


# 7 / 160 * 160 is a little less than 7, so DeepLabCut begins at 6; beyond the frame it clips.
CROPS = {"odd": (7, 120, 11, 100), "even": (40, 120, 20, 100), "beyond the frame": (32, 900, 16, 900)}


@pytest.mark.parametrize("name", CROPS)
def test_a_cropped_project_gets_cropped_frames(name, tmp_path, extracted):
    result = extracted("mpeg4.mp4")
    place = new_project(tmp_path / "dlc", extracted("mpeg4.mp4", 2, uniform=True))
    for image in (place / "labeled-data" / "mpeg4").iterdir():
        image.unlink()
    x1, x2, y1, y2 = CROPS[name]
    change(place, "crop: 0, 160, 0, 120", f"crop: {x1}, {x2}, {y1}, {y2}")
    change(place, "cropping: false", "cropping: true")
    done = keyframes.export(result, "deeplabcut", project=place)
    (note,) = done.notes
    assert "frames of mpeg4 are cropped to" in note
    left, right = rounded(x1, x2, 160)
    top, bottom = rounded(y1, y2, 120)
    manifest = json.loads((result / "manifest.json").read_text(encoding="utf-8"))
    for entry in manifest["keyframes"]:
        written = cv2.imread(str(place / "labeled-data" / "mpeg4" / Path(entry["file"]).name))
        assert_array_equal(written, cv2.imread(str(result / entry["file"]))[top:bottom, left:right], strict=True)


@pytest.mark.parametrize("cropping", [True, False])
def test_the_images_that_are_there_decide_about_the_crop(cropping, tmp_path, extracted):
    result = extracted("mpeg4.mp4")
    place = new_project(tmp_path / "dlc", result)
    folder = place / "labeled-data" / "mpeg4"
    change(place, "crop: 0, 160, 0, 120", "crop: 7, 120, 11, 100")
    change(place, "cropping: false", f"cropping: {str(cropping).lower()}")
    more = extracted("mpeg4.mp4", 12, uniform=True)
    # The labelling tool opens a folder of images of one size only.
    assert keyframes.export(more, "deeplabcut", project=place).n_frames
    assert {cv2.imread(str(image)).shape for image in folder.iterdir()} == {(120, 160, 3)}
    for image in folder.iterdir():
        cv2.imwrite(str(image), cv2.imread(str(image))[11:100, 7:120])
    assert keyframes.export(extracted("mpeg4.mp4", 20, uniform=True), "deeplabcut", project=place).n_frames
    assert {cv2.imread(str(image)).shape for image in folder.iterdir()} == {(89, 113, 3)}
    before = contents(place)
    change(place, "crop: 7, 120, 11, 100", "crop: 20, 120, 11, 100")
    with pytest.raises(ExportError, match=r"images of 113 x 89 are neither whole frames .* nor the crop 20, 120, 11"):
        keyframes.export(extracted("mpeg4.mp4", 30, uniform=True), "deeplabcut", project=place)
    change(place, "crop: 20, 120, 11, 100", "crop: 7, 120, 11, 100")
    assert contents(place) == before


def test_a_crop_outside_the_frame_is_one_line(tmp_path, extracted, unchanged):
    place = new_project(tmp_path / "dlc", extracted("mpeg4.mp4"))
    change(place, "crop: 0, 160, 0, 120", "crop: 500, 900, 0, 120")
    change(place, "cropping: false", "cropping: true")
    with unchanged(place), pytest.raises(ExportError, match="reaches outside its frames of 160 x 120; correct it"):
        keyframes.export(extracted("mpeg4.mp4", 12, uniform=True), "deeplabcut", project=place)


@pytest.mark.parametrize("folder", [(), ("monday", "arena 1")])
def test_known_at_once_under_several_names(folder, tmp_path, extracted):
    """The video is found by its content, where it is listed by another name or another computer's path."""
    result = extracted("mpeg4.mp4")
    place = new_project(tmp_path / "dlc", result, copy_videos=True)
    assert not (place / "videos" / "mpeg4.mp4").is_symlink()
    # Renamed and moved, and the configuration was written on Windows.
    place.joinpath("videos", *folder).mkdir(parents=True, exist_ok=True)
    (place / "videos" / "mpeg4.mp4").rename(place.joinpath("videos", *folder, "monday.mp4"))
    (place / "labeled-data" / "mpeg4").rename(place / "labeled-data" / "monday")
    change(
        place, str(place / "videos" / "mpeg4.mp4"), "\\".join(["C:", "data", "dlc", "videos", *folder, "monday.mp4"])
    )
    moved = place.rename(tmp_path / "moved")
    before = (moved / "config.yaml").read_bytes()
    done = keyframes.export(extracted("mpeg4.mp4", 12, uniform=True), "deeplabcut", project=moved)
    assert done.n_frames
    assert not any("not on this machine" in note for note in done.notes)
    assert (moved / "config.yaml").read_bytes() == before
    assert [path.name for path in (moved / "labeled-data").iterdir()] == ["monday"]


def test_a_video_that_is_listed_where_it_is_stays_listed_so(tmp_path, extracted):
    """As earlier exports listed it, and as people do."""
    result = extracted("mpeg4.mp4")
    place = tmp_path / "dlc"
    place.mkdir()
    text = f"Task: a\nscorer: b\nvideo_sets:\n  {result.parent / 'mpeg4.mp4'}:\n    crop: 0, 160, 0, 120\n"
    (place / "config.yaml").write_text(text, encoding="utf-8")
    assert keyframes.export(result, "deeplabcut", project=place).n_frames == 5
    assert (place / "config.yaml").read_text(encoding="utf-8") == text
    assert not (place / "videos").exists()


def test_a_converted_copy_is_the_same_video(tmp_path, extracted, video_file):
    """Another container and as many frames: the project's copy was converted, and its indices are the same."""
    result = extracted("mpeg4.avi")
    place = tmp_path / "dlc"
    (place / "videos").mkdir(parents=True)
    shutil.copy(video_file("mpeg4.mp4"), place / "videos" / "mpeg4.mp4")
    (place / "config.yaml").write_text(
        f"Task: a\nscorer: b\nvideo_sets:\n  {place / 'videos' / 'mpeg4.mp4'}:\n    crop: 0, 160, 0, 120\n",
        encoding="utf-8",
    )
    before = (place / "config.yaml").read_bytes()
    done = keyframes.export(result, "deeplabcut", project=place)
    assert done.n_frames == 5
    (note,) = done.notes
    assert "mpeg4.mp4 is assumed to be a converted copy of mpeg4.avi" in note
    assert (place / "config.yaml").read_bytes() == before


def test_equal_names_go_into_an_existing_project(tmp_path, extracted):
    results = [extracted("mpeg4.mp4"), extracted("mpeg4.avi")]
    place = new_project(tmp_path / "dlc", results)
    before = contents(place)
    # Each alone, and both in another order, are known.
    for again in (results[1:], results[:1], results[::-1]):
        assert keyframes.export(again, "deeplabcut", project=place).n_frames == 0
    assert contents(place) == before


def test_one_of_equal_names_is_new_to_a_project(tmp_path, encoded_pictures):
    results = []
    for folder, numbers in (("a", range(30)), ("b", range(100, 130))):
        (tmp_path / folder).mkdir()
        video = encoded_pictures("mouse.mp4", numbers, "-c:v", "mpeg4", "-q:v", "2")
        video = video.rename(tmp_path / folder / "mouse.mp4")
        results.append(keyframes.extract(video, 3, output=tmp_path / folder / "result", uniform=True).folder)
    place = new_project(tmp_path / "dlc", results[0])
    assert keyframes.export(results, "deeplabcut", project=place).n_frames == 3
    assert {path.name for path in (place / "labeled-data").iterdir()} == {"mouse", "mouse-mp4-2"}
    assert (place / "videos" / "mouse-mp4-2.mp4").samefile(tmp_path / "b" / "mouse.mp4")
    before = contents(place)
    assert keyframes.export(results[::-1], "deeplabcut", project=place).n_frames == 0
    assert contents(place) == before


def refuse_links(monkeypatch):
    """Make links fail as Windows and exFAT do: neither can be had here."""

    def refused(self, target, target_is_directory=False):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refused)


def test_where_links_are_refused_the_video_is_listed_where_it_is(tmp_path, extracted, monkeypatch):
    refuse_links(monkeypatch)
    result = extracted("mpeg4.mp4")
    done = keyframes.export(result, "deeplabcut", output=tmp_path / "dlc", **NEW)
    assert list(config_of(done.place)["video_sets"]) == [str(result.parent / "mpeg4.mp4")]
    assert list((done.place / "videos").iterdir()) == []
    assert "links are refused" in done.notes[0]
    copied = keyframes.export(result, "deeplabcut", output=tmp_path / "copied", copy_videos=True, **NEW)
    video = copied.place / "videos" / "mpeg4.mp4"
    assert list(config_of(copied.place)["video_sets"]) == [str(video)]
    assert video.read_bytes() == (result.parent / "mpeg4.mp4").read_bytes()


def test_where_links_are_refused_equal_names_need_copies(tmp_path, extracted, monkeypatch):
    refuse_links(monkeypatch)
    results = [extracted("mpeg4.mp4"), extracted("mpeg4.avi")]
    with pytest.raises(ExportError, match="copy the videos with --copy-videos"):
        keyframes.export(results, "deeplabcut", output=tmp_path / "dlc", **NEW)
    assert list(tmp_path.iterdir()) == []
    place = new_project(tmp_path / "dlc", results, copy_videos=True)
    assert {path.name for path in (place / "videos").iterdir()} == {"mpeg4-mp4.mp4", "mpeg4-avi.avi"}


def test_a_file_of_another_video_is_in_the_way(tmp_path, extracted, video_file, unchanged):
    place = new_project(tmp_path / "dlc", extracted("h264_b_frames.mp4"))
    shutil.copy(video_file("vp9.webm"), place / "videos" / "mpeg4.mp4")
    with unchanged(place), pytest.raises(ExportError, match="the project has another video of this name"):
        keyframes.export(extracted("mpeg4.mp4"), "deeplabcut", project=place)


def test_a_project_of_cropped_data_sets_lists_new_videos_with_the_originals(tmp_path, extracted):
    place = tmp_path / "dlc"
    place.mkdir()
    old = (
        "video_sets:\n  /a/old_cropped.avi: {crop: '0, 9, 0, 9'}",
        "video_sets_original:\n  /a/old.avi: {crop: '0, 9, 0, 9'}",
    )
    text = "\n".join(["Task: a", "scorer: b", *old, ""])
    (place / "config.yaml").write_text(text, encoding="utf-8")
    keyframes.export(extracted("mpeg4.mp4"), "deeplabcut", project=place)
    config = config_of(place)
    assert list(config["video_sets"]) == ["/a/old_cropped.avi"]
    assert list(config["video_sets_original"]) == ["/a/old.avi", str(place / "videos" / "mpeg4.mp4")]


def test_several_animals_and_a_skeleton(tmp_path, extracted):
    options = {"individuals": ("m1", "yes"), "skeleton": (("nose", "tail-base"),)}
    config = config_of(new_project(tmp_path / "dlc", extracted("mpeg4.mp4"), **options))
    assert config["multianimalproject"] is True
    assert config["individuals"] == ["m1", "yes"]
    assert config["multianimalbodyparts"] == ["nose", "tail-base"]
    assert (config["bodyparts"], config["uniquebodyparts"]) == ("MULTI!", [])
    assert config["skeleton"] == [["nose", "tail-base"]]
    single = config_of(new_project(tmp_path / "single", extracted("mpeg4.mp4"), skeleton=(("nose", "tail-base"),)))
    assert (single["multianimalproject"], single["skeleton"]) == (False, [["nose", "tail-base"]])
    assert "individuals" not in single


def test_what_an_existing_project_decides_is_reported(tmp_path, extracted):
    result = extracted("mpeg4.mp4")
    place = new_project(tmp_path / "dlc", result)
    # The command that made it, repeated, is no surprise.
    assert keyframes.export(result, "deeplabcut", project=place, **NEW).notes == (
        "5 of the 5 frames of mpeg4 were there already",
    )
    other = {"scorer": "bob", "bodyparts": ("nose", "paw"), "individuals": ("m1",), "skeleton": (("nose", "paw"),)}
    notes = keyframes.export(result, "deeplabcut", project=place, **other).notes
    assert notes[:4] == (
        "config.yaml has scorer anna and stays unchanged: --scorer bob is ignored",
        "config.yaml has bodyparts nose,tail-base and stays unchanged: --bodyparts nose,paw is ignored",
        "config.yaml has no individuals and stays unchanged: --individuals m1 is ignored",
        "config.yaml has no skeleton and stays unchanged: --skeleton nose-paw is ignored",
    )


def test_the_video_itself_may_lie_in_the_project(tmp_path, extracted, video_file):
    place = tmp_path / "dlc"
    (place / "videos").mkdir(parents=True)
    shutil.copy(video_file("mpeg4.mp4"), place / "videos")
    (place / "config.yaml").write_text("Task: a\nscorer: b\nvideo_sets:\n", encoding="utf-8")
    video = place / "videos" / "mpeg4.mp4"
    keyframes.export(extracted("mpeg4.mp4"), "deeplabcut", project=place, videos=[video])
    assert list(config_of(place)["video_sets"]) == [str(video)]
    assert not video.is_symlink()
    with VideoReader(video) as reader:
        assert reader.header.frames_claimed == 60
