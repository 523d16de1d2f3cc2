"""Autoencoders: networks that squeeze a picture into a few numbers and draw it again from these.

All of them take and give rows (n, n_inputs), values about 0 to 1; `encode` gives (n, n_embedding). A picture is
flattened channel by channel, as torch has it: (channels, height, width). The sources are named in full in
`AutoencoderFeatures`.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

# The encoder of Xie et al. 2016; the decoder mirrors it.
HIDDEN = (500, 500, 2000)
# Of Guo et al. 2017: kernels of 5, 5 and 3, each halving the picture.
CHANNELS = (32, 64, 128)
KERNELS = (5, 5, 3)


class Autoencoder(nn.Module):
    """An encoder and a decoder."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, rows: Tensor) -> Tensor:
        """Embed rows (n, n_inputs): (n, n_embedding)."""
        return self.encoder(rows)

    def decode(self, embedded: Tensor) -> Tensor:
        """Draw rows (n, n_inputs) from embedded ones (n, n_embedding)."""
        return self.decoder(embedded)

    def forward(self, rows: Tensor) -> Tensor:
        """Draw rows again from what is left of them in the embedding."""
        return self.decode(self.encode(rows))


class VariationalAutoencoder(Autoencoder):
    """An autoencoder whose embedding is a normal distribution for each row (Kingma and Welling 2014).

    Its encoder ends in 2 n_embedding numbers: means, and logarithms of the variances.
    """

    def encode(self, rows: Tensor) -> Tensor:
        """Mean of the embedding of rows (n, n_inputs): (n, n_embedding)."""
        return self.distribution(rows)[0]

    def distribution(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Means and logarithms of the variances, (n, n_embedding) each."""
        mean, log_variance = self.encoder(rows).chunk(2, dim=1)
        return mean, log_variance


class SelfAttention(nn.Module):
    """Every place of a picture looks at every other one (Zhang et al. 2019); the block starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        inner = max(1, channels // 8)
        self.query = nn.Conv2d(channels, inner, 1)
        self.key = nn.Conv2d(channels, inner, 1)
        self.value = nn.Conv2d(channels, channels, 1)
        self.share = nn.Parameter(torch.zeros(1))

    def forward(self, maps: Tensor) -> Tensor:
        """Add to maps (n, channels, height, width) what each place takes from the others."""
        query, key, value = (part(maps).flatten(2) for part in (self.query, self.key, self.value))
        weights = torch.softmax(query.transpose(1, 2) @ key / query.shape[1] ** 0.5, dim=2)
        return maps + self.share * (value @ weights.transpose(1, 2)).view_as(maps)


def fully_connected(n_inputs: int, n_embedding: int = 10, hidden: Sequence[int] = HIDDEN) -> Autoencoder:
    """Build n_inputs-500-500-2000-n_embedding (Xie et al. 2016) and its mirror image, with ReLU between the layers."""
    return Autoencoder(_dense(n_inputs, *hidden, n_embedding), _dense(n_embedding, *reversed(hidden), n_inputs))


def variational(n_inputs: int, n_embedding: int = 10, hidden: Sequence[int] = HIDDEN) -> VariationalAutoencoder:
    """Build the fully connected autoencoder with twice as many numbers at its waist."""
    return VariationalAutoencoder(
        _dense(n_inputs, *hidden, 2 * n_embedding), _dense(n_embedding, *reversed(hidden), n_inputs)
    )


def convolutional(
    shape: tuple[int, int, int],
    n_embedding: int = 10,
    channels: Sequence[int] = CHANNELS,
    *,
    attention: bool = False,
) -> Autoencoder:
    """Build convolutions that halve a picture at each step, a dense layer, and its mirror image (Guo et al. 2017).

    Parameters
    ----------
    shape : tuple of int
        (channels, height, width) of a picture.
    n_embedding : int
    channels : sequence of int
        Of each step; at most as many as `KERNELS`.
    attention : bool, default=False
        A self-attention block before the last step of the encoder.
    """
    if not 1 <= len(channels) <= len(KERNELS):
        raise ValueError(f"channels={tuple(channels)} has {len(channels)} steps; give 1 to {len(KERNELS)}")
    sizes, before = [shape[1:]], shape[0]
    steps: list[nn.Module] = []
    for number, (after, kernel) in enumerate(zip(channels, KERNELS, strict=False)):
        if attention and number == len(channels) - 1:
            steps.append(SelfAttention(before))
        steps += [nn.Conv2d(before, after, kernel, stride=2, padding=kernel // 2), nn.ReLU()]
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
        before = after
    waist = (channels[-1], *sizes[-1])
    n_waist = waist[0] * waist[1] * waist[2]
    back: list[nn.Module] = [nn.Linear(n_embedding, n_waist), nn.ReLU(), nn.Unflatten(1, waist)]
    for number in reversed(range(len(channels))):
        after, kernel = (channels[number - 1] if number else shape[0]), KERNELS[number]
        # What the halving rounded up, the doubling leaves out.
        odd = tuple(1 - small % 2 for small in sizes[number])
        back += [nn.ConvTranspose2d(channels[number], after, kernel, 2, kernel // 2, output_padding=odd), nn.ReLU()]
    network = Autoencoder(
        nn.Sequential(nn.Unflatten(1, shape), *steps, nn.Flatten(), nn.Linear(n_waist, n_embedding)),
        nn.Sequential(*back[:-1], nn.Flatten()),
    )
    for layer in network.modules():
        # As torch starts them, signals fade from layer to layer, and the network draws the mean picture for long.
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_uniform_(layer.weight, nn.init.calculate_gain("relu"))
            nn.init.zeros_(layer.bias)
    return network


def _dense(*sizes: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
