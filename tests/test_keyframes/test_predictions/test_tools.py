"""Predictions as DeepLabCut itself writes them, in an environment that has it."""

import numpy as np
import pytest

from keyframes import read_predictions
from tests.test_keyframes.test_labelling.test_tools import answer_of
from tests.test_keyframes.test_predictions.conftest import NODES, assert_same

pytestmark = pytest.mark.slow
SCORER = "DLC_Resnet50_reachJan1shuffle1_snapshot_010"

# Arguments: folder, video, poses; then as each program says.
BEGIN = f"""
from pathlib import Path
import numpy as np
import pandas as pd
from deeplabcut.pose_estimation_pytorch.apis import videos
folder, video, poses = Path(sys.argv[1]), Path(sys.argv[2]), np.load(sys.argv[3])
scorer, names = {SCORER!r}, {list(NODES)!r}
individuals = [f"m{{number}}" for number in range(1, poses.shape[1] + 1)]
"""
# Argument 4: the points of no animal, or "".
ANALYZE = f"""{BEGIN}
corner = np.load(sys.argv[4]) if sys.argv[4] else None
metadata = {{"bodyparts": names, "unique_bodyparts": ["corner"], "individuals": individuals}}
predictions = [{{"bodyparts": animals}} for animals in poses]
for frame, place in zip(predictions, [] if corner is None else corner, strict=False):
    frame["unique_bodyparts"] = place
videos.create_df_from_prediction(
    predictions, scorer, poses.shape[1] > 1, {{"metadata": metadata}}, folder, video.stem + scorer, save_as_csv=True
)
"""
# Argument 5: the crop, as JSON.
NOTE = """
import pickle
class Config(dict):
    to_dict = dict.copy
note = videos._generate_metadata(
    {"iteration": 0}, Config(metadata=metadata), scorer, 0.95, 1, json.loads(sys.argv[5]), (0.0, 1.0),
    videos.VideoIterator(video),
)
with (folder / f"{video.stem}{scorer}_meta.pickle").open("wb") as file:
    pickle.dump(note, file)
"""
# The name of the network is looked up in its folder, and there is no network.
FILTER = """
from unittest import mock
from deeplabcut.post_processing import filtering
with mock.patch.object(filtering.auxiliaryfunctions, "get_scorer_name", return_value=(scorer, scorer)), \\
        mock.patch.object(filtering.auxiliaryfunctions, "read_config", return_value={"TrainingFraction": [0.95]}):
    filtering.filterpredictions("config.yaml", [str(video)], destfolder=str(folder), save_as_csv=True)
"""
# The tracker's tracklets of each animal, in two pieces.
TRACK = f"""{BEGIN}
from deeplabcut.refine_training_dataset.stitch import TrackletStitcher
levels = {{"scorer": [scorer], "bodyparts": names, "coords": ["x", "y", "likelihood"]}}
columns = pd.MultiIndex.from_product(levels.values(), names=levels.keys())
tracklets = {{"header": columns}}
for animal in range(poses.shape[1]):
    for piece in np.array_split(np.arange(len(poses)), 2):
        tracklets[len(tracklets)] = {{f"frame{{i:02d}}": np.pad(poses[i, animal], [(0, 0), (0, 1)]) for i in piece}}
stitcher = TrackletStitcher.from_dict_of_dict(tracklets, poses.shape[1])
stitcher.build_graph()
stitcher.stitch()
stitcher.write_tracks(str(folder / f"{{video.stem}}{{scorer}}_el.h5"), animal_names=individuals, save_as_csv=True)
"""
END = "\nprint(json.dumps(sorted(path.name for path in folder.iterdir())))"


@pytest.fixture
def written(video, tmp_path):
    """Let DeepLabCut write poses beside the video; returns what it wrote."""

    def write(program, poses, *arguments):
        folder = video.parent / "predicted"
        folder.mkdir()
        np.save(tmp_path / "poses.npy", poses)
        names = answer_of("deeplabcut", program + END, folder, video, tmp_path / "poses.npy", *arguments)
        return [folder / name for name in names]

    return write


def in_the_picture(poses, *args):
    """Poses of which DeepLabCut has none missing, as its networks predict all."""
    return poses(*args, missing=0)


@pytest.mark.parametrize("n_animals", [1, 2])
def test_deeplabcut_writes_a_table(n_animals, video, poses, written):
    points = in_the_picture(poses, n_animals)
    files = written(ANALYZE, points, "")
    assert [file.name for file in files] == [f"mouse{SCORER}.csv", f"mouse{SCORER}.h5"]
    for file in files:
        read = read_predictions(file, video)
        assert_same(read, points)
        assert (read.names, read.animals) == (NODES, ("m1", "m2") if n_animals == 2 else ())


def test_deeplabcut_writes_points_of_no_animal(video, poses, written, tmp_path, rng):
    points, corner = in_the_picture(poses, 2), rng.random((60, 1, 1, 3)) * 90 + 1
    np.save(tmp_path / "corner.npy", corner)
    for file in written(ANALYZE, points, tmp_path / "corner.npy"):
        read = read_predictions(file, video)
        assert (read.names, read.animals) == ((*NODES, "corner"), ("m1", "m2", "single"))
        np.testing.assert_allclose(read.keypoints[:, :2, :3], points[..., :2], rtol=1e-5)
        np.testing.assert_allclose(read.keypoints[:, 2, 3], corner[:, 0, 0, :2], rtol=1e-5)


@pytest.mark.parametrize("crop", [None, [40, 130, 30, 110]])
def test_deeplabcut_writes_what_it_cropped(crop, video, poses, written):
    inside = in_the_picture(poses, 1) * (0.5, 0.5, 1)
    left, top = (crop[0], crop[2]) if crop else (0, 0)
    note = "null" if crop is None else str(crop)
    for file in written(ANALYZE + NOTE, inside, "", note):
        if file.suffix != ".pickle":
            read = read_predictions(file, video)
            assert_same(read, inside + np.array([left, top, 0]))
            assert read.warnings == ()


def test_deeplabcut_writes_a_filtered_table(video, poses, written):
    points = in_the_picture(poses, 2)
    files = {file.name: file for file in written(ANALYZE + FILTER, points, "")}
    filtered, own = (files[f"mouse{SCORER}{ending}.h5"] for ending in ("_filtered", ""))
    read = read_predictions(filtered, video)
    assert_same(read, points)
    assert read.source == own
    own.unlink()
    own.with_suffix(".csv").unlink()
    for ending in (".h5", ".csv"):
        smoothed = read_predictions(filtered.with_suffix(ending), video)
        assert not np.allclose(smoothed.keypoints, points[..., :2], rtol=1e-5)
        np.testing.assert_allclose(smoothed.confidence, points[..., 2], rtol=1e-5)


def test_deeplabcut_writes_tracks(video, poses, written):
    # Two animals that move slowly, far from each other.
    points = in_the_picture(poses, 2) * (0.05, 0.05, 1) + np.array([[[20, 20, 0]], [[120, 80, 0]]])
    for file in written(TRACK, points):
        read = read_predictions(file, video)
        assert read.animals == ("m1", "m2")
        # Which one is the first is the tracker's choice.
        order = [0, 1] if read.keypoints[0, 0, 0, 0] < 60 else [1, 0]
        assert_same(read, points[:, order])
