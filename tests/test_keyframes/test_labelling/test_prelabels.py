"""What a network predicted, carried into each labelling tool: which points, on which frames, and what is refused."""

import json
import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

import keyframes
from keyframes import ExportError, SettingsError
from tests.test_keyframes.test_labelling.conftest import HEIGHT, NAMES, NEW, TOLERANCE, WIDTH
from tests.test_keyframes.test_labelling.test_lightning_pose import queue_of

SHARED = {"bodyparts": NAMES}


def test_lightning_poses_queue_has_the_points(tmp_path, result, indices, predicted):
    predictions = predicted()
    done = keyframes.export(result, "lightning-pose", output=tmp_path / "lp", prelabels=predictions)
    assert done.notes[-1] == "1 of the 5 frames of mpeg4 has no predicted points"
    entries = queue_of(done.place)
    assert [entry["frame_path"][-6:-4] for entry in entries] == [f"{index:02d}" for index in indices]
    assert entries[0]["predictions"] is None
    assert [point["keypoint_name"] for point in entries[1]["predictions"]["predictions"]] == ["nose"]
    for entry, index in zip(entries[2:], indices[2:], strict=True):
        listed = entry["predictions"]
        assert (listed["model_name"], type(listed["date_time"])) == ("mpeg4DLC_net", int)
        assert [point["keypoint_name"] for point in listed["predictions"]] == list(NAMES)
        points = [(point["x"], point["y"]) for point in listed["predictions"]]
        np.testing.assert_allclose(points, predictions.keypoints[index, 0], **TOLERANCE)


def test_a_queue_keeps_what_it_has(tmp_path, extracted, predicted):
    place = keyframes.export(extracted("mpeg4.mp4", 3), "lightning-pose", output=tmp_path / "lp", **SHARED).place
    before = queue_of(place)
    keyframes.export(extracted("mpeg4.mp4", 12, uniform=True), "lightning-pose", project=place, prelabels=predicted())
    after = queue_of(place)
    assert after[: len(before)] == before
    assert sum(entry["predictions"] is not None for entry in after[len(before) :]) >= len(after) - len(before) - 1


def test_a_point_outside_the_picture_is_left_out(tmp_path, result, indices, predicted):
    predictions = predicted()
    predictions.keypoints[indices[2:], 0, 0] = [(-1, 5), (WIDTH, 5), (5, HEIGHT)]
    place = keyframes.export(result, "lightning-pose", output=tmp_path / "lp", prelabels=predictions).place
    predicted_of = [entry["predictions"]["predictions"] for entry in queue_of(place)[2:]]
    assert [[point["keypoint_name"] for point in points] for points in predicted_of] == [["tail"]] * 3


def test_coco_has_an_annotation_for_each_animal(tmp_path, result, indices, predicted):
    predictions = predicted(2)
    predictions.keypoints[indices[2], 1] = np.nan
    place = keyframes.export(result, "coco", output=tmp_path / "coco", bodyparts=("ear", *NAMES), prelabels=predictions)
    document = json.loads((place.place / "annotations.json").read_text())
    frame_of = {image["id"]: image["frame_index"] for image in document["images"]}
    annotations = document["annotations"]
    assert [annotation["id"] for annotation in annotations] == list(range(1, 8))
    expected = [(index, animal) for index in indices[1:] for animal in (0, 1) if (index, animal) != (indices[2], 1)]
    for annotation, (index, animal) in zip(annotations, expected, strict=True):
        assert frame_of[annotation["image_id"]] == index
        points = np.vstack([[np.nan] * 2, predictions.keypoints[index, animal]])
        there = np.isfinite(points[:, 0])
        flat = np.reshape(annotation["keypoints"], (3, 3))
        np.testing.assert_array_equal(flat[:, 2], np.where(there, 2, 0))
        np.testing.assert_array_equal(flat[~there], 0)
        np.testing.assert_allclose(flat[there, :2], points[there], **TOLERANCE)
        assert annotation["num_keypoints"] == there.sum()
        corner, size = np.reshape(annotation["bbox"], (2, 2))
        np.testing.assert_allclose(corner, points[there].min(axis=0), **TOLERANCE)
        np.testing.assert_allclose(corner + size, points[there].max(axis=0), **TOLERANCE)
        assert annotation["score"] == pytest.approx(np.nanmean(predictions.confidence[index, animal]), abs=1e-5)


