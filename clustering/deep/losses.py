"""What a deep clustering minimises: a weighted sum of a few terms, of which published methods take one or two each."""

from dataclasses import dataclass
from math import log

import torch
from torch import Tensor
from torch.nn import functional

SMALL = 1e-8


@dataclass(frozen=True)
class Objective:
    """Weights of the terms; those of weight 0 cost nothing.

    Parameters
    ----------
    divergence : float
        Of the soft assignments of a view from the targets of its picture (`divergence`): DEC's term.
    reconstruction : float
        Mean squared error of the picture drawn again.
    contrast : float
        Of two views of a picture against the other pictures (`contrast`).
    agreement : float
        Of the assignments of a picture with those of another view of it and of a near neighbour (`disagreement`).
    balance : float
        Of the sizes of the clusters (`imbalance`).
    """

    divergence: float = 0.0
    reconstruction: float = 0.0
    contrast: float = 0.0
    agreement: float = 0.0
    balance: float = 0.0


# DEC as published: KL alone. IDEC's weights are those of Guo et al. 2017. From the start, reconstruction and divergence
# alone lead a network that knows nothing yet to few clusters: agreement and balance keep it from that.
OBJECTIVES = {
    "dec": Objective(divergence=1.0),
    "idec": Objective(divergence=0.1, reconstruction=1.0),
    "end-to-end": Objective(divergence=0.1, reconstruction=1.0, agreement=0.3, balance=1.0),
    "neighbors": Objective(agreement=1.0, balance=5.0),
}


def divergence(targets: Tensor, logs: Tensor) -> Tensor:
    """Kullback-Leibler divergence of assignments, of which these are the logarithms, from their targets: of a row."""
    return (targets * (targets.clamp_min(SMALL).log() - logs)).sum(dim=1).mean()


def disagreement(logs: Tensor, others: Tensor) -> Tensor:
    """Mean of -log of the chance that two rows are of one cluster, by the logarithms of their assignments.

    References
    ----------
    W. Van Gansbeke, S. Vandenhende, S. Georgoulis, M. Proesmans and L. Van Gool, "SCAN: learning to classify images
    without labels", ECCV 2020, arXiv 2005.12320.
    """
    chance = torch.logsumexp(logs + others, dim=1)
    # Neighbours that differ beyond doubt are none: they pull no more.
    return -torch.logaddexp(chance, torch.full_like(chance, log(SMALL))).mean()


def imbalance(shares: Tensor) -> Tensor:
    """How far the clusters are from one size: log(n_clusters) less the entropy of their mean shares (n, n_clusters).

    References
    ----------
    R. Gomes, A. Krause and P. Perona, "Discriminative clustering by regularized information maximization", NIPS 2010;
    W. Hu, T. Miyato, S. Tokui, E. Matsumoto and M. Sugiyama, "Learning discrete representations via information
    maximizing self-augmented training", ICML 2017, arXiv 1702.08720.
    """
    sizes = shares.mean(dim=0).clamp_min(SMALL)
    return (sizes * sizes.log()).sum() + torch.log(torch.tensor(float(len(sizes)), device=shares.device))


def contrast(embedded: Tensor, others: Tensor, temperature: float = 0.5) -> Tensor:
    """NT-Xent: each embedded view (n, n_embedding) is to find the other view of its picture among all 2n - 1.

    References
    ----------
    T. Chen, S. Kornblith, M. Norouzi and G. Hinton, "A simple framework for contrastive learning of visual
    representations", ICML 2020, arXiv 2002.05709.
    """
    n_rows = len(embedded)
    units = functional.normalize(torch.cat([embedded, others]), dim=1)
    alike = units @ units.T / temperature
    itself = torch.eye(2 * n_rows, dtype=torch.bool, device=alike.device)
    partner = torch.arange(2 * n_rows, device=alike.device).roll(n_rows)
    return functional.cross_entropy(alike.masked_fill(itself, float("-inf")), partner)


def evidence_bound(rows: Tensor, drawn: Tensor, mean: Tensor, log_variance: Tensor, beta: float) -> Tensor:
    """Minus the evidence lower bound of a variational autoencoder a number of the row, with a normal prior.

    The errors count as normal, of variance 1/2; `beta` is the weight of the divergence from the prior.

    References
    ----------
    Kingma and Welling 2014, arXiv 1312.6114; I. Higgins et al., "beta-VAE", ICLR 2017 (the weight).
    """
    from_prior = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=1)
    return functional.mse_loss(drawn, rows) + beta * from_prior.mean() / rows.shape[1]
