"""Where and how a network is shown its rows.

What is drawn at random comes from one generator on the processor, so that a seed fixes it on every device.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import cos, pi
from typing import Annotated

import torch
from torch import Tensor, nn

from clustering.deep.augmentation import Augmentation
from clustering.estimators.parameters import CheckedEstimator, Count, Positive, Seed

# Sums over two threads have other last bits than over one: as many for a network, whatever the machine has. One of
# fewer weights waits for its threads longer than they save.
N_THREADS = 2
SHARED_WEIGHTS = 200_000
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
def seeded(seed: int) -> Iterator[torch.Generator]:
    """Give a generator of a seed; meanwhile networks start from this seed too."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield torch.Generator().manual_seed(seed)


@contextmanager
def steady(network: nn.Module) -> Iterator[None]:
    """Let the sums of a network have a fixed order; the rest of the program has its threads back afterwards."""
    n_threads = torch.get_num_threads()
    n_weights = sum(weights.numel() for weights in network.parameters())
    torch.set_num_threads(N_THREADS if n_weights >= SHARED_WEIGHTS else 1)
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            yield
    finally:
        torch.set_num_threads(n_threads)


@dataclass(frozen=True)
class Schedule:
    """How a network is shown its rows, in views of the shape (channels, height, width); settings as of `DEC`."""

    epochs: int
    batch_size: int
    learning_rate: float
    shape: tuple[int, int, int]
    augmentation: Augmentation | None
    generator: torch.Generator
    device: torch.device
    progress: Progress | None
    decay: bool = False

    def run_epoch(
        self, epoch: int, n_rows: int, optimizer: torch.optim.Optimizer, loss_of: Callable[[Tensor], Tensor]
    ) -> None:
        """Take a step for the loss of each batch of row numbers, all of about one size, at most `batch_size`."""
        order = torch.randperm(n_rows, generator=self.generator)
        losses = []
        for batch in order.tensor_split(-(-n_rows // self.batch_size)):
            loss = loss_of(batch)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        if self.progress is not None:
            self.progress(epoch + 1, self.epochs, sum(losses) / max(1, len(losses)))

    def view(self, rows: Tensor) -> Tensor:
        """Another view of rows (n, n_inputs)."""
        if self.augmentation is None:
            return rows
        return self.augmentation(rows.view(-1, *self.shape), self.generator).flatten(1)

    def rate(self, epoch: int) -> float:
        """Learning rate in an epoch."""
        return self.learning_rate * (0.5 + 0.5 * cos(pi * epoch / self.epochs) if self.decay else 1.0)


@dataclass(eq=False, repr=False, kw_only=True)
class TrainedEstimator(CheckedEstimator):
    """What the estimators that train a network let choose; what each means is in their own docstrings."""

    batch_size: Count = 256
    learning_rate: Positive = 1e-3
    augmentation: Annotated[Augmentation | None, Augmentation, None] = None
    random_state: Seed = None
    progress: Annotated[Progress | None, callable, None] = None

    def schedule(
        self,
        epochs: int,
        shape: tuple[int, int, int],
        augmentation: Augmentation | None,
        generator: torch.Generator,
        device: torch.device,
        decay: bool = False,
    ) -> Schedule:
        """Return how the network is shown its rows."""
        return Schedule(
            epochs=epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            shape=shape,
            augmentation=augmentation,
            generator=generator,
            device=device,
            progress=self.progress,
            decay=decay,
        )
