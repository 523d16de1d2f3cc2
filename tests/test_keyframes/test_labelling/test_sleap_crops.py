"""SLEAP projects that crop their videos: the points are inside the crop, the images of packages are whole frames."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import keyframes
from keyframes import read_predictions
from tests.test_keyframes.test_labelling.conftest import NAMES

sio = pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")

LEFT, TOP, RIGHT, BOTTOM = CROP = (40, 30, 140, 100)
LABELLED = (3, 50)


@pytest.fixture
def cropped(result):
    """Frames of the result's video in a project that crops it, each with two points of one animal."""
    video = sio.load_video(str(result.parent / "mpeg4.mp4")).crop(CROP)
    skeleton = sio.Skeleton(list(NAMES))

    def make(indices, kind):
        points = np.array([[5.0, 6.0], [7.0, 8.0]])
        return sio.Labels(
            [sio.LabeledFrame(video, index, [kind.from_numpy(points + index, skeleton)]) for index in indices],
            videos=[video],
            skeletons=[skeleton],
        )

    return make


@pytest.mark.parametrize("offset", [None, (1.0, 2.0)])
def test_predictions_are_moved_out_of_the_crop(offset, result, cropped, tmp_path):
    cropped(range(60), sio.PredictedInstance).save(str(tmp_path / "mpeg4.slp"), verbose=False)
    read = read_predictions(tmp_path / "mpeg4.slp", result.parent / "mpeg4.mp4", offset=offset)
    assert_allclose(read.keypoints[:, 0, 0] - (offset or (LEFT, TOP)), np.arange(60)[:, None] + (5, 6))


@pytest.mark.parametrize(("name", "how"), [("own.slp", {}), ("own.pkg.slp", {"embed": "user"})])
def test_an_export_keeps_the_crop_and_moves_predictions_into_it(
    name, how, result, indices, cropped, predicted, tmp_path
):
    cropped(LABELLED, sio.Instance).save(str(tmp_path / name), verbose=False, **how)
    before = sio.load_slp(str(tmp_path / name))
    predictions = predicted()
    predictions.keypoints[indices[2]] = [(LEFT, TOP), (RIGHT - 1, BOTTOM - 1)]
    predictions.keypoints[indices[3]] = [(LEFT - 1, TOP), (LEFT + 5, TOP + 6)]
    predictions.keypoints[indices[4]] = [(RIGHT, TOP), (LEFT, BOTTOM)]
    after = sio.load_slp(str(keyframes.export(result, "sleap", project=tmp_path / name, prelabels=predictions).place))
    for old in before.user_labeled_frames:
        (new,) = (frame for frame in after.user_labeled_frames if frame.frame_idx == old.frame_idx)
        assert_array_equal(new.numpy(), old.numpy())
        assert_array_equal(new.image, old.image)
    found = {frame.frame_idx: frame.numpy()[0] for frame in after.labeled_frames}
    assert_array_equal(found[indices[2]], [(0, 0), (RIGHT - LEFT - 1, BOTTOM - TOP - 1)])
    assert_array_equal(found[indices[3]], [(np.nan, np.nan), (5, 6)])
    assert indices[4] not in found
    for suggestion in after.suggestions:
        assert suggestion.video[suggestion.frame_idx].shape[:2] == (BOTTOM - TOP, RIGHT - LEFT)
