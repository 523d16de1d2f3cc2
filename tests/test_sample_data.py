"""The shipped clip and the scripts that render it."""

import csv
import importlib
from collections import Counter
from dataclasses import replace

import cv2
import numpy as np
import pytest

from keyframes import VideoReader
from tests.conftest import ROOT

FOLDER = ROOT / "sample_data"


@pytest.fixture(scope="module")
def make_sample():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(FOLDER)
        yield importlib.import_module("make_sample")


@pytest.fixture(scope="module")
def table():
    with (FOLDER / "mouse.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_clip_is_small_and_its_table_has_a_row_a_frame(table):
    assert (FOLDER / "mouse.mp4").stat().st_size <= 2_000_000
    with VideoReader(FOLDER / "mouse.mp4") as video:
        times = [time_s for _, time_s in video.walk()]
        assert 30 <= len(times) / video.header.frame_rate <= 60
    assert [int(row["frame_index"]) for row in table] == list(range(len(times)))
    np.testing.assert_allclose([float(row["time_s"]) for row in table], times, atol=1e-3)


def test_rest_is_common_and_some_postures_are_rare(table):
    counts = Counter(row["behaviour"] for row in table)
    assert set(counts) == {"rest", "walk", "turn", "rear", "groom"}
    assert counts.most_common(1)[0][0] == "rest"
    assert counts["rest"] > 0.4 * len(table)
    assert max(counts["rear"], counts["groom"]) < 0.08 * len(table)


def test_the_table_holds_the_poses_that_the_script_simulates(table, make_sample):
    poses, behaviours = make_sample.simulate(make_sample.Scene())
    assert [row["behaviour"] for row in table] == behaviours[:, 0].tolist()
    for number, node in enumerate(make_sample.NODES):
        for axis, letter in enumerate("xy"):
            written = [float(row[f"{node}_{letter}"]) for row in table]
            # Other machines' mathematical functions may differ in their last bits.
            np.testing.assert_allclose(written, poses[:, 0, number, axis], atol=0.05)


def test_the_clip_shows_what_the_script_renders(make_sample):
    wanted = [0, 511, 932]
    rendered = list(make_sample.render(make_sample.Scene(), frames=wanted))
    with VideoReader(FOLDER / "mouse.mp4") as video:
        decoded = [cv2.cvtColor(frame.image, cv2.COLOR_BGR2RGB) for frame in video.read_frames(wanted)]
    for ours, theirs in zip(rendered, decoded, strict=True):
        assert ours.shape == theirs.shape
        # Encoding removes sensor noise of 3 levels; a picture of another moment differs by far more at the animal.
        difference = np.abs(cv2.GaussianBlur(ours, (7, 7), 0).astype(int) - cv2.GaussianBlur(theirs, (7, 7), 0))
        assert difference.mean() < 2.5
        assert np.percentile(difference, 99.9) < 20


@pytest.fixture(scope="module")
def plain_frame(make_sample):
    """Frame 140 of a recording with the settings as they come."""
    return next(iter(make_sample.render(make_sample.Scene(seconds=6), frames=[140])))


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        {"seed": 4},
        {"animals": 2},
        {"animal_size": 60.0},
        {"fur_colour": (220, 215, 205)},
        {"floor": "wood"},
        {"arena_seed": 9},
        {"objects": 0},
        {"noise": 12.0},
        {"light_drift": 0.4},
        {"camera_motion": 10.0},
        {"rest_share": 0.0},
        {"width": 320, "height": 240, "animal_size": 60.0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_setting_changes_the_recording(change, make_sample, plain_frame):
    scene = replace(make_sample.Scene(seconds=6), **change)
    poses, behaviours = make_sample.simulate(scene)
    assert poses.shape == (scene.n_frames, scene.animals, len(make_sample.NODES), 2)
    assert behaviours.shape == (scene.n_frames, scene.animals)
    assert (poses >= 0).all()
    assert (poses < (scene.width, scene.height)).all()
    frame, again = (next(iter(make_sample.render(scene, frames=[140]))) for _ in range(2))
    np.testing.assert_array_equal(frame, again)
    assert frame.shape == (scene.height, scene.width, 3)
    assert frame.shape != plain_frame.shape or np.abs(frame.astype(int) - plain_frame).mean() > 0.1


@pytest.mark.slow
def test_the_photo_is_what_the_script_paints(make_sample):
    shipped = cv2.cvtColor(cv2.imread(str(FOLDER / "photo.png")), cv2.COLOR_BGR2RGB)
    painted = make_sample.paint_photo(seed=1)
    assert painted.shape == shipped.shape
    assert np.abs(painted.astype(int) - shipped).mean() < 1
