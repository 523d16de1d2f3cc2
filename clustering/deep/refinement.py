"""Clusters that grow sharper together with the encoder that embeds their members."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from clustering.deep.assignment import Assignment, target_distribution
from clustering.deep.losses import Objective, contrast, disagreement, divergence, imbalance
from clustering.deep.networks import Autoencoder
from clustering.deep.pretraining import EMBEDDED_ROWS, embed
from clustering.deep.schedule import Schedule

# While the scale of an embedding still changes, centres have a long way to go: they learn so many times faster.
FOLLOWING_PACE = 10


@dataclass(frozen=True)
class Refinement:
    """What `refine` found; `changes` as in `DEC.changes_`, the temperature of the last assignment."""

    centers: Tensor
    shares: Tensor
    temperature: float
    n_epochs: int
    changes: list[float]


def refine(
    network: Autoencoder,
    centers: Tensor,
    rows: Tensor,
    objective: Objective,
    assignment: Assignment,
    schedule: Schedule,
    *,
    n_neighbors: int,
    interval: int,
    tol: float,
    following: float | None,
) -> Refinement:
    """Train an encoder and centres together on rows (n, n_inputs), float32; the network in place.

    Every `interval` epochs all rows are looked at as they are: that gives the targets, each row's nearest neighbours,
    and the share of rows whose label has changed, at which it stops.

    The network is on the schedule's device, whose epochs are the most. Of `n_neighbors`, one, drawn anew each time, is
    to agree with its row. At each look the temperature becomes the share `following` of the mean squared distance to
    the nearest centre, as the scale of an embedding that is not trained yet grows; None keeps the temperature.
    """
    clusters = _Clusters(network, centers, rows, objective, assignment, schedule)
    optimizer = torch.optim.Adam([{"params": network.parameters()}, {"params": [clusters.centers]}])
    labels: Tensor | None = None
    changes: list[float] = []
    n_epochs = 0
    for epoch in range(schedule.epochs):
        if epoch % interval == 0:
            found = clusters.look(n_neighbors, following).argmax(dim=1)
            if labels is not None:
                changes.append(float((found != labels).float().mean()))
                if changes[-1] < tol:
                    break
            labels = found
        for group, pace in zip(optimizer.param_groups, (1, 1 if following is None else FOLLOWING_PACE), strict=True):
            group["lr"] = pace * schedule.rate(epoch)
        schedule.run_epoch(epoch, len(rows), optimizer, clusters.loss)
        n_epochs = epoch + 1
    shares = clusters.look(0, following)
    return Refinement(clusters.still_centers(), shares, clusters.assignment.temperature, n_epochs, changes)


class _Clusters:
    """A network and centres in training, and what the latest look at all rows told."""

    def __init__(
        self,
        network: Autoencoder,
        centers: Tensor,
        rows: Tensor,
        objective: Objective,
        assignment: Assignment,
        schedule: Schedule,
    ) -> None:
        self.network, self.rows = network, rows.to(schedule.device)
        self.centers = nn.Parameter(centers.clone().to(schedule.device))
        self.objective, self.assignment, self.schedule = objective, assignment, schedule

    def still_centers(self) -> Tensor:
        """Return the centres as they are now, on the processor."""
        return self.centers.detach().cpu().clone()

    def look(self, n_neighbors: int, following: float | None) -> Tensor:
        """Look at all rows as they are; return their shares (n, n_clusters)."""
        embedded, centers = embed(self.network, self.rows, self.schedule.device), self.still_centers()
        if following is not None:
            nearest = torch.cdist(embedded, centers).amin(dim=1).square().mean()
            self.assignment = replace(self.assignment, temperature=following * float(nearest) or 1.0)
        shares = self.assignment.shares(embedded, centers)
        self.targets = target_distribution(shares).to(self.schedule.device)
        agrees = self.objective.agreement and n_neighbors and len(embedded) > 1
        self.neighbors = nearest_rows(embedded, n_neighbors) if agrees else None
        return shares

    def loss(self, batch: Tensor) -> Tensor:
        """Weighted sum of the objective's terms on a batch of row numbers."""
        weights, rows = self.objective, self.rows[batch]
        view = self.schedule.view(rows)
        seen = self.network.encode(view)
        logs = self.assignment.logs(seen, self.centers)
        terms: list[Tensor] = []
        if weights.divergence:
            terms.append(weights.divergence * divergence(self.targets[batch], logs))
        if weights.reconstruction:
            terms.append(weights.reconstruction * functional.mse_loss(self.network.decode(seen), view))
        if weights.balance:
            terms.append(weights.balance * imbalance(logs.exp()))
        if weights.contrast or weights.agreement:
            again = self.network.encode(self.schedule.view(rows))
        if weights.contrast:
            terms.append(weights.contrast * contrast(seen, again))
        if weights.agreement:
            terms.append(weights.agreement * disagreement(logs, self.assignment.logs(again, self.centers)))
        if weights.agreement and self.neighbors is not None:
            drawn = torch.randint(self.neighbors.shape[1], (len(batch),), generator=self.schedule.generator)
            near = self.network.encode(self.schedule.view(self.rows[self.neighbors[batch, drawn]]))
            terms.append(weights.agreement * disagreement(logs, self.assignment.logs(near, self.centers)))
        # An objective without terms leaves everything as it is.
        return sum(terms, 0 * seen.sum())


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
