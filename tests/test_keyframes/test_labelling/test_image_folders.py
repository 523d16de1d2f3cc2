"""COCO, CVAT and Label Studio: images as they are, and the JSON that names them."""

import json
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import cv2
import pytest

import keyframes
from keyframes import OutputError
from tests.test_keyframes.test_labelling.conftest import contents

BODYPARTS = ("nose", 'tail "base"')


@pytest.fixture
def results(extracted):
    """Two results of one stem, one of a name with all that needs quoting, one of JPEG images."""
    return [
        extracted("mpeg4.mp4"),
        extracted("mpeg4.avi"),
        extracted("odd_name ' “ü” [1] %d.mp4"),
        extracted("h264_b_frames.mp4", format="jpg"),
    ]


def expected_images(results):
    """Bytes, keyframe and video of each image, in order."""
    for result in results:
        manifest = json.loads((result / "manifest.json").read_text(encoding="utf-8"))
        for entry in manifest["keyframes"]:
            yield (result / entry["file"]).read_bytes(), entry, manifest["video"]


def test_results_at_any_depth_below_a_folder(tmp_path, results):
    for result, place in zip(results, ("day1/a", "day1/deep/a", "day1/deep/b", "day2/c"), strict=True):
        shutil.copytree(result, tmp_path / "frames" / place)
    shutil.copytree(results[0], tmp_path / "frames" / ".d.partial")
    done = keyframes.export(tmp_path / "frames", "coco")
    assert done.place == tmp_path / "frames" / "coco"
    document = json.loads((done.place / "annotations.json").read_text(encoding="utf-8"))
    expected = [entry["frame_index"] for _, entry, _ in expected_images(results)]
    assert sorted(image["frame_index"] for image in document["images"]) == sorted(expected)


def test_coco(tmp_path, results):
    done = keyframes.export(results, "coco", output=tmp_path / "out", bodyparts=BODYPARTS)
    document = json.loads((done.place / "annotations.json").read_text(encoding="utf-8"))
    (category,) = document["categories"]
    assert category["keypoints"] == list(BODYPARTS)
    assert document["annotations"] == []
    assert len({image["id"] for image in document["images"]}) == done.n_frames == 20
    for image, (content, entry, video) in zip(document["images"], expected_images(results), strict=True):
        assert (done.place / image["file_name"]).read_bytes() == content
        assert (image["width"], image["height"]) == (video["width"], video["height"])
        assert (image["video"], image["frame_index"]) == (video["path"], entry["frame_index"])


def test_sleap_io_reads_our_coco(tmp_path, results):
    coco = pytest.importorskip("sleap_io.io.coco", reason="needs sleap-io, of the sleap extra")
    done = keyframes.export(results, "coco", output=tmp_path / "out", bodyparts=BODYPARTS)
    document = coco.parse_coco_json(str(done.place / "annotations.json"))
    (skeleton,) = [coco.create_skeleton_from_category(category) for category in document["categories"]]
    assert skeleton.node_names == list(BODYPARTS)


def test_cvat(tmp_path, results):
    done = keyframes.export(results, "cvat", output=tmp_path / "out", bodyparts=BODYPARTS)
    version, kind, *images = [
        json.loads(line) for line in (done.place / "manifest.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert (version, kind) == ({"version": "1.1"}, {"type": "images"})
    for image, (content, entry, video) in zip(images, expected_images(results), strict=True):
        file = done.place / (image["name"] + image["extension"])
        assert file.read_bytes() == content
        height, width, _ = cv2.imread(str(file)).shape
        assert (image["width"], image["height"]) == (width, height)
        assert image["meta"] == {"video": video["path"], "frame_index": entry["frame_index"]}
    labels = json.loads((done.place / "labels.json").read_text(encoding="utf-8"))
    assert [label["name"] for label in labels] == list(BODYPARTS)


def test_label_studio(tmp_path, results):
    done = keyframes.export(results, "label-studio", output=tmp_path / "out", bodyparts=BODYPARTS)
    tasks = json.loads((done.place / "tasks.json").read_text(encoding="utf-8"))
    for task, (content, entry, _) in zip(tasks, expected_images(results), strict=True):
        url = urlsplit(task["data"]["img"])
        assert url.path == "/data/local-files/"
        # As the server reads it.
        (place,) = parse_qs(url.query)["d"]
        assert place.startswith("labeled-data/")
        assert (done.place / place).read_bytes() == content
        assert (task["data"]["frame_index"], task["data"]["time_s"]) == (entry["frame_index"], entry["time_s"])
    interface = ElementTree.parse(done.place / "interface.xml")
    assert [label.get("value") for label in interface.iter("Label")] == list(BODYPARTS)
    assert interface.find("Image").get("value") == "$img"
    assert interface.find("KeyPointLabels").get("toName") == interface.find("Image").get("name")


def test_label_studio_is_told_all_that_serving_the_images_needs(tmp_path, results):
    """Each step was found to be needed: without serving enabled it answers 403, without the storage 404."""
    place = tmp_path / "with space"
    start, storage, interface, tasks = keyframes.export(results[0], "label-studio", output=place).notes
    assert "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true" in start
    assert f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT='{place}'" in start
    # The server takes no storage that is the root itself.
    assert f"Local Files with the path {place / 'labeled-data'}," in storage
    assert "interface.xml" in interface
    assert "--bodyparts" in interface
    assert "tasks.json" in tasks


def test_a_skeleton_in_coco(tmp_path, results):
    options = {"bodyparts": ("nose", "tail", "paw"), "skeleton": (("nose", "tail"), ("paw", "nose"))}
    place = keyframes.export(results[0], "coco", output=tmp_path / "out", **options).place
    (category,) = json.loads((place / "annotations.json").read_text(encoding="utf-8"))["categories"]
    assert category["skeleton"] == [[1, 2], [3, 1]]


@pytest.mark.parametrize("tool", ["coco", "cvat", "label-studio"])
def test_no_video_is_needed_and_nothing_is_written_over(tool, tmp_path, extracted, unchanged):
    result = tmp_path / "moved"
    shutil.copytree(extracted("mpeg4.mp4"), result)
    place = keyframes.export(result, tool).place
    assert place == Path(tmp_path / f"moved-{tool}")
    with unchanged(tmp_path), pytest.raises(OutputError, match="already exists, and may hold labels"):
        keyframes.export(result, tool)
    keyframes.export(result, tool, output=tmp_path / "again")
    assert contents(place).keys() == contents(tmp_path / "again").keys()


def test_a_missing_image_is_told(tmp_path, extracted):
    result = tmp_path / "moved"
    shutil.copytree(extracted("mpeg4.mp4"), result)
    next((result / "frames").iterdir()).unlink()
    with pytest.raises(keyframes.ExportError, match=r"img\d\d\.png: cannot be read"):
        keyframes.export(result, "coco")
    assert [path.name for path in tmp_path.iterdir()] == ["moved"]
