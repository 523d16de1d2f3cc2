"""Predictions of DeepLabCut, written by pandas as DeepLabCut writes them."""

import os
import pickle
import shutil
import sys

import numpy as np
import pytest

import keyframes
from keyframes import PredictionsError, read_predictions
from keyframes.predictions import deeplabcut, pandas_hdf5
from tests.test_keyframes.test_predictions.conftest import NODES, assert_same

pd = pytest.importorskip("pandas", reason="needs pandas, of the deeplabcut extra")
pytest.importorskip("tables", reason="needs PyTables, of the deeplabcut extra")
pytest.importorskip("h5py", reason="needs h5py, of the sleap extra")

SCORER = "DLC_resnet50_reachJan1shuffle1_100000"
# What DeepLabCut calls PerformanceWarning of: more than one block, or names that PyTables does not like.
pytestmark = pytest.mark.filterwarnings("ignore::Warning:tables", "ignore::Warning:pandas")


def table_of(points, scorer=SCORER):
    n_frames, n_animals = points.shape[:2]
    levels = [[scorer], [f"mouse{number}" for number in range(n_animals)], list(NODES), ["x", "y", "likelihood"]]
    names = ["scorer", "individuals", "bodyparts", "coords"]
    if n_animals == 1:
        del levels[1], names[1]
    columns = pd.MultiIndex.from_product(levels, names=names)
    return pd.DataFrame(points.reshape(n_frames, -1), columns=columns, index=range(n_frames))


def write(points, path, **options):
    if path.suffix == ".csv":
        table_of(points).to_csv(path)
    else:
        table_of(points).to_hdf(path, key="df_with_missing", mode="w", **{"format": "table", **options})
    return path


@pytest.mark.parametrize("ending", [".h5", ".csv"])
@pytest.mark.parametrize("n_animals", [1, 2])
def test_both_files_give_what_deeplabcut_wrote(ending, n_animals, video, poses, monkeypatch):
    monkeypatch.setattr(pandas_hdf5, "ROWS", 7)
    points = poses(n_animals)
    path = write(points, video.with_name(f"mouse{SCORER}{ending}"))
    read = read_predictions(path, video)
    assert_same(read, points)
    assert read.names == NODES
    assert read.source == path
    assert not read.labelled.any()
    assert (read.skeleton, dict(read.errors), read.warnings) == ((), {}, ())


@pytest.mark.parametrize("n_animals", [1, 2])
def test_a_table_in_the_fixed_format_reads_the_same(n_animals, video, poses, monkeypatch):
    monkeypatch.setattr(pandas_hdf5, "ROWS", 7)
    points = poses(n_animals)
    path = write(points, video.with_name(f"mouse{SCORER}.h5"), format="fixed")
    assert_same(read_predictions(path, video), points)


def test_body_parts_of_no_animal_are_an_animal_of_their_own(video, poses):
    points = poses(2)
    corner = np.stack([np.full(60, 5.0), np.full(60, 7.0), np.full(60, 0.9)], axis=1)
    columns = pd.MultiIndex.from_product([[SCORER], ["single"], ["corner"], ["x", "y", "likelihood"]])
    whole = table_of(points).join(pd.DataFrame(corner, columns=columns), how="outer")
    whole.to_hdf(video.with_name(f"mouse{SCORER}_el.h5"), key="df_with_missing", format="table", mode="w")
    read = read_predictions(video.parent, video)
    assert read.names == (*NODES, "corner")
    np.testing.assert_allclose(read.keypoints[:, :2, :3], points[..., :2], rtol=1e-5)
    np.testing.assert_array_equal(read.keypoints[:, 2, 3], corner[:, :2])
    assert np.isnan(read.keypoints[:, 2, :3]).all()
    assert np.isnan(read.keypoints[:, :2, 3]).all()


