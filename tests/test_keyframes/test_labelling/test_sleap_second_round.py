"""SLEAP projects as they are after inference, written by sleap-io: predictions, tracks, packages, image lists."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import keyframes
from keyframes import ExportError
from keyframes.labelling.sleap.project import labelled_frames
from tests.test_keyframes.result_folders import indices_of
from tests.test_keyframes.test_labelling.conftest import contents

sio = pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
h5py = pytest.importorskip("h5py", reason="needs h5py, of the sleap extra")


def after_inference(path, videos, labelled, tracks=True, suggested=(), **how):
    """Save a project in which every frame of each video has predictions, and some have a person's instances.

    `labelled` gives, for the number of a video, its frames; a frame below zero is one that a person called empty.
    """
    skeleton = sio.Skeleton(["nose", "tail"], edges=[("nose", "tail")])
    identities = [sio.Track("m1"), sio.Track("m2")] if tracks else []
    frames = []
    for number, video in enumerate(videos):
        for index in range(video.shape[0]):
            predicted = [
                sio.PredictedInstance.from_numpy(
                    np.full((2, 2), 9.0 * animal),
                    skeleton=skeleton,
                    score=0.8,
                    track=identities[animal] if tracks else None,
                )
                for animal in range(2)
            ]
            frames.append(sio.LabeledFrame(video=video, frame_idx=index, instances=predicted))
            if index in labelled.get(number, ()):
                # As SLEAP keeps a corrected instance: beside the prediction that it came from.
                corrected = sio.Instance.from_numpy(
                    np.ones((2, 2)), skeleton=skeleton, track=identities[0] if tracks else None
                )
                corrected.from_predicted = predicted[0]
                frames[-1].instances.append(corrected)
            if -index in labelled.get(number, ()) and index:
                frames[-1].instances, frames[-1].is_negative = [], True
    suggestions = [sio.SuggestionFrame(video=videos[0], frame_idx=index) for index in suggested]
    labels = sio.Labels(
        videos=videos, skeletons=[skeleton], labeled_frames=frames, tracks=identities, suggestions=suggestions
    )
    sio.save_slp(labels, str(path), verbose=False, **how)
    return path


@pytest.mark.parametrize("tracks", [True, False])
@pytest.mark.parametrize("how", [{}, {"embed": "user"}, {"embed": "all"}], ids=["slp", "pkg, user", "pkg, all"])
def test_only_what_a_person_did_counts(how, tracks, tmp_path, extracted):
    video = sio.load_video(str(extracted("mpeg4.mp4").parent / "mpeg4.mp4"))
    path = tmp_path / ("labels.pkg.slp" if how else "labels.slp")
    after_inference(path, [video], {0: {3, 40, -7}}, tracks, suggested=[50], **how)
    frames = list(labelled_frames(path))
    assert [(frame.video.name, frame.frame_index) for frame in frames] == [("mpeg4", index) for index in (3, 7, 40, 50)]
    with_image = {frame.frame_index for frame in frames if frame.read}
    assert with_image == ({3, 7, 40, 50} if how.get("embed") == "all" else {3, 7, 40} if how else set())
    assert all(frame.read().shape == (120, 160, 3) for frame in frames if frame.read)


def test_extraction_goes_on_after_inference(tmp_path, extracted, run_command):
    """All 60 frames are predicted and 5 labelled: there are more to choose, and they get into the project."""
    result = extracted("mpeg4.mp4")
    video = result.parent / "mpeg4.mp4"
    labelled = indices_of(result)
    project = after_inference(tmp_path / "labels.v001.slp", [sio.load_video(str(video))], {0: set(labelled)})
    before = project.read_bytes()
    arguments = ("--unlike", project, "--export", "sleap", "--project", project, "-o", tmp_path / "more", "--json")
    done = run_command("keyframes", "extract", video, "-k", 6, *arguments)
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    (manifest,) = document["results"]
    (told,) = manifest["unlike"]
    assert (told["frames"], told["of_this_video"]) == (5, 5)
    chosen = {entry["frame_index"] for entry in manifest["keyframes"]}
    assert len(chosen) == 6
    assert not chosen & set(labelled)
    (exported,) = document["exports"]
    assert exported["frames"] == 6
    labels = sio.load_slp(exported["place"])
    assert {suggestion.frame_idx for suggestion in labels.suggestions} == chosen
    assert len(labels.labeled_frames) == 60
    assert [track.name for track in labels.tracks] == ["m1", "m2"]
    assert project.read_bytes() == before


def test_frames_of_a_package_that_has_their_images_are_suggested(tmp_path, extracted):
    """With all predicted frames packed, the images that are there stay as they are."""
    result = extracted("mpeg4.mp4")
    video = sio.load_video(str(result.parent / "mpeg4.mp4"))
    project = after_inference(tmp_path / "labels.pkg.slp", [video], {0: {1}}, embed="all")
    old = sio.load_slp(str(project))
    before = {index: old.video[index] for index in range(60)}
    done = keyframes.export(result, "sleap", project=project)
    assert done.n_frames == 5
    labels = sio.load_slp(str(done.place))
    assert {suggestion.frame_idx for suggestion in labels.suggestions} == set(indices_of(result))
    for index, image in before.items():
        assert_array_equal(labels.video[index], image)


@pytest.mark.parametrize("image_format", ["jpg", "hdf5"])
def test_a_package_of_other_images_gets_more(image_format, tmp_path, extracted):
    result = extracted("mpeg4.mp4")
    project = tmp_path / "labels.pkg.slp"
    folder = tmp_path / "images"
    folder.mkdir()
    keyframes.export(result, "sleap", output=tmp_path / "out")
    labels = sio.load_slp(str(tmp_path / "out" / "suggestions.pkg.slp"))
    kept = indices_of(result)[:2]
    labels.suggestions = [one for one in labels.suggestions if one.frame_idx in kept]
    labels.save(str(project), embed=None, verbose=False)
    pixels = {index: labels.video[index] for index in kept}
    with h5py.File(project, "r+") as file:
        group = file["video0"]
        attributes = dict(group["video"].attrs)
        del group["video"], group["frame_numbers"]
        group["frame_numbers"] = kept
        if image_format == "jpg":
            encoded = [cv2.imencode(".jpg", pixels[index][..., ::-1])[1].ravel() for index in kept]
            rows = np.zeros((2, max(map(len, encoded))), np.int8)
            for row, data in zip(rows, encoded, strict=True):
                row[: len(data)] = data.view(np.int8)
            group["video"] = rows
        else:
            group["video"] = np.stack([pixels[index] for index in kept])
        for name, value in {**attributes, "format": image_format}.items():
            group["video"].attrs[name] = value
    old = sio.load_slp(str(project))
    before = {index: old.video[index] for index in kept}
    done = keyframes.export(result, "sleap", project=project)
    assert done.n_frames == 3
    new = sio.load_slp(str(done.place))
    for index in kept:
        assert_array_equal(new.video[index], before[index])
    for entry in json.loads((result / "manifest.json").read_text(encoding="utf-8"))["keyframes"][2:]:
        expected = cv2.imread(str(result / entry["file"]))[..., ::-1]
        assert_array_equal(new.video[entry["frame_index"]], expected)


@pytest.fixture
def two_mice(tmp_path, encoded_pictures):
    """Two recordings of one name, in folders of their own, with results of six frames each."""
    places = {}
    for folder, numbers in (("a", range(40)), ("b", range(100, 140))):
        (tmp_path / folder).mkdir()
        made = encoded_pictures("mouse.mp4", numbers, "-c:v", "libx264", "-crf", "12")
        places[folder] = made.rename(tmp_path / folder / "mouse.mp4")
    return places


def test_equal_names_are_told_apart_by_content(two_mice, tmp_path):
    videos = [sio.load_video(str(path)) for path in two_mice.values()]
    project = after_inference(tmp_path / "labels.slp", videos, {0: {3, 5}, 1: {8, 9, 10}})
    for folder, n_labelled in (("a", 2), ("b", 3)):
        result = keyframes.extract(two_mice[folder], 4, output=tmp_path / f"{folder}-keyframes", unlike=[project])
        (told,) = result.manifest["unlike"]
        assert (told["frames"], told["of_this_video"]) == (5, n_labelled)
        done = keyframes.export(result.folder, "sleap", project=project, videos=[two_mice[folder]])
        labels = sio.load_slp(str(done.place))
        number = list(two_mice).index(folder)
        assert {labels.videos.index(one.video) for one in labels.suggestions} == {number}
        assert {one.frame_idx for one in labels.suggestions} == set(result.frame_indices)


def test_equal_names_elsewhere_are_told_apart_by_their_folders(two_mice, tmp_path):
    """A project of another computer, whose paths lead nowhere here."""
    (tmp_path / "project").mkdir()
    videos = [
        sio.Video(
            filename=f"D:\\lab\\{folder}\\mouse.mp4", backend_metadata={"shape": (40, 120, 160, 3)}, open_backend=False
        )
        for folder in two_mice
    ]
    project = after_inference(tmp_path / "project" / "labels.slp", videos, {0: {3, 5}, 1: {8, 9, 10}})
    for folder, n_labelled in (("a", 2), ("b", 3)):
        result = keyframes.extract(two_mice[folder], 4, output=tmp_path / f"{folder}-keyframes", unlike=[project])
        assert result.manifest["unlike"][0]["of_this_video"] == n_labelled
        (note,) = keyframes.export(result.folder, "sleap", project=project, videos=[two_mice[folder]]).notes
        assert note == f"mouse.mp4 was matched by name with D:/lab/{folder}/mouse.mp4, which is not on this machine"
    # From a folder of neither name it could be both, and then both count.
    moved = shutil.copy(two_mice["a"], tmp_path / "mouse.mp4")
    result = keyframes.extract(moved, 4, output=tmp_path / "moved-keyframes", unlike=[project])
    assert result.manifest["unlike"][0]["of_this_video"] == 5
    with pytest.raises(ExportError, match=r"has several videos mouse\.mp4"):
        keyframes.export(result.folder, "sleap", project=project, videos=[moved])


def test_videos_that_were_moved_with_the_project_are_known_by_content(two_mice, tmp_path):
    video = sio.Video(
        filename="D:\\lab\\a\\mouse.mp4", backend_metadata={"shape": (40, 120, 160, 3)}, open_backend=False
    )
    project = after_inference(tmp_path / "labels.slp", [video], {0: {3, 5}})
    for folder, n_labelled in (("a", 2), ("b", 0)):
        result = keyframes.extract(two_mice[folder], 4, output=tmp_path / f"{folder}-keyframes", unlike=[project])
        assert result.manifest["unlike"][0]["of_this_video"] == n_labelled
    done = keyframes.export(tmp_path / "a-keyframes", "sleap", project=project, videos=[two_mice["a"]])
    assert (done.n_frames, done.notes) == (4, ())
    with pytest.raises(ExportError, match=r"has no video mouse\.mp4"):
        keyframes.export(result.folder, "sleap", project=project, videos=[two_mice["b"]])


def test_a_renamed_video_is_known(two_mice, tmp_path):
    project = after_inference(tmp_path / "labels.slp", [sio.load_video(str(two_mice["a"]))], {0: {3, 5}})
    renamed = shutil.copy(two_mice["a"], tmp_path / "monday.mp4")
    result = keyframes.extract(renamed, 4, output=tmp_path / "monday-keyframes", unlike=[project])
    assert result.manifest["unlike"][0]["of_this_video"] == 2
    assert keyframes.export(result.folder, "sleap", project=project).n_frames == 4


@pytest.fixture
def image_folder(tmp_path):
    """Images whose order by number is not that by letter."""
    folder = tmp_path / "session.1"
    folder.mkdir()
    for number in range(12):
        image = np.full((60, 80, 3), 20 * number, np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), image + np.arange(80, dtype=np.uint8)[:, None] % 7)
    return folder


def test_a_list_of_images_may_have_another_order(image_folder, tmp_path):
    """SLEAP counts in the order of its list, here that of letters: 0, 1, 10, 11, 2 …"""
    names = sorted(str(path) for path in image_folder.iterdir())
    assert Path(names[2]).name == "10.png"
    project = after_inference(tmp_path / "labels.slp", [sio.load_video(names)], {0: {2, 4}})
    frames = list(labelled_frames(project))
    assert [frame.frame_index for frame in frames] == [10, 2]
    for frame in frames:
        assert_array_equal(frame.read(), cv2.imread(str(image_folder / f"{frame.frame_index}.png")))
    result = keyframes.extract(image_folder, 6, output=tmp_path / "more", unlike=[project])
    assert result.manifest["unlike"][0]["of_this_video"] == 2
    assert not {2, 10} & set(result.frame_indices)
    done = keyframes.export(result.folder, "sleap", project=project)
    labels = sio.load_slp(str(done.place))
    for suggestion in labels.suggestions:
        name = Path(names[suggestion.frame_idx]).stem
        assert int(name) in result.frame_indices
        expected = cv2.imread(f"{image_folder}/{name}.png")[..., :1]
        assert_array_equal(suggestion.video[suggestion.frame_idx][..., :1], expected)
    assert len(labels.suggestions) == len(result.frame_indices)


def test_a_list_may_have_some_images_of_a_folder(image_folder, tmp_path):
    names = [str(image_folder / f"{number}.png") for number in range(0, 12, 3)]
    project = after_inference(tmp_path / "labels.slp", [sio.load_video(names)], {0: {2}})
    result = keyframes.extract(image_folder, 11, output=tmp_path / "more", unlike=[project])
    assert result.frame_indices == [number for number in range(12) if number != 6]
    listed = keyframes.extract(image_folder, 4, output=tmp_path / "listed", every=3)
    done = keyframes.export(listed.folder, "sleap", project=project)
    assert sorted(one.frame_idx for one in sio.load_slp(str(done.place)).suggestions) == [0, 1, 3]


def test_images_that_a_project_does_not_list_are_one_line(image_folder, tmp_path):
    names = sorted(str(path) for path in image_folder.iterdir())[:3]
    project = after_inference(tmp_path / "labels.slp", [sio.load_video(names)], {0: {1}})
    result = keyframes.extract(image_folder, 6, output=tmp_path / "more", uniform=True)
    before = contents(tmp_path)
    with pytest.raises(ExportError, match="is not among the 3 images that the project lists; add them in SLEAP"):
        keyframes.export(result.folder, "sleap", project=project)
    assert contents(tmp_path) == before


def test_a_skeleton_and_tracks(tmp_path, extracted):
    options = {"bodyparts": ("nose", "tail"), "skeleton": (("nose", "tail"),), "individuals": ("m1", "m2")}
    place = keyframes.export(extracted("mpeg4.mp4"), "sleap", output=tmp_path / "out", **options).place
    assert len(list(place.iterdir())) == 2
    for name in ("suggestions.slp", "suggestions.pkg.slp"):
        labels = sio.load_slp(str(place / name))
        (skeleton,) = labels.skeletons
        assert (skeleton.node_names, skeleton.edge_names) == (["nose", "tail"], [("nose", "tail")])
        assert [track.name for track in labels.tracks] == ["m1", "m2"]


def test_a_project_without_skeleton_gets_one_and_another_one_is_reported(tmp_path, extracted):
    result = extracted("mpeg4.mp4")
    place = keyframes.export(result, "sleap", output=tmp_path / "out").place / "suggestions.slp"
    done = keyframes.export(result, "sleap", project=place, bodyparts=("nose", "tail"))
    assert (done.n_frames, done.place.name) == (0, "suggestions-keyframes.slp")
    assert sio.load_slp(str(done.place)).skeleton.node_names == ["nose", "tail"]
    notes = keyframes.export(result, "sleap", project=done.place, bodyparts=("paw",), task="reach").notes
    assert notes[0] == (
        "suggestions-keyframes.slp has bodyparts nose,tail and stays unchanged: --bodyparts paw is ignored"
    )
    assert notes[-1] == "--task is ignored: sleap does not use it"
