"""The multi-resolution profile: an image as codewords of wavelet vectors, and back."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from quantize.container import Container, pack_streams, unpack_streams
from quantize.datatypes import DEFAULT_QUALITY, Encoded, Picture, Settings
from quantize.entropy.streams import code_planes, decode_symbols, encode_symbols, planes_stream
from quantize.errors import ContainerError, TargetError, check
from quantize.multiresolution.books import KINDS, shipped
from quantize.multiresolution.coder import CLASS_BITS, NO_PARENTS, Bands, Parents, Steps, code_base, code_levels
from quantize.multiresolution.colors import FIXED_LUMA, fitted_matrix, inverse, jpeg_matrix, opponent_matrix
from quantize.multiresolution.editions import NEWEST
from quantize.multiresolution.layout import (
    LEAST_STEP,
    MOST_COARSE,
    MOST_STEP,
    PLAIN_WEIGHT,
    STEP_UNITS,
    Layout,
    coarse_step,
)
from quantize.multiresolution.parameters import (
    GRAY,
    Parameters,
    earlier_parameters,
    has_base,
    pack_parameters,
    unpack_parameters,
)
from quantize.multiresolution.transform import analyse, no_details, synthesise, to_pixels
from quantize.multiresolution.tuning import TUNINGS, plain_cells, variance_cells, window_variances
from quantize.targets import packed, reach

# Step in gray levels at a quality of 100, and by how many octaves it grows for each point less.
FINEST_STEP, OCTAVES = 2.0, 0.0575


def serves(height: int, width: int) -> bool:
    """Whether this profile can encode an image of this size: long strips of a few rows have too few levels."""
    layout = Layout(height, width, 1)
    rows, columns = layout.shape(layout.n_levels)
    return rows * columns <= MOST_COARSE


def encode_levels(picture: Picture, settings: Settings) -> Encoded:
    """Encode an image at several resolutions; TargetError also where it is a strip that this profile does not serve."""
    height, width, _ = picture.pixels.shape
    if not serves(height, width):
        raise TargetError(f"{width} x {height} pixels are too narrow for this profile; use --profile block")
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
    begun = (_begin if has_base(container) else _begin_earlier)(container, layout, level)
    streams = _streams(container, layout, begun.levels)
    code_levels(begun.bands, streams, begun.levels, begun.parents)
    return to_pixels(synthesise(begun.coarsest, begun.bands.details, layout, level), begun.matrix, layout, level)


class _Begun(NamedTuple):
    """What is decoded of a file before the levels in stripes: its coarsest planes, and what the others need."""

    coarsest: NDArray[np.int64]
    bands: Bands
    parents: Parents
    levels: range
    matrix: NDArray[np.int64]


def _begin(container: Container, layout: Layout, level: int) -> _Begun:
    """Decode the base of a file; its levels come together, whatever level is wanted."""
    parameters, data = unpack_parameters(container.one(b"BASE"), layout)
    known, striped = shipped(parameters.edition).fresh(), layout.base_levels.stop
    coarsest, details = _no_planes(layout), no_details(layout, min(level, striped))
    bands, stream = Bands(details, layout, _steps(parameters, layout), known), planes_stream(data, coarsest)
    parents = code_base(stream, coarsest, bands, parameters.has_map)
    stream.end()
    return _Begun(coarsest, bands, parents, range(striped, level, -1), parameters.matrix)


def _begin_earlier(container: Container, layout: Layout, level: int) -> _Begun:
    """Decode the map and the coarsest planes of a file of before version 3."""
    parameters = earlier_parameters(container, layout)
    coarsest, steps = _no_planes(layout), _steps(parameters, layout)
    if parameters.has_map:
        steps.cells[:] = decode_symbols(container.one(b"CELL"), *layout.cells, CLASS_BITS)
    stream = planes_stream(container.one(b"COAR"), coarsest)
    code_planes(stream, coarsest, [coarse_step(steps.luma, layout.n_levels)] * layout.n_planes)
    stream.end()
    bands = Bands(no_details(layout, level), layout, steps, shipped(parameters.edition))
    return _Begun(coarsest, bands, NO_PARENTS, range(layout.n_levels, level, -1), parameters.matrix)


def _no_planes(layout: Layout) -> NDArray[np.int64]:
    """Coarsest planes, zero."""
    return np.zeros((layout.n_planes, *layout.shape(layout.n_levels)), np.int64)


def describe_levels(container: Container) -> dict[str, object]:
    """Tell what a file of this profile says of itself."""
    layout = Layout(container.height, container.width, container.n_planes)
    if has_base(container):
        parameters, _ = unpack_parameters(container.one(b"BASE"), layout)
    else:
        parameters = earlier_parameters(container, layout)
    return {
        "levels": layout.n_levels,
        "step": parameters.luma / STEP_UNITS,
        "chroma_step": parameters.chroma / STEP_UNITS,
        **_described(parameters.weights),
        "adaptive": parameters.has_map,
        "stripes": layout.n_stripes,
    }


def _steps(parameters: Parameters, layout: Layout) -> Steps:
    """Take the steps of a file whose map is still to be read."""
    return Steps(parameters.luma, parameters.chroma, parameters.weights, plain_cells(layout))


def _streams(container: Container, layout: Layout, levels: range) -> list[list[bytes]]:
    """Streams of levels by stripe; ContainerError where a level is missing."""
    bands = container.all(b"BAND")
    if len(bands) < len(levels):
        nearest = levels.start - len(bands)
        raise ContainerError(
            f"ends before level {levels.stop}; copy or download it again, or ask for --level {nearest}"
        )
    check(len(bands) <= levels.start, "has too many levels")
    streams = [unpack_streams(data) for data in bands[: len(levels)]]
    check(all(len(parts) == layout.n_stripes for parts in streams), "has too many streams or too few")
    return streams


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
        coarsest, emphasis = low.astype(np.int64), self.tuning.at(steps.luma)
        bands = Bands(details, layout, steps, shipped(NEWEST).fresh(), emphasis.rates.raised(octaves))
        has_map = emphasis.masking is not None
        parameters = Parameters(NEWEST, steps.luma, steps.chroma, self.matrix, steps.weights, has_map)
        stream = planes_stream(None, coarsest)
        parents = code_base(stream, coarsest, bands, has_map)
        chunks = [(b"ALPH", self.alpha)] if self.alpha is not None else []
        chunks.append((b"BASE", pack_parameters(parameters) + stream.end()))
        streams = code_levels(bands, None, range(layout.base_levels.stop, 0, -1), parents)
        chunks += [(b"BAND", pack_streams(parts)) for parts in streams]
        colors = to_pixels(synthesise(coarsest, details, layout), self.matrix, layout)
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
