"""Earlier results to export, predictions to go with them, and what a project is before and after."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import keyframes
from keyframes import Predictions
from keyframes.result.recordings import read_manifest

# Keypoints of predictions, a project for them, the size of the pictures, and how exactly tools keep a point.
NAMES = ("nose", "tail")
NEW = {"task": "reach", "scorer": "anna", "bodyparts": NAMES}
WIDTH, HEIGHT = 160, 120
TOLERANCE = {"rtol": 0, "atol": 6e-4}


@pytest.fixture(scope="session")
def extracted(tmp_path_factory, video_file):
    """Result folder of a test video, its video beside it: `extracted("mpeg4.mp4", 5)`; treat it as read-only."""
    made = {}

    def get(name, k=5, **options):
        key = (name, k, *sorted(options.items()))
        if key not in made:
            folder = tmp_path_factory.mktemp("extracted")
            video = folder / name
            shutil.copy(video_file(name), video)
            made[key] = folder / f"{Path(name).stem}-keyframes"
            keyframes.extract(video, k, output=made[key], **options)
        return made[key]

    return get


def contents(folder):
    """Every file below a folder and its bytes, links as what they point to, and every empty folder."""
    found = {}
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file():
            found[name] = path.read_bytes()
        elif not any(path.iterdir()):
            found[name] = None
    return found


@pytest.fixture
def unchanged():
    """Context manager that checks that a folder is byte-equal after the block."""

    class Unchanged:
        def __init__(self, folder):
            self.folder = folder

        def __enter__(self):
            self.before = contents(self.folder)

        def __exit__(self, *error):
            assert contents(self.folder) == self.before

    return Unchanged


@pytest.fixture
def result(extracted):
    return extracted("mpeg4.mp4")


@pytest.fixture
def indices(result):
    return [entry["frame_index"] for entry in read_manifest(result)["keyframes"]]


@pytest.fixture
def predicted(rng, result, indices):
    """Predictions on all 60 frames, but none on the first chosen one, and on the second one without the last node."""

    def make(n_animals=1, names=NAMES, **others):
        shape = (60, n_animals, len(names))
        keypoints = (rng.random((*shape, 2)) * (WIDTH - 1, HEIGHT - 1)).astype(np.float32)
        confidence = rng.random(shape).astype(np.float32)
        keypoints[indices[0]] = keypoints[indices[1], :, -1] = np.nan
        confidence[indices[0]] = confidence[indices[1], :, -1] = np.nan
        source = result.parent / "mpeg4DLC_net.h5"
        return Predictions(source, np.arange(60), keypoints, confidence, names, (), np.zeros(60, bool), **others)

    return make
