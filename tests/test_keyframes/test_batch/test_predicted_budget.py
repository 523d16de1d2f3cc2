"""A total of frames that is divided over recordings by predictions."""

import csv
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from keyframes import SettingsError, VideoReader, run_batch
from keyframes.batch.predicted_budget import (
    PredictedCoreset,
    PredictedPlan,
    load_predicted_coreset,
    load_predicted_plan,
    other_keypoints,
    plan_predicted,
    save_predicted_coreset,
    save_predicted_plan,
)
from keyframes.choice.predicted import choose_predicted
from keyframes.choice.predicted_video import PredictedVideo
from keyframes.predictions import Predictions
from keyframes.scan.array_files import load_arrays, save_arrays
from keyframes.settings import Settings
from tests.conftest import ROOT
from tests.test_keyframes.test_batch.conftest import results

VIDEO = ROOT / "sample_data" / "mouse.mp4"
SHAPE = np.array([[0, 0], [12, 9], [24, -9], [36, 0]], np.float64)
NAMES = ("nose", "left", "right", "tail")
JUMPS = (60, 150, 240)
SETTINGS = Settings(12, predictions=VIDEO)


def wandering(rng, n_frames=300):
    """An animal that walks in a circle and bends as it goes."""
    time = np.arange(n_frames) / n_frames * 2 * np.pi
    bent = SHAPE * np.stack([np.ones(n_frames), np.sin(5 * time)], axis=1)[:, None]
    place = 100 + 60 * np.stack([np.cos(time), np.sin(time)], axis=1)
    return bent + place[:, None] + rng.normal(0, 0.5, (n_frames, 4, 2))


def resting(rng, n_frames=300):
    return 100 + SHAPE + rng.normal(0, 0.5, (n_frames, 4, 2))


def jumping(rng):
    points = resting(rng)
    points[JUMPS, 2] += (50, 40)
    return points


def predicted_of(points, labelled=()):
    """The predictions of animals whose points are (n_frames, n_animals, n_nodes, 2), and their scan."""
    points = points if points.ndim == 4 else points[:, None]
    shape = points.shape[:3]
    frames = np.arange(len(points))
    is_labelled = np.isin(frames, labelled)
    given = Predictions(VIDEO, frames, points.astype(np.float32), np.ones(shape, np.float32), NAMES, (), is_labelled)
    predicted = PredictedVideo.of(given, SETTINGS)
    with VideoReader(VIDEO) as video:
        return predicted, predicted.scan(video, SETTINGS)


def reduced(points, labelled=()):
    return PredictedCoreset.of(*predicted_of(points, labelled), SETTINGS, n_poses=2048)


def test_a_total_for_one_recording_is_the_choice_of_that_recording(rng):
    predicted, scan = predicted_of(wandering(rng))
    selection, _ = choose_predicted([predicted], scan, SETTINGS, None, False, np.empty(0, np.int64))
    plan = plan_predicted({"one": PredictedCoreset.of(predicted, scan, SETTINGS, 2048)}, SETTINGS, 12)
    assert plan.chosen_for == {frame.frame_index: frame.chosen_for for frame in selection.keyframes}


def test_frames_go_where_the_errors_and_the_poses_are(rng):
    coresets = {"rest": reduced(resting(rng)), "jumps": reduced(jumping(rng)), "walk": reduced(wandering(rng))}
    plan = plan_predicted(coresets, SETTINGS, 20)
    shares = {name: plan.share_of(name) for name in coresets}
    assert sum(map(len, shares.values())) == 20
    doubtful = [frame for frame, what in shares["jumps"].chosen_for.items() if what == "doubt"]
    assert set(JUMPS) <= set(doubtful)
    coverage = {name: int((~share.doubtful).sum()) for name, share in shares.items()}
    assert coverage["walk"] >= 8
    few = plan_predicted(coresets, SETTINGS, 20, at_least=5)
    assert len(few.frames) == 20
    assert min(len(few.share_of(name)) for name in coresets) >= 5


def test_the_order_of_keypoints_does_not_matter_but_which_they_are_does(rng):
    one, other = reduced(wandering(rng)), reduced(jumping(rng))
    turned = other.in_order_of(other.names[::-1])
    plans = [plan_predicted({"one": one, "other": second}, SETTINGS, 12) for second in (other, turned)]
    np.testing.assert_array_equal(plans[0].frames, plans[1].frames)
    strange = replace(other, names=np.array(["nose", "left", "right", "ear"]))
    told = other_keypoints({"one": one, "other": other, "strange": strange})
    assert list(told) == ["strange"]
    assert "ear, tail" in told["strange"]


