"""The plain data that flow between the modules, and the settings that decide a result.

NumPy is imported for type checkers alone: the command line takes its choices from here and stays light.
"""

from __future__ import annotations

import operator
from dataclasses import dataclass, field, fields
from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, TypedDict, get_args

from quantize.errors import SettingsError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Unpack

Profile = Literal["auto", "palette", "block", "multiresolution"]
Subsampling = Literal["420", "444"]
Algorithm = Literal["kmeans", "centnn"]
Tune = Literal["visual", "ssim", "psnr"]
BLOCKS = (1, 2, 4, 8)
MOST_COLORS = 256
MOST_CODEWORDS = 1024
MOST_PIXELS = 178_956_970
DEFAULT_QUALITY = 60
# The quality of a result: 0 at the first, 100 at the second PSNR in dB.
QUALITY_PSNR = (20.0, 45.0)


@dataclass(frozen=True)
class Picture:
    """An image as it is quantised.

    Attributes
    ----------
    pixels : array (height, width, n_channels), uint8
        Gray, gray and alpha, red green blue, or these and alpha.
    metadata : dict of str to bytes
        What goes with it: "icc" (colour profile), "exif", "xmp", and "png" (chunks of a PNG file: what its colours
        mean, its resolution, its texts).
    notes : tuple of str
        What of the file is not in it, one sentence each.
    palette_file : bytes
        The file itself, if it is a palette's PNG that shows just these pixels.
    """

    pixels: NDArray[np.uint8]
    metadata: dict[str, bytes] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    palette_file: bytes = b""

    @property
    def has_alpha(self) -> bool:
        """Whether the last channel is alpha."""
        return self.pixels.shape[2] in (2, 4)

    def visible_colors(self) -> NDArray[np.uint8]:
        """Colours alone (height, width, 1 or 3); where nothing is seen, the mean of what is, which costs least."""
        if not self.has_alpha:
            return self.pixels
        colors, seen = self.pixels[..., :-1].copy(), self.pixels[..., -1] > 0
        if seen.any() and not seen.all():
            colors[~seen] = (colors[seen].mean(axis=0) + 0.5).astype(colors.dtype)
        return colors


@dataclass(frozen=True)
class Codebook:
    """Codewords of one kind of block.

    Attributes
    ----------
    block : int
        Height and width of a block.
    codewords : array (n_codewords, block * block), int8
        Differences from the predicted pixels in eighths of the step, most usual first. Each adds up to 0.
    lengths : array (n_codewords,), int64
        Length of each one's path in the tree of decisions, growing.
    """

    block: int
    codewords: NDArray[np.int8]
    lengths: NDArray[np.int64]


class Options(TypedDict, total=False):
    """The settings, as `quantize.encode` takes them by keyword; see `Settings`."""

    profile: Profile
    quality: int | None
    psnr: float | None
    bpp: float | None
    max_bytes: int | None
    block: int | None
    codewords: int | None
    subsampling: Subsampling | None
    algorithm: Algorithm
    dither: bool
    dither_level: float | None
    tune: Tune | None
    strip: bool
    min_quality: int | None
    seed: int


