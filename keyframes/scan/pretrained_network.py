"""Features of whole pictures by a pretrained network: an ONNX file, run by OpenCV.

A file from anywhere may be anything. It is tried in a process of its own first, so that what it does to OpenCV ends
there; and it is read as bytes, so that it cannot name other files to read.
"""

import os
import subprocess
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes.errors import EncoderError, not_there
from keyframes.own_process import python_command
from keyframes.sampling import CHUNK_ROWS
from keyframes.scan.components import N_FITTED, spread_of
from keyframes.settings import Settings

INPUT_SIZE = (224, 224)
MOST_FEATURES = 1 << 14
TRIAL_S = 120
TRIAL_BYTES = 16 << 30
TRIAL = (
    "from keyframes.scan.pretrained_network import run_trial; "
    "sys.stdout.write(str(run_trial(sys.argv[1], *map(int, sys.argv[2:]))))"
)
# What OpenCV raises for a file that it cannot read or run.
UNREADABLE = (cv2.error, OSError, ValueError)


class NetworkFeatures:
    """A pretrained network that gives the features of a picture.

    Parameters
    ----------
    path : Path
        An ONNX file: one input (1, channels, height, width), float32. All that it gives for a picture counts as its
        features, so cut a classifier off before its last layer.
    input_size : tuple of int
        (width, height) of the input.
    mean, std : tuple of float
        For each channel, in units of full white: red, green, blue, or one number for gray. The input is
        (value / 255 - mean) / std.

    Raises
    ------
    EncoderError
        Where the file cannot be read or run, or gives too much.
    """

    def __init__(
        self, path: Path, input_size: tuple[int, int], mean: tuple[float, ...], std: tuple[float, ...]
    ) -> None:
        self._name, self._size, self._lock = str(path), input_size, Lock()
        self._mean, self._std = np.array(mean, np.float32), np.array(std, np.float32)
        self.n_features = _tried(path, input_size, len(mean))
        self.frame_bytes = np.dtype(np.float32).itemsize * self.n_features
        try:
            self._net = _read(path)
        except UNREADABLE as error:
            raise EncoderError(
                f"{path}: cannot be read as an ONNX network ({_reason(error)}); export it again"
            ) from None

    def __call__(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the features of a picture (height, width, 3), blue, green, red: (n_features,)."""
        blob = self.prepared(image)
        try:
            # A network keeps its state between calls: one picture at a time.
            with self._lock:
                self._net.setInput(blob)
                found = np.array(self._net.forward(), np.float32).reshape(-1)
        except UNREADABLE as error:
            raise EncoderError(f"{self._name}: cannot be run ({_reason(error)})") from None
        if len(found) != self.n_features or not np.isfinite(found).all():
            raise EncoderError(
                f"{self._name}: gives NaN or infinity for a frame; check its --input-size, --mean and --std"
            )
        return found

    def prepared(self, image: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the input for a picture (height, width, 3), blue, green, red: (1, channels, height, width)."""
        small = cv2.resize(image, self._size, interpolation=cv2.INTER_AREA)
        small = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)[:, :, None] if len(self._mean) == 1 else small[:, :, ::-1]
        values = (small.astype(np.float32) / np.float32(255) - self._mean) / self._std
        return np.ascontiguousarray(values.transpose(2, 0, 1)[None])

    def rows(self, data: bytearray, like: NDArray[np.float16]) -> NDArray[np.float16]:
        """Return the features of all frames, (n_frames, n_features), as widely spread as other ones of them.

        What counts as alike is known for the components of thumbnails, so features are brought to their scale. `data`
        holds the features, float32, frame by frame, and `like` those components (n_frames, n_components).
        """
        found = np.frombuffer(data, np.float32).reshape(-1, self.n_features)
        scale = np.float32(spread_of(like) / (spread_of(found) or 1.0))
        mean = found[:: max(1, len(found) // N_FITTED)].mean(axis=0)
        rows = np.empty(found.shape, np.float16)
        for first in range(0, len(found), CHUNK_ROWS):
            chunk = slice(first, first + CHUNK_ROWS)
            rows[chunk] = (found[chunk] - mean) * scale
        return rows


def network_features(settings: Settings) -> NetworkFeatures | None:
    """Return the network that the settings name; None where they name none."""
    if settings.features != "encoder" or settings.encoder is None:
        return None
    return NetworkFeatures(settings.encoder, settings.input_size or INPUT_SIZE, settings.mean, settings.std)


def run_trial(path: str, width: int, height: int, n_channels: int) -> int:
    """Read a network and run it once; return how many features it gives. For a process of its own."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (TRIAL_BYTES, TRIAL_BYTES))
    except (ImportError, OSError, ValueError):
        # Windows has no such limit, and some systems allow none.
        pass
    net = _read(Path(path))
    net.setInput(np.zeros((1, n_channels, height, width), np.float32))
    return int(np.size(net.forward()))


def _tried(path: Path, input_size: tuple[int, int], n_channels: int) -> int:
    """Find how many features a network gives, in a process of its own."""
    if not os.path.isfile(path):
        raise EncoderError(f"{path}: {not_there(path)}; give --encoder an ONNX file")
    command = python_command(TRIAL, str(path), *map(str, input_size), str(n_channels))
    what = f"with an input of {input_size[0]} x {input_size[1]} pixels in {n_channels} channels"
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TRIAL_S, check=False)
    except subprocess.TimeoutExpired:
        raise EncoderError(
            f"{path}: took longer than {TRIAL_S} s for one picture {what}; give a smaller network or --input-size"
        ) from None
    if done.returncode or not done.stdout.isdigit():
        last = (done.stderr.strip().splitlines() or ["it ended the process"])[-1]
        raise EncoderError(
            f"{path}: cannot be run as an ONNX network {what} ({last[:200]}); give an ONNX file, and "
            "check --input-size, --mean and --std"
        )
    n_features = int(done.stdout)
    if not 1 <= n_features <= MOST_FEATURES:
        raise EncoderError(
            f"{path}: gives {n_features} numbers per picture; at most {MOST_FEATURES} can be compared: end it in a "
            "pooling layer"
        )
    return n_features


def _read(path: Path) -> "cv2.dnn.Net":
    return cv2.dnn.readNetFromONNX(np.frombuffer(path.read_bytes(), np.uint8))


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