def test_every_way_to_write_a_missing_point_is_one(video, poses):
    points = poses(2, missing=0)
    points[3, 0, 0] = np.nan
    points[4, 1, 2] = (-1, -1, -1)
    points[5, 0, 1] = (0, 0, 0)
    points[6, 0, 1] = (20, 30, -1)
    points[7, 0, 1] = (np.inf, 30, 0.5)
    # At an edge of the picture is a place like any other.
    points[8, 0, 1] = (0, 30, 0.5)
    read = read_predictions(write(points, video.with_name(f"mouse{SCORER}.csv")), video)
    missing = np.zeros((60, 2, 3), bool)
    missing[[3, 4, 5, 6, 7], [0, 1, 0, 0, 0], [0, 2, 1, 1, 1]] = True
    np.testing.assert_array_equal(np.isnan(read.keypoints).all(-1), missing)
    np.testing.assert_array_equal(np.isnan(read.confidence), missing)


@pytest.mark.parametrize("named", ["the file", "the folder"])
@pytest.mark.parametrize("other", [".h5", ".csv"])
def test_the_unfiltered_file_is_preferred(named, other, video, poses):
    points, smoothed = poses(), poses()
    filtered = write(smoothed, video.with_name(f"mouse{SCORER}_filtered.h5"))
    read = read_predictions(filtered, video)
    assert_same(read, smoothed)
    assert read.warnings == (
        f"{filtered.name} is filtered, which hides doubtful points; give the unfiltered file if there is one",
    )
    raw = write(points, video.with_name(f"mouse{SCORER}{other}"))
    read = read_predictions(filtered if named == "the file" else video.parent, video)
    assert_same(read, points)
    assert read.source == raw
    told = (f"{raw.name} is read instead of {filtered.name}: filtering hides doubtful points",)
    assert read.warnings == (told if named == "the file" else ())


def test_a_folder_gives_the_file_named_after_the_video(video, poses):
    points = poses()
    for stem in ("mouse1", "mouse_2", "amouse", "mouse.2"):
        write(poses(), video.with_name(f"{stem}{SCORER}.h5"))
    (video.parent / f"mouse{SCORER}_skeleton.csv").write_text("bone,a\n")
    (video.parent / "mouse.csv.bak").write_text("")
    path = write(points, video.with_name(f"mouse{SCORER}.h5"))
    write(poses(), path.with_suffix(".csv"))
    assert read_predictions(video.parent, video).source == path
    write(poses(), video.with_name("mouseDLC_other.h5"))
    several = rf"several predictions of mouse.mp4 .*DLC_other.h5, mouse{SCORER}.h5.*move the others away"
    with pytest.raises(PredictionsError, match=several):
        read_predictions(video.parent, video)


def meta(cropped, cropping_parameters):
    """What DeepLabCut notes, with what old versions put there besides."""
    config = {"all_joints_names": list(NODES), "mean_pixel": np.array([123.7, 116.8]), "lr": np.float64(0.1)}
    data = {"Scorer": SCORER, "DLC-model-config file": config, "fps": np.float64(30.0), "frame_dimensions": (60, 80)}
    return {"data": {**data, "cropping": cropped, "cropping_parameters": cropping_parameters}}


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("suffix", ["", "_el", "_filtered"])
def test_a_crop_is_added(suffix, protocol, video, poses):
    inside = poses(missing=0) * (0.5, 0.5, 1)
    points = inside + np.array([30, 20, 0])
    path = write(inside, video.with_name(f"mouse{SCORER}{suffix}.h5"))
    note = video.with_name(f"mouse{SCORER}_meta.pickle")
    note.write_bytes(pickle.dumps(meta(True, [np.int64(30), 110, 20, 80]), protocol))
    assert_same(read_predictions(path, video), points)
    # What a person says counts.
    assert_same(read_predictions(path, video, offset=(0, 0)), inside)


def test_a_missing_point_stays_missing_in_a_crop(video, poses):
    points = poses() * (0.5, 0.5, 1)
    points[9] = 0
    path = write(points, video.with_name(f"mouse{SCORER}.csv"))
    video.with_name(f"mouse{SCORER}_meta.pickle").write_bytes(pickle.dumps(meta(True, [10, 110, 20, 80])))
    assert np.isnan(read_predictions(path, video).keypoints[9]).all()


