"""A result to review, and what every test of it asks."""

import csv
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import keyframes
from tests.test_keyframes.conftest import read_number
from tests.test_keyframes.result_folders import manifest_of

VIDEO = "h264_b_frames.mp4"


@pytest.fixture(scope="module")
def extracted(tmp_path_factory, video_file):
    """A video with its result beside it."""
    folder = tmp_path_factory.mktemp("review")
    shutil.copy(video_file(VIDEO), folder / "v.mp4")
    keyframes.extract(folder / "v.mp4", 6, output=folder / "v-keyframes", min_gap_s=0, allow_similar=True)
    return folder


@pytest.fixture
def folder(tmp_path, extracted):
    """A result folder to change."""
    shutil.copytree(extracted, tmp_path / "work")
    return tmp_path / "work" / "v-keyframes"


def check(folder, sequential, video):
    """The folder is whole: images, table and manifest tell of the same frames, each exactly that of its index."""
    manifest = manifest_of(folder)
    indices = [entry["frame_index"] for entry in manifest["keyframes"]]
    assert indices == sorted(set(indices))
    assert {path.name for path in (folder / "frames").iterdir()} == {
        Path(entry["file"]).name for entry in manifest["keyframes"]
    }
    scan = np.load(folder / "scan.npz")
    for entry in manifest["keyframes"]:
        image = cv2.imread(str(folder / entry["file"]))
        assert_array_equal(image, sequential(video)[entry["frame_index"]])
        assert read_number(image) == entry["frame_index"]
        row = np.searchsorted(scan["frame_index"], entry["frame_index"])
        assert (entry["time_s"], entry["cluster"]) == (scan["time_s"][row], scan["label"][row])
        assert entry["cluster_size"] == np.sum(scan["label"] == entry["cluster"])
    with (folder / "keyframes.csv").open(encoding="utf-8", newline="") as file:
        assert [int(row["frame_index"]) for row in csv.DictReader(file)] == indices
    return indices
