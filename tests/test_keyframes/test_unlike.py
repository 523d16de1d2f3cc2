"""More frames, unlike those that projects have: read from every kind of project, never chosen again."""

import json
import runpy
import shutil

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import keyframes
from keyframes import ExportError, RegionError, Settings, SettingsError, VideoReader
from keyframes.labelling.known_frames import read_labelled
from keyframes.scan.first_pass import scan_video
from keyframes.scan.scan import thumbnailer_of
from tests.test_keyframes.conftest import X264
from tests.test_keyframes.test_labelling.conftest import contents


@pytest.fixture(scope="module")
def recording(tmp_path_factory, video_file):
    """A video and a result of six of its frames beside it."""
    folder = tmp_path_factory.mktemp("recording")
    video = folder / "h264_b_frames.mp4"
    shutil.copy(video_file("h264_b_frames.mp4"), video)
    return video, keyframes.extract(video, 6, output=folder / "h264_b_frames-keyframes")


def need(kind):
    for module in ("sleap_io", "h5py") if kind == "sleap" else ():
        pytest.importorskip(module, reason=f"needs {module}, of the sleap extra")


@pytest.fixture
def project(tmp_path, recording):
    """Make a project of a kind with the six frames."""
    _, result = recording

    def make(kind):
        if kind in ("result", "manifest", "results", "results of subfolders"):
            place = tmp_path / "results" / "day1" / "one"
            shutil.copytree(result.folder, place)
            above = {"results": place.parent, "results of subfolders": place.parent.parent}
            return {"result": place, "manifest": place / "manifest.json", **above}[kind]
        if kind.startswith("deeplabcut"):
            need("config")
            options = {"task": "reach", "scorer": "anna", "bodyparts": ("nose",), "output": tmp_path / "dlc"}
            place = keyframes.export(result.folder, "deeplabcut", **options).place
            return place / "config.yaml" if kind.endswith("config") else place
        if kind == "lightning-pose":
            need("config")
            return keyframes.export(result.folder, "lightning-pose", output=tmp_path / "lp", bodyparts=("nose",)).place
        need("sleap")
        place = keyframes.export(result.folder, "sleap", output=tmp_path / "sleap").place
        return place / ("suggestions.pkg.slp" if kind == "sleap package" else "suggestions.slp")

    return make


KINDS = (
    "result",
    "manifest",
    "results",
    "results of subfolders",
    "deeplabcut",
    "deeplabcut config",
    "lightning-pose",
    "sleap",
    "sleap package",
)


@pytest.mark.parametrize("kind", KINDS)
def test_no_frame_of_a_project_comes_again(kind, recording, project, tmp_path):
    video, result = recording
    place = project(kind)
    before = contents(tmp_path)
    more = keyframes.extract(video, 4, output=tmp_path / "more", unlike=[place])
    shutil.rmtree(tmp_path / "more")
    assert contents(tmp_path) == before
    assert len(more.keyframes) == 4
    assert not set(more.frame_indices) & set(result.frame_indices)
    gaps = np.abs(np.subtract.outer([one.time_s for one in more.keyframes], [one.time_s for one in result.keyframes]))
    assert gaps.min() >= 0.1 - 1e-6
    (told,) = more.manifest["unlike"]
    assert (told["frames"], told["of_this_video"]) == (6, 6)
    # A project is called by its folder, though many have a config.yaml.
    assert told["project"] == (place if kind.startswith("sleap") or place.is_dir() else place.parent).name
    assert str(tmp_path) not in json.dumps(more.manifest)


@pytest.mark.parametrize("kind", ["deeplabcut", "lightning-pose", "sleap package", "result"])
def test_images_are_reduced_as_the_video_is(kind, recording, project):
    video, result = recording
    place = project(kind)
    other = place.parent / "camera.mp4"
    shutil.copy(video, other)
    # Another file by name and content: only the looks count.
    other.write_bytes(video.read_bytes() + b"\0" * 8)
    with VideoReader(other) as reader:
        settings = Settings(k=5)
        labelled = read_labelled([place], reader, thumbnailer_of(reader, settings))
        scan = scan_video(reader, settings, progress=False)
        known = labelled.known(scan)
    assert labelled.projects[0]["of_this_video"] == len(labelled.frame_index) == 0
    rows = np.isin(scan.frame_index, result.frame_indices)
    assert_array_equal(known.features, np.unique(scan.features[rows], axis=0))


