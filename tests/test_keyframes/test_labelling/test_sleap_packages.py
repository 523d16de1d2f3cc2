"""Packages of SLEAP from which videos were left out, and files that refer to a package."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import keyframes
from keyframes import ExportError, read_predictions
from keyframes.labelling.sleap.project import labelled_frames

sio = pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
h5py = pytest.importorskip("h5py", reason="needs h5py, of the sleap extra")

LABELLED = {("a", 3), ("a", 9), ("c", 20), ("c", 30)}


@pytest.fixture
def package(tmp_path, encoded_pictures):
    """A package of the videos a and c; b was removed, and the frames of c keep its number, 2."""
    videos = {}
    for first, name in enumerate("abc"):
        path = encoded_pictures(f"{name}.mp4", range(100 * first, 100 * first + 40), "-c:v", "libx264", "-crf", "12")
        videos[name] = sio.load_video(str(path))
    skeleton = sio.Skeleton(["nose"])
    frames = [
        sio.LabeledFrame(videos[name], index, [sio.Instance.from_numpy(np.array([[index, 5.0]]), skeleton)])
        for name, index in sorted(LABELLED)
    ]
    place = tmp_path / "labels.pkg.slp"
    sio.Labels(frames, videos=list(videos.values())).save(str(place), embed="user", verbose=False)
    with h5py.File(place, "r+") as file:
        listed = file["videos_json"][:]
        del file["videos_json"], file["video1"]
        file["videos_json"] = listed[[0, 2]]
    return place


def images_in(package):
    """The images of labelled frames, by the name of the video and the index."""
    labels = sio.load_slp(str(package))
    return {(frame.video.source_video.filename[-5], frame.frame_idx): frame.image for frame in labels.labeled_frames}


@pytest.mark.parametrize("name", ["a", "c"])
def test_frames_go_by_the_numbers_that_a_package_kept(name, package, tmp_path):
    assert {(frame.video.name, frame.frame_index) for frame in labelled_frames(package)} == LABELLED
    video, before = tmp_path / f"{name}.mp4", images_in(package)
    result = keyframes.extract(video, 3, output=tmp_path / "result", unlike=[package])
    done = keyframes.export(result.folder, "sleap", project=package)
    labels, after = sio.load_slp(str(done.place)), images_in(done.place)
    assert {(one.video.source_video.filename, one.frame_idx) for one in labels.suggestions} == {
        (str(video), index) for index in result.frame_indices
    }
    assert before.keys() == after.keys() == LABELLED
    for key, image in before.items():
        assert_array_equal(after[key], image)
    assert_array_equal(read_predictions(done.place, video).frames, sorted(i for own, i in LABELLED if own == name))


def test_a_project_may_refer_to_a_package_that_is_gone(package, tmp_path, unchanged):
    project = tmp_path / "labels.slp"
    labels = sio.load_slp(str(package))
    labels.save(str(project), embed=False, restore_original_videos=False, verbose=False)
    package.rename(tmp_path / "moved.pkg.slp")
    result = keyframes.extract(tmp_path / "a.mp4", 3, output=tmp_path / "result", unlike=[project])
    assert result.manifest["unlike"][0]["of_this_video"] == 2
    with unchanged(tmp_path), pytest.raises(ExportError, match=r"labels\.pkg\.slp: no such file, but it holds"):
        keyframes.export(result.folder, "sleap", project=project)


@pytest.mark.parametrize("recorded", ["labels.pkg.slp", "C:\\lab\\labels.pkg.slp"])
def test_a_package_is_found_beside_the_project(recorded, tmp_path, extracted, monkeypatch):
    """As sleap-nn names the package that it predicted on, in the folder that it ran in; or on another computer."""
    result, package, project = extracted("mpeg4.mp4"), tmp_path / "labels.pkg.slp", tmp_path / "labels.slp"
    frame = sio.LabeledFrame(sio.load_video(str(result.parent / "mpeg4.mp4")), 3)
    frame.instances.append(sio.Instance.from_numpy(np.array([[3.0, 5.0]]), sio.Skeleton(["nose"])))
    sio.Labels([frame]).save(str(package), embed="user", verbose=False)
    labels = sio.load_slp(str(package))
    labels.save(str(project), embed=False, restore_original_videos=False, verbose=False)
    with h5py.File(project, "r+") as file:
        file["videos_json"][0] = file["videos_json"][0].replace(
            json.dumps(str(package)).encode(), json.dumps(recorded).encode()
        )
    monkeypatch.chdir("/")
    (before,) = labelled_frames(project)
    done = keyframes.export(result, "sleap", project=project)
    after = next(frame for frame in labelled_frames(done.place) if frame.frame_index == 3)
    assert_array_equal(after.read(), before.read())


def test_a_project_whose_frames_are_of_no_video_is_damaged(package):
    with h5py.File(package, "r+") as file:
        frames = file["frames"][:]
        frames["video"] = 7
        file["frames"][:] = frames
    with pytest.raises(ExportError, match="is not a SLEAP project, or is damaged"):
        list(labelled_frames(package))
