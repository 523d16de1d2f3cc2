"""Soft assignments of embedded rows to centres, and the targets that sharpen them."""

from dataclasses import dataclass

import torch
from torch import Tensor

ASSIGNMENTS = ("student-t", "softmax")
SMALL = 1e-12
CHUNK_ROWS = 1024


def soft_assignment(
    embedded: Tensor, centers: Tensor, kind: str = "student-t", *, freedom: float = 1.0, temperature: float = 1.0
) -> Tensor:
    """Share of each centre in each row.

    Parameters
    ----------
    embedded : Tensor (n, n_embedding)
    centers : Tensor (n_clusters, n_embedding)
    kind : {"student-t", "softmax"}
        Student's t kernel, q ~ (1 + d² / freedom) ** -((freedom + 1) / 2), or q ~ exp(-d² / temperature), where d is
        the distance of a row from a centre.
    freedom : float, default=1.0
        Degrees of freedom of Student's t.
    temperature : float, default=1.0
        In units of d²; the lower, the harder the assignment.

    Returns
    -------
    Tensor (n, n_clusters)
        The shares of a row sum up to 1.

    References
    ----------
    L. van der Maaten and G. Hinton, "Visualizing data using t-SNE", JMLR 9, 2008; J. Xie, R. Girshick and A. Farhadi,
    "Unsupervised deep embedding for clustering analysis", ICML 2016, arXiv 1511.06335; M. Moradi Fard, T. Thonet and
    E. Gaussier, "Deep k-means: jointly clustering with k-means and learning representations", Pattern Recognition
    Letters 138, 2020, arXiv 1806.10069 (the softmax).
    """
    return log_assignment(embedded, centers, kind, freedom=freedom, temperature=temperature).exp()


def log_assignment(
    embedded: Tensor, centers: Tensor, kind: str = "student-t", *, freedom: float = 1.0, temperature: float = 1.0
) -> Tensor:
    """Logarithms of `soft_assignment`, which keep their digits and gradients where shares vanish: (n, n_clusters)."""
    # A product of matrices would lose digits near 0, and a root has no gradient there.
    squared = (embedded[:, None] - centers).square().sum(dim=2)
    kernel = -squared / temperature if kind == "softmax" else -(freedom + 1) / 2 * torch.log1p(squared / freedom)
    return torch.log_softmax(kernel, dim=1)


@dataclass(frozen=True)
class Assignment:
    """How rows are assigned to centres: settings of `soft_assignment`."""

    kind: str
    temperature: float

    def logs(self, embedded: Tensor, centers: Tensor) -> Tensor:
        """Logarithm of the share of each centre in each row, (n, n_clusters)."""
        return log_assignment(embedded, centers, self.kind, temperature=self.temperature)

    def shares(self, embedded: Tensor, centers: Tensor) -> Tensor:
        """Share of each centre in each row, (n, n_clusters), taken in chunks."""
        return torch.cat([self.logs(chunk, centers).exp() for chunk in embedded.split(CHUNK_ROWS)])


def target_distribution(shares: Tensor) -> Tensor:
    """Sharpen soft assignments: p ~ q² / f, where f is a cluster's sum of shares, so that no cluster eats the others.

    Parameters
    ----------
    shares : Tensor (n, n_clusters)
        Of all rows.

    Returns
    -------
    Tensor (n, n_clusters)
        The shares of a row sum up to 1.

    References
    ----------
    Xie et al. 2016, equation 3.
    """
    weights = shares.square() / shares.sum(dim=0).clamp_min(SMALL)
    return weights / weights.sum(dim=1, keepdim=True)
