"""Learned features and deep clustering: what the estimators promise."""

import io
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from clustering import clustering_accuracy
from clustering.errors import CheckpointError

torch = pytest.importorskip("torch", reason="needs PyTorch, of the encoder extra")

from clustering.deep import (  # noqa: E402 - torch may be missing
    DEC,
    Augmentation,
    AutoencoderFeatures,
    Objective,
    load_checkpoint,
    save_checkpoint,
)

pytestmark = pytest.mark.torch


def small(**options):
    settings = {
        "n_components": 5,
        "hidden": (32,),
        "image_shape": (8, 8),
        "epochs": 10,
        "batch_size": 32,
        "random_state": 0,
    }
    return AutoencoderFeatures(**{**settings, "device": "cpu", **options})


@pytest.fixture(scope="module")
def digits():
    found = load_digits()
    return (found.data[:300] / 16).astype(np.float32), found.target[:300].astype(np.int64)


@pytest.fixture(scope="module")
def blobs():
    """Three kinds of rows that no method can miss."""
    rng = np.random.default_rng(0)
    kinds = np.kron(np.eye(3), np.ones(5))
    return np.clip(np.repeat(kinds, 30, axis=0) + rng.normal(0, 0.05, (90, 15)), 0, 1), np.repeat(np.arange(3), 30)


SMALL = AutoencoderFeatures(2, hidden=(8,), epochs=1)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning")
@parametrize_with_checks([SMALL, DEC(2, encoder=SMALL, max_epochs=1, n_init=1)])
def test_scikit_learn_accepts_the_estimator(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    ("network", "learning_rate"), [("fully-connected", 5e-3), ("convolutional", 1e-3), ("variational", 5e-3)]
)
def test_the_features_tell_the_pictures(digits, network, learning_rate):
    X, _ = digits
    features = small(network=network, learning_rate=learning_rate, beta=0.1).fit(X)
    found = features.transform(X)
    assert found.shape == (300, 5)
    assert found.dtype == np.float32
    # Better than the mean picture, which is all that no features would give.
    error = np.mean((features.inverse_transform(found) - X) ** 2)
    assert error < 0.9 * X.var(axis=0).mean()


@pytest.mark.parametrize("objective", ["dec", "idec", "neighbors", Objective(divergence=1.0, contrast=0.1)])
@pytest.mark.parametrize("assignment", ["student-t", "softmax"])
def test_clusters_that_are_there_are_found(blobs, objective, assignment):
    X, kinds = blobs
    encoder = small(image_shape=None, epochs=30)
    labels = DEC(
        3, encoder=encoder, objective=objective, assignment=assignment, max_epochs=10, batch_size=32, random_state=0
    ).fit_predict(X)
    assert clustering_accuracy(kinds, labels) == 1


def test_end_to_end_trains_no_autoencoder_first(digits):
    X, classes = digits
    seen = []
    encoder = small(epochs=50, progress=lambda *told: seen.append(told))
    model = DEC(10, encoder=encoder, objective="end-to-end", max_epochs=10, tol=0, batch_size=32, random_state=0).fit(X)
    assert not seen
    assert model.n_iter_ == 10
    assert clustering_accuracy(classes, model.labels_) > 0.3


def test_neighbours_and_even_sizes_beat_the_autoencoders_own_clusters(digits):
    X, classes = digits
    encoder = small(epochs=15, hidden=(64,), augmentation=Augmentation(0.06, 8)).fit(X)
    before = DEC(10, encoder=encoder, max_epochs=0, random_state=0).fit_predict(X)
    after = DEC(
        10, encoder=encoder, objective="neighbors", assignment="softmax", max_epochs=20, batch_size=64, random_state=0
    ).fit_predict(X)
    assert clustering_accuracy(classes, after) > clustering_accuracy(classes, before)


@pytest.mark.parametrize("network", ["fully-connected", "convolutional", "variational"])
def test_a_seed_fixes_the_labels(digits, network):
    X = digits[0][:200]

    def run(seed):
        encoder = small(network=network, augmentation=Augmentation(brightness=0.1), epochs=3, random_state=seed)
        model = DEC(10, encoder=encoder, objective="neighbors", max_epochs=6, interval=2, random_state=seed).fit(X)
        return model.labels_, model.shares_

    first, again, other = run(0), run(0), run(1)
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])


