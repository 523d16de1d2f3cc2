"""Exports and second rounds as the labelling tools' own readers see them, each in a process of its own."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import pytest

import keyframes
from tests.conftest import ROOT
from tests.test_keyframes.test_labelling.test_image_folders import BODYPARTS

pytestmark = pytest.mark.slow
NEW = {"task": "reach", "scorer": "anna", "bodyparts": BODYPARTS, "skeleton": (BODYPARTS,)}


def python_with(module):
    """Find the interpreter of an environment that has a module: this one, or one that ``.ci/full tools`` made."""
    if find_spec(module) is not None:
        return sys.executable
    for python in sorted(ROOT.glob(".venv-*/bin/python")):
        if list(python.parent.parent.glob(f"lib/python*/site-packages/{module}")):
            return str(python)
    pytest.importorskip(module, reason=f"needs {module}")
    return sys.executable


def answer_of(module, program, *arguments):
    """Run a program that prints JSON in its last line, where the tool is installed."""
    done = subprocess.run(
        [python_with(module), "-c", f"import json, sys\n{program}", *map(str, arguments)],
        capture_output=True,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


OPEN_FOLDER = """
from napari_deeplabcut._reader import get_folder_parser
layers = get_folder_parser(sys.argv[1])(sys.argv[1])
print(json.dumps([[kind, list(data.shape)] for data, _, kind in layers if kind == "image"]))
"""
OPEN_CONFIG = """
from napari_deeplabcut._reader import get_config_reader
(layer,) = get_config_reader(sys.argv[1])(sys.argv[1])
print(json.dumps([list(column) for column in layer[1]["metadata"]["header"].columns]))
"""

OPEN_PROJECT = """
from deeplabcut.core.config.project_config import ProjectConfig
config = ProjectConfig.from_yaml(sys.argv[1])
print(json.dumps([config.Task, list(config.bodyparts), len(config.video_sets)]))
"""


def test_deeplabcut_opens_a_new_project(tmp_path, extracted):
    place = keyframes.export(extracted("mpeg4.mp4"), "deeplabcut", output=tmp_path / "new", **NEW).place
    assert answer_of("deeplabcut", OPEN_PROJECT, place / "config.yaml") == ["reach", list(BODYPARTS), 1]


@pytest.mark.parametrize("cropped", [False, True])
def test_napari_opens_a_folder_after_the_second_round(cropped, tmp_path, extracted):
    place = keyframes.export(extracted("mpeg4.mp4"), "deeplabcut", output=tmp_path / "dlc", **NEW).place
    folder = place / "labeled-data" / "mpeg4"
    if cropped:
        config = place / "config.yaml"
        text = config.read_text(encoding="utf-8").replace("crop: 0, 160, 0, 120", "crop: 16, 130, 10, 110")
        config.write_text(text.replace("cropping: false", "cropping: true"), encoding="utf-8")
        for image in folder.iterdir():
            cv2.imwrite(str(image), cv2.imread(str(image))[10:110, 16:130])
    keyframes.export(extracted("mpeg4.mp4", 12, uniform=True), "deeplabcut", project=place)
    n_images = len(list(folder.iterdir()))
    assert n_images > 12
    shape = [100, 114, 3] if cropped else [120, 160, 3]
    assert answer_of("napari_deeplabcut", OPEN_FOLDER, folder) == [["image", [n_images, *shape]]]


OPEN_POINTS = """
import numpy as np
from napari_deeplabcut._reader import get_folder_parser
layers = get_folder_parser(sys.argv[1])(sys.argv[1])
((data, about, _),) = [layer for layer in layers if layer[2] == "points"]
images = about["metadata"]["paths"]
rows = zip(data.tolist(), about["properties"]["id"], about["properties"]["label"], strict=True)
found = [[images[int(image)], animal, name, x, y] for (image, y, x), animal, name in rows]
print(json.dumps([about["name"], str(about["metadata"]["io"]["kind"].value), found]))
"""


@pytest.mark.parametrize("individuals", [(), ("m1", "m2")])
def test_napari_opens_what_was_predicted(individuals, tmp_path, extracted, rng):
    """As the labels to refine: DeepLabCut's own step opens the folder in napari."""
    result, n_animals = extracted("mpeg4.mp4"), len(individuals) or 1
    keypoints = (rng.random((60, n_animals, 2, 2)) * (159, 119)).astype(np.float32)
    keypoints[:, 0, 1] = np.nan
    confidence, none = rng.random((60, n_animals, 2)).astype(np.float32), np.zeros(60, bool)
    predictions = keyframes.Predictions(
        tmp_path / "mpeg4DLC.h5", np.arange(60), keypoints, confidence, BODYPARTS, (), none, individuals
    )
    options = {**NEW, "individuals": individuals, "prelabels": predictions}
    place = keyframes.export(result, "deeplabcut", output=tmp_path / "dlc", **options).place
    name, kind, points = answer_of("napari_deeplabcut", OPEN_POINTS, place / "labeled-data" / "mpeg4")
    assert (name, kind) == ("machinelabels-iter0", "machine")
    manifest = json.loads((result / "manifest.json").read_text(encoding="utf-8"))
    expected = {
        (f"labeled-data/mpeg4/{Path(entry['file']).name}", animal, part): keypoints[entry["frame_index"], i, j]
        for entry in manifest["keyframes"]
        for i, animal in enumerate(individuals or [""])
        for j, part in enumerate(BODYPARTS)
        if (i, j) != (0, 1)
    }
    found = {(image, animal, part): xy for image, animal, part, *xy in points}
    assert found.keys() == expected.keys()
    for one, xy in expected.items():
        np.testing.assert_allclose(found[one], xy, rtol=0, atol=6e-4)


