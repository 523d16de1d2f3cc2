"""Predictions of Lightning Pose and the measures beside them, written by pandas as Lightning Pose writes them."""

import numpy as np
import pytest

from keyframes import PredictionsError, read_predictions
from tests.test_keyframes.test_predictions.conftest import NODES, assert_same
from tests.test_keyframes.test_predictions.test_deeplabcut import SCORER, table_of

pd = pytest.importorskip("pandas", reason="needs pandas, of the deeplabcut extra")


def write(points, video):
    table_of(points, "heatmap_tracker").to_csv(path := video.with_suffix(".csv"))
    return path


def write_errors(values, path, name, nodes=NODES):
    pd.DataFrame(values, columns=list(nodes)).to_csv(path.with_name(f"{path.stem}_{name}.csv"))


@pytest.mark.parametrize("named", ["the file", "the folder"])
def test_measures_beside_the_predictions_come_along(named, video, poses, rng):
    points, jumps, residuals, views = poses(missing=0), *rng.random((3, 60, 3))
    # It has no frame before the first one.
    jumps[0] = np.nan
    path = write(points, video)
    write_errors(jumps, path, "temporal_norm")
    write_errors(residuals[:, [2, 0]], path, "pca_singleview_error", [NODES[2], NODES[0]])
    write_errors(views, path, "pca_multiview_error")
    read = read_predictions(path if named == "the file" else video.parent, video)
    assert_same(read, points)
    assert list(read.errors) == ["temporal_norm", "pca_singleview_error", "pca_multiview_error"]
    residuals[:, 1] = np.nan
    for values, told in zip((jumps, residuals, views), read.errors.values(), strict=True):
        assert told.dtype == np.float32
        np.testing.assert_allclose(told[:, 0], values, rtol=1e-6)


def test_without_measures_there_are_none(video, poses):
    assert dict(read_predictions(write(poses(), video), video).errors) == {}


@pytest.mark.parametrize("scorer", ["heatmap_tracker", SCORER])
def test_what_would_lie_beside_may_have_too_long_a_name(scorer, video, poses):
    points = poses()
    path = video.with_name(f"mouseDLC_{'x' * 240}.csv")
    table_of(points, scorer).to_csv(path)
    assert_same(read_predictions(path, video), points)


def test_measures_end_with_the_video(video, poses, rng):
    points, jumps = poses(1, 62, 0), rng.random((62, 3))
    points[60:] = np.nan
    path = write(points, video)
    write_errors(jumps, path, "temporal_norm")
    read = read_predictions(path, video)
    np.testing.assert_allclose(read.errors["temporal_norm"][:, 0], jumps[:60], rtol=1e-6)


@pytest.mark.parametrize(
    ("values", "nodes", "message"),
    [(np.ones((59, 3)), NODES, "59 rows, which do not fit"), (np.ones((60, 1)), ["paw"], "none of the points")],
)
def test_measures_of_other_predictions_are_refused(values, nodes, message, video, poses):
    path = write(poses(), video)
    write_errors(values, path, "temporal_norm", nodes)
    with pytest.raises(PredictionsError, match=rf"mouse_temporal_norm.csv: .*{message}"):
        read_predictions(path, video)


def test_a_measure_is_no_prediction(video, poses):
    path = write(poses(), video)
    write_errors(np.ones((60, 3)), path, "temporal_norm")
    with pytest.raises(PredictionsError, match="is not a table of predictions"):
        read_predictions(path.with_name("mouse_temporal_norm.csv"), video)


def test_predictions_of_labelled_images_are_refused(video, poses):
    table = table_of(poses(), "heatmap_tracker")
    table[("set", "", "")] = "train"
    table.index = [f"labeled-data/mouse/img{number:04}.png" for number in table.index]
    table.to_csv(video.with_suffix(".csv"))
    with pytest.raises(PredictionsError, match="its rows are images, not frames of a video"):
        read_predictions(video.with_suffix(".csv"), video)
