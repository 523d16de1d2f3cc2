"""Assignments, targets, losses, views and networks, against their definitions."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs PyTorch, of the encoder extra")

from clustering.deep.assignment import (  # noqa: E402 - torch may be missing
    log_assignment,
    soft_assignment,
    target_distribution,
)
from clustering.deep.augmentation import Augmentation  # noqa: E402
from clustering.deep.losses import contrast, disagreement, divergence, evidence_bound, imbalance  # noqa: E402
from clustering.deep.networks import convolutional, fully_connected, variational  # noqa: E402
from clustering.deep.refinement import nearest_rows  # noqa: E402
from tests import reference  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.fixture
def points(rng):
    return rng.normal(size=(40, 3)).astype(np.float32), rng.normal(size=(4, 3)).astype(np.float32)


@pytest.mark.parametrize("freedom", [1.0, 3.0])
def test_students_t_is_the_papers(points, freedom):
    X, centers = points
    shares = soft_assignment(torch.from_numpy(X), torch.from_numpy(centers), freedom=freedom)
    np.testing.assert_allclose(shares, reference.student_t_shares(X, centers, freedom), atol=1e-6)


@pytest.mark.parametrize("temperature", [0.1, 1.0, 20.0])
def test_softmax_is_the_definition(points, temperature):
    X, centers = points
    shares = soft_assignment(torch.from_numpy(X), torch.from_numpy(centers), "softmax", temperature=temperature)
    np.testing.assert_allclose(shares, reference.softmax_shares(X, centers, temperature), atol=1e-5)


def test_the_targets_are_the_papers(points):
    shares = reference.student_t_shares(*points)
    np.testing.assert_allclose(target_distribution(torch.from_numpy(shares)), reference.sharpened(shares), atol=1e-12)


def test_a_cluster_without_shares_is_no_division_by_zero():
    targets = target_distribution(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    assert targets.tolist() == [[1.0, 0.0], [1.0, 0.0]]


def test_the_gradient_is_finite_where_a_row_lies_on_a_centre():
    centers = torch.zeros((2, 3), requires_grad=True)
    soft_assignment(torch.zeros((1, 3)), centers)[0, 0].backward()
    assert torch.isfinite(centers.grad).all()


def test_the_divergence_is_that_of_kullback_and_leibler(points):
    X, centers = points
    shares = reference.student_t_shares(X, centers)
    targets = reference.sharpened(shares)
    naive = sum((p * np.log(p / q)).sum() for p, q in zip(targets, shares, strict=True)) / len(X)
    targets, shares = torch.from_numpy(targets), torch.from_numpy(shares)
    assert float(divergence(targets, shares.log())) == pytest.approx(naive)
    assert float(divergence(shares, shares.log())) == pytest.approx(0, abs=1e-12)


def test_rows_of_one_cluster_agree_and_others_do_not():
    sure = (torch.eye(3) * 0.97 + 0.01).log()
    assert float(disagreement(sure, sure)) == pytest.approx(-np.log(0.98**2 + 2 * 0.01**2), abs=1e-6)
    assert float(disagreement(sure, sure.roll(1, dims=0))) > 3
    even = torch.full((2, 4), 0.25).log()
    assert float(disagreement(even, even)) == pytest.approx(np.log(4))


@pytest.mark.parametrize(("distance", "pulls"), [(3.0, True), (1000.0, False)])
def test_neighbours_that_differ_beyond_doubt_pull_no_more(distance, pulls):
    ends = torch.tensor([[0.0], [distance]])
    embedded = (ends + torch.tensor([[0.1], [-0.1]])).requires_grad_()
    logs = log_assignment(embedded, ends, "softmax")
    disagreement(logs[:1], logs[1:]).backward()
    assert torch.isfinite(embedded.grad).all()
    assert bool((embedded.grad.abs() > 1e-3).all()) == pulls


@pytest.mark.parametrize("kind", ["student-t", "softmax"])
def test_a_divergence_pulls_from_any_distance(kind):
    """Where shares are below what numbers can hold, their logarithms are not."""
    embedded = torch.tensor([[1000.0]], requires_grad=True)
    logs = log_assignment(embedded, torch.tensor([[0.0], [1001.0]]), kind)
    divergence(torch.tensor([[1.0, 0.0]]), logs).backward()
    assert torch.isfinite(logs).all()
    assert float(embedded.grad) > 0


def test_even_sizes_are_balanced_and_one_cluster_is_not():
    assert float(imbalance(torch.eye(4))) == pytest.approx(0, abs=1e-6)
    assert float(imbalance(torch.eye(4)[[0, 0, 0]])) == pytest.approx(np.log(4), abs=1e-5)


def test_the_contrast_is_the_definition(rng):
    views = rng.normal(size=(2, 5, 3))
    rows = np.concatenate(views)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    losses = []
    for i in range(10):
        alike = {j: np.exp(rows[i] @ rows[j] / 0.5) for j in range(10) if j != i}
        losses.append(-np.log(alike[(i + 5) % 10] / sum(alike.values())))
    assert float(contrast(*torch.from_numpy(views))) == pytest.approx(np.mean(losses))


def test_the_prior_costs_what_the_divergence_of_two_normals_is(rng):
    rows = torch.from_numpy(rng.random((6, 8)))
    mean, log_variance = torch.from_numpy(rng.normal(size=(2, 6, 3)))
    normal = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    prior = torch.distributions.Normal(torch.zeros_like(mean), torch.ones_like(mean))
    expected = torch.distributions.kl_divergence(normal, prior).sum(dim=1).mean() / 8
    assert float(evidence_bound(rows, rows, mean, log_variance, 1.0)) == pytest.approx(float(expected))


def test_the_nearest_rows_are_those_of_sorted_distances(rng):
    X = rng.normal(size=(30, 4)).astype(np.float32)
    distances = np.linalg.norm(X[:, None] - X, axis=2)
    expected = np.argsort(distances, axis=1)[:, 1:6]
    np.testing.assert_array_equal(nearest_rows(torch.from_numpy(X), 5), expected)
    assert nearest_rows(torch.from_numpy(X[:3]), 5).shape == (3, 2)


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 17, 30), (1, 8, 8), (1, 5, 2)])
@pytest.mark.parametrize("attention", [False, True])
def test_a_convolutional_network_draws_pictures_of_any_size(shape, attention):
    network = convolutional(shape, 6, attention=attention)
    rows = torch.rand(4, int(np.prod(shape)))
    assert network.encode(rows).shape == (4, 6)
    assert network(rows).shape == rows.shape


def test_the_fully_connected_network_is_the_papers():
    layers = [layer for layer in fully_connected(784).modules() if isinstance(layer, torch.nn.Linear)]
    sizes = [(layer.in_features, layer.out_features) for layer in layers]
    ahead = [(784, 500), (500, 500), (500, 2000), (2000, 10)]
    assert sizes == ahead + [(after, before) for before, after in reversed(ahead)]
    assert variational(784).encode(torch.rand(2, 784)).shape == (2, 10)


def test_a_view_without_bounds_is_the_picture_itself(rng):
    images = torch.from_numpy(rng.random((3, 1, 12, 20)))
    still = Augmentation(shift=0, rotation=0)
    torch.testing.assert_close(still(images, torch.Generator()), images, atol=1e-6, rtol=0)


def test_a_shift_moves_the_picture_and_no_further_than_its_bound():
    images = torch.zeros((200, 1, 20, 20))
    images[:, 0, 10, 10] = 1
    views = Augmentation(shift=0.2, rotation=0)(images, torch.Generator().manual_seed(0))
    rows, columns = (torch.nonzero(views[:, 0])[:, axis] for axis in (1, 2))
    for places in (rows, columns):
        assert 10 - 4 - 1 <= places.min() < 8
        assert 12 < places.max() <= 10 + 4 + 1


def test_a_turn_keeps_shapes_of_pictures_that_are_wider_than_high():
    """A disc stays a disc: turning knows how long the sides are."""
    down, across = np.mgrid[:40, :80]
    disc = ((down - 19.5) ** 2 + (across - 39.5) ** 2 < 12**2).astype(np.float32)
    images = torch.from_numpy(disc)[None, None].repeat(50, 1, 1, 1)
    views = Augmentation(shift=0, rotation=90)(images, torch.Generator().manual_seed(0))
    assert float((views - images).abs().sum(dim=(1, 2, 3)).max()) < 0.25 * disc.sum()


def test_brightness_multiplies(rng):
    images = torch.from_numpy(rng.random((100, 1, 4, 4)))
    views = Augmentation(shift=0, rotation=0, brightness=0.3)(images, torch.Generator().manual_seed(0))
    shares = (views / images)[:, 0, 0, 0]
    assert 0.7 <= shares.min() < 0.8
    assert 1.2 < shares.max() <= 1.3


def test_a_seed_gives_the_same_views(rng):
    images = torch.from_numpy(rng.random((4, 3, 9, 9)))
    first, second, other = (Augmentation()(images, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