def test_of_an_uncropped_video_the_size_must_be_right(video, poses):
    path = write(poses(), video.with_name(f"mouse{SCORER}.h5"))
    note = video.with_name(f"mouse{SCORER}_meta.pickle")
    note.write_bytes(pickle.dumps(meta(False, [0, 160, 0, 120])))
    read_predictions(path, video)
    note.write_bytes(pickle.dumps(meta(False, [0, 640, 0, 480])))
    with pytest.raises(
        PredictionsError, match=r"was predicted on pictures of 640 x 480 pixels, but those of mouse.mp4 have 160 x 120"
    ):
        read_predictions(path, video)


def test_points_in_a_corner_are_reported(video, poses):
    path = write(poses() * (0.4, 0.4, 1), video.with_name(f"mouse{SCORER}.h5"))
    (warning,) = read_predictions(path, video).warnings
    assert "upper left quarter" in warning
    assert "offset" in warning
    assert read_predictions(path, video, offset=(40, 40)).warnings == ()


class Runs:
    """Makes a folder when it is unpickled."""

    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


def test_code_in_a_note_is_not_run(video, poses, tmp_path):
    path = write(poses(), video.with_name(f"mouse{SCORER}.h5"))
    note = video.with_name(f"mouse{SCORER}_meta.pickle")
    trap = tmp_path / "trap"
    note.write_bytes(pickle.dumps({"data": {**meta(True, [1, 2, 3, 4])["data"], "fps": Runs(trap)}}))
    with pytest.raises(PredictionsError, match=r"_meta.pickle: holds more than plain data.*mkdir.*offset") as caught:
        read_predictions(path, video)
    assert "\n" not in str(caught.value)
    assert not trap.exists()
    read_predictions(path, video, offset=(0, 0))


def test_code_in_a_table_is_not_run(video, poses, tmp_path):
    import h5py

    path = write(poses(), video.with_name(f"mouse{SCORER}.h5"))
    trap = tmp_path / "trap"
    with h5py.File(path, "r+") as file:
        attributes = file["df_with_missing/table"].attrs
        attributes["values_block_0_kind"] = np.void(pickle.dumps(Runs(trap), 0))
    with pytest.raises(PredictionsError, match="more than plain data"):
        read_predictions(path, video)
    assert not trap.exists()


@pytest.mark.parametrize("noted", [b"", b"\x80\x04.", pickle.dumps({}), pickle.dumps([1]), pickle.dumps({"data": {}})])
def test_a_note_that_tells_no_crop_is_reported(noted, video, poses):
    path = write(poses(), video.with_name(f"mouse{SCORER}.h5"))
    video.with_name(f"mouse{SCORER}_meta.pickle").write_bytes(noted)
    with pytest.raises(PredictionsError, match=r"_meta.pickle: .*offset"):
        read_predictions(path, video)


def test_a_note_cannot_ask_for_all_memory(tmp_path):
    note = tmp_path / "a_meta.pickle"
    note.write_bytes(b"(dp4000000000\n.")
    with pytest.raises(PredictionsError, match="something that does not exist"):
        deeplabcut.crop_in(note)


def test_raw_detections_are_refused(video):
    path = video.with_name(f"mouse{SCORER}_full.pickle")
    path.write_bytes(pickle.dumps({"metadata": {}}))
    with pytest.raises(PredictionsError, match=r"_full.pickle: .*stitch_tracklets"):
        read_predictions(path, video)


def test_labels_are_no_predictions(video, poses):
    table = table_of(poses()).drop(columns="likelihood", level="coords")
    path = video.with_name("mouse.csv")
    table.to_csv(path)
    with pytest.raises(PredictionsError, match="a table of labels"):
        read_predictions(path, video)
    table.to_hdf(path.with_suffix(".h5"), key="df_with_missing", mode="w")
    with pytest.raises(PredictionsError, match="a table of labels"):
        read_predictions(path.with_suffix(".h5"), video)


