"""What can be asked for: the settings that decide a result.

Nothing heavy is imported: the command line takes its choices from here.
"""

from __future__ import annotations

import hashlib
import operator
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from math import isfinite
from pathlib import Path
from typing import Any, Literal, TypedDict, get_args

from keyframes.errors import SettingsError

FeatureKind = Literal["auto", "pca", "pixels", "encoder"]
Algorithm = Literal["auto", "kmeans", "minibatch", "centnn", "dec"]
ImageFormat = Literal["png", "jpg"]
ScanKind = Literal["auto", "exact", "sparse"]
# Names of earlier versions, which stand in manifests.
FORMER_SCANS = {"fast": "sparse"}
# Most frames that k="auto" chooses: more than most people label of one recording in one go.
MAX_AUTO_K = 300
# Disk space for the scans that a batch keeps, which changes no result.
KEEP_BYTES = 20_000_000_000
# Pixels across a network's input.
MOST_INPUT = 4096
# Settings of a network from a file, and of any.
OF_FILES = ("encoder", "input_size", "mean", "std")
OF_NETWORKS = ("encoder_minutes", *OF_FILES)
# Settings of images alone.
OF_IMAGES = ("levels", "rate")
# Settings of predictions, and those of pictures, which a choice by predictions does not look at.
OF_PREDICTIONS = ("predictions", "doubt", "keypoints", "predictions_offset")
OF_PICTURES = (
    "features",
    "algorithm",
    "crop",
    "width",
    "color",
    # Before what it implies: a message names the first of them that was given.
    "uniform",
    "allow_similar",
    "allow_dark",
    "allow_blurred",
)


