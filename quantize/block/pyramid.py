"""Planes as pyramids of means: which scales, blocks and stripes there are, and what prediction leaves of a block.

The mean of every block is taken out of it and stands in a plane of its own, the means of that one's 2 x 2 blocks in the
next, until hardly any samples are left. From the coarsest plane on, each finer one is predicted from the one before;
what the prediction leaves of each block is coded as codewords (see `quantize.block.kernels.vectors`). Only the finest
blocks have the size that was asked for, all coarser ones are 2 x 2.

With 4:2:0 the chroma planes stop one level before the luma, and the last prediction is their upsampling.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from quantize.block.codebook import BookKey
from quantize.block.kernels.choice import collect_vectors
from quantize.block.kernels.planes import predict_finer
from quantize.thread_pool import in_parts

# The coarsest plane is no longer than this.
TOP_SIDE = 8
# From so many blocks on a band has two stripes, and from so many on four.
STRIPED, FINELY_STRIPED = 1 << 13, 1 << 18
MOST_STRIPES = 4
# Units of a step, in 16ths of a sample, for each gray level of the step.
STEP_UNITS = 512
# No step is finer than an eighth of a gray level, or the longest vectors would be out of reach.
LEAST_STEP = 64


@dataclass(frozen=True)
class Band:
    """What is coded of one plane between two scales; a sample represents 2**scale pixels in both directions."""

    plane: int
    coarse: int
    fine: int

    @property
    def block(self) -> int:
        """Side of a block."""
        return 1 << (self.coarse - self.fine)

    @property
    def book(self) -> BookKey:
        """Which codebook serves it: whether it is one of chroma, and its block."""
        return self.plane in (1, 2), self.block


@dataclass(frozen=True)
class Layout:
    """Shape of the pyramids of an image.

    Attributes
    ----------
    height, width : int
    n_planes : int
        1 (luma) or 3 (luma and two of chroma).
    block : int
        Side of the finest blocks: 2, 4 or 8.
    subsampled : bool
        Whether chroma ends at half the resolution.
    """

    height: int
    width: int
    n_planes: int
    block: int
    subsampled: bool

    def shape(self, scale: int) -> tuple[int, int]:
        """Shape of a plane."""
        return -(-self.height >> scale), -(-self.width >> scale)

    def finest(self, plane: int) -> int:
        """Scale at which a plane ends."""
        return 1 if self.subsampled and plane > 0 else 0

    @property
    def top(self) -> int:
        """Scale of the coarsest planes."""
        side = max(self.height, self.width)
        least = max(self.finest(plane) for plane in range(self.n_planes)) + self.block.bit_length() - 1
        return max(min((side - 1) // TOP_SIDE, side).bit_length(), least)

    def bands(self, scale: int) -> Iterator[Band]:
        """Bands that begin at a scale, in their order."""
        for plane in range(self.n_planes):
            finest = self.finest(plane)
            last = finest + self.block.bit_length() - 1
            if scale == last:
                yield Band(plane, scale, finest)
            elif scale > last:
                yield Band(plane, scale, scale - 1)

    def stripes(self, scale: int, chroma: bool) -> int:
        """How many stripes luma or chroma has between a scale and the next."""
        if not any((band.plane > 0) == chroma for band in self.bands(scale)):
            return 0
        height, width = self.shape(scale)
        if height < 2 * MOST_STRIPES or height * width < STRIPED:
            return 1
        return MOST_STRIPES if height * width >= FINELY_STRIPED else 2

    @property
    def books(self) -> list[BookKey]:
        """Codebooks that the bands need: whether of chroma, and their block."""
        return sorted({band.book for scale in range(1, self.top + 1) for band in self.bands(scale)})


def halvings(plane: NDArray[np.int32], top: int) -> list[NDArray[np.int32]]:
    """Return a plane and its means of 2 x 2 samples, one for each scale from 0 to `top`; the edges are repeated."""
    planes = [plane]
    for _ in range(top):
        height, width = planes[-1].shape
        finer = np.pad(planes[-1], ((0, height % 2), (0, width % 2)), mode="edge")
        across = finer[:, ::2] + finer[:, 1::2]
        planes.append((across[::2] + across[1::2] + 2) >> 2)
    return planes


def predict(coarse: NDArray[np.int32], layout: Layout, scale: int, finer: int) -> NDArray[np.int32]:
    """Predict a plane of a finer scale."""
    for below in range(scale - 1, finer - 1, -1):
        fine = np.empty(layout.shape(below), np.int32)
        in_parts(partial(predict_finer, coarse, fine), *coarse.shape)
        coarse = fine
    return coarse


def step_of(base: int, scale: int) -> int:
    """Step of the codewords that end at a scale, in 16ths of a sample for each unit of a codeword."""
    return max(base >> scale, LEAST_STEP)


def collect(pyramids: list[list[NDArray[np.int32]]], layout: Layout, base: int) -> dict[BookKey, NDArray[np.float32]]:
    """Vectors that each codebook shall serve, in steps, predicted from the means as they are."""
    found: dict[BookKey, list[NDArray[np.float32]]] = {}
    for scale in range(layout.top, 0, -1):
        for band in layout.bands(scale):
            coarse, wanted = pyramids[band.plane][band.coarse], pyramids[band.plane][band.fine]
            vectors = np.empty((coarse.size, band.block**2), np.float32)
            # A step has 8 units of 16ths of a sample.
            factor = 2 / step_of(base, band.fine)
            collect_vectors(wanted, predict(coarse, layout, band.coarse, band.fine), band.block, factor, vectors)
            found.setdefault(band.book, []).append(vectors)
    return {key: np.concatenate(parts) for key, parts in found.items()}