def test_two_networks_are_refused(video, poses):
    both = pd.concat([table_of(poses()), table_of(poses(), "DLC_other")], axis=1)
    both.to_csv(video.with_name(f"mouse{SCORER}.csv"))
    with pytest.raises(PredictionsError, match=rf"several networks \({SCORER}, DLC_other\)"):
        read_predictions(video.parent, video)


@pytest.mark.parametrize(("ending", "cut"), [(".h5", 0.9), (".csv", 0.03)])
def test_a_part_of_a_file_is_refused(ending, cut, video, poses):
    path = write(poses(2), video.with_name(f"mouse{SCORER}{ending}"))
    whole = path.read_bytes()
    for share in np.linspace(0, cut, 20):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(PredictionsError) as caught:
            read_predictions(path, video)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("ending", [".h5", ".csv"])
@pytest.mark.parametrize("n_levels", [1, 3])
def test_labels_and_predictions_of_images_are_no_predictions_of_a_video(ending, n_levels, video, poses):
    table, path = table_of(poses()), video.with_name(f"mouse{SCORER}{ending}")
    parts = [("labeled-data", "mouse", f"img{number:03d}.png") for number in range(len(table))]
    table.index = ["/".join(part) for part in parts] if n_levels == 1 else pd.MultiIndex.from_tuples(parts)
    if ending == ".csv":
        table.to_csv(path)
    else:
        table.to_hdf(path, key="df_with_missing", mode="w", format="fixed" if n_levels == 3 else "table")
    with pytest.raises(PredictionsError, match="its rows are images, not frames of a video; give predictions"):
        read_predictions(path, video)


def test_an_index_may_have_a_name(video, poses):
    points, path = poses(), video.with_name(f"mouse{SCORER}.csv")
    table_of(points).rename_axis(index="frame").to_csv(path)
    assert_same(read_predictions(path, video), points)
    # A first frame without any point is no name.
    points[0] = np.nan
    write(points, path)
    assert_same(read_predictions(path, video), points)


def test_a_column_that_comes_twice_is_refused(video, poses):
    path, table = video.with_name(f"mouse{SCORER}.csv"), table_of(poses())
    pd.concat([table, table], axis=1).to_csv(path)
    with pytest.raises(PredictionsError, match="has a column twice"):
        read_predictions(path, video)


def test_a_cut_line_is_named(video, poses):
    path = write(poses(), video.with_name(f"mouse{SCORER}.csv"))
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines[:20], lines[20][:20]]))
    with pytest.raises(PredictionsError, match=r"line 21 has fewer cells \(\d\) than the header \(10\)"):
        read_predictions(path, video)
    path.write_text("\n".join([*lines[:20], lines[20].replace(lines[20].split(",")[3], "what"), *lines[21:]]))
    with pytest.raises(PredictionsError, match=r"line 21 cannot be read .*what"):
        read_predictions(path, video)


def test_without_h5py_the_csv_is_read(video, poses, monkeypatch):
    points = poses()
    path = write(points, video.with_name(f"mouse{SCORER}.h5"))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(PredictionsError, match=r"h5py, which is not installed; run pip install h5py"):
        read_predictions(path, video)
    write(points, path.with_suffix(".csv"))
    assert_same(read_predictions(path, video), points)
    assert_same(read_predictions(video.parent, video), points)


def test_another_videos_name_is_refused(video, poses):
    path = write(poses(), video.with_name(f"mouse10{SCORER}.h5"))
    with pytest.raises(PredictionsError, match=r"its name does not begin with that of mouse\.mp4"):
        read_predictions(path, video)
    read_predictions(shutil.copy(path, video.with_name(f"mouse{SCORER}.h5")), video)
    assert keyframes.read_predictions is read_predictions
