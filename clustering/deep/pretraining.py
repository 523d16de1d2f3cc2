"""An autoencoder that learns to draw its rows again, and the rows as it embeds them."""

import torch
from torch import Tensor
from torch.nn import functional

from clustering.deep.losses import evidence_bound
from clustering.deep.networks import Autoencoder, VariationalAutoencoder
from clustering.deep.schedule import Schedule

EMBEDDED_ROWS = 1024


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

    The network is on the schedule's device; `beta` weights a variational network's divergence from its prior.
    """
    rows = rows.to(schedule.device)
    optimizer = torch.optim.Adam(network.parameters())
    for epoch in range(schedule.epochs):
        optimizer.param_groups[0]["lr"] = schedule.rate(epoch)
        schedule.run_epoch(epoch, len(rows), optimizer, lambda batch: _loss(network, rows[batch], schedule, beta))


def _loss(network: Autoencoder, rows: Tensor, schedule: Schedule, beta: float) -> Tensor:
    view = schedule.view(rows)
    if not isinstance(network, VariationalAutoencoder):
        return functional.mse_loss(network(view), view)
    mean, log_variance = network.distribution(view)
    noise = torch.randn(mean.shape, generator=schedule.generator).to(mean)
    drawn = network.decode(mean + noise * torch.exp(0.5 * log_variance))
    return evidence_bound(view, drawn, mean, log_variance, beta)
