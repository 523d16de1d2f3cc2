"""The multi-resolution profile: an image as codewords of wavelet vectors, and back."""

import struct

import numpy as np
from numpy.typing import NDArray

from quantize.container import Container, pack_streams, unpack_streams
from quantize.datatypes import DEFAULT_QUALITY, Encoded, Picture, Settings
from quantize.entropy.streams import code_planes, decode_symbols, encode_symbols
from quantize.errors import ContainerError, TargetError, check
from quantize.multiresolution.books import KINDS, shipped
from quantize.multiresolution.coder import Rates, Steps, code_levels
from quantize.multiresolution.colors import FIXED_LUMA, fitted_matrix, inverse, jpeg_matrix, opponent_matrix
from quantize.multiresolution.editions import EDITIONS, NEWEST
from quantize.multiresolution.kernels.wavelet import MATRIX_BITS
from quantize.multiresolution.layout import (
    LEAST_STEP,
    MOST_COARSE,
    MOST_STEP,
    PLAIN_WEIGHT,
    STEP_UNITS,
    Layout,
    coarse_step,
    plain_weights,
)
from quantize.multiresolution.transform import analyse, no_details, synthesise, to_pixels
from quantize.multiresolution.tuning import TUNINGS, plain_cells, variance_cells, window_variances
from quantize.targets import packed, reach

# Step in gray levels at a quality of 100, and by how many octaves it grows for each point less.
FINEST_STEP, OCTAVES = 2.0, 0.0575
GRAY = np.array([[1 << MATRIX_BITS]], np.int64)
CLASS_BITS = 4
NO_RATES = Rates(0.0, 0.0)


def serves(height: int, width: int) -> bool:
    """Whether this profile can encode an image of this size: long strips of a few rows have too few levels."""
    layout = Layout(height, width, 1)
    rows, columns = layout.shape(layout.n_levels)
    return rows * columns <= MOST_COARSE


def encode_levels(picture: Picture, settings: Settings) -> Encoded:
    """Encode an image at several resolutions; TargetError also where it is a strip that this profile does not serve."""
    height, width, _ = picture.pixels.shape
    if not serves(height, width):
        raise TargetError(f"{width} x {height} pixels are too narrow for this profile; take --profile block")
    encoder = _Encoder(picture, settings)
    quality = settings.quality or DEFAULT_QUALITY
    start = float(np.log2(STEP_UNITS * FINEST_STEP) + OCTAVES * (100 - quality))
    finest, coarsest = float(np.log2(LEAST_STEP)), float(np.log2(MOST_STEP))
    return reach(encoder.attempt, picture, settings, start, finest, coarsest)


def decode_levels(container: Container, level: int = 0) -> NDArray[np.uint8]:
    """Decode the colours (height, width, 1 or 3) of a file, or of the smaller picture of a level.

    ContainerError where it is damaged, or has no such level, or ends before it.
    """
    layout = Layout(container.height, container.width, container.n_planes)
    check(serves(layout.height, layout.width), "has a size that does not fit this profile")
    if not 0 <= level <= layout.n_levels:
        raise ContainerError(f"has no level {level}; give --level 0 to {layout.n_levels}")
    number, luma, chroma, matrix = _parameters(container.one(b"MRES"), layout)
    cells = plain_cells(layout)
    if container.all(b"CELL"):
        cells = decode_symbols(container.one(b"CELL"), *layout.cells, CLASS_BITS)
    weights = _level_weights(container, layout, number)
    coarsest = np.zeros((layout.n_planes, *layout.shape(layout.n_levels)), np.int64)
    code_planes(coarsest, coarse_step(luma, layout.n_levels), container.one(b"COAR"))
    bands = container.all(b"BAND")
    if len(bands) < layout.n_levels - level:
        nearest = layout.n_levels - len(bands)
        raise ContainerError(f"ends before level {level}; get it again, or ask for --level {nearest}")
    check(len(bands) <= layout.n_levels, "has too many levels")
    streams = [unpack_streams(data) for data in bands[: layout.n_levels - level]]
    check(all(len(parts) == layout.n_stripes for parts in streams), "has too many streams or too few")
    details = no_details(layout, level)
    code_levels(details, layout, Steps(luma, chroma, weights, cells), shipped(number), NO_RATES, streams, level)
    return to_pixels(synthesise(coarsest, details, layout, level), matrix, layout, level)


def describe_levels(container: Container) -> dict[str, object]:
    """Tell what a file of this profile says of itself."""
    layout = Layout(container.height, container.width, container.n_planes)
    number, luma, chroma, _ = _parameters(container.one(b"MRES"), layout)
    return {
        "levels": layout.n_levels,
        "step": luma / STEP_UNITS,
        "chroma_step": chroma / STEP_UNITS,
        **_described(_level_weights(container, layout, number)),
        "adaptive": bool(container.all(b"CELL")),
        "stripes": layout.n_stripes,
    }


