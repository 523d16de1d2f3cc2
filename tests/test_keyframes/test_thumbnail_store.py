"""Thumbnails come back as they were put in, or their components do where there are too many."""

from contextlib import closing

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from keyframes.scan.components import PrincipalComponents
from keyframes.scan.thumbnail_store import ThumbnailStore

N_PIXELS = 60


@pytest.fixture
def thumbnails(rng):
    scores = rng.normal(size=(9000, 5)) * [40, 30, 20, 12, 8]
    return np.clip(128 + scores @ rng.normal(size=(5, N_PIXELS)) / 4, 0, 255).astype(np.uint8)


def filled(thumbnails, ahead=None, keep=False):
    nothing = np.empty((0, N_PIXELS), np.uint8)
    store = ThumbnailStore(N_PIXELS, lambda: nothing if ahead is None else ahead, keep)
    for first in range(0, len(thumbnails), 700):
        store.append(thumbnails[first : first + 700])
    return store


@pytest.fixture
def little_room(monkeypatch):
    """Room for two chunks in memory and three in the file."""
    monkeypatch.setattr("keyframes.scan.thumbnail_store.MEMORY_BYTES", 2 * 1024 * N_PIXELS)
    monkeypatch.setattr("keyframes.scan.thumbnail_store.FILE_BYTES", 3 * 1024 * N_PIXELS)


def test_few_rows_are_kept_as_they_are(thumbnails):
    with closing(filled(thumbnails)) as store:
        assert_array_equal(store.all(), thumbnails)
        expected = PrincipalComponents.fit(thumbnails)
        assert_array_equal(store.fit().basis, expected.basis)
        assert_array_equal(store.reduced(), expected.transform(thumbnails))


def test_rows_in_the_file_come_back(thumbnails, little_room):
    part = thumbnails[: 5 * 1024 + 9]
    with closing(filled(part)) as store:
        assert store.components is None
        assert_array_equal(store.all(), part)
        assert_array_equal(store.reduced(), PrincipalComponents.fit(part).transform(part))


@pytest.mark.parametrize("ahead", [False, True])
def test_too_many_rows_leave_their_components_alone(thumbnails, little_room, ahead):
    with closing(filled(thumbnails, thumbnails[::20] if ahead else None)) as store:
        assert store.components is not None
        found = store.reduced()
    assert found.shape == (len(thumbnails), 32)
    # Distances are what clustering sees: five components hold all of this variance, whatever they were fitted on.
    exact = thumbnails.astype(np.float32) / 255
    pairs = np.arange(0, 8000, 7)
    expected = np.linalg.norm(exact[pairs] - exact[pairs + 900], axis=1)
    assert_allclose(np.linalg.norm(found[pairs] - found[pairs + 900].astype(np.float32), axis=1), expected, atol=0.02)


def test_rows_that_must_stay_do(thumbnails, little_room):
    with closing(filled(thumbnails, keep=True)) as store:
        assert_array_equal(store.all(), thumbnails)


class Doubling:
    """Features that are twice the first three pixels; it learns how many rows it was shown."""

    n_wanted, fitted = 100, False

    def fit(self, thumbnails):
        self.fitted, self.n_shown = True, len(thumbnails)

    def transform_chunk(self, thumbnails):
        return 2 * thumbnails[:, :3].astype(np.float16)


@pytest.mark.parametrize("n_rows", [50, 9000])
def test_an_encoder_gives_features_of_all_rows(thumbnails, little_room, n_rows):
    """Whether they were all kept until the end or not."""
    encoder = Doubling()
    nothing = np.empty((0, N_PIXELS), np.uint8)
    with closing(ThumbnailStore(N_PIXELS, lambda: nothing, encoder=encoder)) as store:
        store.append(thumbnails[:n_rows])
        assert encoder.fitted == (n_rows == 9000)
        assert_array_equal(store.encoded(), 2.0 * thumbnails[:n_rows, :3])
        assert len(store.reduced()) == n_rows
    assert encoder.n_shown == min(n_rows, 100)