@dataclass(frozen=True)
class Crop:
    """A rectangle of the picture, in pixels from its upper left corner."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            try:
                object.__setattr__(self, name, operator.index(value))
            except TypeError:
                raise SettingsError(f"`crop` is {self}; give whole numbers of pixels") from None

    def __str__(self) -> str:
        return f"{self.x},{self.y},{self.width},{self.height}"


class Options(TypedDict, total=False):
    """The settings that have a default, as `keyframes.extract` and the others take them by keyword; see `Settings`."""

    features: FeatureKind
    algorithm: Algorithm
    encoder_minutes: float
    encoder: Path | None
    input_size: tuple[int, int] | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    start_s: float
    stop_s: float | None
    every: int
    crop: Crop | None
    width: int
    color: bool
    scan: ScanKind
    uniform: bool
    predictions: Path | None
    doubt: float
    keypoints: tuple[str, ...]
    predictions_offset: tuple[float, float] | None
    min_gap_s: float | None
    allow_similar: bool
    allow_dark: bool
    allow_blurred: bool
    seed: int
    format: ImageFormat
    levels: tuple[float, float] | None
    rate: float | None


def _numbers(values: Iterable[Any]) -> tuple[float, ...]:
    if isinstance(values, str):
        raise TypeError
    return tuple(map(float, values))


def _whole_numbers(values: Iterable[Any]) -> tuple[int, ...]:
    return tuple(map(operator.index, values))


def _names(values: Iterable[Any]) -> tuple[str, ...]:
    names = tuple(values)
    # A text alone is a row of letters.
    if isinstance(values, str) or not all(isinstance(name, str) for name in names):
        raise TypeError
    return names


# What a setting is converted by, and what a message says that it must be.
CONVERTED: dict[str, tuple[Callable[[Any], Any], str]] = {
    **dict.fromkeys(("start_s", "stop_s", "min_gap_s", "encoder_minutes", "rate", "doubt"), (float, "a number")),
    **dict.fromkeys(("mean", "std", "levels", "predictions_offset"), (_numbers, "a tuple of numbers")),
    "input_size": (_whole_numbers, "a tuple of whole numbers"),
    "keypoints": (_names, "a tuple of names"),
    **dict.fromkeys(("encoder", "predictions"), (Path, "a path")),
}


@dataclass(frozen=True)
class Settings:
    """Everything that can change a result; the manifest lists all of it.

    Attributes
    ----------
    k : int or "auto"
        Number of frames to choose; "auto" finds the number, 2 to 300, beyond which more of them add little.
    features : {"auto", "pca", "pixels", "encoder"}
        What to compare frames by. "auto": where the animals are and their postures, with the leading principal
        components of the thumbnails; "pca": these components alone; "pixels": the thumbnails themselves; "encoder": the
        output of a network, either trained on this recording or given as `encoder`.
    algorithm : {"auto", "kmeans", "minibatch", "centnn", "dec"}
        "auto" takes frames that represent all others (k-medoids over places and postures) if `features` is "auto" and
        there are no projects to consider, and k-means otherwise. The others cluster the features, and the members
        nearest to the centres are chosen: k-means, k-means in small batches, the centroid neural network (CentNN), or
        clusters that the network of this recording learns together with its features (deep embedded clustering).
    encoder_minutes : float
        Amount of training, in minutes on two slow cores: a fixed amount, not a time limit.
    encoder : Path or None
        An ONNX file, a pretrained network; None trains one.
    input_size : tuple of int or None
        (width, height) of that network's input; None means 224, 224.
    mean, std : tuple of float
        Mean and standard deviation of its input channels, where white is 1: red, green, blue, or one number each for
        gray. The input is (value / 255 - mean) / std.
    start_s, stop_s : float, float or None
        Part of the video to look at, start <= time < stop, in seconds.
    every : int
        Look at every n-th frame only.
    crop : Crop or None
        Part of the picture to look at. Exported images are always whole.
    width : int
        Width of the thumbnails in pixels.
    color : bool
        Thumbnails in colour; gray otherwise.
    scan : {"auto", "exact", "sparse"}
        Look at every frame, or only at some: key frames throughout the recording, and more where there is a lot of
        movement. The cost of a sparse scan hardly grows with the length. "auto" is sparse from 50,000 frames on, unless
        `uniform` is set, or `algorithm` is "centnn" or "dec". Where frames cannot be decoded apart from the
        others, a scan is exact. "fast", of earlier versions, is accepted for "sparse". With predictions there is a scan
        only where these hardly tell frames apart.
    uniform : bool
        Take evenly spaced frames, whatever they show: a baseline to compare with.
    predictions : Path or None
        A network's predictions of the video, as `keyframes.read_predictions` takes them: frames are chosen by these,
        and only those that are chosen are decoded, unless the predictions hardly tell frames apart.
    doubt : float
        With predictions: the share of the frames, 0 to 1, that is chosen where these are doubtful; the others cover
        the poses.
    keypoints : tuple of str
        With predictions: the keypoints to consider; an empty tuple means all.
    predictions_offset : (float, float) or None
        With predictions: x and y of the upper left corner, in pixels, of the crop that the network saw.
    min_gap_s : float or None
        Minimum time between two chosen frames in seconds; 0 for none. None keeps frames 0.1 s apart between which
        nothing moves. Like the next three, a guard that does not apply if nothing else is left to choose.
    allow_similar : bool
        Take frames that look alike.
    allow_dark : bool
        Take frames that are much darker than most.
    allow_blurred : bool
        Take frames that are much less sharp than most, and the member nearest to a cluster's centre even where one
        almost as near is sharper.
    seed : int
        Seed of everything random.
    format : {"png", "jpg"}
        File format of the exported images.
    levels : tuple of float or None
        For images: the levels (low, high) to show as black and white. None leaves 8-bit images as they are, and uses
        the range of the recording for others.
    rate : float or None
        For images: how many there are per second; None for images without times.

    Raises
    ------
    SettingsError
        Where a value is out of its range.
    """

    k: int | Literal["auto"]
    features: FeatureKind = "auto"
    algorithm: Algorithm = "auto"
    encoder_minutes: float = 3.0
    encoder: Path | None = None
    input_size: tuple[int, int] | None = None
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    start_s: float = 0.0
    stop_s: float | None = None
    every: int = 1
    crop: Crop | None = None
    width: int = 64
    color: bool = False
    scan: ScanKind = "auto"
    uniform: bool = False
    predictions: Path | None = None
    doubt: float = 0.5
    keypoints: tuple[str, ...] = ()
    predictions_offset: tuple[float, float] | None = None
    min_gap_s: float | None = None
    allow_similar: bool = False
    allow_dark: bool = False
    allow_blurred: bool = False
    seed: int = 0
    format: ImageFormat = "png"
    levels: tuple[float, float] | None = None
    rate: float | None = None

    def __post_init__(self) -> None:
        for name, lowest in (("k", 1), ("every", 1), ("width", 4), ("seed", 0)):
            if name != "k" or self.k != "auto":
                self._set(name, self._whole(name))
                self._at_least(name, lowest)
        for name, (convert, told) in CONVERTED.items():
            self._convert(name, convert, told)
        self._at_least("start_s", 0)
        if self.min_gap_s is not None:
            self._at_least("min_gap_s", 0)
        if self.min_gap_s == float("inf"):
            raise SettingsError("`min_gap_s` is infinite; give a number of seconds")
        if self.seed >= 2**32:
            raise SettingsError(f"`seed` is {self.seed}; it must be below {2**32}")
        self._set("scan", FORMER_SCANS.get(str(self.scan), self.scan))
        # These give each frame that was looked at the same weight, and a sparse scan looks at more where much moves.
        if self.scan == "auto" and (self.uniform or self.algorithm in ("centnn", "dec")):
            self._set("scan", "exact")
        kinds = {"features": FeatureKind, "algorithm": Algorithm, "scan": ScanKind, "format": ImageFormat}
        for name, allowed in kinds.items():
            if getattr(self, name) not in get_args(allowed):
                choices = ", ".join(get_args(allowed))
                raise SettingsError(f"`{name}` is {getattr(self, name)!r}; choose one of {choices}")
        self._check_encoder()
        self._check_images()
        self._check_predictions()
        if self.stop_s is not None and not self.stop_s > self.start_s:
            raise SettingsError(
                f"`stop_s` is {self.stop_s:g} s, and `start_s` is {self.start_s:g} s; `stop_s` must be later"
            )
        if self.crop is not None and not isinstance(self.crop, Crop):
            raise SettingsError(f"`crop` is {self.crop!r}; give a keyframes.Crop")
        if self.crop is not None and (min(self.crop.x, self.crop.y) < 0 or min(self.crop.width, self.crop.height) < 1):
            raise SettingsError(
                f"`crop` is {self.crop}; give X,Y,WIDTH,HEIGHT with a corner of 0 or more and a size of 1 or more"
            )

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _whole(self, name: str) -> int:
        """Return a whole number as Python's, which the manifest takes; NumPy's are welcome."""
        try:
            return operator.index(getattr(self, name))
        except TypeError:
            or_auto = ' or "auto"' if name == "k" else ""
            raise SettingsError(f"`{name}` is {getattr(self, name)!r}; it must be a whole number{or_auto}") from None

    def _convert(self, name: str, convert: Callable[[Any], Any], told: str) -> None:
        """Convert a value, unless it is None and may be."""
        value = getattr(self, name)
        if value is None and getattr(type(self), name) is None:
            return
        try:
            self._set(name, convert(value))
        except (TypeError, ValueError, OverflowError):
            raise SettingsError(f"`{name}` is {value!r}; it must be {told}") from None

    def _at_least(self, name: str, lowest: int) -> None:
        if not getattr(self, name) >= lowest:
            raise SettingsError(f"`{name}` is {getattr(self, name)}; it must be {lowest} or more")

    def _changed(self, names: Sequence[str]) -> list[str]:
        """Return those of the settings that have another value than their default."""
        return [name for name in names if getattr(self, name) != getattr(type(self), name)]

    def _check_encoder(self) -> None:
        if not 0 < self.encoder_minutes < float("inf"):
            raise SettingsError(f"`encoder_minutes` is {self.encoder_minutes:g}; it must be above 0, and finite")
        if self.algorithm == "dec" and (self.features != "encoder" or self.encoder is not None or self.k == "auto"):
            raise SettingsError(
                "`algorithm = dec` needs `features = encoder`, a number for `k`, and no file in `encoder`; change "
                "these, or choose another algorithm"
            )
        if self.encoder is not None and self.features != "encoder":
            raise SettingsError(f"`encoder` is {self.encoder}, which needs `features = encoder`")
        if self.encoder is None and (described := self._changed(OF_FILES[1:])):
            raise SettingsError(f"`{described[0]}` describes the network of `encoder`; give both, or leave it out")
        if self._changed(["encoder_minutes"]) and (self.features != "encoder" or self.encoder is not None):
            raise SettingsError("`encoder_minutes` needs `features = encoder` and no file in `encoder`; leave it out")
        size = self.input_size
        if size is not None and not (len(size) == 2 and all(type(n) is int and 1 <= n <= MOST_INPUT for n in size)):
            raise SettingsError(f"`input_size` is {size}; give a width and a height, 1 to {MOST_INPUT}")
        if len(self.mean) not in (1, 3) or len(self.std) != len(self.mean):
            raise SettingsError(
                f"`mean` is {self.mean} and `std` {self.std}; give three numbers each (red, green, blue) or one (gray)"
            )
        if not all(map(isfinite, (*self.mean, *self.std))) or min(self.std) <= 0:
            raise SettingsError(f"`mean` is {self.mean} and `std` {self.std}; they must be finite, and `std` above 0")

    def _check_images(self) -> None:
        levels = self.levels
        if levels is not None and not (len(levels) == 2 and all(map(isfinite, levels)) and levels[0] < levels[1]):
            raise SettingsError(f"`levels` is {levels}; give two numbers, the second one higher")
        if self.rate is not None and not 0 < self.rate < float("inf"):
            raise SettingsError(f"`rate` is {self.rate:g}; it must be above 0 images a second, and finite")

    def _check_predictions(self) -> None:
        if not 0 <= self.doubt <= 1:
            raise SettingsError(f"`doubt` is {self.doubt:g}; it must be a share of the frames, 0 to 1")
        offset = self.predictions_offset
        if offset is not None and not (len(offset) == 2 and all(map(isfinite, offset))):
            raise SettingsError(f"`predictions_offset` is {offset}; give x and y of a corner, in pixels")
        if not all(self.keypoints) or len(set(self.keypoints)) < len(self.keypoints):
            raise SettingsError(f"`keypoints` is {','.join(self.keypoints)!r}; give different names, such as nose,tail")
        changed = self._changed(OF_PREDICTIONS[1:])
        if self.predictions is None and changed:
            raise SettingsError(f"`{changed[0]}` needs `predictions`; give both, or leave it out")
        unseen = self._changed(OF_PICTURES)
        if self.predictions is not None and unseen:
            raise SettingsError(
                f"`{unseen[0]}` is about pictures, which a choice by `predictions` does not use; leave one of them out"
            )

    def of_pictures(self) -> Settings:
        """Return the same settings without predictions."""
        return replace(self, **{name: getattr(type(self), name) for name in OF_PREDICTIONS})

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON types; those of a network, images or predictions only where they count.

        A network's file, and one of predictions, is named by its name and its content, wherever it lies.
        """
        left_out = {name for name in OF_IMAGES if getattr(self, name) is None}
        if self.features != "encoder":
            left_out.update(OF_NETWORKS)
        else:
            left_out.update(OF_FILES if self.encoder is None else ("encoder_minutes",))
        left_out.update(OF_PREDICTIONS if self.predictions is None else OF_PICTURES)
        listed = {name: value for name, value in asdict(self).items() if name not in left_out}
        if "encoder" in listed and self.encoder is not None:
            listed["encoder"] = f"{self.encoder.name} {content_digest(self.encoder)}"
        if self.predictions is not None:
            listed["predictions"] = f"{self.predictions.name} {content_digest(self.predictions)}"
        return {name: list(value) if isinstance(value, tuple) else value for name, value in listed.items()}


def content_digest(path: Path) -> str:
    """Hash of a file's content; of one that is not there, nothing. A file that has not changed is read once."""
    try:
        about = os.stat(path)
    except OSError:
        return ""
    return _digest(path, about.st_ino, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=1024)
def _digest(path: Path, *_: int) -> str:
    found = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                found.update(chunk)
    except OSError:
        return ""
    return f"sha256:{found.hexdigest()}"
