"""Predictions of SLEAP, written by sleap-io; older files, by what SLEAP wrote then."""

import json
import shutil

import numpy as np
import pytest

import keyframes
from keyframes import PredictionsError, RegionError, read_predictions
from keyframes.predictions import sleap_analysis, sleap_project
from tests.test_keyframes.conftest import ffmpeg
from tests.test_keyframes.test_predictions.conftest import NODES, assert_same

sio = pytest.importorskip("sleap_io", reason="needs sleap-io, of the sleap extra")
h5py = pytest.importorskip("h5py", reason="needs h5py, of the sleap extra")

EDGES = ((0, 1), (1, 2))


@pytest.fixture
def skeleton():
    return sio.Skeleton(list(NODES), edges=[(NODES[a], NODES[b]) for a, b in EDGES], symmetries=[(NODES[0], NODES[2])])


def video_at(path, shape=(60, 120, 160, 3)):
    return sio.Video(str(path), backend_metadata={"shape": shape}, open_backend=False)


def predicted(skeleton, points, track=None):
    scores = np.nan_to_num(points[:, 2])
    return sio.PredictedInstance.from_numpy(
        points[:, :2], skeleton=skeleton, point_scores=scores, score=0.5, track=track
    )


def labels_of(skeleton, video, points, frames=None, tracks=None):
    """Labels with predictions; an animal without a point is none."""
    frames = range(len(points)) if frames is None else frames
    tracks = [None] * points.shape[1] if tracks is None else tracks
    found = []
    for frame, animals in zip(frames, points, strict=True):
        there = [
            predicted(skeleton, animal, track)
            for animal, track in zip(animals, tracks, strict=True)
            if not np.isnan(animal[:, 0]).all()
        ]
        if there:
            found.append(sio.LabeledFrame(video=video, frame_idx=frame, instances=there))
    return sio.Labels(found)


def two_tracks():
    return [sio.Track("a"), sio.Track("b")]


@pytest.fixture
def whole(poses):
    """Poses of animals of which some points are missing, but not all."""

    def make(n_animals=1, n_frames=60):
        points = poses(n_animals, n_frames)
        points[:, :, 0] = poses(n_animals, n_frames, 0)[:, :, 0]
        return points

    return make


@pytest.mark.parametrize("n_animals", [1, 2])
def test_a_project_gives_what_sleap_wrote(n_animals, video, whole, skeleton, tmp_path, monkeypatch):
    monkeypatch.setattr(sleap_project, "INSTANCES", 7)
    points = whole(n_animals)
    path = tmp_path / "predictions.slp"
    labels_of(skeleton, video_at(video), points, tracks=two_tracks()[:n_animals]).save(str(path))
    read = read_predictions(path, video)
    assert_same(read, points)
    assert (read.names, read.skeleton, read.warnings) == (NODES, EDGES, ())
    assert not read.labelled.any()


def test_frames_without_an_animal_have_no_row(video, whole, skeleton, tmp_path):
    points, frames = whole(1, 20), [*range(40, 60, 2), *range(10)]
    path = tmp_path / "mouse.mp4.predictions.slp"
    labels_of(skeleton, video_at(video), points, frames).save(str(path))
    order = np.argsort(frames)
    assert_same(read_predictions(tmp_path, video), points[order], np.array(frames)[order])


def test_labels_alone_are_no_predictions(video, whole, skeleton, tmp_path):
    own = video_at(video)
    mine = [sio.Instance.from_numpy(points[0, :, :2], skeleton=skeleton) for points in whole(1, 5)]
    frames = [sio.LabeledFrame(video=own, frame_idx=10 * n, instances=[one]) for n, one in enumerate(mine)]
    sio.Labels(frames).save(str(tmp_path / "labels.slp"))
    with pytest.raises(RegionError, match=r"labels\.slp: has labels of a person, but no predictions"):
        keyframes.extract(video, 3, predictions=tmp_path / "labels.slp", output=tmp_path / "result")


