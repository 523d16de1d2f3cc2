"""The loops: an autoencoder that learns to draw its rows again, and clusters that sharpen together with its encoder.

What is drawn at random comes from one generator on the processor, so that a seed fixes it on every device.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import cos, pi

import torch
from torch import Tensor, nn
from torch.nn import functional

from clustering.deep.assignment import soft_assignment, target_distribution
from clustering.deep.augmentation import Augmentation
from clustering.deep.losses import Objective, contrast, disagreement, divergence, evidence_bound, imbalance
from clustering.deep.networks import Autoencoder, VariationalAutoencoder

# Sums over two threads have other last bits than over one: as many whatever the machine has.
N_THREADS = 2
EMBEDDED_ROWS = 1024
# Centres are few numbers with a long way to go: they learn so many times faster than the network.
CENTERS_PACE = 10
DEVICES = ("auto", "cpu", "cuda", "mps")

# Called with the number of epochs done, of all, and the mean loss.
Progress = Callable[[int, int, float], None]


def choose_device(name: str) -> torch.device:
    """Return the device of a name; "auto" takes CUDA, then MPS, then the processor.

    Raises
    ------
    ValueError
        Where the machine does not have it.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        name = next(device for device in there if there[device])
    if not there[name]:
        raise ValueError(f"device={name!r} is not there; choose 'auto' or 'cpu'")
    return torch.device(name)


