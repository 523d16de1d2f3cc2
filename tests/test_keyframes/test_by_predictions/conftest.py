"""Predictions on the sample clip: of the mouse as it moves, and of one that rests for most of the time."""

import csv

import numpy as np
import pytest

from tests.conftest import ROOT

VIDEO = ROOT / "sample_data" / "mouse.mp4"
JUMPS = (200, 700)


@pytest.fixture(scope="module")
def true_poses():
    """Names, and x and y of each: (n_frames, n_nodes, 2)."""
    with (ROOT / "sample_data" / "mouse.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    names = [column.removesuffix("_x") for column in rows[0] if column.endswith("_x")]
    return names, np.array([[[float(row[f"{name}_{axis}"]) for axis in "xy"] for name in names] for row in rows])


@pytest.fixture(scope="module")
def predicted(tmp_path_factory, true_poses):
    """A plain table of noisy predictions, in which the nose jumps twice."""
    names, poses = true_poses
    rng = np.random.default_rng(0)
    points = poses + rng.normal(0, 1.5, poses.shape)
    points[JUMPS, 0] += (60, -45)
    confidence = rng.uniform(0.7, 1, points.shape[:2])
    path = tmp_path_factory.mktemp("predicted") / "mouse.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(("frame_index", "node", "x", "y", "confidence"))
        for frame, node in np.ndindex(points.shape[:2]):
            x, y = points[frame, node]
            table.writerow((frame, names[node], f"{x:.2f}", f"{y:.2f}", f"{confidence[frame, node]:.4f}"))
    return path


@pytest.fixture
def predicted_rest(true_poses, tmp_path):
    """Return a function that writes predictions of an animal that moves for such a share of the time."""

    def write(moves):
        names, poses = true_poses
        # It rests, and then does what it did, but sooner.
        n_rest = round((1 - moves) * len(poses))
        moving = np.linspace(0, len(poses) - 1, len(poses) - n_rest).astype(int)
        poses = poses[np.concatenate([np.zeros(n_rest, int), moving])]
        points = poses + np.random.default_rng(1).normal(0, 2, poses.shape)
        points[JUMPS, 0] += (60, -45)
        path = tmp_path / "mouse.csv"
        rows = [
            f"{frame},{names[node]},{points[frame, node, 0]},{points[frame, node, 1]}"
            for frame, node in np.ndindex(points.shape[:2])
        ]
        path.write_text("\n".join(["frame_index,node,x,y", *rows]), encoding="utf-8")
        return path

    return write
