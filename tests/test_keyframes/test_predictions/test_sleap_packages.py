"""Predictions in packages of SLEAP, which carry images, and beside them."""

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from keyframes import read_predictions

sio = pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")


def predicted_on(video, n_frames):
    """Labels of one point that moves by one pixel in each frame."""
    skeleton = sio.Skeleton(["nose"])
    return sio.Labels(
        [
            sio.LabeledFrame(video, index, [sio.PredictedInstance.from_numpy(np.array([[index, 5.0]]), skeleton)])
            for index in range(n_frames)
        ]
    )


def test_predictions_on_a_package_refer_to_it(video, tmp_path):
    """As sleap-nn writes them; the package itself may be elsewhere."""
    package, beside = tmp_path / "labels.pkg.slp", tmp_path / "predictions.slp"
    predicted_on(sio.load_video(str(video)), 9).save(str(package), embed="all", verbose=False)
    labels = sio.load_slp(str(package))
    labels.save(str(beside), embed=False, restore_original_videos=False, verbose=False)
    package.unlink()
    assert_array_equal(read_predictions(beside, video).keypoints[:, 0, 0], [[index, 5] for index in range(9)])


@pytest.mark.filterwarnings("ignore:Source video metadata")
def test_a_package_knows_a_list_of_images_that_is_too_long_for_an_attribute(tmp_path):
    folder = tmp_path / "session"
    folder.mkdir()
    names = [f"{folder}/{'image' * 40}{number:03d}.png" for number in range(300)]
    for name in names:
        cv2.imwrite(name, np.zeros((12, 16, 3), np.uint8))
    package = tmp_path / "labels.pkg.slp"
    predicted_on(sio.load_video(names), 4).save(str(package), embed="all", verbose=False)
    assert_array_equal(read_predictions(package, folder).frames, range(4))