@dataclass(frozen=True)
class Settings:
    """Every option that can change a result.

    At most one of `quality`, `psnr`, `bpp` and `max_bytes` is given. Whole numbers may be NumPy's.

    Attributes
    ----------
    profile : {"auto", "palette", "block", "multiresolution"}
        How to encode: with a palette, which suits drawings; in blocks; or in several resolutions, which suits
        photographs. "auto" takes what suits the image.
    quality : int or None
        Quality of the result, 1 to 100. None means 60; for a palette, the best possible.
    psnr : float or None
        PSNR to reach with as few bytes as possible, 1 to 99 dB.
    bpp : float or None
        Size of the file in bits per pixel, 0.0001 to 64: the best result of at most that much, with a tolerance of 2 %.
    max_bytes : int or None
        Size of the file in bytes, 1 to 2**40: the best result of at most that much.
    block : {1, 2, 4, 8} or None
        Side of the blocks in pixels; 1 makes a palette. None takes what suits the image.
    codewords : int or None
        Maximum number of palette colours, 2 to 256, or of luma codewords of blocks, 2 to 1024. None means 256.
    subsampling : {"420", "444"} or None
        For blocks: chroma at half the resolution ("420"), or at full resolution. None takes what suits the step.
    algorithm : {"kmeans", "centnn"}
        For blocks: how to find the codewords, by k-means or the centroid neural network (CentNN).
    dither : bool
        For palettes: mix colours, by error diffusion (Floyd-Steinberg).
    dither_level : float or None
        For palettes: strength of the dithering, 0 to 1. None means 1 with `dither`, and 0 without it.
    tune : {"visual", "ssim", "psnr"} or None
        For several resolutions: optimise what the eye sees, the structural similarity, or the squared error. None
        means "psnr" if `psnr` is given, and "visual" otherwise.
    strip : bool
        Leave out the colour profile and other metadata.
    min_quality : int or None
        Refuse a result of less quality, 0 to 100: 0 is a PSNR of 20 dB, 100 one of 45 dB. None refuses nothing.
    seed : int
        Seed of everything random, 0 to 2**32 - 1: palettes and blocks use it.

    Raises
    ------
    SettingsError
        Where a value is out of range, or two exclude each other.
    """

    profile: Profile = "auto"
    quality: int | None = None
    psnr: float | None = None
    bpp: float | None = None
    max_bytes: int | None = None
    block: int | None = None
    codewords: int | None = None
    subsampling: Subsampling | None = None
    algorithm: Algorithm = "kmeans"
    dither: bool = False
    dither_level: float | None = None
    tune: Tune | None = None
    strip: bool = False
    min_quality: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("quality", "max_bytes", "block", "codewords", "min_quality", "seed"):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, whole_number(name, getattr(self, name)))
        _check("profile", self.profile, self.profile in get_args(Profile), " or ".join(get_args(Profile)))
        _check("quality", self.quality, _within(self.quality, 1, 100), "1 to 100")
        _check("min_quality", self.min_quality, _within(self.min_quality, 0, 100), "0 to 100")
        _check("psnr", self.psnr, _within(self.psnr, 1, 99), "1 to 99 dB")
        _check("bpp", self.bpp, _within(self.bpp, 1e-4, 64), "0.0001 to 64 bits per pixel")
        _check("max_bytes", self.max_bytes, _within(self.max_bytes, 1, 1 << 40), "1 to 2**40 bytes")
        _check("block", self.block, self.block in (None, *BLOCKS), "1, 2, 4 or 8")
        _check("subsampling", self.subsampling, self.subsampling in (None, *get_args(Subsampling)), "420 or 444")
        _check("algorithm", self.algorithm, self.algorithm in get_args(Algorithm), "kmeans or centnn")
        _check("tune", self.tune, self.tune in (None, *get_args(Tune)), " or ".join(get_args(Tune)))
        _check("seed", self.seed, self.seed is not None and _within(self.seed, 0, 2**32 - 1), "0 to 4294967295")
        if len(self.targets) > 1:
            raise SettingsError(f"give only one of {', '.join(f'--{name}' for name in self.targets)}")
        fitting = "palette" if self.block == 1 else "block"
        if self.block is not None and self.profile not in ("auto", fitting):
            raise SettingsError(
                f"block={self.block} cannot be combined with the profile {self.profile}; leave one of them out"
            )
        most = MOST_COLORS if self.wants_palette else MOST_CODEWORDS
        _check("codewords", self.codewords, _within(self.codewords, 2, most), f"2 to {most}")
        _check("dither_level", self.dither_level, _within(self.dither_level, 0, 1), "0 to 1")
        if self.dither_strength and (self.wants_blocks or self.wants_levels):
            raise SettingsError("dither is for palettes; leave it out, or ask for --block 1")
        if self.profile == "multiresolution" and self.of_blocks:
            raise SettingsError(
                f"{self.of_blocks} cannot be combined with the profile multiresolution; leave one of them out"
            )
        if self.tune not in (None, "psnr") and (self.wants_palette or self.wants_blocks):
            raise SettingsError("tune is for the profile multiresolution; leave it out")

    @property
    def targets(self) -> list[str]:
        """Which of quality, psnr, bpp and max-bytes are given."""
        names = {"quality": self.quality, "psnr": self.psnr, "bpp": self.bpp, "max-bytes": self.max_bytes}
        return [name for name, value in names.items() if value is not None]

    @property
    def dither_strength(self) -> float:
        """How much to dither, 0 to 1; a level alone asks for it too."""
        return 1.0 if self.dither and self.dither_level is None else self.dither_level or 0.0

    @property
    def wants_palette(self) -> bool:
        """Whether it can only be a palette."""
        return self.profile == "palette" or self.block == 1

    @property
    def wants_blocks(self) -> bool:
        """Whether it can only be blocks."""
        return self.profile == "block" or self.block in BLOCKS[1:]

    @property
    def wants_levels(self) -> bool:
        """Whether it can only be multi-resolution."""
        return self.profile == "multiresolution"

    @property
    def tune_of_photographs(self) -> Tune:
        """What to tune a photograph for: the eye, unless a PSNR is asked for."""
        return self.tune or ("visual" if self.psnr is None else "psnr")

    @property
    def of_blocks(self) -> str:
        """Name of a setting that only blocks have, or nothing."""
        given = {"codewords": self.codewords, "subsampling": self.subsampling}
        return next((name for name, value in given.items() if value is not None), "")

    @classmethod
    def of(cls, **options: Unpack[Options]) -> Settings:
        """Take settings by name.

        Raises
        ------
        SettingsError
            Also where there is none of that name.
        """
        known = [entry.name for entry in fields(cls)]
        for name in options:
            if name not in known:
                raise SettingsError(f"there is no setting {name!r}; choose from {', '.join(known)}")
        return cls(**options)


