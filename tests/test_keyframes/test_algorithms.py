"""What `--algorithm` names is what clusters, and what is reported of a frame follows the distance that chose it."""

import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.distance import cdist

import keyframes
from clustering import CentNN, KMeans, MiniBatchKMeans
from keyframes import Settings, SettingsError, VideoReader
from keyframes.choice.choose import choose_from_scan
from keyframes.choice.covering import scene_distances
from keyframes.sampling import nearest_of
from keyframes.scan.components import spread_of
from keyframes.scan.first_pass import scan_video
from tests.conftest import ROOT

ESTIMATORS = {"kmeans": KMeans, "minibatch": MiniBatchKMeans, "centnn": CentNN}
OFF = {"min_gap_s": 0, "allow_similar": True, "allow_dark": True, "allow_blurred": True}
K = 12


@pytest.fixture(scope="module")
def mouse():
    with VideoReader(ROOT / "sample_data" / "mouse.mp4", stop_s=12) as video:
        return scan_video(video, Settings(K), progress=False)


@pytest.mark.parametrize("algorithm", ESTIMATORS)
def test_an_algorithm_is_its_public_estimator(algorithm, mouse):
    selection, _ = choose_from_scan(mouse, Settings(K, algorithm=algorithm, seed=3, **OFF), None, False)
    X = mouse.features.astype(np.float32)
    model = ESTIMATORS[algorithm](K, random_state=3).fit(X)
    distances = cdist(X, model.cluster_centers_.astype(float))
    # What is equally near may belong to either.
    assert_allclose(selection.distances, distances.min(axis=1), atol=1e-3)
    assert (selection.labels == distances.argmin(axis=1)).mean() > 0.99
    # Without guards, the member nearest to each centre.
    rows = np.searchsorted(mouse.frame_index, [keyframe.frame_index for keyframe in selection.keyframes])
    assert_array_equal(np.sort(rows), np.sort(distances.argmin(axis=0)))


@pytest.mark.parametrize("algorithm", ["minibatch", "centnn"])
def test_an_algorithm_clusters_the_features_that_are_asked_for(algorithm, tmp_path, video_file):
    path = video_file("h264_b_frames.mp4")
    results = [
        keyframes.extract(
            path, 6, output=tmp_path / f"{features}{threads}", algorithm=algorithm, features=features, threads=threads
        )
        for features, threads in (("pca", 1), ("pca", 2), ("pixels", 1))
    ]
    assert [len(result.keyframes) for result in results] == [6, 6, 6]
    scans = [(result.folder / "scan.npz").read_bytes() for result in results]
    assert scans[0] == scans[1]
    assert np.load(results[2].folder / "scan.npz")["features"].dtype == np.uint8


@pytest.mark.parametrize("algorithm", ["minibatch", "centnn"])
def test_what_an_algorithm_cannot_do_is_refused(algorithm, tmp_path):
    for options in ({"unlike": [tmp_path]}, {"features": "auto", "unlike": [tmp_path]}):
        with pytest.raises(SettingsError, match=algorithm):
            keyframes.extract("mouse.mp4", 3, algorithm=algorithm, **options)
    with pytest.raises(SettingsError, match=algorithm):
        keyframes.run_batch(tmp_path, total=5, algorithm=algorithm)


def test_by_default_every_frame_is_reported_by_the_distance_that_chose(mouse):
    selection, _ = choose_from_scan(mouse, Settings(K, **OFF), None, False)
    sample = mouse.sample
    scene = scene_distances(sample, mouse.features[sample.rows], len(mouse.components.mean)).matrix
    sampled = nearest_of(sample.rows, len(mouse.frame_index))
    chosen = np.searchsorted(mouse.frame_index, [keyframe.frame_index for keyframe in selection.keyframes])
    to_chosen = scene[sampled][:, sampled[chosen]]
    own = {keyframe.cluster: place for place, keyframe in enumerate(selection.keyframes)}
    mine = to_chosen[np.arange(len(sampled)), [own[label] for label in selection.labels]]
    # No chosen frame is nearer than the one that represents the cluster, and that is how far it is said to be; features
    # add a little, which tell apart what shows the same.
    assert_allclose(mine, to_chosen.min(axis=1), atol=1e-6)
    features = mouse.features.astype(float)
    apart = np.linalg.norm(features - features[chosen[[own[label] for label in selection.labels]]], axis=1)
    assert_allclose(selection.distances, np.hypot(mine, 0.15 * apart / spread_of(mouse.features)), rtol=1e-3, atol=1e-4)
    assert [keyframe.distance for keyframe in selection.keyframes] == [0] * K
    sizes = np.bincount(selection.labels)
    assert [keyframe.cluster_size for keyframe in selection.keyframes] == [
        sizes[k.cluster] for k in selection.keyframes
    ]


def test_by_default_no_two_frames_look_alike_while_others_differ(mouse):
    scenes = scene_distances(mouse.sample, mouse.features[mouse.sample.rows], len(mouse.components.mean))
    scene = scenes.matrix
    sampled = nearest_of(mouse.sample.rows, len(mouse.frame_index))
    for k in (K, 60):
        selection, _ = choose_from_scan(mouse, Settings(k), None, False)
        assert selection.guards["similar"]["limit"] == pytest.approx(scenes.alike, rel=1e-5)
        rows = np.searchsorted(mouse.frame_index, [keyframe.frame_index for keyframe in selection.keyframes])
        features = mouse.features[rows].astype(float)
        apart = 0.15 * cdist(features, features) / spread_of(mouse.features)
        between = np.hypot(scene[np.ix_(sampled[rows], sampled[rows])], apart) + np.diag(np.full(k, np.inf))
        assert (between.min(axis=1) < scenes.alike).sum() <= 2 * selection.guards["similar"]["kept"]


def test_the_command_takes_each_algorithm(run_command, tmp_path, video_file):
    path = video_file("h264_b_frames.mp4")
    for algorithm in ESTIMATORS:
        done = run_command(
            "keyframes", "extract", path, "-k", 4, "--algorithm", algorithm, "-o", tmp_path / algorithm, "-q"
        )
        assert done.returncode == 0, done.stderr
        manifest = json.loads((tmp_path / algorithm / "manifest.json").read_text(encoding="utf-8"))
        assert manifest["settings"]["algorithm"] == algorithm
        assert len(manifest["keyframes"]) == 4
    assert "centnn" in run_command("keyframes", "batch", "--help").stdout
