import numpy as np
import pytest

N_FRAMES, HEIGHT, WIDTH = 60, 120, 160
NODES = ("nose", "left ear", "tail, base")


@pytest.fixture
def video(video_file, tmp_path):
    """A video of 60 frames of 160 x 120 pixels, alone in its folder."""
    place = tmp_path / "mouse.mp4"
    place.symlink_to(video_file("mpeg4.mp4"))
    return place


@pytest.fixture
def poses(rng):
    """Make x, y and confidence, (n_frames, n_animals, n_nodes, 3), float64, a few of them missing."""

    def make(n_animals=1, n_frames=N_FRAMES, missing=0.1):
        points = rng.random((n_frames, n_animals, len(NODES), 3)) * (WIDTH - 2, HEIGHT - 2, 1) + (1, 1, 0)
        points[rng.random(points.shape[:-1]) < missing] = np.nan
        return points

    return make


def assert_same(predictions, points, frames=None):
    """Whether predictions hold these points, and no more."""
    frames = np.arange(len(points)) if frames is None else frames
    assert predictions.frames.dtype == np.int64
    assert predictions.keypoints.dtype == predictions.confidence.dtype == np.float32
    np.testing.assert_array_equal(predictions.frames, frames)
    np.testing.assert_allclose(predictions.keypoints, points[..., :2], rtol=1e-5)
    np.testing.assert_allclose(predictions.confidence, points[..., 2], rtol=1e-5)