@pytest.mark.parametrize("n_animals", [1, 2])
def test_label_studio_has_them_in_percent(n_animals, tmp_path, result, indices, predicted):
    predictions = replace(predicted(n_animals), skeleton=((0, 1),))
    done = keyframes.export(result, "label-studio", output=tmp_path / "ls", prelabels=predictions)
    # The skeleton is theirs: nobody gave an option that is ignored.
    assert not any("--skeleton" in note for note in done.notes)
    tasks = json.loads((done.place / "tasks.json").read_text())
    assert "predictions" not in tasks[0]
    for task, index in zip(tasks[2:], indices[2:], strict=True):
        (prediction,) = task["predictions"]
        regions = prediction["result"]
        assert len({region["id"] for region in regions}) == len(regions) == 2 * n_animals
        points = [(region["value"]["x"] * WIDTH / 100, region["value"]["y"] * HEIGHT / 100) for region in regions]
        np.testing.assert_allclose(points, predictions.keypoints[index].reshape(-1, 2), **TOLERANCE)
        assert [region["value"]["keypointlabels"] for region in regions] == [[name] for name in NAMES] * n_animals
        told = [region.get("meta", {}).get("text") for region in regions]
        assert told == ([None] * 2 if n_animals == 1 else [["animal 1"]] * 2 + [["animal 2"]] * 2)
    assert '<Label value="tail"/>' in (done.place / "interface.xml").read_text()


def instances_of(place):
    """Predicted animals by frame: points with scores, and the name of the track."""
    sio = pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
    labels = sio.load_slp(str(place))
    found = {}
    for frame in labels.labeled_frames:
        assert frame.video is labels.videos[0]
        assert frame.predicted_instances == list(frame.instances)
        found[frame.frame_idx] = [
            (one.numpy(scores=True), one.track and one.track.name, one.score) for one in frame.instances
        ]
    return labels, found


@pytest.mark.parametrize("animals", [(), ("m2", "m1")])
def test_sleap_has_predicted_instances_on_the_suggestions(animals, tmp_path, result, indices, predicted):
    pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
    predictions = replace(predicted(2, animals=animals), skeleton=((1, 0),))
    place = keyframes.export(result, "sleap", output=tmp_path / "out", prelabels=predictions).place
    for name in ("suggestions.slp", "suggestions.pkg.slp"):
        labels, found = instances_of(place / name)
        assert sorted(suggestion.frame_idx for suggestion in labels.suggestions) == indices
        assert sorted(found) == indices[1:]
        assert (labels.skeletons[0].node_names, labels.skeletons[0].edge_inds) == (list(NAMES), [(1, 0)])
        assert [track.name for track in labels.tracks] == list(animals)
        for index in indices[2:]:
            expected = np.dstack([predictions.keypoints[index], predictions.confidence[index]])
            np.testing.assert_allclose([points for points, *_ in found[index]], expected, **TOLERANCE)
            assert [track for _, track, _ in found[index]] == list(animals or (None, None))
            np.testing.assert_allclose([score for *_, score in found[index]], expected[..., 2].mean(1), **TOLERANCE)
    # The packed images are those of the frames with predictions.
    frame = next(frame for frame in labels.labeled_frames if frame.frame_idx == indices[2])
    image = cv2.imread(str(next((result / "frames").glob(f"*{indices[2]:02d}.png"))))
    np.testing.assert_array_equal(frame.image, image[..., ::-1])


def test_a_frame_with_predictions_keeps_them(tmp_path, result, indices, predicted):
    sio = pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
    skeleton = sio.Skeleton(["tail", "ear", "nose"])
    video = sio.Video(str(result.parent / "mpeg4.mp4"), open_backend=False)
    own = sio.PredictedInstance.from_numpy(np.ones((3, 2)), skeleton, point_scores=np.ones(3), score=1.0)
    frame = sio.LabeledFrame(video=video, frame_idx=indices[2], instances=[own])
    project = tmp_path / "labels.slp"
    sio.Labels([frame], videos=[video], skeletons=[skeleton]).save(str(project))
    predictions = predicted()
    place = keyframes.export(result, "sleap", project=project, prelabels=predictions).place
    labels, found = instances_of(place)
    assert len(labels.skeletons) == 1
    assert sorted(found) == indices[1:]
    ((points, _, _),) = found[indices[2]]
    np.testing.assert_array_equal(points, 1)
    ((points, _, _),) = found[indices[3]]
    nose, tail = predictions.keypoints[indices[3], 0]
    np.testing.assert_allclose(points[:, :2], [tail, [np.nan] * 2, nose], **TOLERANCE)