def test_the_threads_and_the_seed_of_the_rest_of_the_program_stay(digits):
    torch.set_num_threads(1)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    small(epochs=1).fit(digits[0]).transform(digits[0])
    assert small().work_per_row(64) > 0
    assert torch.get_num_threads() == 1
    assert torch.equal(torch.rand(3), expected)


def test_a_fitted_encoder_is_shared_and_stays_as_it_is(digits):
    X, _ = digits
    encoder = small(epochs=2).fit(X)
    before = encoder.transform(X)
    model = DEC(10, encoder=encoder, max_epochs=3, random_state=0).fit(X)
    np.testing.assert_array_equal(encoder.transform(X), before)
    assert not np.array_equal(model.encoder_.transform(X), before)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    np.testing.assert_allclose(model.shares_.sum(axis=1), 1, atol=1e-5)


def test_it_stops_when_labels_stay(blobs):
    X, _ = blobs
    encoder = small(image_shape=None, epochs=30)
    model = DEC(3, encoder=encoder, max_epochs=500, interval=2, random_state=0).fit(X)
    assert model.n_iter_ < 500
    assert model.changes_[-1] < 1e-3


def test_progress_is_told_after_each_epoch(digits):
    told = []
    small(epochs=3, progress=lambda *what: told.append(what)).fit(digits[0])
    assert [(done, total) for done, total, _ in told] == [(1, 3), (2, 3), (3, 3)]
    assert told[-1][2] < told[0][2]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_shape": (7, 8)}, r"image_shape=\(7, 8\) does not fit rows of 64 columns"),
        ({"image_shape": None, "network": "convolutional"}, "give .height, width. or"),
        ({"image_shape": None, "augmentation": Augmentation()}, "give .height, width. or"),
        ({"network": "transformer"}, "'network' parameter"),
        ({"epochs": -1}, "'epochs' parameter"),
    ],
)
def test_what_does_not_fit_is_told(digits, options, message):
    with pytest.raises(ValueError, match=message):
        small(**options).fit(digits[0])


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one here")
def test_a_device_that_is_not_there_is_told(digits):
    with pytest.raises(ValueError, match="device='cuda' is not there"):
        small(device="cuda").fit(digits[0])


def test_fewer_rows_than_clusters_are_told(digits):
    with pytest.raises(ValueError, match="n_samples=4 should be >= n_clusters=10"):
        DEC(10, encoder=small()).fit(digits[0][:4])


def test_they_can_be_cloned(digits):
    model = DEC(4, encoder=small(epochs=1), objective=Objective(agreement=1.0), max_epochs=1, random_state=3)
    twin = clone(model)
    assert twin.get_params()["objective"] == Objective(agreement=1.0)
    assert twin.encoder is not model.encoder
    np.testing.assert_array_equal(twin.fit_predict(digits[0]), clone(model).fit_predict(digits[0]))


@pytest.mark.parametrize("network", ["fully-connected", "convolutional", "variational"])
def test_a_checkpoint_gives_the_same_features_and_clusters(digits, network):
    X, _ = digits
    augmentation = Augmentation(brightness=0.2)
    model = DEC(10, encoder=small(network=network, epochs=1, augmentation=augmentation), max_epochs=2, random_state=0)
    back = load_checkpoint(save_checkpoint(model.fit(X)))
    assert isinstance(back, DEC)
    np.testing.assert_array_equal(back.predict(X), model.labels_)
    features = load_checkpoint(save_checkpoint(model.encoder_))
    assert isinstance(features, AutoencoderFeatures)
    assert features.augmentation == augmentation
    np.testing.assert_array_equal(features.transform(X), model.encoder_.transform(X))


def test_an_estimator_that_is_not_fitted_has_no_checkpoint():
    with pytest.raises(NotFittedError):
        save_checkpoint(small())


class Runs:
    def __reduce__(self):
        return print, ("this must never be printed",)


def test_nothing_in_a_checkpoint_is_run(digits, capsys):
    good = save_checkpoint(small(epochs=0).fit(digits[0]))
    for bad in (
        b"",
        b"no checkpoint",
        good[: len(good) // 2],
        pickle.dumps(Runs()),
        torch_bytes(Runs()),
        torch_bytes(3),
    ):
        with pytest.raises(CheckpointError, match="not a checkpoint of an estimator"):
            load_checkpoint(bad)
    assert "never" not in capsys.readouterr().out


def torch_bytes(content):
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()