def _parameters(data: bytes, layout: Layout) -> tuple[int, int, int, NDArray[np.int64]]:
    """Read the number of the codebooks, the steps of luma and chroma, and the colour matrix."""
    n = layout.n_planes
    check(len(data) == (27 if n == 3 else 9), "has parameters of the wrong length")
    number, luma, chroma = struct.unpack_from(">BII", data)
    if number not in EDITIONS:
        raise ContainerError(f"needs codebooks number {number}, but this program has only 1 to {NEWEST}; update it")
    check(LEAST_STEP <= luma <= MOST_STEP and LEAST_STEP <= chroma <= 4 * MOST_STEP, "has a step out of range")
    matrix = GRAY if n == 1 else np.frombuffer(data, ">i2", 9, 9).astype(np.int64).reshape(3, 3)
    return number, luma, chroma, matrix


def _level_weights(container: Container, layout: Layout, number: int) -> NDArray[np.uint8]:
    """Read the weights of the steps by level; the first edition has none of details in both directions."""
    weights = plain_weights(layout)
    if not container.all(b"LEVL"):
        return weights
    stored = weights if number > 1 else weights[:, :-1]
    data = container.one(b"LEVL")
    check(len(data) == stored.size and 0 not in data, "has weights of levels that do not fit its size")
    stored[:] = np.frombuffer(data, np.uint8).reshape(stored.shape)
    return weights


def _described(weights: NDArray[np.uint8]) -> dict[str, list[float]]:
    """Weights by level, finest first."""
    names = [*KINDS[: weights.shape[1] - 1], "diagonal"]
    return {f"{name}_weights": (row / PLAIN_WEIGHT).tolist() for name, row in zip(names, weights.T, strict=True)}


class _Encoder:
    """Encodes one image at any step."""

    def __init__(self, picture: Picture, settings: Settings) -> None:
        self.picture, self.settings = picture, settings
        self.pixels = picture.visible_colors()
        self.layout = Layout(*self.pixels.shape)
        self.tuning = TUNINGS[settings.tune_of_photographs]
        self.matrix = GRAY
        if self.layout.n_planes == 3:
            self.matrix = self._matrix()
        if self.tuning.fine.masking is not None:
            self.variances = window_variances(self._luma(), self.layout, self.tuning.fine.masking.window)
        self.alpha = encode_symbols(picture.pixels[..., -1], 8) if picture.has_alpha else None

    def attempt(self, log_step: float, octaves: float = 0.0) -> Encoded:
        """Encode at a step, with the weight of bits raised by so many octaves."""
        steps, layout = self.steps(round(2**log_step)), self.layout
        low, details = analyse(self.pixels, inverse(self.matrix), layout)
        coarsest = low.astype(np.int64)
        coarse = code_planes(coarsest, coarse_step(steps.luma, layout.n_levels), None)
        emphasis = self.tuning.at(steps.luma)
        streams = code_levels(details, layout, steps, shipped(), emphasis.rates.raised(octaves), None)
        colors = to_pixels(synthesise(coarsest, details, layout), self.matrix, layout)
        parameters = struct.pack(">BII", NEWEST, steps.luma, steps.chroma)
        if layout.n_planes == 3:
            parameters += self.matrix.astype(">i2").tobytes()
        chunks = [(b"MRES", parameters)]
        if emphasis.weights:
            chunks.append((b"LEVL", steps.weights.tobytes()))
        if emphasis.masking is not None:
            chunks.append((b"CELL", encode_symbols(steps.cells, CLASS_BITS)))
        if self.alpha is not None:
            chunks.append((b"ALPH", self.alpha))
        chunks.append((b"COAR", coarse))
        chunks += [(b"BAND", pack_streams(parts)) for parts in streams]
        chosen = {"levels": layout.n_levels, "step": steps.luma / STEP_UNITS, "tune": self.settings.tune_of_photographs}
        return packed(self.picture, self.settings, "multiresolution", colors, chunks, chosen)

    def steps(self, luma: int) -> Steps:
        """Return all steps by that of luma, in 256ths of a gray level."""
        emphasis, cells = self.tuning.at(luma), plain_cells(self.layout)
        if emphasis.masking is not None:
            cells = variance_cells(self.variances, self.layout, emphasis.masking)
        return Steps(luma, round(luma * self.tuning.chroma), emphasis.level_weights(self.layout), cells)

    def _matrix(self) -> NDArray[np.int64]:
        """Colour axes, as the tuning has them."""
        if self.tuning.colors == "fitted":
            return fitted_matrix(self.pixels)
        return jpeg_matrix() if self.tuning.colors == "jpeg" else opponent_matrix()

    def _luma(self) -> NDArray[np.uint8]:
        if self.layout.n_planes == 1:
            return self.pixels[..., 0]
        luma = np.empty(self.pixels.shape[:2], np.uint8)
        for r in range(0, len(luma), 256):
            luma[r : r + 256] = self.pixels[r : r + 256] @ FIXED_LUMA
        return luma