def test_sleap_has_a_track_for_each_animal_though_their_names_are_one(tmp_path, result, indices, predicted):
    sio = pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
    skeleton, video = sio.Skeleton([*NAMES]), sio.Video(str(result.parent / "mpeg4.mp4"), open_backend=False)
    tracks, keypoints = [sio.Track("fly"), sio.Track("fly")], predicted(2).keypoints
    frames = [
        sio.LabeledFrame(
            video=video,
            frame_idx=index,
            instances=[
                sio.PredictedInstance.from_numpy(
                    points.astype(float), skeleton, point_scores=np.ones(2), score=1.0, track=track
                )
                for track, points in zip(tracks, keypoints[index], strict=True)
            ],
        )
        for index in indices[2:]
    ]
    table = tmp_path / "mpeg4.slp"
    sio.Labels(frames, videos=[video], skeletons=[skeleton], tracks=tracks).save(str(table))
    place = keyframes.export(result, "sleap", output=tmp_path / "out", prelabels=table).place
    labels, found = instances_of(place / "suggestions.slp")
    assert len(labels.tracks) == 2
    assert {tuple(track for _, track, _ in animals) for animals in found.values()} == {("fly", "fly (2)")}


def test_of_several_skeletons_the_one_counts_that_has_the_points(tmp_path, result, predicted):
    sio = pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
    skeletons = [sio.Skeleton(["ball"], name="toy"), sio.Skeleton(["tail", "nose"], name="mouse")]
    video, project = sio.Video(str(result.parent / "mpeg4.mp4"), open_backend=False), tmp_path / "labels.slp"
    sio.Labels(videos=[video], skeletons=skeletons).save(str(project))
    place = keyframes.export(result, "sleap", project=project, prelabels=predicted()).place
    labels, found = instances_of(place)
    assert {one.skeleton.name for frame in labels.labeled_frames for one in frame.instances} == {"mouse"}
    assert len(found) == 4
    both = predicted(names=("ball", *NAMES))
    with pytest.raises(ExportError, match=r"predicts ball, which is not .* best-fitting skeleton \(tail, nose\)"):
        keyframes.export(result, "sleap", project=project, prelabels=both)


def test_the_offset_of_the_choice_counts_for_the_export(tmp_path, video_file):
    rng, video = np.random.default_rng(0), video_file("mpeg4.mp4")
    lines = [f"{frame},nose,{x:.1f},{y:.1f}" for frame, (x, y) in enumerate(rng.uniform(20, 50, (60, 2)))]
    for name in ("mpeg4.csv", "again.csv"):
        (tmp_path / name).write_text("\n".join(["frame_index,node,x,y", *lines]))
    table, options = tmp_path / "mpeg4.csv", {"predictions_offset": (60.0, 30.0)}
    place = keyframes.extract(video, 4, predictions=table, output=tmp_path / "out", **options).folder
    documents = []
    for name, given in (("a", {}), ("b", {"offset": (60.0, 30.0)}), ("c", {"prelabels": tmp_path / "again.csv"})):
        given = {"prelabels": table, "videos": [video], **given}
        done = keyframes.export(place, "coco", output=tmp_path / name, **given)
        documents.append(json.loads((done.place / "annotations.json").read_text())["annotations"])
    assert documents[0] == documents[1] != documents[2]
    assert min(annotation["bbox"][0] for annotation in documents[0]) >= 80


@pytest.mark.parametrize("tool", ["deeplabcut", "sleap", "lightning-pose", "coco", "label-studio"])
def test_other_names_are_refused(tool, tmp_path, result, predicted):
    if tool == "sleap":
        pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
    predictions = predicted(names=("nose", "left ear", "fin"))
    with pytest.raises(ExportError, match=r"mpeg4DLC_net.h5: predicts left ear, fin, which are not .* \(nose, tail\)"):
        keyframes.export(result, tool, output=tmp_path / "out", prelabels=predictions, **NEW)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("tool", "n_animals", "animals", "individuals", "message"),
    [
        ("lightning-pose", 2, (), (), r"has 2 animals in frame \d+, but Lightning Pose labels only one"),
        ("deeplabcut", 2, (), (), r"has 2 animals in frame \d+, but the project labels only one"),
        (
            "deeplabcut",
            3,
            (),
            ("m1", "m2"),
            r"has 3 animals in frame \d+, and the project has 2 individuals \(m1, m2\)",
        ),
        ("deeplabcut", 2, ("m1", "rat"), ("m1", "m2"), r"its animals rat are not individuals .*\(m1, m2\)"),
        # A new project has no unique body parts.
        ("deeplabcut", 2, ("m1", "single"), ("m1", "m2"), r"its animals single are not individuals .*\(m1, m2\)"),
    ],
)
def test_other_animals_are_refused(tool, n_animals, animals, individuals, message, tmp_path, result, predicted):
    predictions = predicted(n_animals, animals=animals)
    with pytest.raises(ExportError, match=message):
        keyframes.export(result, tool, output=tmp_path / "out", prelabels=predictions, individuals=individuals, **NEW)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("tool", ["deeplabcut", "sleap", "lightning-pose"])
