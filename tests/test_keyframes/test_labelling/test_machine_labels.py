"""What a network predicted, as DeepLabCut's machine labels, which its user corrects."""

import sys

import cv2
import numpy as np
import pytest

import keyframes
from keyframes import ExportError
from tests.test_keyframes.test_labelling.conftest import NAMES, NEW, TOLERANCE


def table_of(folder, iteration=0):
    """The table of machine labels, as pandas reads it; the CSV holds the same."""
    pd = pytest.importorskip("pandas", reason="needs pandas, of the deeplabcut extra")
    pytest.importorskip("tables", reason="needs PyTables, of the deeplabcut extra")
    path = folder / f"machinelabels-iter{iteration}.h5"
    table = pd.read_hdf(path, "df_with_missing")
    text = pd.read_csv(path.with_suffix(".csv"), header=list(range(table.columns.nlevels)), index_col=[0, 1, 2])
    pd.testing.assert_frame_equal(text, table, check_names=False)
    return table


def images_in(table):
    assert {row[:2] for row in table.index} == {("labeled-data", "mpeg4")}
    return [row[2] for row in table.index]


@pytest.fixture
def need_tables():
    pytest.importorskip("pandas", reason="needs pandas, of the deeplabcut extra")
    pytest.importorskip("tables", reason="needs PyTables, of the deeplabcut extra")


@pytest.mark.usefixtures("need_tables")
def test_deeplabcut_has_machine_labels(tmp_path, result, indices, predicted):
    predictions = predicted()
    options = {**NEW, "bodyparts": ("ear", "tail", "nose")}
    place = keyframes.export(result, "deeplabcut", output=tmp_path / "dlc", prelabels=predictions, **options).place
    folder = place / "labeled-data" / "mpeg4"
    table = table_of(folder)
    assert images_in(table) == sorted(path.name for path in folder.glob("*.png"))[1:]
    assert table.columns.names == ["scorer", "bodyparts", "coords"]
    expected = [("mpeg4DLC_net", part, value) for part in options["bodyparts"] for value in ("x", "y", "likelihood")]
    assert list(table.columns) == expected
    values = table.to_numpy().reshape(-1, 3, 3)
    assert np.isnan(values[:, 0]).all()
    np.testing.assert_allclose(values[:, [2, 1], :2], predictions.keypoints[indices[1:], 0], **TOLERANCE)
    np.testing.assert_allclose(values[:, [2, 1], 2], predictions.confidence[indices[1:], 0], **TOLERANCE)


@pytest.mark.usefixtures("need_tables")
@pytest.mark.parametrize("animals", [(), ("m3", "m1", "single")])
def test_of_several_animals_the_names_decide(animals, tmp_path, result, indices, predicted):
    names = (*NAMES, "corner") if animals else NAMES
    predictions = predicted(len(animals) or 2, names, animals=animals)
    if animals:
        predictions.keypoints[:, 2, :2] = predictions.keypoints[:, :2, 2] = np.nan
    place = keyframes.export(result, "deeplabcut", output=tmp_path / "dlc", **NEW, individuals=("m1", "m2", "m3")).place
    folder = place / "labeled-data" / "mpeg4"
    config = place / "config.yaml"
    text = config.read_text().replace("iteration: 0", "iteration: 3")
    config.write_text(
        text.replace("uniquebodyparts: []", "uniquebodyparts:\n- corner" if animals else "uniquebodyparts: []")
    )
    for image in folder.iterdir():
        image.unlink()
    keyframes.export(result, "deeplabcut", project=place, prelabels=predictions)
    table = table_of(folder, 3)
    values = table.to_numpy()[1:].reshape(len(indices) - 2, -1, 3)[..., :2]
    m1, m2, m3 = values[:, :2], values[:, 2:4], values[:, 4:6]
    truth = predictions.keypoints[indices[2:]]
    if animals:
        np.testing.assert_allclose(m3, truth[:, 0, :2], **TOLERANCE)
        np.testing.assert_allclose(m1, truth[:, 1, :2], **TOLERANCE)
        assert np.isnan(m2).all()
        np.testing.assert_allclose(values[:, 6], truth[:, 2, 2], **TOLERANCE)
        assert list(table.columns[-3:]) == [("mpeg4DLC_net", "single", "corner", v) for v in ("x", "y", "likelihood")]
    else:
        np.testing.assert_allclose(np.stack([m1, m2], axis=1), truth, **TOLERANCE)
        assert np.isnan(m3).all()


