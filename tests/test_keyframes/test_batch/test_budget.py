"""One number of frames for all recordings: where it goes, and what reducing each recording costs."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from threadpoolctl import threadpool_limits

from keyframes.batch.budget import plan_budget, spend
from keyframes.batch.coresets import GRID, Coreset, find_shared_space, make_coreset, on_grid
from keyframes.scan.components import PrincipalComponents
from tests.conftest import compiled_only


def recording(rng, n_frames, spread, shift=0.0, shape=(12, 16)):
    """Components of a made-up recording, and their features."""
    n_pixels = int(np.prod(shape))
    basis = np.linalg.qr(rng.standard_normal((n_pixels, 8)))[0].T
    components = PrincipalComponents(
        np.full(n_pixels, 0.5 + shift, np.float32), np.ascontiguousarray(basis, np.float32)
    )
    return components, (spread * rng.standard_normal((n_frames, 8))).astype(np.float16)


def nearest(X, centers):
    return np.square(X[:, None].astype(float) - centers[None]).sum(axis=2).min(axis=1)


@compiled_only
@pytest.mark.parametrize("most", [1, 9], ids=["each frame", "frames that represent others"])
def test_a_coreset_costs_what_the_frames_cost(most, rng):
    """The bound of the docstring, for many sets of centres; and it is no empty one."""
    components, features = recording(rng, 1500, 1.0)
    weights = rng.integers(1, most, 1500, endpoint=True)
    coreset = make_coreset(features, components, (12, 16), 300, weights=None if most == 1 else weights, seed=0)
    assert coreset.weights.sum() == weights.sum()
    X = features.astype(float)
    assert weights @ nearest(X, coreset.rows) == pytest.approx(coreset.inertia, rel=1e-3)
    for n_centers in (1, 3, 10, 40):
        for centers in (X[rng.choice(1500, n_centers)], 3 * rng.standard_normal((n_centers, 8))):
            full = np.sqrt(weights @ nearest(X, centers))
            short = np.sqrt(coreset.weights @ nearest(coreset.rows, centers))
            assert abs(full - short) <= np.sqrt(coreset.inertia) * (1 + 1e-6)
            assert np.sqrt(coreset.inertia) < 0.7 * full


@compiled_only
def test_the_shared_space_keeps_the_distances_of_pictures(rng):
    """Frames of recordings of one size and another: their distances are those of the pictures on the grid."""
    made = [recording(rng, 200, 1.0), recording(rng, 200, 0.5, 0.1), recording(rng, 100, 2.0, 0.2, (20, 10))]
    shapes = [(12, 16), (12, 16), (20, 10)]
    coresets = [
        make_coreset(X, components, shape, 50, seed=0) for (components, X), shape in zip(made, shapes, strict=True)
    ]
    space = find_shared_space(coresets, 64)
    assert np.allclose(space.basis @ space.basis.T, np.eye(len(space.basis)), atol=1e-5)
    pictures, shared = [], []
    for (components, X), shape in zip(made, shapes, strict=True):
        mean, basis = on_grid(components, shape)
        matrix, place = space.map_of(mean, basis)
        pictures.append(mean + X[:20].astype(np.float32) @ basis)
        shared.append(X[:20].astype(np.float32) @ matrix + place)
    pictures, shared = np.concatenate(pictures), np.concatenate(shared)
    there = np.linalg.norm(pictures[:, None] - pictures, axis=2)
    assert np.allclose(np.linalg.norm(shared[:, None] - shared, axis=2), there, rtol=1e-3, atol=1e-2)


def test_the_shared_space_does_not_depend_on_the_threads_of_blas(rng):
    """There are enough recordings for BLAS to share the mean of their pictures among its threads."""
    coresets = []
    for _ in range(300):
        rows, basis = (rng.standard_normal(shape).astype(np.float32) for shape in ((8, 4), (4, GRID * GRID)))
        coresets.append(Coreset(rows, rng.random(8, np.float32), 1.0, rng.random(GRID * GRID, np.float32), basis))
    found = []
    for limit in (1, 3):
        with threadpool_limits(limit):
            found.append(find_shared_space(coresets, 12))
    one, three = found
    assert_array_equal(one.mean, three.mean)
    assert_array_equal(one.basis, three.basis)


@compiled_only
def test_a_budget_goes_where_the_variety_is(rng):
    still, lively = np.zeros((300, 4)) + rng.normal(0, 0.01, (300, 4)), rng.normal(0, 1, (300, 4)) + 8
    rows = np.concatenate([still, lively]).astype(np.float32)
    recording, weights = np.repeat([0, 1], 300).astype(np.int32), np.ones(600, np.float32)
    centers, owners = spend(rows, weights, recording, 30)
    assert len(centers) == 30
    assert np.bincount(owners).tolist() == [1, 29]
    centers, owners = spend(rows, weights, recording, 30, at_least=5)
    assert np.bincount(owners).tolist() == [5, 25]
    # A heavy row draws centres as many rows would.
    alone, _ = spend(rows[300:], weights[300:], np.zeros(300, np.int32), 1)
    heavy = weights[300:].copy()
    heavy[7] = 1e6
    drawn, _ = spend(rows[300:], heavy, np.zeros(300, np.int32), 1)
    assert np.allclose(alone[0], lively.mean(axis=0), atol=1e-4)
    assert np.allclose(drawn[0], lively[7], atol=1e-2)


@compiled_only
def test_a_plan_does_not_depend_on_threads(rng):
    coresets = {}
    for number in range(3):
        components, X = recording(rng, 150, 1.0 + number, 0.1 * number)
        coresets[str(number)] = make_coreset(X, components, (12, 16), 100, seed=0)
    plans = [plan_budget(coresets.__getitem__, sorted(coresets), 40, at_least=3, threads=n) for n in (1, 2)]
    assert plans[0].centers.tobytes() == plans[1].centers.tobytes()
    assert plans[0].owners.tolist() == plans[1].owners.tolist()
    assert plans[0].share_of("1").digest == plans[1].share_of("1").digest != plans[0].share_of("2").digest