def test_across_videos_the_new_ones_look_different(tmp_path, encoded_pictures):
    lossless = ("-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv444p")
    first = keyframes.extract(encoded_pictures("monday.mp4", [5] * 9 + [77] * 9, *lossless), 2, output=tmp_path / "a")
    path = encoded_pictures("tuesday.mp4", [5] * 9 + [77] * 9 + [200] * 9 + [131] * 9, *lossless)
    more = keyframes.extract(path, 4, output=tmp_path / "b", unlike=[first.folder])
    assert sorted(index // 9 for index in more.frame_indices) == [2, 3]
    assert "only 2 of the 36 frames differ" in more.warnings[0]


def test_nothing_is_left(tmp_path, encoded_pictures):
    path = encoded_pictures("two.mp4", [5] * 9 + [77] * 9, *X264[:2], "-qp", "0")
    first = keyframes.extract(path, 2, output=tmp_path / "a")
    with pytest.raises(RegionError, match="in the projects already"):
        keyframes.extract(path, 2, output=tmp_path / "b", unlike=[first.folder])
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("options", [{"k": "auto"}, {"k": 3, "uniform": True}])
def test_what_does_not_go_together(options, tmp_path, recording):
    with pytest.raises(SettingsError, match="unlike"):
        keyframes.extract(recording[0], output=tmp_path / "out", unlike=[recording[1].folder], **options)


def test_images_of_another_size_do_not_count(tmp_path, recording, video_file):
    other = keyframes.extract(video_file("h264_444_odd.mp4"), 4, output=tmp_path / "odd")
    more = keyframes.extract(recording[0], 5, output=tmp_path / "out", unlike=[other.folder, recording[1].folder])
    assert "4 of the 4 frames of odd are of another video" in more.warnings[0]
    assert more.warnings[0].endswith("they were ignored")
    assert not set(more.frame_indices) & set(recording[1].frame_indices)


def damage(place, kind):
    """Break a project of a kind; return a word of the message."""
    if kind == "missing":
        shutil.rmtree(place)
        return "no such project"
    if kind == "empty folder":
        shutil.rmtree(place)
        place.mkdir()
        return "is not a project"
    if kind == "manifest":
        (place / "manifest.json").write_text("{", encoding="utf-8")
        return "damaged"
    image = sorted((place / "frames").glob("*.png"))[0]
    image.write_bytes(b"no image")
    return "cannot be decoded"


@pytest.mark.parametrize("kind", ["missing", "empty folder", "manifest", "image"])
def test_a_damaged_result_ends_in_one_line(kind, tmp_path, recording, project, run_command):
    place = project("result")
    expected = damage(place, kind)
    before = contents(tmp_path)
    done = run_command("keyframes", "extract", recording[0], "-k", 3, "--unlike", place, "-o", tmp_path / "out")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert expected in line
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    ("kind", "file", "content", "expected"),
    [
        ("deeplabcut", "config.yaml", b"Task: [", "not valid YAML"),
        ("deeplabcut", "config.yaml", b"a: 1\n", "has no Task"),
        ("lightning-pose", "project.yaml", b"\xff\xfe", "not UTF-8"),
        ("lightning-pose", "CollectedData.unlabeled.jsonl", b"{]", "not a queue"),
        ("sleap", "", b"not HDF5", "not a SLEAP project"),
        ("sleap package", "", b"", "not a SLEAP project"),
    ],
)
def test_a_damaged_project_is_an_error(kind, file, content, expected, tmp_path, recording, project):
    place = project(kind)
    (place / file if file else place).write_bytes(content)
    before = contents(tmp_path)
    with pytest.raises(ExportError, match=expected):
        keyframes.extract(recording[0], 3, output=tmp_path / "out", unlike=[place])
    assert contents(tmp_path) == before


def test_a_folder_with_drawn_labels_does_not_count(tmp_path, recording, project):
    place = project("deeplabcut")
    images = place / "labeled-data" / "h264_b_frames"
    shutil.copytree(images, images.with_name("h264_b_frames_labeled"))
    cv2.imwrite(str(images / "img59.png"), np.zeros((120, 160, 3), np.uint8))
    more = keyframes.extract(recording[0], 3, output=tmp_path / "out", unlike=[place])
    assert more.manifest["unlike"][0]["frames"] == 6 + (59 not in recording[1].frame_indices)


@pytest.mark.slow
@pytest.mark.recordings
def test_two_choices_cover_the_poses_as_well_as_one(tmp_path, shared_data):
    measure = runpy.run_path(str(shared_data.parent / "bench" / "pose_coverage.py"))
    coverage, video = measure["Coverage"](shared_data / "openfield.npz"), shared_data / "openfield.mp4"
    uniform = coverage.uniform(40)

    def score(indices):
        """Geometric mean of the ratios to uniform sampling; lower is better."""
        return np.exp(np.log(coverage.measure(sorted(indices)) / uniform).mean())

    def scores_of(algorithm, seed):
        """Scores of 20 frames and 20 unlike them, and of 40 at once."""
        place = tmp_path / f"{algorithm}{seed}"
        how = {"algorithm": algorithm, "seed": seed}
        first = keyframes.extract(video, 20, output=place / "a", **how)
        more = keyframes.extract(video, 20, output=place / "b", unlike=[first.folder], **how)
        together = keyframes.extract(video, 40, output=place / "c", **how)
        union = {*first.frame_indices, *more.frame_indices}
        assert len(union) == 40
        assert np.diff(sorted(one.time_s for one in (*first.keyframes, *more.keyframes))).min() >= 0.1 - 1e-6
        return score(union), score(together.frame_indices)

    in_two, at_once = np.mean([scores_of("kmeans", seed) for seed in range(5)], axis=0)
    assert in_two <= 1.03 * at_once
    # The default draws nothing at random.
    in_two, at_once = scores_of("auto", 0)
    assert in_two <= 1.03 * at_once