@pytest.mark.usefixtures("need_tables")
def test_in_cropped_images_points_are_inside_the_crop(tmp_path, result, indices, predicted):
    place = keyframes.export(result, "deeplabcut", output=tmp_path / "dlc", **NEW).place
    folder = place / "labeled-data" / "mpeg4"
    for image in folder.iterdir():
        image.unlink()
    config = place / "config.yaml"
    text = config.read_text().replace("crop: 0, 160, 0, 120", "crop: 16, 130, 10, 110")
    config.write_text(text.replace("cropping: false", "cropping: true"))
    predictions = predicted()
    predictions.keypoints[indices[2], 0] = [(20.25, 30.5), (140, 30)]
    predictions.keypoints[indices[3], 0] = [(140, 30), (8, 50)]
    predictions.keypoints[indices[1], 0, 0] = predictions.keypoints[indices[4], 0, 0] = (50, 50)
    done = keyframes.export(result, "deeplabcut", project=place, prelabels=predictions)
    assert "1 of the 5 frames of mpeg4 has predicted points only outside the crop" in done.notes
    table = table_of(folder)
    row = table.loc[("labeled-data", "mpeg4", f"img{indices[2]:02d}.png")].to_numpy().reshape(2, 3)
    np.testing.assert_array_equal(row[0, :2], (4.25, 20.5))
    assert np.isnan(row[1]).all()
    assert cv2.imread(str(folder / f"img{indices[2]:02d}.png")).shape == (100, 114, 3)


@pytest.mark.usefixtures("need_tables")
@pytest.mark.parametrize("ending", [".h5", ".csv"])
def test_machine_labels_are_never_written_over(ending, tmp_path, extracted, predicted, unchanged):
    options = {"output": tmp_path / "dlc", "prelabels": predicted(), **NEW}
    place = keyframes.export(extracted("mpeg4.mp4"), "deeplabcut", **options).place
    (place / "labeled-data" / "mpeg4" / "machinelabels-iter0").with_suffix(
        {".h5": ".csv", ".csv": ".h5"}[ending]
    ).unlink()
    more = extracted("mpeg4.mp4", 12, uniform=True)
    with unchanged(place), pytest.raises(ExportError, match=rf"iter0\{ending}: already exists .*merge_datasets"):
        keyframes.export(more, "deeplabcut", project=place, prelabels=predicted())
    assert keyframes.export(more, "deeplabcut", project=place).n_frames > 5


@pytest.mark.usefixtures("need_tables")
def test_machine_labels_of_a_video_without_new_frames_are_left_alone(tmp_path, extracted, predicted, unchanged):
    first, other = extracted("mpeg4.mp4"), extracted("vp9.webm")
    place = keyframes.export(first, "deeplabcut", output=tmp_path / "dlc", prelabels=predicted(), **NEW).place
    (tmp_path / "predicted").mkdir()
    for stem in ("mpeg4", "vp9"):
        lines = ["frame_index,node,x,y", *(f"{frame},nose,{frame + 5},9" for frame in range(60))]
        (tmp_path / "predicted" / f"{stem}.csv").write_text("\n".join(lines))
    with unchanged(place / "labeled-data" / "mpeg4"):
        done = keyframes.export([first, other], "deeplabcut", project=place, prelabels=tmp_path / "predicted")
    assert done.n_frames == 5
    assert (place / "labeled-data" / "vp9" / "machinelabels-iter0.h5").is_file()


def test_without_pandas_deeplabcut_is_refused(tmp_path, result, predicted, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ExportError, match=r"needs pandas and tables, .* pip install '.\[deeplabcut\]'"):
        keyframes.export(result, "deeplabcut", output=tmp_path / "dlc", prelabels=predicted(), **NEW)
    assert not list(tmp_path.iterdir())