def test_what_people_labelled_is_not_chosen(rng):
    coresets = {"jumps": reduced(jumping(rng), labelled=JUMPS[:2]), "walk": reduced(wandering(rng))}
    chosen = plan_predicted(coresets, SETTINGS, 16).share_of("jumps").chosen_for
    assert not set(JUMPS[:2]) & set(chosen)
    assert chosen[JUMPS[2]] == "doubt"


@pytest.mark.slow
def test_recordings_of_other_numbers_of_animals_have_their_own_frames(rng):
    pair = np.stack([wandering(rng), wandering(rng) + 200], axis=1)
    plan = plan_predicted({"one": reduced(wandering(rng)), "two": reduced(pair)}, SETTINGS, 12)
    assert min(len(plan.share_of(name)) for name in ("one", "two")) >= 2


@pytest.fixture
def recordings(tmp_path, rng):
    """Two videos, and a folder with a table of predictions for each."""
    for folder in ("videos", "predicted"):
        (tmp_path / folder).mkdir()
    for name, points in (("rest", resting(rng)), ("jumps", jumping(rng))):
        shutil.copy(VIDEO, tmp_path / "videos" / f"{name}.mp4")
        with (tmp_path / "predicted" / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file)
            table.writerow(("frame_index", "node", "x", "y"))
            table.writerows((frame, NAMES[node], *points[frame, node].round(3)) for frame, node in np.ndindex(300, 4))
    return tmp_path


@pytest.mark.slow
def test_a_batch_spends_a_total_by_predictions(recordings, run_command):
    arguments = ("--predictions", recordings / "predicted", "-o", "out", "--jobs", 1, "--json", "-q")
    command = ("keyframes", "batch", recordings / "videos")
    done = run_command(*command, "--total", 12, "--at-least", 3, *arguments, cwd=recordings)
    assert done.returncode == 0, done.stderr
    assert sum(row["frames"] for row in json.loads(done.stdout)["results"]) == 12
    manifests = {
        name: json.loads((recordings / "out" / f"{name}-keyframes" / "manifest.json").read_text(encoding="utf-8"))
        for name in ("rest", "jumps")
    }
    doubtful = {entry["frame_index"] for entry in manifests["jumps"]["keyframes"] if entry["chosen_for"] == "doubt"}
    assert set(JUMPS) <= doubtful
    assert all(entry["reason"] for manifest in manifests.values() for entry in manifest["keyframes"])
    assert manifests["rest"]["budget"] == {"total": 12, "at_least": 3, "n_recordings": 2}
    before = results(recordings / "out")
    again = run_batch(
        recordings / "videos", total=12, at_least=3, output=recordings / "out", predictions=recordings / "predicted"
    )
    assert {row["status"] for row in again.rows} == {"skipped"}
    assert results(recordings / "out") == before
    # Other predictions of a recording are another recording.
    (recordings / "predicted" / "jumps.csv").write_bytes((recordings / "predicted" / "rest.csv").read_bytes())
    changed = json.loads(run_command(*command, "--total", 12, "--at-least", 3, *arguments, cwd=recordings).stdout)
    assert {row["recording"]: row["status"] for row in changed["results"]}["jumps.mp4"] == "done"


def test_what_another_version_kept_is_made_anew(rng, tmp_path):
    path = tmp_path / "kept.npz"
    kept = reduced(resting(rng))
    save_predicted_coreset(path, kept)
    found = load_predicted_coreset(path)
    for name, value in vars(kept).items():
        np.testing.assert_array_equal(getattr(found, name), value)
    arrays = load_arrays(path)
    del arrays["blur"]
    save_arrays(path, **arrays)
    assert load_predicted_coreset(path) is None
    save_predicted_plan(path, PredictedPlan(("a",), np.zeros(2, np.int32), np.arange(2), np.ones(2, bool)), "key")
    assert len(load_predicted_plan(path, "key")) == 2
    save_arrays(path, **load_arrays(path), more=np.zeros(1))
    assert load_predicted_plan(path, "key") is None


def test_a_total_has_a_limit_by_predictions(tmp_path):
    with pytest.raises(SettingsError, match="too many to choose by `predictions`; give at most"):
        run_batch(tmp_path, total=100_000, predictions=tmp_path, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