@contextmanager
def reproducible(seed: int) -> Iterator[torch.Generator]:
    """Give a generator of a seed; meanwhile networks start from this seed too, and sums have a fixed order."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(N_THREADS)
    try:
        with (
            torch.random.fork_rng(devices=[]),
            torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True),
        ):
            torch.default_generator.manual_seed(seed)
            yield torch.Generator().manual_seed(seed)
    finally:
        torch.set_num_threads(n_threads)


@dataclass(frozen=True)
class Schedule:
    """How a network is shown its rows.

    Parameters
    ----------
    epochs : int
    batch_size : int
    learning_rate : float
        Of Adam.
    decay : bool
        Let the learning rate fall to 0 along half a cosine.
    shape : tuple of int
        (channels, height, width) of a row as a picture.
    augmentation : Augmentation or None
    generator : torch.Generator
    device : torch.device
    progress : callable or None
    """

    epochs: int
    batch_size: int
    learning_rate: float
    decay: bool
    shape: tuple[int, int, int]
    augmentation: Augmentation | None
    generator: torch.Generator
    device: torch.device
    progress: Progress | None = None

    def batches(self, n_rows: int) -> list[Tensor]:
        """Row numbers of each batch of an epoch, all of about one size, at most `batch_size`."""
        order = torch.randperm(n_rows, generator=self.generator)
        return list(order.tensor_split(-(-n_rows // self.batch_size)))

    def view(self, rows: Tensor) -> Tensor:
        """Another view of rows (n, n_inputs)."""
        if self.augmentation is None:
            return rows
        return self.augmentation(rows.view(-1, *self.shape), self.generator).flatten(1)

    def rate(self, epoch: int) -> float:
        """Learning rate in an epoch."""
        return self.learning_rate * (0.5 + 0.5 * cos(pi * epoch / self.epochs) if self.decay else 1.0)

    def told(self, epoch: int, losses: list[float]) -> None:
        """Tell that an epoch is done."""
        if self.progress is not None:
            self.progress(epoch + 1, self.epochs, sum(losses) / max(1, len(losses)))


def embed(network: Autoencoder, rows: Tensor, device: torch.device) -> Tensor:
    """Embed rows (n, n_inputs) in chunks: (n, n_embedding), on the processor."""
    network.eval()
    with torch.inference_mode():
        chunks = [network.encode(chunk.to(device)).cpu() for chunk in rows.split(EMBEDDED_ROWS)]
    network.train()
    # Inference tensors may not meet autograd; a copy may.
    return torch.cat(chunks).clone()


def pretrain(network: Autoencoder, rows: Tensor, schedule: Schedule, beta: float = 1.0) -> None:
    """Train an autoencoder on rows (n, n_inputs), float32, to draw its views again; in place.

    Parameters
    ----------
    network : Autoencoder
        On the schedule's device.
    rows : Tensor
    schedule : Schedule
    beta : float, default=1.0
        Weight of a variational network's divergence from its prior.
    """
    rows = rows.to(schedule.device)
    optimizer = torch.optim.Adam(network.parameters(), schedule.learning_rate)
    for epoch in range(schedule.epochs):
        optimizer.param_groups[0]["lr"] = schedule.rate(epoch)
        losses = []
        for batch in schedule.batches(len(rows)):
            view = schedule.view(rows[batch])
            loss = _reconstruction(network, view, schedule, beta)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        schedule.told(epoch, losses)


def _reconstruction(network: Autoencoder, view: Tensor, schedule: Schedule, beta: float) -> Tensor:
    if not isinstance(network, VariationalAutoencoder):
        return functional.mse_loss(network(view), view)
    mean, log_variance = network.distribution(view)
    noise = torch.randn(mean.shape, generator=schedule.generator).to(mean)
    drawn = network.decode(mean + noise * torch.exp(0.5 * log_variance))
    return evidence_bound(view, drawn, mean, log_variance, beta)


@dataclass(frozen=True)
class Assignment:
    """How rows are assigned to centres: see `soft_assignment`."""

    kind: str = "student-t"
    freedom: float = 1.0
    temperature: float = 1.0

    def __call__(self, embedded: Tensor, centers: Tensor) -> Tensor:
        """Shares (n, n_clusters)."""
        return soft_assignment(embedded, centers, self.kind, freedom=self.freedom, temperature=self.temperature)

    def of_many(self, embedded: Tensor, centers: Tensor) -> Tensor:
        """Shares (n, n_clusters), taken in chunks."""
        return torch.cat([self(chunk, centers) for chunk in embedded.split(EMBEDDED_ROWS)])


@dataclass(frozen=True)
class Refinement:
    """What `refine` found.

    Attributes
    ----------
    centers : Tensor (n_clusters, n_embedding)
    shares : Tensor (n, n_clusters)
    temperature : float
        Of the last assignment.
    n_epochs : int
    changes : tuple of float
        Share of the rows whose label changed, at each look at all of them but the first.
    """

    centers: Tensor
    shares: Tensor
    temperature: float
    n_epochs: int
    changes: tuple[float, ...]


def refine(
    network: Autoencoder,
    centers: Tensor,
    rows: Tensor,
    objective: Objective,
    assignment: Assignment,
    schedule: Schedule,
    *,
    n_neighbors: int = 10,
    interval: int = 5,
    tol: float = 1e-3,
    following: float | None = None,
) -> Refinement:
    """Train an encoder and centres together on rows (n, n_inputs), float32; the network in place.

    Every `interval` epochs all rows are looked at as they are: that gives the targets, each row's nearest neighbours,
    and the share of rows whose label has changed, at which it stops.

    Parameters
    ----------
    network : Autoencoder
        On the schedule's device.
    centers : Tensor (n_clusters, n_embedding)
        To start from.
    rows : Tensor
    objective : Objective
    assignment : Assignment
    schedule : Schedule
        Its epochs are the most.
    n_neighbors : int, default=10
        Of which one, drawn anew each time, is to agree with its row; 0 for none.
    interval : int, default=5
    tol : float, default=0.001
    following : float or None, default=None
        At each look the temperature becomes this share of the mean squared distance to the nearest centre: the scale of
        an embedding that is not trained yet grows. None keeps the temperature.
    """
    rows, points = rows.to(schedule.device), nn.Parameter(centers.clone().to(schedule.device))
    optimizer = torch.optim.Adam([{"params": network.parameters()}, {"params": [points]}])
    labels, changes, n_epochs = None, [], 0
    for epoch in range(schedule.epochs):
        if epoch % interval == 0:
            embedded = embed(network, rows, schedule.device)
            if following is not None:
                nearest = torch.cdist(embedded, points.detach().cpu()).amin(dim=1)
                assignment = replace(assignment, temperature=following * float(nearest.square().mean()) or 1.0)
            shares = assignment.of_many(embedded, points.detach().cpu())
            found = shares.argmax(dim=1)
            if labels is not None:
                changes.append(float((found != labels).float().mean()))
                if changes[-1] < tol:
                    break
            labels, targets = found, target_distribution(shares)
            near = nearest_rows(embedded, n_neighbors) if objective.agreement and n_neighbors else None
        rate, losses = schedule.rate(epoch), []
        for group, pace in zip(optimizer.param_groups, (1, CENTERS_PACE), strict=True):
            group["lr"] = pace * rate
        for batch in schedule.batches(len(rows)):
            loss = _clustering_loss(network, points, rows, batch, targets, near, objective, assignment, schedule)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        n_epochs = epoch + 1
        schedule.told(epoch, losses)
    found_centers = points.detach().cpu()
    shares = assignment.of_many(embed(network, rows, schedule.device), found_centers)
    return Refinement(found_centers, shares, assignment.temperature, n_epochs, tuple(changes))


def _clustering_loss(
    network: Autoencoder,
    points: Tensor,
    rows: Tensor,
    batch: Tensor,
    targets: Tensor,
    near: Tensor | None,
    objective: Objective,
    assignment: Assignment,
    schedule: Schedule,
) -> Tensor:
    """Weighted sum of the terms of an objective on a batch of row numbers."""
    view = schedule.view(rows[batch])
    seen = network.encode(view)
    shares = assignment(seen, points)
    loss = torch.zeros((), device=schedule.device)
    if objective.divergence:
        loss = loss + objective.divergence * divergence(targets[batch].to(schedule.device), shares)
    if objective.reconstruction:
        loss = loss + objective.reconstruction * functional.mse_loss(network.decode(seen), view)
    if objective.balance:
        loss = loss + objective.balance * imbalance(shares)
    if objective.contrast or objective.agreement:
        again = network.encode(schedule.view(rows[batch]))
        if objective.contrast:
            loss = loss + objective.contrast * contrast(seen, again)
        if objective.agreement:
            loss = loss + objective.agreement * disagreement(shares, assignment(again, points))
    if objective.agreement and near is not None:
        drawn = torch.randint(near.shape[1], (len(batch),), generator=schedule.generator)
        neighbors = network.encode(schedule.view(rows[near[batch, drawn]]))
        loss = loss + objective.agreement * disagreement(shares, assignment(neighbors, points))
    return loss


def nearest_rows(embedded: Tensor, n_neighbors: int) -> Tensor:
    """Row numbers of the nearest others of each row of (n, n_embedding): (n, n_neighbors), or n - 1 where n is less."""
    n_rows = len(embedded)
    n_near = min(n_neighbors, n_rows - 1)
    found = torch.empty((n_rows, n_near), dtype=torch.int64)
    for chunk in torch.arange(n_rows).split(EMBEDDED_ROWS):
        distances = torch.cdist(embedded[chunk], embedded)
        distances[torch.arange(len(chunk)), chunk] = float("inf")
        found[chunk] = distances.topk(n_near, largest=False).indices
    return found