def test_many_tracks_are_as_many_animals_as_there_are_at_once(video, whole, skeleton, tmp_path):
    points = whole(2)
    tracks = [sio.Track(f"track_{number}") for number in range(30)]
    frames = []
    for index, (first, second) in enumerate(points):
        there = [predicted(skeleton, first, tracks[2 * (index // 4)])]
        if index % 4 < 3:
            there.append(predicted(skeleton, second, tracks[2 * (index // 4) + 1]))
        frames.append(sio.LabeledFrame(video=video_at(video), frame_idx=index, instances=there))
    points[3::4, 1] = np.nan
    for frame in frames[1:]:
        frame.video = frames[0].video
    labels = sio.Labels(frames)
    labels.save(str(tmp_path / "mouse.slp"))
    sio.save_analysis_h5(labels, str(tmp_path / "mouse.analysis.h5"))
    sio.save_csv(labels, str(tmp_path / "mouse.csv"), format="sleap")
    for name in ("mouse.slp", "mouse.analysis.h5", "mouse.csv"):
        read = read_predictions(tmp_path / name, video)
        assert read.keypoints.shape == (60, 2, 3, 2)
        assert_same(read, points[:, :, [NODES.index(node) for node in read.names]])


def test_what_a_person_labelled_replaces_its_prediction(video, whole, skeleton, tmp_path):
    points, (a, b) = whole(2), two_tracks()
    labels = labels_of(skeleton, video_at(video), points, tracks=[a, b])
    mine = np.array([[5.0, 6], [7, 8], [9, 10]])

    def label(frame, **link):
        labels[frame].instances.append(sio.Instance.from_numpy(mine, skeleton=skeleton, **link))

    label(3, from_predicted=labels[3].instances[1])
    label(4, track=b)
    label(5)
    # SLEAP marks a point that is hidden.
    labels[5].instances[2].points["visible"][1] = False
    labels[6].instances.clear()
    labels[6].is_negative = True
    path = tmp_path / "mouse.slp"
    labels.save(str(path))
    read = read_predictions(path, video)
    assert list(np.flatnonzero(read.labelled)) == [3, 4, 5, 6]
    assert read.keypoints.shape[1] == 3
    for frame in (3, 4):
        there = read.keypoints[frame][~np.isnan(read.keypoints[frame]).all((1, 2))]
        assert len(there) == 2
        np.testing.assert_allclose(there[0], points[frame, 0, :, :2], rtol=1e-5)
        np.testing.assert_array_equal(there[1], mine)
    np.testing.assert_allclose(read.keypoints[5, :2], points[5, ..., :2], rtol=1e-5)
    np.testing.assert_array_equal(read.keypoints[5, 2], [mine[0], [np.nan, np.nan], mine[2]])
    assert np.isnan(read.confidence[5, 2]).all()
    assert np.isnan(read.keypoints[6]).all()


def test_of_several_videos_the_right_one_is_read(video, whole, skeleton, tmp_path):
    points = whole()
    other, same_name, own = (video_at(path) for path in ("/data/rat.mp4", "/elsewhere/mouse.mp4", video))
    labels = sio.Labels(
        [
            *labels_of(skeleton, other, whole(2)).labeled_frames,
            *labels_of(skeleton, own, points).labeled_frames,
            *labels_of(skeleton, same_name, whole(2)).labeled_frames,
        ]
    )
    path = tmp_path / "all.slp"
    labels.save(str(path))
    assert_same(read_predictions(path, video), points)


@pytest.mark.parametrize("recorded", ["C:\\videos\\Mouse.avi", "/home/anna/mouse.mp4"])
def test_a_video_of_another_computer_is_known_by_name(recorded, video, whole, skeleton, tmp_path):
    points = whole()
    labels_of(skeleton, video_at(recorded), points).save(str(tmp_path / "all.slp"))
    assert_same(read_predictions(tmp_path / "all.slp", video), points)


def test_a_project_of_suggestions_alone_has_no_predictions(video, skeleton, tmp_path):
    described = video_at(video)
    labels = sio.Labels(videos=[described], skeletons=[skeleton])
    labels.suggestions.append(sio.SuggestionFrame(video=described, frame_idx=3))
    labels.save(str(tmp_path / "suggestions.slp"))
    with pytest.raises(PredictionsError, match=r"suggestions\.slp: holds 0 frames; predict the whole video$"):
        read_predictions(tmp_path / "suggestions.slp", video)


def test_a_project_without_the_video_is_refused(video, whole, skeleton, tmp_path):
    path = tmp_path / "all.slp"
    labels_of(skeleton, video_at("/data/rat.mp4"), whole()).save(str(path))
    with pytest.raises(PredictionsError, match=r"no video mouse\.mp4 \(its videos: /data/rat\.mp4\)"):
        read_predictions(path, video)
    first, second = (labels_of(skeleton, video_at(f"/{place}/mouse.mp4"), whole()) for place in "ab")
    sio.Labels([*first.labeled_frames, *second.labeled_frames]).save(str(path))
    with pytest.raises(PredictionsError, match=r"several videos mouse\.mp4 .*; rename all but one"):
        read_predictions(path, video)
    labels_of(skeleton, video_at(video, (60, 480, 640, 1)), whole()).save(str(path))
    with pytest.raises(
        PredictionsError, match=r"on pictures of 640 x 480 pixels, but those of mouse.mp4 have 160 x 120"
    ):
        read_predictions(path, video)


def test_old_projects_count_from_the_corner(video, whole, skeleton, tmp_path):
    points = whole()
    path = tmp_path / "mouse.slp"
    labels_of(skeleton, video_at(video), points).save(str(path))
    with h5py.File(path, "r+") as file:
        file["metadata"].attrs["format_id"] = 1.0
    assert_same(read_predictions(path, video), points - np.array([0.5, 0.5, 0]))


def test_a_package_knows_the_video_that_its_images_are_of(video, whole, skeleton, tmp_path):
    points = whole()
    labels = labels_of(skeleton, sio.load_video(str(video)), points)
    labels[7].instances.append(sio.Instance.from_numpy(points[7, 0, :, :2], skeleton=skeleton))
    path = tmp_path / "labels.pkg.slp"
    labels.save(str(path), embed="user")
    read = read_predictions(path, video)
    assert list(np.flatnonzero(read.labelled)) == [list(read.frames).index(7)]
    np.testing.assert_allclose(read.keypoints[:, 0], points[read.frames, 0, :, :2], rtol=1e-5)


@pytest.mark.parametrize("n_listed", [12, 5])
def test_images_of_a_list_count_as_in_their_folder(n_listed, video, whole, skeleton, tmp_path):
    folder = tmp_path / "session"
    folder.mkdir()
    ffmpeg("-i", video, "-frames:v", 12, "-start_number", 0, folder / "%d.png")
    points = whole(1, n_listed)
    # As text, 10 comes before 2.
    names = sorted(str(path) for path in folder.iterdir())[:n_listed]
    listed = sio.Video(names, backend_metadata={"shape": (n_listed, 120, 160, 3)}, open_backend=False)
    labels_of(skeleton, listed, points).save(str(tmp_path / "all.slp"))
    ranks = [int(name.rpartition("/")[2].removesuffix(".png")) for name in names]
    read = read_predictions(tmp_path / "all.slp", folder)
    assert_same(read, points[np.argsort(ranks)], np.sort(ranks))


def test_a_part_of_a_project_is_refused(video, whole, skeleton, tmp_path):
    path = tmp_path / "mouse.slp"
    labels_of(skeleton, video_at(video), whole()).save(str(path))
    content = path.read_bytes()
    for share in np.linspace(0, 0.95, 12):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(PredictionsError) as caught:
            read_predictions(path, video)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


ORDERS = [
    {"preset": "matlab"},
    {"preset": "standard"},
    {"frame_dim": 1, "track_dim": 3, "node_dim": 0, "xy_dim": 2},
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n_animals", [1, 2])
def test_an_analysis_file_gives_what_sleap_wrote(order, n_animals, video, whole, skeleton, tmp_path, monkeypatch):
    monkeypatch.setattr(sleap_analysis, "FRAMES", 7)
    points = whole(n_animals)
    tracks = two_tracks() if n_animals == 2 else [None]
    path = tmp_path / "labels.v001.000_mouse.analysis.h5"
    sio.save_analysis_h5(labels_of(skeleton, video_at(video), points, tracks=tracks), str(path), **order)
    points[np.isnan(points[..., 0])] = np.nan
    read = read_predictions(tmp_path, video)
    assert_same(read, points)
    assert (read.names, read.skeleton, read.warnings) == (NODES, EDGES, ())


@pytest.mark.parametrize("transposed", [True, False])
@pytest.mark.parametrize("n_nodes", [3, 2])
def test_old_analysis_files_name_no_axes_and_have_no_scores(transposed, n_nodes, video, whole, tmp_path):
    points = whole(2)[:, :, :n_nodes]
    path = tmp_path / "old.h5"
    with h5py.File(path, "w") as file:
        # (frame, node, xy, track), or turned round.
        tracks, occupied = points[..., :2].transpose(0, 2, 3, 1), np.ones((2, 60), np.uint8)
        file["tracks"] = tracks.T if transposed else tracks
        file["track_occupancy"] = occupied.T if transposed else occupied
        file["node_names"] = np.array([name.encode() for name in NODES[:n_nodes]])
        file["track_names"] = np.array([b"a", b"b"])
        if not transposed:
            file.attrs["transpose"] = False
    read = read_predictions(path, video)
    points[..., 2] = np.nan
    assert_same(read, points)
    assert read.skeleton == ()


def test_an_analysis_file_of_another_video_is_refused(video, whole, skeleton, tmp_path):
    path = tmp_path / "rat.h5"
    sio.save_analysis_h5(labels_of(skeleton, video_at("/data/rat.mp4"), whole()), str(path))
    with pytest.raises(PredictionsError, match=r"belongs to rat\.mp4, not to mouse\.mp4"):
        read_predictions(path, video)


def test_an_analysis_file_whose_parts_differ_is_refused(video, whole, skeleton, tmp_path):
    path = tmp_path / "mouse.h5"
    sio.save_analysis_h5(labels_of(skeleton, video_at(video), whole()), str(path))
    with h5py.File(path, "r+") as file:
        del file["node_names"]
        file["node_names"] = [b"a"]
    with pytest.raises(PredictionsError, match=r"do not fit 1 nodes"):
        read_predictions(path, video)


@pytest.mark.parametrize("n_animals", [1, 2])
def test_rows_of_sleaps_csv_are_no_frames(n_animals, video, whole, skeleton, tmp_path):
    points, frames = whole(n_animals, 40), np.array([*range(5, 30), *range(45, 60)])
    points[4:9, n_animals - 1] = np.nan
    tracks = two_tracks() if n_animals == 2 else [None]
    path = tmp_path / "mouse.csv"
    sio.save_csv(labels_of(skeleton, video_at(video), points, frames, tracks), str(path), format="sleap")
    there = ~np.isnan(points[..., 0]).all((1, 2))
    read = read_predictions(path, video)
    # Its nodes are in the order of the alphabet.
    order = [NODES.index(name) for name in read.names]
    assert sorted(order) == [0, 1, 2]
    assert_same(read, points[there][:, :, order], frames[there])


def test_a_csv_of_sleap_without_points_is_refused(video, tmp_path):
    path = tmp_path / "mouse.csv"
    path.write_text("track,frame_idx,instance.score\na,1,0.5\n")
    with pytest.raises(PredictionsError, match="no columns of points"):
        read_predictions(path, video)
    path.write_text("track,frame_idx,instance.score,nose.x,nose.y,nose.score\n")
    with pytest.raises(PredictionsError, match="no rows"):
        read_predictions(path, video)


def test_one_animal_without_a_track_takes_no_name_from_the_others(video, whole, skeleton, tmp_path):
    points = whole(2)
    labels = labels_of(skeleton, video_at(video), points, tracks=two_tracks())
    labels.labeled_frames[20].instances.append(sio.Instance.from_numpy(points[20, 0, :, :2], skeleton=skeleton))
    labels.save(str(tmp_path / "mouse.slp"))
    read = read_predictions(tmp_path / "mouse.slp", video)
    assert read.animals == ("a", "b", "")
    np.testing.assert_allclose(read.keypoints[:, :2], points[..., :2], rtol=1e-5)
    assert np.flatnonzero(np.isfinite(read.keypoints[:, 2]).any(axis=(1, 2))).tolist() == [20]


def test_a_table_of_several_videos_gives_the_rows_of_its_own(video, whole, skeleton, tmp_path):
    points, others = whole(2), whole(2)
    labels = labels_of(skeleton, video_at(video), points, tracks=two_tracks())
    other = labels_of(skeleton, video_at(video.with_name("other.mp4")), others, tracks=labels.tracks)
    both = sio.Labels(labels.labeled_frames + other.labeled_frames)
    path = tmp_path / "mouse.csv"
    sio.save_csv(both, str(path), format="instances")
    assert_same(read_predictions(path, video), points)
    third = shutil.copy(video, tmp_path / "third.mp4")
    with pytest.raises(PredictionsError, match=r"holds no video third\.mp4 \(its videos: .*other\.mp4"):
        read_predictions(path, third)
    sio.save_csv(both, str(path), format="sleap")
    with pytest.raises(PredictionsError, match="has track a twice in frame 0, as if it held several videos"):
        read_predictions(path, video)


def test_damage_in_a_project_is_one_line(video, whole, skeleton, tmp_path):
    path = tmp_path / "mouse.slp"
    labels_of(skeleton, video_at(video), whole()).save(str(path))
    with h5py.File(path, "r+") as file:
        videos = [json.loads(text) for text in file["videos_json"][:]]
        table = file["instances"][:]
        table["point_id_start"][5:] += 10**6
        table["point_id_end"][5:] += 10**6
        file["instances"][:] = table
    assert len(videos) == 1
    with pytest.raises(PredictionsError) as caught:
        read_predictions(path, video)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("form", ["slp", "h5", "csv"])
def test_animals_have_the_names_of_their_tracks(form, video, whole, skeleton, tmp_path):
    points = whole(2)
    # The second track is there all the time, the first one ends early or is followed by another.
    a, b, c = (sio.Track(name) for name in ("a", "b", "c"))
    for late, expected in ((a, ("a", "b")), (c, ("", "b"))):
        labels = labels_of(skeleton, video_at(video), points[:30], tracks=[a, b])
        labels.extend(labels_of(skeleton, labels.videos[0], points[30:], range(30, 60), [late, b]).labeled_frames)
        path = tmp_path / f"{late.name}.{form}"
        if form == "slp":
            labels.save(str(path))
        elif form == "h5":
            sio.save_analysis_h5(labels, str(path))
        else:
            sio.save_csv(labels, str(path), format="sleap")
        read = read_predictions(path, video)
        assert read.keypoints.shape[1] == 2
        assert read.animals == expected


def test_without_tracks_animals_have_no_names(video, whole, skeleton, tmp_path):
    path = tmp_path / "untracked.slp"
    labels_of(skeleton, video_at(video), whole(2)).save(str(path))
    assert read_predictions(path, video).animals == ()