def test_a_project_that_has_the_frames_says_that_they_get_no_predictions(tool, tmp_path, result, predicted):
    if tool == "sleap":
        pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
    new = NEW if tool == "deeplabcut" else SHARED
    place = keyframes.export(result, tool, output=tmp_path / "project", **new).place
    project = place / "suggestions.slp" if tool == "sleap" else place
    done = keyframes.export(result, tool, project=project, prelabels=predicted())
    assert (done.n_frames, done.place) == (0, project)
    assert done.notes == (
        "5 of the 5 frames of mpeg4 were there already; only new frames get predictions",
        "1 of the 5 frames of mpeg4 has no predicted points",
    )


def test_cvat_takes_none(tmp_path, result, predicted):
    done = keyframes.export(result, "cvat", output=tmp_path / "cvat", prelabels=predicted())
    assert done.notes == ("--prelabel is ignored: cvat takes no predictions",)


def test_predictions_are_of_one_video(tmp_path, result, extracted, predicted):
    results = [result, extracted("vp9.webm")]
    with pytest.raises(SettingsError, match="predictions of one video, but 2 results"):
        keyframes.export(results, "coco", output=tmp_path / "coco", prelabels=predicted())


@pytest.fixture
def table(tmp_path, rng):
    """A folder with a plain table named after the video, of poses in its upper left quarter."""
    lines = ["frame_index,node,x,y,confidence"]
    for number, (x, y) in enumerate(rng.random((120, 2)) * 50):
        lines.append(f"{number // 2},{NAMES[number % 2]},{x:.2f},{y:.2f},0.5")
    (tmp_path / "predicted").mkdir()
    path = tmp_path / "predicted" / "mpeg4.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("named", ["the file", "the folder"])
def test_the_command(named, tmp_path, result, indices, table, run_command):
    given = table if named == "the file" else table.parent
    done = run_command(
        *("keyframes", "export", result, "--to", "coco", "-o", tmp_path / "coco", "--prelabel", given),
        *("--predictions-offset", "10,20"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads((tmp_path / "coco" / "annotations.json").read_text())
    assert document["categories"][0]["keypoints"] == list(NAMES)
    rows = [line.split(",") for line in table.read_text().splitlines()[1:]]
    for annotation, index in zip(document["annotations"], indices, strict=True):
        own = [(float(x) + 10, float(y) + 20, 2) for frame, _, x, y, _ in rows if frame == str(index)]
        np.testing.assert_allclose(np.reshape(annotation["keypoints"], (2, 3)), own, **TOLERANCE)


def test_of_several_results_each_finds_its_own(tmp_path, result, extracted, table, run_command):
    done = run_command(
        *("keyframes", "export", result, extracted("vp9.webm"), "--to", "coco", "-o", tmp_path / "coco"),
        *("--prelabel", table.parent),
    )
    assert done.returncode == 1
    assert re.search(r"error: .*predicted: holds no predictions of vp9\.webm", done.stderr)
    assert not (tmp_path / "coco").exists()
    Path(table.with_name("vp9.csv")).write_text(table.read_text())
    keyframes.export([result, extracted("vp9.webm")], "coco", output=tmp_path / "coco", prelabels=table.parent)
    document = json.loads((tmp_path / "coco" / "annotations.json").read_text())
    assert {annotation["image_id"] for annotation in document["annotations"]} == set(range(1, 11))


@pytest.mark.parametrize(
    "arguments", [("--predictions-offset", "1,2"), ("--prelabel", "x", "--predictions-offset", "1")]
)
def test_wrong_usage(arguments, tmp_path, result, run_command):
    done = run_command("keyframes", "export", result, "--to", "coco", "-o", tmp_path / "coco", *arguments)
    assert done.returncode == 2
    assert "--predictions-offset takes X,Y" in done.stderr


def test_a_missing_file_is_one_line(tmp_path, result, run_command):
    done = run_command(
        *("keyframes", "export", result, "--to", "sleap", "-o", tmp_path / "out", "--prelabel", tmp_path / "none.h5")
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "none.h5: no such file" in line
    assert not (tmp_path / "out").exists()