@pytest.mark.parametrize("individuals", [(), ("m1", "m2")])
def test_napari_reads_the_configuration(individuals, tmp_path, extracted):
    options = {**NEW, "individuals": individuals}
    place = keyframes.export(extracted("mpeg4.mp4"), "deeplabcut", output=tmp_path / "dlc", **options).place
    animals = [[animal] for animal in individuals] or [[]]
    expected = [["anna", *animal, part, axis] for animal in animals for part in BODYPARTS for axis in "xy"]
    found = answer_of("napari_deeplabcut", OPEN_CONFIG, place / "config.yaml")
    assert [[level for level in column if level] for column in found] == expected


READ_COCO = """
from pycocotools.coco import COCO
coco = COCO(sys.argv[1])
print()
print(json.dumps([len(coco.getImgIds()), coco.loadCats(coco.getCatIds())]))
"""


def test_pycocotools_reads_the_annotations(tmp_path, extracted):
    place = keyframes.export(
        extracted("mpeg4.mp4"), "coco", output=tmp_path / "out", bodyparts=BODYPARTS, skeleton=(BODYPARTS,)
    ).place
    n_images, (category,) = answer_of("pycocotools", READ_COCO, place / "annotations.json")
    assert n_images == 5
    assert (category["keypoints"], category["skeleton"]) == (list(BODYPARTS), [[1, 2]])


READ_DATASET = """
import datumaro
dataset = datumaro.Dataset.import_from(sys.argv[1], "coco_person_keypoints")
points = dataset.categories()[datumaro.AnnotationType.points].items[0]
print(json.dumps([sorted([item.id, list(item.media.data.shape)] for item in dataset), points.labels]))
"""


def test_datumaro_reads_the_images(tmp_path, extracted):
    result = extracted("mpeg4.mp4")
    # It looks for images and annotations in folders of these names.
    place = keyframes.export(result, "coco", output=tmp_path / "set" / "images", bodyparts=BODYPARTS).place
    (tmp_path / "set" / "annotations").mkdir()
    shutil.move(place / "annotations.json", tmp_path / "set" / "annotations" / "person_keypoints_default.json")
    items, labels = answer_of("datumaro", READ_DATASET, tmp_path / "set")
    manifest = json.loads((result / "manifest.json").read_text(encoding="utf-8"))
    names = sorted(entry["file"].replace("frames/", "images/mpeg4/") for entry in manifest["keyframes"])
    assert items == [[name.removesuffix(".png"), [120, 160, 3]] for name in names]
    assert labels == list(BODYPARTS)


READ_LABELS = """
import sleap_io
labels = sleap_io.load_slp(sys.argv[1])
print(json.dumps({
    "user": sorted(frame.frame_idx for frame in labels.user_labeled_frames),
    "suggested": sorted(one.frame_idx for one in labels.suggestions),
    "shapes": sorted({one.video[one.frame_idx].shape for one in labels.suggestions}),
    "tracks": [track.name for track in labels.tracks],
}))
"""


def test_sleap_io_reads_a_package_after_the_second_round(tmp_path, extracted):
    first, more = extracted("mpeg4.mp4"), extracted("mpeg4.mp4", 12, uniform=True)
    options = {"bodyparts": BODYPARTS, "individuals": ("m1", "m2")}
    place = keyframes.export(first, "sleap", output=tmp_path / "out", **options).place / "suggestions.pkg.slp"
    done = keyframes.export(more, "sleap", project=place)
    indices = {
        entry["frame_index"]
        for result in (first, more)
        for entry in json.loads((result / "manifest.json").read_text(encoding="utf-8"))["keyframes"]
    }
    assert answer_of("sleap_io", READ_LABELS, done.place) == {
        "user": [],
        "suggested": sorted(indices),
        "shapes": [[120, 160, 3]],
        "tracks": ["m1", "m2"],
    }