def whole_number(name: str, value: Any) -> int:
    """Return a whole number as Python's; SettingsError where it is none."""
    try:
        return operator.index(value)
    except TypeError:
        raise SettingsError(f"{name}={value!r} must be a whole number") from None


def _within(value: float | None, least: float, most: float) -> bool:
    return value is None or (_is_number(value) and least <= value <= most)


def _is_number(value: object) -> bool:
    """Tell Python's and NumPy's numbers from text and lists, which cannot be compared."""
    return isinstance(value, Real)


def _check(name: str, value: Any, good: bool, wanted: str) -> None:
    if not good:
        raise SettingsError(f"{name}={value!r} must be {wanted}")


def psnr_of(quality: float) -> float:
    """PSNR in decibels that a quality, 0 to 100, means."""
    low, high = QUALITY_PSNR
    return low + quality / 100 * (high - low)


@dataclass(frozen=True)
class Encoded:
    """An encoded image, and what it decodes to.

    Attributes
    ----------
    data : bytes
        The whole file.
    pixels : array (height, width, n_channels), uint8
        What a decoder gives back.
    ending : str
        Which kind of file it is: ".png" or ".vqi".
    profile : str
    details : dict
        What the encoder chose: block, codewords, subsampling and the like.
    notes : tuple of str
        What of the settings is not in it, one sentence each.
    psnr, ssim : float
        Against the image that was encoded; infinity and 1 where nothing was lost. The latter, which takes longer, is
        not a number in a search's attempts.
    """

    data: bytes
    pixels: NDArray[np.uint8]
    ending: str
    profile: str
    details: dict[str, Any]
    psnr: float
    ssim: float
    notes: tuple[str, ...] = ()

    @property
    def bits_per_pixel(self) -> float:
        """Size of the whole file for each pixel."""
        return 8 * len(self.data) / int(self.pixels.shape[0] * self.pixels.shape[1])

    @property
    def quality(self) -> int:
        """Quality of the result, 0 to 100, by its PSNR."""
        low, high = QUALITY_PSNR
        return round(100 * min(max((self.psnr - low) / (high - low), 0.0), 1.0))
